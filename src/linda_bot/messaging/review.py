"""What in the mailbox needs a person, and what he decides; also while a bot runs, which takes note within seconds."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from linda_bot.database.connecting import DatabaseTroubleError
from linda_bot.kernel.errors import UsageError
from linda_bot.messaging.store import Counts, count, decode_content
from linda_bot.whatsapp.content import Text
from linda_bot.whatsapp.mailbox import (
    Inbound,
    Mailbox,
    MailboxError,
    MailConnection,
    MailPlace,
    Outbound,
    decode_body,
    mailbox_at,
)

NO_MAIL = Counts(0, 0, 0, 0, 0, 0)
_UNUSABLE = (sqlite3.Error, MailboxError, DatabaseTroubleError)
_OPEN_OUT = (Outbound.PENDING, Outbound.SENDING, Outbound.UNKNOWN, Outbound.FAILED)


class Received(NamedTuple):
    """A message that waits to be handled, or was set aside."""

    key: int
    state: Inbound
    sender: str
    kind: str
    text: str
    received_at: float
    error: str


class ToSend(NamedTuple):
    """A message that is to be sent, or was not."""

    key: int
    state: Outbound
    chat: str
    kind: str
    text: str
    created_at: float
    error: str


class Review:
    """The open mailbox."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    def counts(self) -> Counts:
        """Count what there is."""
        return self._mailbox.read(count)

    def received(self, *, waiting: bool = False) -> list[Received]:
        """Return what was set aside, the newest first; `waiting` messages too, if asked for."""
        states = (Inbound.SET_ASIDE, Inbound.WAITING) if waiting else (Inbound.SET_ASIDE, Inbound.SET_ASIDE)
        rows = self._all("SELECT * FROM inbox WHERE state IN (?, ?) ORDER BY seq DESC", states)
        found = []
        for row in rows:
            message = decode_body(row["body"])
            found.append(
                Received(
                    row["seq"],
                    Inbound(row["state"]),
                    row["sender"],
                    message.kind,
                    message.text,
                    row["received_at"],
                    row["error"],
                )
            )
        return found

    def to_send(self) -> list[ToSend]:
        """Return what was not sent yet, or not for sure, the newest first."""
        rows = self._all("SELECT * FROM outbox WHERE state IN (?, ?, ?, ?) ORDER BY key DESC", _OPEN_OUT)
        found = []
        for row in rows:
            content = decode_content(row["content"])
            text = content.text if isinstance(content, Text) else ""
            kind = type(content).__name__.lower()
            found.append(
                ToSend(row["key"], Outbound(row["state"]), row["chat"], kind, text, row["created_at"], row["error"])
            )
        return found

    def handle_again(self, keys: Sequence[int]) -> int:
        """Have messages that were set aside handled once more; return how many there were."""
        return self._change(
            "UPDATE inbox SET state = 0, begun = 0, failures = 0, done_at = NULL, error = ''"
            " WHERE state = 3 AND seq = ?",
            [(key,) for key in keys],
        )

    def send_again(self, keys: Sequence[int]) -> int:
        """Have messages sent once more that failed, or of which nobody knows; return how many there were."""
        now = time.time()
        return self._change(
            "UPDATE outbox SET state = 0, done_at = NULL, error = '', created_at = ? WHERE state IN (3, 4) AND key = ?",
            [(now, key) for key in keys],
        )

    def drop(self, keys: Sequence[int]) -> int:
        """Have messages not sent that wait, and forget those that were not; return how many there were."""
        return self._change("DELETE FROM outbox WHERE state IN (0, 3, 4) AND key = ?", [(key,) for key in keys])

    def forget(self, keys: Sequence[int]) -> int:
        """Let go of messages that were set aside: they count as handled; return how many there were."""
        return self._change(
            "UPDATE inbox SET state = 2, body = NULL WHERE state = 3 AND seq = ?", [(key,) for key in keys]
        )

    def _all(self, statement: str, values: Sequence[object]) -> list[Any]:
        return self._mailbox.read(lambda mail: mail.execute(statement, values).fetchall())

    def _change(self, statement: str, values: Sequence[tuple[object, ...]]) -> int:
        return self._mailbox.write(lambda mail: mail.executemany(statement, values).rowcount)


@contextmanager
def reviewing(where: Path | MailPlace) -> Iterator[Review | None]:
    """Open a mailbox for a person; None where there is none yet. Raises UsageError when it cannot be used."""
    if isinstance(where, Path) and not where.exists():
        yield None
        return
    name = f"the mailbox {where}" if isinstance(where, Path) else f"the mailbox in {where.database.shown}"
    mailbox = mailbox_at(where)
    try:
        try:
            is_there = mailbox.read(_is_there) if isinstance(where, MailPlace) else bool(mailbox.connection())
        except _UNUSABLE as error:
            raise UsageError(f"{name} cannot be opened: {error}") from error
        try:
            yield Review(mailbox) if is_there else None
        except _UNUSABLE as error:
            raise UsageError(f"{name} cannot be used: {error}") from error
    finally:
        mailbox.close()


def _is_there(mail: MailConnection) -> bool:
    return mail.execute("SELECT to_regclass('inbox')").fetchone()[0] is not None
