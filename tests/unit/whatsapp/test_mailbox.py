"""The engine's hand on the mailbox: each message once, whatever name it comes with, and what becomes of each sent."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from linda_bot.whatsapp.events import IncomingMessage
from linda_bot.whatsapp.mailbox import (
    Dispatch,
    Intake,
    MailboxError,
    MailPlace,
    Outbound,
    decode_body,
    open_mailbox,
    writing,
)
from tests.support import shared_mail
from tests.support.postgres import Server
from tests.support.quick_disk import quick_directory
from tests.support.shared_mail import new_mail

ME = "971505760056"
PHONE, LID = "4915112345678@s.whatsapp.net", "257211208731621@lid"
OTHER_PHONE, OTHER_LID = "4915187654321@s.whatsapp.net", "99999999999999@lid"
GROUP = "123456789@g.us"


@pytest.fixture
def path() -> Iterator[Path]:
    """Return where the mailbox is."""
    with quick_directory() as directory:
        yield directory / "mail" / "messages.db"


@pytest.fixture(scope="module")
def address(postgres: Server) -> str:
    """Return a database for mailboxes, one account each."""
    return postgres.new_database()


@pytest.fixture(params=["file", "database"])
def where(request: pytest.FixtureRequest, path: Path) -> Path | MailPlace:
    """Return where the mailbox is, on either ground."""
    return path if request.param == "file" else new_mail(request.getfixturevalue("address"))


@pytest.fixture
def intake(where: Path | MailPlace) -> Iterator[Intake]:
    """Return what takes messages in."""
    with closing(Intake(where, most_waiting=1000)) as made:
        yield made


@pytest.fixture
def file_intake(path: Path) -> Iterator[Intake]:
    """Return what takes messages in to a file."""
    with closing(Intake(path, most_waiting=1000)) as made:
        yield made


def message(
    number: str = "A",
    chat: str = PHONE,
    sender: str = "",
    *,
    chat_alt: str = "",
    sender_alt: str = "",
    text: str = "hi",
) -> IncomingMessage:
    """Return a message; of a chat between two unless it is the group's."""
    return IncomingMessage(
        id=number,
        chat=chat,
        chat_alt=chat_alt,
        sender=sender or chat,
        sender_alt=sender_alt or chat_alt,
        text=text,
        sent_at=datetime(2026, 2, 7, tzinfo=UTC),
        is_group=chat == GROUP,
        raw=b"raw",
    )


def rows(where: Path | MailPlace, table: str = "inbox") -> list[Any]:
    """Return everything in a table."""
    return shared_mail.rows(where, f"SELECT * FROM {table} ORDER BY 1")


def test_a_message_is_written_down_whole(where: Path | MailPlace, intake: Intake) -> None:
    """With its raw form, for the account that it was written to."""
    assert intake.take_in(ME, message()) == (1, PHONE)

    (row,) = rows(where)
    assert decode_body(row["body"]) == message()
    assert (row["owner"], row["conversation"], row["sender"], row["state"]) == (ME, PHONE, PHONE, 0)


def test_nobody_else_may_read_it(path: Path, file_intake: Intake) -> None:
    """Neither the file nor those that SQLite puts beside it."""
    file_intake.take_in(ME, message())

    modes = {found.name: found.stat().st_mode & 0o777 for found in path.parent.iterdir()}
    assert set(modes) == {path.name + ending for ending in ("", "-wal", "-shm", ".lock")}
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (message(), message()),
        (message(chat=PHONE, chat_alt=LID), message(chat=LID, chat_alt=PHONE)),
        (message(chat=LID, chat_alt=PHONE), message(chat=PHONE, chat_alt=LID)),
        (message(chat=LID), message(chat=PHONE, chat_alt=LID)),
        (message(chat=LID), message(chat=LID, chat_alt=PHONE)),
        (message(chat=PHONE, chat_alt=LID), message(chat=LID)),
        (message(chat=LID, chat_alt=PHONE), message(chat=LID)),
        (message(chat=GROUP, sender=PHONE, sender_alt=LID), message(chat=GROUP, sender=LID, sender_alt=PHONE)),
        (message(chat=GROUP, sender=LID), message(chat=GROUP, sender=PHONE, sender_alt=LID)),
    ],
)
def test_a_message_that_comes_again_is_taken_in_once(
    intake: Intake, first: IncomingMessage, second: IncomingMessage
) -> None:
    """Whichever of its chat's and its sender's two names it comes with, in either order."""
    assert intake.take_in(ME, first)[0] == 1
    assert intake.take_in(ME, second)[0] == 0
    assert intake.take_in(ME, first)[0] == 0


@pytest.mark.parametrize(
    "other",
    [
        message(chat=OTHER_PHONE),
        message(chat=OTHER_LID, chat_alt=OTHER_PHONE),
        message(chat=GROUP, sender=PHONE),
        message(number="B"),
    ],
)
def test_an_id_belongs_to_its_chat_and_sender(intake: Intake, other: IncomingMessage) -> None:
    """Senders choose ids: nobody can have somebody else's message dropped by using its id."""
    intake.take_in(ME, other)
    assert intake.take_in(ME, message())[0] == 2


def test_a_forged_id_in_a_group(intake: Intake) -> None:
    """Another member who repeats an id suppresses nothing."""
    assert intake.take_in(ME, message(chat=GROUP, sender=OTHER_LID, sender_alt=OTHER_PHONE))[0] == 1
    assert intake.take_in(ME, message(chat=GROUP, sender=LID, sender_alt=PHONE))[0] == 2


def test_each_account_has_its_own(intake: Intake) -> None:
    """The same message to two accounts that were linked one after the other."""
    assert [intake.take_in(owner, message())[0] for owner in (ME, "49301234567", ME)] == [1, 2, 0]


def test_a_conversation_has_one_name(intake: Intake) -> None:
    """The phone number's, as soon as it is known; a group has its own."""
    names = [
        intake.take_in(ME, each)[1]
        for each in (
            message("B", LID, chat_alt=PHONE),
            message("C", LID),
            message("D", PHONE),
            message("E", GROUP, LID),
        )
    ]
    assert names == [PHONE, PHONE, PHONE, GROUP]


def test_a_conversation_that_gets_its_better_name(where: Path | MailPlace, intake: Intake) -> None:
    """Not while messages wait under the old one: they would overtake each other. What is remembered goes with it."""
    assert intake.take_in(ME, message("A", LID))[1] == LID
    assert intake.take_in(ME, message("B", PHONE, chat_alt=LID))[1] == LID
    remembered = ("INSERT INTO memory VALUES (?, ?, '{}')", (ME, LID))
    shared_mail.change(where, ("UPDATE inbox SET state = 1", ()), remembered)
    assert intake.take_in(ME, message("C", LID, chat_alt=PHONE))[1] == PHONE
    assert intake.take_in(ME, message("B", LID, chat_alt=PHONE))[0] == 0
    assert [row["conversation"] for row in rows(where, "memory")] == [PHONE]


def test_a_name_that_is_no_persons_is_not_remembered(where: Path | MailPlace, intake: Intake) -> None:
    """What claims to be a LID's other name must be a phone number."""
    intake.take_in(ME, message(chat="status@broadcast", chat_alt=LID))
    assert rows(where, "people") == []


def test_a_number_that_moves_is_followed(path: Path, intake: Intake) -> None:
    """A person keeps the LID with a new number."""
    intake.take_in(ME, message("A", LID, chat_alt=PHONE))
    intake.take_in(ME, message("B", LID, chat_alt=OTHER_PHONE))
    assert intake.take_in(ME, message("C", LID))[1] == OTHER_PHONE


def test_full_is_what_waits_for_this_account(where: Path | MailPlace) -> None:
    """Looked at every so often; what an earlier account has left behind holds nobody up."""
    with closing(Intake(where, most_waiting=100)) as intake:
        for number in range(255):
            intake.take_in("an earlier one", message(f"{number}"))
        assert not intake.is_full(ME)
        intake.take_in(ME, message("1"))
        assert not intake.is_full(ME)
        for number in range(256):
            intake.take_in(ME, message(f"{number}"))
        assert intake.is_full(ME)
        shared_mail.change(where, ("UPDATE inbox SET state = 1 WHERE seq > 300", ()))
        assert not intake.is_full(ME)


def test_a_newer_version_is_left_alone(path: Path) -> None:
    """It is said what to do; the file is as it was, and the engine tries again for as long as it takes."""
    open_mailbox(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = path.read_bytes()

    with closing(Intake(path, most_waiting=10)) as intake:
        with pytest.raises(MailboxError, match="newer linda-bot"):
            intake.take_in(ME, message())
        assert path.read_bytes() == before
        path.unlink()
        assert intake.take_in(ME, message())[0] == 1


def test_a_file_that_was_replaced_is_followed(path: Path, file_intake: Intake) -> None:
    """What would be written into the one that was set aside would never be read."""
    file_intake.take_in(ME, message("A"))
    dispatch = Dispatch(path)
    dispatch.begin([])
    path.rename(path.with_name("aside.db"))
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).rename(path.with_name(f"aside.db{ending}"))

    assert file_intake.take_in(ME, message("B"))[0] == 1
    assert [row["id"] for row in rows(path)] == ["B"]
    with closing(open_mailbox(path)) as connection, writing(connection):
        connection.execute("INSERT INTO outbox (owner, chat, created_at) VALUES ('', '', 0)")
    assert dispatch.begin([1])
    dispatch.close()


def test_a_directory_that_was_tidied_away_is_made_again(path: Path, file_intake: Intake) -> None:
    """With everything in it, while the engine runs."""
    file_intake.take_in(ME, message("A"))
    for found in path.parent.iterdir():
        found.unlink()
    path.parent.rmdir()
    assert file_intake.take_in(ME, message("A"))[0] == 1


def test_many_who_open_it_at_once(where: Path | MailPlace) -> None:
    """Daemon and engine begin at the same moment: each finds a whole file."""
    failures: list[Exception] = []

    def begin(number: int) -> None:
        try:
            with closing(Intake(where, most_waiting=10)) as intake:
                intake.take_in(ME, message(f"{number}"))
        except Exception as error:  # noqa: BLE001 (whatever it is)
            failures.append(error)

    threads = [Thread(target=begin, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(rows(where)) == 6


def test_a_failed_transaction_leaves_nothing(path: Path) -> None:
    """Neither its writes nor itself: the next one can begin, also where SQLite has ended it already."""
    with closing(open_mailbox(path)) as connection:
        insert = "INSERT INTO people VALUES (?, '')"
        with suppress(ZeroDivisionError), writing(connection):
            connection.execute(insert, ("1",))
            raise ZeroDivisionError
        with suppress(sqlite3.IntegrityError), writing(connection):
            connection.execute(insert, ("2",))
            connection.execute("INSERT OR ROLLBACK INTO people VALUES ('2', '')")
        with writing(connection):
            connection.execute(insert, ("3",))
        assert [row["lid"] for row in connection.execute("SELECT lid FROM people")] == ["3"]


class TestDispatch:
    """What becomes of a message is in its row."""

    @pytest.fixture
    def dispatch(self, where: Path | MailPlace) -> Iterator[Dispatch]:
        """Return what follows three messages."""
        insert = ("INSERT INTO outbox (owner, chat, content, created_at) VALUES ('', '', ?, 0)", (b"x",))
        shared_mail.change(where, *[insert] * 3)
        with closing(Dispatch(where)) as made:
            yield made

    def states(self, where: Path | MailPlace) -> list[Outbound]:
        """Return the messages' states."""
        return [Outbound(row["state"]) for row in rows(where, "outbox")]

    def test_begun_and_sent(self, where: Path | MailPlace, dispatch: Dispatch) -> None:
        """It keeps its id; its text is nobody's business any more."""
        assert dispatch.begin([1, 2])
        assert self.states(where) == [Outbound.SENDING, Outbound.SENDING, Outbound.PENDING]
        dispatch.end([1, 2], Outbound.SENT, message_id="S1")
        first, second, _ = rows(where, "outbox")
        assert (first["state"], first["message_id"], first["content"]) == (Outbound.SENT, "S1", None)
        assert second["message_id"] == "S1"
        assert first["done_at"] is not None

    @pytest.mark.parametrize("state", [Outbound.PENDING, Outbound.UNKNOWN, Outbound.FAILED])
    def test_what_may_be_sent_again_keeps_its_content(
        self, where: Path | MailPlace, dispatch: Dispatch, state: Outbound
    ) -> None:
        """By itself, or because a person wants it."""
        dispatch.begin([1])
        dispatch.end([1], state, error="why")
        row = rows(where, "outbox")[0]
        assert (row["state"], row["content"], row["error"]) == (state, b"x", "why")
        assert (row["done_at"] is None) is (state is Outbound.PENDING)

    def test_what_is_not_pending_is_not_begun(self, where: Path | MailPlace, dispatch: Dispatch) -> None:
        """Not even the part that could be; what an earlier request has begun stays begun."""
        dispatch.begin([1])
        for keys in ([1, 2], [2, 1], [2, 77]):
            assert not dispatch.begin(keys)
        assert self.states(where) == [Outbound.SENDING, Outbound.PENDING, Outbound.PENDING]
