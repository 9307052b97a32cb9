"""session-state.json: what is known of all accounts of a data directory; never the only copy of anything."""

import contextlib

import msgspec

from linda_bot.kernel.files import (
    UnreadableFileError,
    clear_drafts,
    make_private_dir,
    put_unreadable_aside,
    read_json,
    write_json,
)
from linda_bot.kernel.flock import locked
from linda_bot.sessions.catalogue import all_backups
from linda_bot.sessions.device_status import DeviceStatus, load_status
from linda_bot.sessions.paths import SessionPaths

VERSION = 1
_LOCK_WAIT_S = 5.0
_PREFIX = "session-"


class LastBackup(msgspec.Struct, frozen=True, kw_only=True):
    """The newest backup of an account."""

    name: str
    time: str
    size: int


class AccountSummary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is known of one account."""

    linked_number: str
    state: str
    """The last state that was seen."""
    restore_count: int
    last_restore_time: str | None
    last_restore_duration: int | None
    """Milliseconds."""
    last_backup: LastBackup | None
    backups: int


def update_summary(paths: SessionPaths, status: DeviceStatus, state: str = "") -> None:
    """Bring one account's part up to date; what is lost or unreadable is rebuilt. Raises OSError."""
    make_private_dir(paths.cache)
    with contextlib.suppress(BlockingIOError), locked(paths.cache / ".session-state.lock", wait_s=_LOCK_WAIT_S):
        clear_drafts(paths.data_dir, of=paths.summary.name)
        content = _load(paths)
        sessions = content["sessions"]
        assert isinstance(sessions, dict)
        before = sessions.get(paths.account)
        known = before if isinstance(before, dict) else {}
        sessions[paths.account] = {**known, **msgspec.to_builtins(_summarise(paths, status, state))}
        write_json(paths.summary, content)


def _load(paths: SessionPaths) -> dict[str, object]:
    """Return the file's content, or what can be found out without it."""
    try:
        content = read_json(paths.summary)
    except UnreadableFileError:
        content = None
    if isinstance(content, dict) and isinstance(content.get("sessions"), dict):
        return content
    put_unreadable_aside(paths.summary)
    return {"version": VERSION, "sessions": _rebuild(paths)}


def _rebuild(paths: SessionPaths) -> dict[str, object]:
    found: dict[str, object] = {}
    with contextlib.suppress(OSError):
        for directory in sorted((paths.data_dir / "sessions").iterdir()):
            if directory.name.startswith(_PREFIX) and directory.is_dir() and not directory.is_symlink():
                account = SessionPaths(paths.data_dir, directory.name.removeprefix(_PREFIX))
                status = _status_of(account)
                found[account.account] = msgspec.to_builtins(_summarise(account, status, ""))
    return found


def _status_of(paths: SessionPaths) -> DeviceStatus:
    try:
        return load_status(paths.device_status)[0]
    except UnreadableFileError:
        return DeviceStatus()


def _summarise(paths: SessionPaths, status: DeviceStatus, state: str) -> AccountSummary:
    backups = all_backups(paths)
    newest = backups[0] if backups else None
    return AccountSummary(
        linked_number=status.number or (newest.manifest.linked_number if newest else ""),
        state=state or _state_from(status),
        restore_count=status.restore_count,
        last_restore_time=status.last_restore_time,
        last_restore_duration=status.restore_duration,
        last_backup=LastBackup(name=newest.name, time=newest.manifest.created_at, size=newest.manifest.size)
        if newest
        else None,
        backups=len(backups),
    )


def _state_from(status: DeviceStatus) -> str:
    if status.is_active:
        return "connected"
    return "logged_out" if status.restore_status == "logged_out" else "stopped"
