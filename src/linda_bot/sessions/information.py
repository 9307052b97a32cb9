"""What is known of a session, gathered from its files."""

from pathlib import Path

import msgspec

from linda_bot.kernel.files import UnreadableFileError, read_json
from linda_bot.sessions.aftercare import load_aftercare
from linda_bot.sessions.catalogue import all_backups, unreadable_backups
from linda_bot.sessions.device_status import DeviceStatus, load_status
from linda_bot.sessions.lock import Holder, holder_of
from linda_bot.sessions.manifest import Backup
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.quarantine import quarantines
from linda_bot.sessions.store import side_files
from linda_bot.sessions.validation import Validation


class SessionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A session as its files show it."""

    account: str
    directory: Path
    validation: Validation
    linked_number: str
    """Empty when that is not known."""
    status: DeviceStatus | None
    """None when device-status.json cannot be read."""
    running: Holder | None
    """Who holds the session, if anybody does."""
    store_bytes: int
    """Of the store with its write-ahead log."""
    backups: list[Backup]
    unreadable_backups: list[str]
    quarantines: list[Path]
    history: list[dict[str, object]]
    """Newest last; empty when it cannot be read."""
    restored_from: str
    """The backup whose restoration is still being watched; empty for none."""
    sandbox: bool


def gather(paths: SessionPaths, validation: Validation) -> SessionInfo:
    """Look at a session's files without changing any."""
    status = _status(paths)
    aftercare = load_aftercare(paths.aftercare)
    return SessionInfo(
        account=paths.account,
        directory=paths.directory,
        validation=validation,
        linked_number=validation.number or (status.number if status else ""),
        status=status,
        running=holder_of(paths),
        store_bytes=sum(_size(file) for file in (paths.store, *side_files(paths.store))),
        backups=all_backups(paths),
        unreadable_backups=unreadable_backups(paths),
        quarantines=quarantines(paths),
        history=load_history(paths),
        restored_from=aftercare.backup if aftercare else "",
        sandbox=paths.sandbox_mark.exists(),
    )


def _status(paths: SessionPaths) -> DeviceStatus | None:
    try:
        return load_status(paths.device_status)[0]
    except UnreadableFileError:
        return None


def load_history(paths: SessionPaths) -> list[dict[str, object]]:
    """Return the history of a session, newest last; empty when it cannot be read."""
    try:
        found = read_json(paths.history)
    except UnreadableFileError:
        return []
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
