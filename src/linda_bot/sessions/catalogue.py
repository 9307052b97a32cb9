"""The backups of an account that there are: their names, their order, which still count, and which go."""

import hashlib
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from linda_bot.kernel.errors import reason_of
from linda_bot.kernel.files import UnreadableFileError, sync_directory
from linda_bot.sessions.device_status import timestamp
from linda_bot.sessions.manifest import (
    MANIFEST,
    RETIRED,
    Backup,
    Retirement,
    load_manifest,
    load_retirement,
    save_retirement,
)
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.retention import surplus_backups

_DRAFT_ENDING = ".new"


def all_backups(paths: SessionPaths) -> list[Backup]:
    """Return the backups whose manifest can be read, newest first."""
    found = []
    for directory in _directories(paths):
        try:
            manifest = load_manifest(directory / MANIFEST)
        except UnreadableFileError:
            continue
        if manifest.account == paths.account:
            found.append(Backup(directory, manifest, load_retirement(directory)))
    return found


def unreadable_backups(paths: SessionPaths) -> list[str]:
    """Name what looks like a backup of the account but has no manifest that says so, newest first."""
    known = {backup.name for backup in all_backups(paths)}
    return [directory.name for directory in _directories(paths) if directory.name not in known]


def fault_of(backup: Backup) -> str:
    """Compare a copy with its manifest; return what is wrong, or nothing."""
    try:
        if backup.copy.is_symlink() or not backup.copy.is_file():
            return "its copy of the session is missing"
        with backup.copy.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"its copy cannot be read: {reason_of(error)}"
    return "" if found == backup.manifest.sha256 else "its copy is damaged: the checksum does not fit"


def retire(paths: SessionPaths, fingerprint: str, kind: str, because: str) -> list[str]:
    """Have the backups of one linking not be put back by themselves any more; return their names.

    A logout is never taken back by a lesser reason.
    """
    mark = Retirement(kind=kind, because=because, at=timestamp(datetime.now(UTC)))
    retired = []
    for backup in all_backups(paths):
        if backup.manifest.fingerprint != fingerprint:
            continue
        if backup.retired is None or (kind == "logged_out" and backup.retired.kind != kind):
            save_retirement(backup.directory, mark)
            retired.append(backup.name)
    return retired


def reinstate(paths: SessionPaths, fingerprint: str) -> None:
    """Have the backups of one linking count again."""
    for backup in all_backups(paths):
        if backup.manifest.fingerprint == fingerprint:
            (backup.directory / RETIRED).unlink(missing_ok=True)


def clean_up(paths: SessionPaths, *, keep: int, good: str = "") -> list[str]:
    """Delete the backups beyond the newest `keep`, never the newest good one; return the names of what went.

    Only with the backup lock held. Without `good` the newest good one is looked for. What cannot be deleted stays.
    """
    backups = all_backups(paths)
    good = good or next((backup.name for backup in backups if backup.retired is None and not fault_of(backup)), "")
    surplus = surplus_backups([backup.name for backup in backups], keep=keep, good=good)
    return [name for name in surplus if _delete(paths.cache, name)]


def clear_leftovers(paths: SessionPaths) -> list[str]:
    """Delete what interrupted backups left; only with the backup lock held."""
    left = [entry.name for entry in paths.cache.glob(f".backup-{paths.account}-*{_DRAFT_ENDING}")]
    for name in left:
        shutil.rmtree(paths.cache / name, ignore_errors=True)
    return left


@contextmanager
def taking_shape(paths: SessionPaths) -> Iterator[Path]:
    """Yield the directory of a backup to be filled; it gets its name, the next one, when the block ends well.

    Only with the backup lock held. What the block leaves after an error is deleted.
    """
    clear_leftovers(paths)
    name = next_name(paths)
    draft = paths.cache / draft_name(name)
    draft.mkdir(mode=0o700)
    try:
        yield draft
        sync_directory(draft)
        draft.rename(paths.cache / name)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    sync_directory(paths.cache)


def name_of(draft: Path) -> str:
    """Return the name that a backup which is taking shape is going to have."""
    return draft.name.removeprefix(".").removesuffix(_DRAFT_ENDING)


def next_name(paths: SessionPaths) -> str:
    """Return the name of the next backup; numbers only grow."""
    newest = max((_number(entry.name) for entry in _namesakes(paths)), default=0)
    return f"backup-{paths.account}-{newest + 1:03}"


def draft_name(name: str) -> str:
    """Return what a backup is called until it is whole."""
    return f".{name}{_DRAFT_ENDING}"


def _directories(paths: SessionPaths) -> list[Path]:
    """Return the directories that are named as backups of the account, newest first."""
    found = [entry for entry in _namesakes(paths) if entry.is_dir() and not entry.is_symlink()]
    return sorted(found, key=lambda entry: _number(entry.name), reverse=True)


def _namesakes(paths: SessionPaths) -> list[Path]:
    """Return whatever is named as a backup of the account, a directory or not."""
    pattern = re.compile(rf"backup-{re.escape(paths.account)}-[0-9]{{3,}}")
    try:
        return [entry for entry in paths.cache.iterdir() if pattern.fullmatch(entry.name)]
    except OSError:
        return []


def _number(name: str) -> int:
    return int(name.rpartition("-")[2])


def _delete(cache: Path, name: str) -> bool:
    """Delete a backup: first its name, so that a half-deleted one is never taken for one; return whether it went."""
    leaving = cache / draft_name(name)
    try:
        (cache / name).rename(leaving)
    except OSError:
        return False
    sync_directory(cache)
    shutil.rmtree(leaving, ignore_errors=True)
    return True
