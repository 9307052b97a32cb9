"""Moving a session to another machine: a backup with its status and history, in one tar file.

An archive is a stranger's file: its members are looked up by name and streamed, never unpacked by their own paths.
"""

import io
import json
import os
import shutil
import tarfile
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from linda_bot.kernel.errors import UsageError, reason_of
from linda_bot.kernel.files import UnreadableFileError, make_private_dir, sync_directory
from linda_bot.kernel.flock import locked
from linda_bot.sessions.catalogue import fault_of, name_of, taking_shape
from linda_bot.sessions.manifest import (
    COPY,
    LARGEST_MANIFEST,
    MANIFEST,
    SEALED_COPY,
    Backup,
    Manifest,
    parse_manifest,
    save_manifest,
)
from linda_bot.sessions.paths import SessionPaths

STATUS, HISTORY = "device-status.json", "session-history.json"
_LARGEST_STATE = 4 * 1024 * 1024
_LARGEST_COPY = 16 * 1024**3
_LIMITS = {
    MANIFEST: LARGEST_MANIFEST,
    COPY: _LARGEST_COPY,
    SEALED_COPY: _LARGEST_COPY,
    STATUS: _LARGEST_STATE,
    HISTORY: _LARGEST_STATE,
}
"""The members that an archive may have, and how large each may be, in bytes."""

_CHUNK = 1024 * 1024
_LOCK_WAIT_S = 30.0


class Unpacked(NamedTuple):
    """What an archive brought."""

    backup: Backup
    """Among the account's backups now."""
    states: dict[str, bytes]
    """The state files that came along, by name."""


def pack(paths: SessionPaths, backup: Backup, file: Path) -> None:
    """Write a backup and the session's state files into a new archive; raises UsageError when it cannot be written."""
    if file.exists() or file.is_symlink():
        raise UsageError(f"{file} is there already; name a new file")
    draft = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                _pack(paths, backup, stream)
                stream.flush()
                os.fsync(stream.fileno())
            os.link(draft, file)  # unlike a rename, never over something that came meanwhile
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {reason_of(error)}") from error
    sync_directory(file.parent)


def unpack(paths: SessionPaths, file: Path) -> Unpacked:
    """Check an archive and add it to the account's backups; the session is not touched.

    Raises UsageError, one line that says what is wrong with it.
    """
    make_private_dir(paths.cache)
    try:
        with locked(paths.backup_lock, wait_s=_LOCK_WAIT_S), file.open("rb") as stream:
            return _unpack(paths, stream)
    except BlockingIOError:
        raise UsageError("a backup of this session is being made; try again in a moment") from None
    except (tarfile.TarError, EOFError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is not an archive of linda-bot export ({error})") from error
    except UnreadableFileError as error:
        raise UsageError(f"{file} is refused: {error}") from error
    except OSError as error:
        raise UsageError(f"{file} cannot be taken in: {reason_of(error)}") from error


def _pack(paths: SessionPaths, backup: Backup, stream: IO[bytes]) -> None:
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        manifest = json.dumps(msgspec.to_builtins(backup.manifest), indent=2).encode() + b"\n"
        _add(archive, MANIFEST, len(manifest), io.BytesIO(manifest))
        with backup.copy.open("rb") as copy:
            _add(archive, backup.manifest.file_name, backup.copy.stat().st_size, copy)
        for name, path in ((STATUS, paths.device_status), (HISTORY, paths.history)):
            if path.is_file() and path.stat().st_size <= _LARGEST_STATE:
                content = path.read_bytes()
                _add(archive, name, len(content), io.BytesIO(content))


def _add(archive: tarfile.TarFile, name: str, size: int, content: IO[bytes]) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    archive.addfile(member, content)


def _unpack(paths: SessionPaths, stream: IO[bytes]) -> Unpacked:
    with taking_shape(paths) as draft:
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            members = _members(archive)
            manifest = _manifest(archive, members, paths)
            states = {state: _read(archive, members[state]) for state in (STATUS, HISTORY) if state in members}
            _stream_out(archive, members[manifest.file_name], draft / manifest.file_name)
        save_manifest(draft / MANIFEST, manifest)
        _check(Backup(draft, manifest))
    return Unpacked(Backup(paths.cache / name_of(draft), manifest), states)


def _check(backup: Backup) -> None:
    if fault := fault_of(backup):
        raise UnreadableFileError(fault)


def _members(archive: tarfile.TarFile) -> dict[str, tarfile.TarInfo]:
    """Return the members by name; an archive with any other than ours is refused as a whole."""
    found: dict[str, tarfile.TarInfo] = {}
    for member in archive:
        plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE)
        if member.name not in _LIMITS or member.name in found or not plain or member.size > _LIMITS[member.name]:
            message = f"it holds {member.name[:80]!r}, which no export has; it was not made by linda-bot export"
            raise UnreadableFileError(message)
        found[member.name] = member
    if MANIFEST not in found:
        message = "it has no manifest; it was not made by linda-bot export"
        raise UnreadableFileError(message)
    return found


def _manifest(archive: tarfile.TarFile, members: dict[str, tarfile.TarInfo], paths: SessionPaths) -> Manifest:
    try:
        content = json.loads(_read(archive, members[MANIFEST]))
    except (ValueError, RecursionError) as error:
        raise UnreadableFileError(f"its manifest cannot be read ({error})") from error
    manifest = parse_manifest(content)
    if manifest.file_name not in members:
        message = "its copy of the session is missing"
        raise UnreadableFileError(message)
    if paths.number is not None and manifest.linked_number != paths.number:
        message = "it is linked to another number than --account (LINDA_ACCOUNT) says"
        raise UnreadableFileError(message)
    if paths.store.exists() and manifest.sandbox is not paths.sandbox_mark.exists():
        message = "it and the session here do not both belong to WhatsApp or to a sandbox; use another --data-dir"
        raise UnreadableFileError(message)
    return msgspec.structs.replace(manifest, account=paths.account, reason="import")


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(member)
    assert stream is not None  # only regular files are let in
    with stream:
        return stream.read()


def _stream_out(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    stream = archive.extractfile(member)
    assert stream is not None  # only regular files are let in
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with stream, os.fdopen(descriptor, "wb") as file:
        shutil.copyfileobj(stream, file, _CHUNK)
        file.flush()
        os.fsync(file.fileno())
