"""What is to be sent, as rows of the mailbox: each function is one step within a transaction."""

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from linda_bot.whatsapp.content import AnyContent, File
from linda_bot.whatsapp.mailbox import MailConnection, Outbound

encode_content = msgspec.msgpack.Encoder().encode
decode_content = msgspec.msgpack.Decoder(AnyContent).decode

_ENDED = "the engine ended while it was being sent"


class Draft(NamedTuple):
    """Something that a handler wants to have sent."""

    chat: str
    content: AnyContent
    joinable: bool
    cause: int | None = None
    """Which message of the inbox it answers."""
    nth: int | None = None
    """The how manyeth of its answers it is. One of that number that is in the outbox already is not put in again."""


class Parcel(NamedTuple):
    """Something that waits to be sent."""

    key: int
    chat: str
    content: AnyContent
    joinable: bool
    created_at: float


class Outcome(NamedTuple):
    """What became of a message."""

    state: Outbound
    message_id: str = ""
    """Its id at WhatsApp."""
    error: str = ""


GONE = Outcome(Outbound.FAILED, error="it is not in the outbox any more")


def put(connection: MailConnection, owner: str, draft: Draft) -> tuple[int, bool]:
    """Put a message into the outbox, unless the same answer to the same message is there.

    Return its key, and whether it was put in.
    """
    written = connection.execute(
        "INSERT INTO outbox (owner, chat, content, joinable, cause, nth, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (cause, nth) DO NOTHING RETURNING key",
        (owner, draft.chat, encode_content(draft.content), draft.joinable, draft.cause, draft.nth, time.time()),
    ).fetchall()
    if written:
        return int(written[0][0]), True
    row = connection.execute("SELECT key FROM outbox WHERE cause = ? AND nth = ?", (draft.cause, draft.nth)).fetchone()
    return int(row[0]), False


def chats(connection: MailConnection, owner: str) -> list[str]:
    """Return the chats for which something waits, the one that has waited longest first."""
    rows = connection.execute(
        "SELECT chat FROM outbox WHERE state IN (0, 1) AND state = 0 AND owner = ? GROUP BY chat ORDER BY min(key)",
        (owner,),
    )
    return [row[0] for row in rows]


def parcels(connection: MailConnection, owner: str, chat: str, limit: int) -> list[Parcel]:
    """Return the oldest of what waits for a chat; what cannot be read fails."""
    found: list[Parcel] = []
    rows = connection.execute(
        "SELECT key, chat, content, joinable, created_at FROM outbox"
        " WHERE state IN (0, 1) AND state = 0 AND owner = ? AND chat = ? ORDER BY key LIMIT ?",
        (owner, chat, limit),
    ).fetchall()
    for row in rows:
        try:
            content = decode_content(row["content"])
        except (msgspec.DecodeError, TypeError) as error:
            give_up(connection, [row["key"]], f"its record cannot be read: {error}")
        else:
            found.append(Parcel(row["key"], row["chat"], content, bool(row["joinable"]), row["created_at"]))
    return found


def settle(connection: MailConnection, *, repeat: bool) -> list[tuple[int, str]]:
    """Decide on what an engine that is gone was just sending; return the keys and chats of what counts as unknown."""
    if repeat:
        connection.execute(
            "UPDATE outbox SET state = 0, repeats = 1 WHERE state IN (0, 1) AND state = 1 AND repeats = 0"
        )
    rows = connection.execute(
        "UPDATE outbox SET state = 3, done_at = ?, error = ? WHERE state IN (0, 1) AND state = 1 RETURNING key, chat",
        (time.time(), _ENDED),
    ).fetchall()
    return [(row["key"], row["chat"]) for row in rows]


def repeat_once(connection: MailConnection, keys: Sequence[int]) -> bool:
    """Have messages sent once more that may have arrived; return False where one of them was already."""
    for key in keys:
        row = connection.execute("SELECT state, repeats FROM outbox WHERE key = ?", (key,)).fetchone()
        if row is None or tuple(row) != (Outbound.UNKNOWN, 0):
            return False
    connection.executemany(
        "UPDATE outbox SET state = 0, repeats = 1, done_at = NULL WHERE key = ?", [(key,) for key in keys]
    )
    return True


def give_up(connection: MailConnection, keys: Iterable[int], error: str) -> None:
    """Note that messages are not sent any more."""
    now = time.time()
    connection.executemany(
        "UPDATE outbox SET state = 4, error = ?, done_at = ? WHERE state = 0 AND key = ?",
        [(error, now, key) for key in keys],
    )


def outcome(connection: MailConnection, key: int) -> Outcome:
    """Return what became of a message."""
    row = connection.execute("SELECT state, message_id, error FROM outbox WHERE key = ?", (key,)).fetchone()
    return GONE if row is None else Outcome(Outbound(row["state"]), row["message_id"], row["error"])


def adopt(connection: MailConnection, owner: str) -> None:
    """Take over what was put in before it was known whose it is."""
    connection.execute("UPDATE outbox SET owner = ? WHERE state IN (0, 1) AND state = 0 AND owner = ''", (owner,))


def files(connection: MailConnection) -> Iterator[Path]:
    """Yield the files of messages that may still be sent, or sent again."""
    for row in connection.execute("SELECT content FROM outbox WHERE content IS NOT NULL"):
        if path := file_of(row["content"]):
            yield Path(path)


def file_of(record: bytes) -> str:
    """Return the path of a record's file; empty for none, and for a record that cannot be read."""
    try:
        content = decode_content(record)
    except (msgspec.DecodeError, TypeError):
        return ""
    return content.path if isinstance(content, File) else ""


def clean_up(connection: MailConnection, *, before: float) -> None:
    """Forget what was done before a moment."""
    connection.execute("DELETE FROM outbox WHERE done_at < ?", (before,))
