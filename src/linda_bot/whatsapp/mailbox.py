"""The messages of an account on disk or in a database, which daemon and engine share.

The engine writes what arrives before anything else is done with it, and what became of everything that it sends. So
the death of either process leaves no doubt but one: an engine that dies while the client library sends. The daemon
does the rest; see `linda_bot.messaging.store`.
"""

import sqlite3
import time
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path

import msgspec

from linda_bot.whatsapp.events import IncomingMessage
from linda_bot.whatsapp.mailbox_database import MailboxDatabase, MailPlace
from linda_bot.whatsapp.mailbox_file import MailboxError, MailboxFile, open_mailbox, writing
from linda_bot.whatsapp.mailbox_ground import Mailbox, MailConnection

__all__ = [
    "Dispatch",
    "Inbound",
    "Intake",
    "MailConnection",
    "MailPlace",
    "Mailbox",
    "MailboxError",
    "Outbound",
    "decode_body",
    "encode_body",
    "mailbox_at",
    "open_mailbox",
    "writing",
]

_LOOK_EVERY = 256
"""After how many messages it is looked whether too many wait."""

_LID, _PHONE = "@lid", "@s.whatsapp.net"

_TAKE_IN = """
INSERT INTO inbox (owner, conversation, sender, id, sent_at, received_at, body)
SELECT :owner, :conversation, :sender, :id, :sent_at, :now, :body
WHERE NOT EXISTS (
    SELECT 1 FROM inbox WHERE id = :id AND owner = :owner
    AND sender IN (:sender, :sender_1, :sender_2) AND conversation IN (:conversation, :chat_1, :chat_2)
)
RETURNING seq
"""


class Inbound(IntEnum):
    """What became of a message that arrived."""

    WAITING = 0
    HANDLED = 1
    SKIPPED = 2
    """No handler wanted it, or it was not to be handled."""
    SET_ASIDE = 3
    """Its handler failed too often; it waits for a person."""


class Outbound(IntEnum):
    """What became of a message that is to be sent."""

    PENDING = 0
    """It has not left, for sure."""
    SENDING = 1
    """The client library has it."""
    SENT = 2
    """WhatsApp has it."""
    UNKNOWN = 3
    """It may have arrived."""
    FAILED = 4
    """It was refused, or waited too long."""


encode_body = msgspec.msgpack.Encoder().encode
decode_body = msgspec.msgpack.Decoder(IncomingMessage).decode


def mailbox_at(where: Path | MailPlace) -> Mailbox:
    """Return the mailbox of a file, or in a database."""
    return MailboxFile(where) if isinstance(where, Path) else MailboxDatabase(where)


class Intake:
    """The engine's hand on what arrives; for one thread."""

    def __init__(self, where: Path | MailPlace, *, most_waiting: int) -> None:
        self._mailbox = mailbox_at(where)
        self._most_waiting = most_waiting
        self._taken = 0

    def take_in(self, owner: str, message: IncomingMessage) -> tuple[int, str]:
        """Write a message down; return its number, 0 for one that was there before, and its conversation's name.

        Raises sqlite3.Error, MailboxError, DatabaseTroubleError or OSError: the same call, with the same message, may
        succeed later. Raises FencedOffError when this host must write no more.
        """
        try:
            while True:
                written = self._mailbox.write(lambda mail: _write_down(mail, owner, message), token=message)
                if self._mailbox.is_in_place:
                    break  # else it was set aside meanwhile, perhaps before this message could be saved from it
        except sqlite3.Error:
            self.close()  # what is wrong with the connection may be mended by another one
            raise
        self._taken += 1
        return written

    def is_full(self, owner: str) -> bool:
        """Return whether so many messages wait that no more should be taken; it is not counted every time."""
        if self._taken % _LOOK_EVERY:
            return False
        count = "SELECT count(*) FROM (SELECT 1 FROM inbox WHERE state = 0 AND owner = ? LIMIT ?) AS waiting"
        waiting = self._mailbox.read(lambda mail: mail.execute(count, (owner, self._most_waiting)).fetchone()[0])
        return bool(waiting >= self._most_waiting)

    def close(self) -> None:
        """Let go of the mailbox."""
        self._mailbox.close()


class Dispatch:
    """The engine's hand on what it sends; for one thread. It raises what `Intake` raises."""

    def __init__(self, where: Path | MailPlace) -> None:
        self._mailbox = mailbox_at(where)
        self._perhaps_begun: tuple[int, ...] = ()
        """What was not given to the client library, because nobody knows whether it could be noted before."""

    def begin(self, keys: Sequence[int]) -> bool:
        """Note that messages are given to the client library now; return False when one of them is not to be sent."""
        doubtful, self._perhaps_begun = self._perhaps_begun, (*self._perhaps_begun, *keys)
        are_begun = self._mailbox.write(lambda mail: _begin(mail, keys, doubtful))
        self._perhaps_begun = ()
        return are_begun

    def end(self, keys: Sequence[int], state: Outbound, *, message_id: str = "", error: str = "") -> None:
        """Note what became of messages that were begun; it may be noted again."""
        done_at = None if state is Outbound.PENDING else time.time()
        facts = {"state": state, "id": message_id, "error": error, "done_at": done_at}

        def work(mail: MailConnection) -> None:
            mail.executemany(
                "UPDATE outbox SET state = :state, message_id = :id, error = :error, done_at = :done_at,"
                " content = CASE :state WHEN 2 THEN NULL ELSE content END WHERE key = :key",
                [{**facts, "key": key} for key in keys],
            )

        self._mailbox.write(work)

    def close(self) -> None:
        """Let go of the mailbox; it is opened again when it is needed."""
        self._mailbox.close()


def _begin(mail: MailConnection, keys: Sequence[int], doubtful: Sequence[int]) -> bool:
    if doubtful:
        mail.executemany("UPDATE outbox SET state = 0 WHERE state = 1 AND key = ?", [(key,) for key in doubtful])
    for key in keys:
        if mail.execute("SELECT 1 FROM outbox WHERE state = 0 AND key = ?", (key,)).fetchone() is None:
            return False
    mail.executemany("UPDATE outbox SET state = 1 WHERE key = ?", [(key,) for key in keys])
    return True


def _write_down(mail: MailConnection, owner: str, message: IncomingMessage) -> tuple[int, str]:
    conversation, sender = _names(mail, owner, message)
    written = mail.execute(
        _TAKE_IN,
        {
            "owner": owner,
            "conversation": conversation,
            "chat_1": message.chat,
            "chat_2": message.chat_alt,
            "sender": sender,
            "sender_1": message.sender,
            "sender_2": message.sender_alt,
            "id": message.id,
            "sent_at": message.sent_at.timestamp(),
            "now": time.time(),
            "body": encode_body(message),
        },
    ).fetchall()
    return (int(written[0][0]) if written else 0), conversation


def _names(mail: MailConnection, owner: str, message: IncomingMessage) -> tuple[str, str]:
    """Return the one name of the conversation and of the sender, whichever of their two the message came with."""
    sender = _one_name(mail, message.sender, message.sender_alt)
    if message.is_group:
        return message.chat, sender
    is_theirs = (message.chat, message.chat_alt) == (message.sender, message.sender_alt)
    name = sender if is_theirs else _one_name(mail, message.chat, message.chat_alt)
    for lid in (message.chat, message.chat_alt):
        if lid.endswith(_LID) and lid != name and not _takes_over(mail, owner, lid, name):
            name = lid
    return name, sender


def _takes_over(mail: MailConnection, owner: str, lid: str, phone: str) -> bool:
    """Continue a conversation under its better name; return False while messages still wait under the old one."""
    waiting = "SELECT 1 FROM inbox WHERE state = 0 AND owner = ? AND conversation = ? LIMIT 1"
    if mail.execute(waiting, (owner, lid)).fetchone() is not None:
        return False
    mail.execute(
        "UPDATE memory SET conversation = :phone WHERE owner = :owner AND conversation = :lid"
        " AND NOT EXISTS (SELECT 1 FROM memory WHERE owner = :owner AND conversation = :phone)",
        {"phone": phone, "owner": owner, "lid": lid},
    )
    return True


def _one_name(mail: MailConnection, jid: str, other: str) -> str:
    """Return a person's phone number JID where it is known, else the LID."""
    if not jid.endswith(_LID):
        if jid.endswith(_PHONE) and other.endswith(_LID):
            _remember(mail, other, jid)
        return jid
    if other.endswith(_PHONE):
        _remember(mail, jid, other)
        return other
    row = mail.execute("SELECT phone FROM people WHERE lid = ?", (jid,)).fetchone()
    return str(row[0]) if row else jid


def _remember(mail: MailConnection, lid: str, phone: str) -> None:
    mail.execute(
        "INSERT INTO people VALUES (?, ?) ON CONFLICT (lid) DO UPDATE SET phone = excluded.phone"
        " WHERE people.phone <> excluded.phone",
        (lid, phone),
    )
