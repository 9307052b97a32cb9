"""Files that a crash at any instant leaves whole, and directories that are ours alone."""

import contextlib
import json
import os
import stat
import threading
from pathlib import Path
from typing import TypeVar

import msgspec

from linda_bot.kernel.errors import UsageError, reason_of

_PRIVATE_DIR = 0o700
_PRIVATE_FILE = 0o600
T = TypeVar("T")


class UnreadableFileError(Exception):
    """A file is missing, or is not what it should be."""


def write_atomic(path: Path, data: bytes, *, mode: int = _PRIVATE_FILE) -> None:
    """Replace a file's content; whatever happens, either the old or the new content is there, whole.

    Raises OSError; nothing is left behind then.
    """
    # A name of its own for each thread: two that write the same file must not write into one draft.
    draft = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_native_id()}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    sync_directory(path.parent)


def write_json(path: Path, value: object) -> None:
    """Write a value as indented JSON, atomically."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    # A file name that is not UTF-8 comes as lone surrogates; JSON has an escape for these.
    write_atomic(path, text.encode(errors="backslashreplace"))


def read_json(path: Path) -> object:
    """Return a file's JSON value; raises UnreadableFileError."""
    try:
        if path.exists() and not path.is_file():  # reading a pipe or a device might never end
            message = "it is not a file"
            raise UnreadableFileError(message)
        value: object = json.loads(path.read_bytes())
    except FileNotFoundError:
        message = "there is no such file"
        raise UnreadableFileError(message) from None
    except (OSError, ValueError, RecursionError) as error:
        raise UnreadableFileError(str(error)) from error
    return value


def fit_json(value: object, kind: type[T]) -> T:
    """Return a JSON value as what it is meant to be; raises UnreadableFileError when it is something else."""
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, ValueError) as error:  # ValueError: half a surrogate pair, which is no text
        raise UnreadableFileError(str(error)) from error


def put_unreadable_aside(path: Path) -> Path | None:
    """Rename what cannot be read to `<name>.unreadable` and return where; None when there is nothing. Raises OSError.

    The last few are kept: `.unreadable`, `.unreadable-2`, `.unreadable-3`.
    """
    if not path.exists() and not path.is_symlink():
        return None
    places = [path.with_name(f"{path.name}.unreadable{number}") for number in ("", "-2", "-3")]
    place = next((place for place in places if not place.exists() and not place.is_symlink()), places[-1])
    if place.is_dir() or (path.is_dir() and place.exists()):
        return None  # nothing of it is deleted
    path.replace(place)
    return place


def clear_drafts(directory: Path, *, of: str = "") -> None:
    """Delete what writes that were cut short have left: of one file, or in a directory of ours of all."""
    with contextlib.suppress(OSError):
        for draft in directory.glob(f".{of}.*.new" if of else ".*.new"):
            if draft.is_file():
                draft.unlink()


def make_private_dir(path: Path) -> None:
    """Make a directory with mode 0700, or see to it that an existing one is ours alone.

    What is missing above it is made likewise: whoever can write there could put another directory in its place.
    Raises UsageError, in one line that says what to do, when that cannot be.
    """
    try:
        for missing in reversed([place for place in path.parents if not place.exists()]):
            missing.mkdir(mode=_PRIVATE_DIR, exist_ok=True)
        path.mkdir(mode=_PRIVATE_DIR, exist_ok=True)
        found = path.lstat()
    except FileExistsError:
        message = f"{path} is not a directory; move it away or choose another place with --data-dir"
        raise UsageError(message) from None
    except OSError as error:
        message = f"cannot write to {path}: {reason_of(error)}; make it writable or choose another with --data-dir"
        raise UsageError(message) from error
    if stat.S_ISLNK(found.st_mode):
        message = f"{path} is a link; a session is kept in a real directory: remove the link"
        raise UsageError(message)
    if found.st_uid != os.geteuid():
        message = f"{path} belongs to another user; run as that user or choose another place with --data-dir"
        raise UsageError(message)
    try:
        if stat.S_IMODE(found.st_mode) != _PRIVATE_DIR:
            path.chmod(_PRIVATE_DIR)
    except OSError as error:
        message = f"cannot make {path} private: {reason_of(error)}"
        raise UsageError(message) from error
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        message = f"cannot write to {path}: permission denied; make it writable or choose another with --data-dir"
        raise UsageError(message)


def sync_file(path: Path) -> None:
    """Have what was written to a file survive a power loss; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Make a rename survive a power loss; some file systems cannot, which is no error."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
