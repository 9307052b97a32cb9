"""What a session needs to be well, looked at one by one, and what can be mended without asking."""

import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from linda_bot.kernel.errors import LindaError, SessionInaccessibleError
from linda_bot.kernel.files import UnreadableFileError, clear_drafts, put_unreadable_aside, read_json
from linda_bot.kernel.flock import is_held, locked
from linda_bot.sessions.catalogue import clear_leftovers, fault_of
from linda_bot.sessions.information import SessionInfo
from linda_bot.sessions.manager import SessionManager
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.validation import Validation, Verdict

_ROOM_STORES, _ROOM_LEAST = 4, 50 * 1024 * 1024
_AHEAD_AT_MOST = timedelta(minutes=5)
_POINTS = ("session directory", "session.db", "integrity", "device", "metadata")


class Check(NamedTuple):
    """One thing that was looked at."""

    name: str
    ok: bool | None
    """None where it could not be looked at, or does not matter yet."""
    found: str
    advice: str = ""
    mend: Callable[[], object] | None = None
    """What `--fix` does about it, where that is safe."""


def examine(manager: SessionManager) -> list[Check]:
    """Look at a session and what it lies in; changes nothing, also while a bot runs."""
    paths = manager.paths
    try:
        info = manager.get_session_info()
    except SessionInaccessibleError as error:
        return [Check("session", ok=False, found=str(error)), *_places(paths)]
    faults = {backup.name: fault_of(backup) for backup in info.backups}
    return [
        *_points(info, manager, faults),
        _lock(info, paths),
        _backups(info, faults),
        *_states(paths),
        *_places(paths),
        _leftovers(paths),
        _room(paths, info),
        _clock(info),
    ]


def _points(info: SessionInfo, manager: SessionManager, faults: Mapping[str, str]) -> Iterator[Check]:
    validation = info.validation
    usable = next((backup.name for backup in info.backups if backup.retired is None and not faults[backup.name]), "")
    spent = validation.verdict in (Verdict.DAMAGED, Verdict.MISSING, Verdict.NOT_LINKED)
    for point in validation.points:
        name = f"{point.number} {point.name}"
        if point.ok:
            yield Check(name, ok=True, found=point.reason)
        elif validation.verdict is Verdict.RESTORABLE:  # metadata, which never costs anybody the link
            yield Check(name, ok=None, found=point.reason, advice=point.advice)
        else:
            mend = manager.restore_session if spent and usable else None
            yield Check(name, ok=False, found=point.reason, advice=_advice(validation, info, usable), mend=mend)
    reached = len(validation.points)
    for number, name in enumerate(_POINTS[reached:], reached + 1):
        yield Check(f"{number} {name}", None, "not looked at: an earlier point is not well")


def _advice(validation: Validation, info: SessionInfo, usable: str) -> str:
    if validation.verdict is Verdict.WRONG_ACCOUNT:
        return "set LINDA_ACCOUNT (or --account) to the linked number, or move that session away"
    if usable:
        return f"`linda-bot run` puts {usable} back by itself; `linda-bot doctor --fix` does it now"
    if info.status is not None and info.status.restore_status == "logged_out":
        return "the phone has removed this device: `linda-bot run` shows a QR code"
    return "`linda-bot run` shows a QR code; scan it with the phone"


def _lock(info: SessionInfo, paths: SessionPaths) -> Check:
    if info.running is not None:
        return Check("lock", ok=True, found=f"held by a running linda-bot (pid {info.running.pid})")
    if is_held(paths.engine_lock):
        advice = "wait a moment: it ends by itself"
        return Check("lock", ok=None, found="an engine of an earlier run is just ending", advice=advice)
    return Check("lock", ok=True, found="free: no bot runs on this session")


def _backups(info: SessionInfo, faults: Mapping[str, str]) -> Check:
    told = [f"{name}: {fault}" for name, fault in faults.items() if fault]
    told += [f"{name}: its manifest cannot be read" for name in info.unreadable_backups]
    good = sum(not fault for fault in faults.values())
    if told:
        advice = "make a new one with `linda-bot backup`; the damaged ones are passed over" if not good else ""
        return Check("backups", ok=None if good else False, found=f"{good} good; {'; '.join(told)}", advice=advice)
    if not good:
        advice = "one is made when the link has been up for a minute; or now: `linda-bot backup`"
        return Check("backups", ok=None, found="none yet", advice=advice)
    return Check(
        "backups", ok=True, found=f"{good}, the newest {info.backups[0].name} of {info.backups[0].manifest.created_at}"
    )


def _states(paths: SessionPaths) -> Iterator[Check]:
    for path in (paths.history, paths.summary):
        try:
            read_json(path)
        except UnreadableFileError as error:
            if path.exists() or path.is_symlink():
                mend = _bound(put_unreadable_aside, path)
                yield Check(
                    path.name, ok=False, found=str(error), advice="it is written anew, this one is kept", mend=mend
                )


def _places(paths: SessionPaths) -> Iterator[Check]:
    """Look at modes and owners: whoever can read the session is the bot."""
    wrong: list[Path] = []
    for place in (paths.directory, paths.cache):
        if place.is_symlink():
            advice = "move the real directory to its place"
            yield Check("permissions", ok=False, found=f"{place} is a link", advice=advice)
        elif place.is_dir():
            wrong += [entry for entry in (place, *place.rglob("*")) if _open_to_others(entry)]
    if not wrong:
        yield Check("permissions", ok=True, found="readable by nobody else")
        return
    some = ", ".join(str(entry.relative_to(paths.data_dir)) for entry in wrong[:3])
    more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""  # noqa: PLR2004 (as many as were named)
    advice = "`linda-bot doctor --fix` makes them private"
    yield Check(
        "permissions", ok=False, found=f"open to others: {some}{more}", advice=advice, mend=_bound(_close, wrong)
    )


def _open_to_others(entry: Path) -> bool:
    mode = entry.lstat().st_mode
    return not stat.S_ISLNK(mode) and bool(stat.S_IMODE(mode) & 0o077)


def _close(entries: list[Path]) -> None:
    for entry in entries:
        entry.chmod(0o700 if entry.is_dir() else 0o600)


def _leftovers(paths: SessionPaths) -> Check:
    left = [*paths.directory.glob(".*.new"), *paths.cache.glob(f".backup-{paths.account}-*.new")]
    if not left or is_held(paths.lock) or is_held(paths.backup_lock):
        return Check("leftovers", ok=True, found="none")
    return Check("leftovers", ok=None, found=f"{len(left)} of interrupted writes", mend=_bound(_clear, paths))


def _clear(paths: SessionPaths) -> None:
    clear_drafts(paths.directory)
    if paths.cache.is_dir():
        with locked(paths.backup_lock, wait_s=1):
            clear_leftovers(paths)


def _room(paths: SessionPaths, info: SessionInfo) -> Check:
    place = next(place for place in (paths.data_dir, *paths.data_dir.parents) if place.exists())
    free = shutil.disk_usage(place).free
    needed = max(_ROOM_LEAST, _ROOM_STORES * info.store_bytes)
    found = f"{free // 1024**2:,} MB free"
    if free >= needed:
        return Check("disk space", ok=True, found=found)
    return Check(
        "disk space", ok=False, found=found, advice=f"make room: {needed // 1024**2} MB are needed for backups"
    )


def _clock(info: SessionInfo) -> Check:
    """Compare the clock with what was written last: one that went back breaks certificates and schedules."""
    now = datetime.now(UTC)
    newest = max((backup.manifest.created for backup in info.backups), default=now)
    if newest - now > _AHEAD_AT_MOST:
        found = f"it says {now:%Y-%m-%d %H:%M} UTC, but a backup was made at {newest:%Y-%m-%d %H:%M}"
        return Check("clock", ok=False, found=found, advice="set the clock; is a time service running?")
    return Check("clock", ok=True, found=f"{now:%Y-%m-%d %H:%M:%S} UTC")


def mend(checks: list[Check]) -> list[str]:
    """Mend what is safe to mend; return what was done, or could not be, in one line each."""
    done: list[str] = []
    begun: list[Callable[[], object]] = []
    for check in checks:
        if check.mend is None or check.mend in begun:
            continue
        begun.append(check.mend)
        try:
            check.mend()
        except (LindaError, OSError) as error:
            done.append(f"{check.name}: not mended: {error}")
        else:
            done.append(f"{check.name}: mended")
    return done


def _bound(work: Callable[..., object], *arguments: object) -> Callable[[], object]:
    return lambda: work(*arguments)
