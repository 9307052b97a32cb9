"""A session's history for those who ask through a door."""

from datetime import datetime
from pathlib import Path
from typing import Any

from linda_bot.app.front import NotNowError
from linda_bot.connection.ledger.entries import Entry, read_entries
from linda_bot.kernel.files import UnreadableFileError, read_json
from linda_bot.kernel.masking import mask_line, printable
from linda_bot.sessions.device_status import timestamp
from linda_bot.web.operations import History


def read_history(file: Path, *, since: datetime | None, last: int, show_numbers: bool) -> History:
    """Return the newest entries, no more than so many, masked unless asked for; empty when there is no history yet.

    For a thread: it reads a file. Raises NotNowError when that cannot be read.
    """
    if not file.exists() and not file.is_symlink():
        return History(entries=[])
    try:
        document = read_json(file)
    except UnreadableFileError as error:
        raise _unreadable(str(error)) from None
    if not isinstance(document, list):
        raise _unreadable("it is no list of entries")
    reading = read_entries(document)
    found = [entry for entry in reading.entries if since is None or entry.until >= since][-last:]
    return History(entries=[_shown(entry, show_numbers=show_numbers) for entry in found], unreadable=reading.unreadable)


def _unreadable(why: str) -> NotNowError:
    return NotNowError(
        f"the history cannot be read ({printable(why)}); `linda-bot doctor --fix` sets it aside, and a new one begins"
    )


def _shown(entry: Entry, *, show_numbers: bool) -> dict[str, Any]:
    facts: dict[str, Any] = {"timestamp": timestamp(entry.at), "eventType": entry.what, **entry.facts}
    return facts if show_numbers else {mask_line(name): _masked(value) for name, value in facts.items()}


def _masked(value: object) -> object:
    if isinstance(value, str):
        return mask_line(value)
    if isinstance(value, dict):
        return {mask_line(str(name)): _masked(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(each) for each in value]
    return value
