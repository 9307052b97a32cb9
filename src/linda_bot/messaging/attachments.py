"""Files that are to be sent, where the mailbox itself holds them: whichever host sends a file has it then.

A message names its file by a path in this host's directory, and its row in the database by the name alone.
"""

import os
from pathlib import Path
from typing import NamedTuple

import msgspec

from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.files import make_private_dir
from linda_bot.messaging.outbound import Draft, decode_content, encode_content, file_of
from linda_bot.whatsapp.content import AnyContent, File
from linda_bot.whatsapp.mailbox import MailConnection
from linda_bot.whatsapp.mailbox_database import IDLE_S, SLOWEST

LONGEST = 256 * 1024 * 1024
"""What a database takes in one piece without trouble."""


class Packed(NamedTuple):
    """A draft as it is kept."""

    draft: Draft
    name: str = ""
    data: bytes = b""
    """Its file, if it has one that other hosts need."""


def pack(draft: Draft, directory: Path) -> Packed:
    """Return a draft with its file, if that is one of the directory's; raises UsageError for one that is too large."""
    content = draft.content
    if not isinstance(content, File) or Path(content.path).parent != directory:
        return Packed(draft)
    path = Path(content.path)
    try:
        if path.stat().st_size > LONGEST:
            raise UsageError(f"the file to be sent is larger than a shared store takes: {LONGEST // 2**20} MiB")
        data = path.read_bytes()
    except OSError:
        return Packed(draft)  # nobody can send it; that is found out when it is its turn
    return Packed(draft._replace(content=msgspec.structs.replace(content, path=path.name)), path.name, data)


def unpack(content: AnyContent, directory: Path) -> AnyContent:
    """Return content with the path that its file has, or is to have, on this host."""
    if isinstance(content, File) and (name := _bare_name(content.path)):
        return msgspec.structs.replace(content, path=str(directory / name))
    return content


def lay_down(path: Path, data: bytes) -> None:
    """Put a file where messages find it, all of it or nothing."""
    make_private_dir(path.parent)
    draft = path.with_name(f".{path.name}")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(data)
    draft.replace(path)


def to_name(row: bytes) -> bytes:
    """Return an outbox row's content as it is in a database, from that of a file."""
    content = decode_content(row)
    if not isinstance(content, File) or not content.path:
        return row
    return encode_content(msgspec.structs.replace(content, path=Path(content.path).name))


def to_path(row: bytes, directory: Path) -> bytes:
    """Return an outbox row's content as it is in a file, from that of a database."""
    return encode_content(unpack(decode_content(row), directory))


# In the database, each within a transaction.


def keep(mail: MailConnection, packed: Packed) -> None:
    """Keep a draft's file."""
    if packed.name:
        # While a long statement is on its way the server waits, as it does for somebody who was stopped.
        patience = f"{IDLE_S + len(packed.data) // SLOWEST}s"
        mail.execute("SELECT set_config('idle_in_transaction_session_timeout', ?, true)", (patience,))
        mail.execute(
            "INSERT INTO attachments (name, content) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
            (packed.name, packed.data),
        )


def size(mail: MailConnection, name: str) -> int:
    """Return how long a file is; 0 where there is none."""
    row = mail.execute("SELECT octet_length(content) FROM attachments WHERE name = ?", (name,)).fetchone()
    return 0 if row is None else int(row[0])


def find(mail: MailConnection, name: str) -> bytes | None:
    """Return a file; None where there is none."""
    row = mail.execute("SELECT content FROM attachments WHERE name = ?", (name,)).fetchone()
    return None if row is None else bytes(row[0])


def clean_up(mail: MailConnection) -> None:
    """Forget the files that no message needs any more: it was sent, or dropped."""
    kept = [row[0] for row in mail.execute("SELECT name FROM attachments").fetchall()]
    if kept:
        rows = mail.execute("SELECT content FROM outbox WHERE content IS NOT NULL").fetchall()
        needed = {Path(path).name for row in rows if (path := file_of(row[0]))}
        mail.executemany("DELETE FROM attachments WHERE name = ?", [(name,) for name in kept if name not in needed])


def _bare_name(path: str) -> str:
    return path if path and Path(path).name == path else ""
