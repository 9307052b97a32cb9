"""The messages that need a person: listed, masked, and decided on."""

import argparse
import json
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from linda_bot.cli import mail
from linda_bot.kernel.errors import ExitCode, UsageError
from linda_bot.messaging.outbound import encode_content
from linda_bot.sessions.paths import SessionPaths
from linda_bot.whatsapp.content import Location, Place, Text
from linda_bot.whatsapp.events import IncomingMessage
from linda_bot.whatsapp.mailbox import Inbound, Intake, Outbound, open_mailbox, writing

FRIEND = "4915112345678@s.whatsapp.net"


@pytest.fixture
def mailbox(tmp_path: Path) -> Path:
    """One message waits, one was set aside; one of ours is pending, one unknown, one failed, one sent."""
    path = SessionPaths(tmp_path, "default").mailbox
    intake = Intake(path, most_waiting=1000)
    for text in ("wait for me", "\x1b[31mpoison"):
        message = IncomingMessage(
            id=text, chat=FRIEND, sender=FRIEND, text=text, kind="text", sent_at=datetime.now(UTC)
        )
        intake.take_in("971505760056", message)
    intake.close()
    statement = "INSERT INTO outbox (owner, chat, content, state, error, created_at) VALUES ('', ?, ?, ?, ?, 0)"
    place = Location(place=Place(latitude=1, longitude=2))
    ours = [
        (Text(text="soon"), Outbound.PENDING, ""),
        (place, Outbound.UNKNOWN, "it ended"),
        (Text(text="no"), Outbound.FAILED, "refused"),
    ]
    with closing(open_mailbox(path)) as connection, writing(connection):
        connection.execute("UPDATE inbox SET state = 3, error = 'it failed' WHERE seq = 2")
        for content, state, error in ours:
            connection.execute(statement, (FRIEND, encode_content(content), state, error))
        connection.execute(statement, (FRIEND, None, Outbound.SENT, ""))
    return path


def asked(mailbox: Path, **options: object) -> argparse.Namespace:
    """Return the options of a command."""
    usual = dict.fromkeys(("retry", "forget", "drop"))
    flags = dict.fromkeys(("json", "show_numbers", "show_texts", "yes", "waiting"), False)
    place = {"data_dir": mailbox.parent.parent, "account": None}
    return argparse.Namespace(**{**usual, **flags, **place, **options})


def states(mailbox: Path, table: str) -> list[int]:
    """Return the states of the rows, in order."""
    with closing(open_mailbox(mailbox)) as connection:
        return [row["state"] for row in connection.execute(f"SELECT state FROM {table} ORDER BY rowid")]


def test_what_was_set_aside_is_listed(mailbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Masked unless asked for, and never with anything that steers a terminal."""
    assert mail.inbox(asked(mailbox)) == ExitCode.OK
    shown = capsys.readouterr()
    assert "it failed" in shown.out
    assert "--retry" in shown.err
    assert not [word for word in ("poison", "4915112345678", "\x1b", "wait for me") if word in shown.out]

    mail.inbox(asked(mailbox, show_texts=True, show_numbers=True, waiting=True))
    shown = capsys.readouterr()
    assert all(word in shown.out for word in ("\\x1b[31mpoison", "4915112345678", "wait for me"))
    assert "\x1b" not in shown.out


def test_what_is_not_sent_is_listed(mailbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever it is; of what may have arrived it is said so."""
    assert mail.outbox(asked(mailbox, json=True)) == ExitCode.OK
    listed = json.loads(capsys.readouterr().out)
    assert [(each["key"], each["state"], each["kind"], each["text"]) for each in listed] == [
        (3, "failed", "text", "<2 characters>"),
        (2, "unknown", "location", ""),
        (1, "pending", "text", "<4 characters>"),
    ]
    mail.outbox(asked(mailbox))
    assert "may send it twice" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "options", "table", "after"),
    [
        (mail.inbox, {"retry": "2"}, "inbox", [Inbound.WAITING, Inbound.WAITING]),
        (mail.inbox, {"forget": "all", "yes": True}, "inbox", [Inbound.WAITING, Inbound.SKIPPED]),
        (mail.outbox, {"retry": "all"}, "outbox", [Outbound.PENDING] * 3 + [Outbound.SENT]),
        (mail.outbox, {"retry": "2"}, "outbox", [Outbound.PENDING] * 2 + [Outbound.FAILED, Outbound.SENT]),
        (mail.outbox, {"drop": "all", "yes": True}, "outbox", [Outbound.SENT]),
        (mail.outbox, {"drop": "1", "yes": True}, "outbox", [Outbound.UNKNOWN, Outbound.FAILED, Outbound.SENT]),
    ],
)
def test_a_person_decides(
    mailbox: Path,
    command: Callable[[argparse.Namespace], int],
    options: dict[str, object],
    table: str,
    after: list[int],
) -> None:
    """On one, or on all that there is to decide on."""
    assert command(asked(mailbox, **options)) == ExitCode.OK
    assert states(mailbox, table) == after


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (mail.inbox, {"retry": "1"}),  # it waits anyway
        (mail.inbox, {"retry": "99"}),
        (mail.inbox, {"forget": "\x1b"}),
        (mail.outbox, {"retry": "1"}),  # it is pending anyway
        (mail.outbox, {"drop": "4"}),  # it was sent
        (mail.outbox, {"drop": "1"}),  # nobody is there to be asked
    ],
)
def test_what_cannot_be_decided_on_is_said(
    mailbox: Path, command: Callable[[argparse.Namespace], int], options: dict[str, object]
) -> None:
    """In one line, and nothing is changed."""
    before = states(mailbox, "inbox"), states(mailbox, "outbox")
    with pytest.raises(UsageError) as raised:
        command(asked(mailbox, **options))
    assert "\n" not in str(raised.value)
    assert "\x1b" not in str(raised.value)
    assert (states(mailbox, "inbox"), states(mailbox, "outbox")) == before


def test_without_a_mailbox_there_is_nothing_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And none is made."""
    place = tmp_path / "messages" / "messages-default.db"
    for command in (mail.inbox, mail.outbox):
        assert command(asked(place)) == ExitCode.OK
    assert "Everything was sent" in capsys.readouterr().err
    assert not place.parent.exists()


def test_a_mailbox_that_is_none_is_said(mailbox: Path) -> None:
    """In one line, with its place."""
    for ending in ("-wal", "-shm"):
        mailbox.with_name(mailbox.name + ending).unlink(missing_ok=True)
    mailbox.write_bytes(b"no database, but long enough to be read as one" * 100)
    with pytest.raises(UsageError, match="cannot be"):
        mail.inbox(asked(mailbox))
