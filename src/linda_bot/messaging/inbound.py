"""What arrived, as rows of the mailbox: each function is one step within a transaction."""

import json
import time
from typing import NamedTuple

import msgspec

from linda_bot.whatsapp.events import IncomingMessage
from linda_bot.whatsapp.mailbox import Inbound, MailConnection, decode_body


class Waiting(NamedTuple):
    """A message that is to be handled."""

    seq: int
    message: IncomingMessage
    received_at: float
    begun: int
    """How often its handling was begun before."""
    failures: int


def conversations(connection: MailConnection, owner: str) -> list[str]:
    """Return the conversations in which messages wait, the one that has waited longest first."""
    rows = connection.execute(
        "SELECT conversation FROM inbox WHERE state = 0 AND owner = ? GROUP BY conversation ORDER BY min(seq)",
        (owner,),
    )
    return [row[0] for row in rows]


def take(connection: MailConnection, owner: str, conversation: str, limit: int) -> tuple[list[Waiting], list[str]]:
    """Return the oldest messages that wait, and note that the first is begun; also what is wrong with some of them.

    The oldest by WhatsApp's clock: with more than 2,048 waiting, the client library no longer keeps their order.
    """
    found: list[Waiting] = []
    unreadable: list[str] = []
    rows = connection.execute(
        "SELECT seq, body, received_at, begun, failures FROM inbox"
        " WHERE state = 0 AND owner = ? AND conversation = ? ORDER BY sent_at, seq LIMIT ?",
        (owner, conversation, limit),
    ).fetchall()
    for row in rows:
        try:
            message = decode_body(row["body"])
        except (msgspec.DecodeError, TypeError) as error:
            because = f"its record cannot be read: {error}"
            finish(connection, row["seq"], Inbound.SKIPPED, error=because)
            unreadable.append(f"a message in the mailbox is passed over, {because}")
        else:
            found.append(Waiting(row["seq"], message, row["received_at"], row["begun"], row["failures"]))
    if found:
        begin(connection, found[0].seq)
    return found, unreadable


def begin(connection: MailConnection, seq: int) -> None:
    """Note that the handling of a message begins."""
    connection.execute("UPDATE inbox SET begun = begun + 1 WHERE seq = ?", (seq,))


def fail(connection: MailConnection, seq: int, error: str) -> None:
    """Note that a handler failed on a message, which will be tried again."""
    connection.execute("UPDATE inbox SET failures = failures + 1, error = ? WHERE seq = ?", (error, seq))


def finish(connection: MailConnection, seq: int, state: Inbound, *, error: str = "") -> None:
    """Note what became of a message; its text is kept only where a person is to look at it."""
    connection.execute(
        "UPDATE inbox SET state = :state, error = :error, done_at = :now, body = CASE :state WHEN 3 THEN body END"
        " WHERE seq = :seq",
        {"state": state, "error": error, "now": time.time(), "seq": seq},
    )


def recall(connection: MailConnection, owner: str, conversation: str) -> str:
    """Return what is remembered of a conversation: a JSON object."""
    row = connection.execute(
        "SELECT content FROM memory WHERE owner = ? AND conversation = ?", (owner, conversation)
    ).fetchone()
    return str(row[0]) if row else "{}"


def remember(connection: MailConnection, owner: str, conversation: str, content: str) -> None:
    """Keep what is remembered of a conversation from now on."""
    if json.loads(content):
        connection.execute(
            "INSERT INTO memory VALUES (?, ?, ?)"
            " ON CONFLICT (owner, conversation) DO UPDATE SET content = excluded.content",
            (owner, conversation, content),
        )
    else:
        connection.execute("DELETE FROM memory WHERE owner = ? AND conversation = ?", (owner, conversation))


def adopt(connection: MailConnection, owner: str) -> None:
    """Take over what came before it was known whose it is."""
    connection.execute("UPDATE inbox SET owner = ? WHERE state = 0 AND owner = ''", (owner,))


def clean_up(connection: MailConnection, *, before: float, aside_before: float) -> None:
    """Forget what was done before a moment, and what was set aside before another."""
    connection.execute(
        "DELETE FROM inbox WHERE done_at < ? AND state <> 3 OR done_at < ?", (before, min(before, aside_before))
    )
