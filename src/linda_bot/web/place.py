"""Where a bot's control socket is, and how it is reached although an address has room for a short path only."""

import os
import socket
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from linda_bot.kernel.files import UnreadableFileError, read_json, write_json

LONGEST_PATH = 103 if sys.platform == "darwin" else 107
"""So many bytes does an address of a unix socket have room for, without the zero at its end."""

_DESCRIPTORS = Path("/proc/self/fd")
"""Linux: a directory of any path is reached through an open descriptor of it."""

_PRIVATE_DIR = 0o700
_NAME = "control.sock"


class Reachable(Protocol):
    """What answers on a control socket."""

    @property
    def control(self) -> Path:
        """Where the socket is."""

    @property
    def control_pointer(self) -> Path:
        """What says where it is when its path is too long for one."""


def connect(connection: socket.socket, paths: Reachable) -> None:
    """Connect to the control socket of a bot; raises OSError, also when there is none to be trusted."""
    place = socket_of(paths)
    if place is None:
        raise FileNotFoundError(str(paths.control))
    with _address(place) as address:
        connection.connect(address)


def socket_of(paths: Reachable) -> Path | None:
    """Return where the control socket of a bot is; None when there is none, or none to be trusted."""
    place = paths.control if _can_be_reached(paths.control) else _pointed_at(paths.control_pointer)
    return place if place is not None and _is_our_socket(place) else None


def listen(paths: Reachable) -> socket.socket:
    """Bind and listen; what a killed bot has left is replaced. Raises OSError.

    Only for who holds the session's lock: nobody else listens there then.
    """
    remove(paths)
    place = paths.control if _can_be_reached(paths.control) else _elsewhere()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    is_bound = False
    try:
        with _address(place) as address:
            listener.bind(address)
        is_bound = True
        place.chmod(0o600)
        listener.listen()
        listener.setblocking(False)  # noqa: FBT003 (its own signature)
        if place != paths.control:
            write_json(paths.control_pointer, {"socket": str(place)})
    except OSError:
        listener.close()
        if is_bound or place != paths.control:  # else something else is in its place
            _remove_socket(place, paths)
        raise
    return listener


def remove(paths: Reachable) -> None:
    """Remove the socket, and what leads to it; only for who holds the session's lock. Raises OSError."""
    pointed_at = _pointed_at(paths.control_pointer)
    if pointed_at is not None:
        _remove_socket(pointed_at, paths)
    paths.control_pointer.unlink(missing_ok=True)
    if _is_our_socket(paths.control):
        paths.control.unlink(missing_ok=True)


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= LONGEST_PATH


def _can_be_reached(path: Path) -> bool:
    return _fits(path) or _DESCRIPTORS.is_dir()


@contextmanager
def _address(place: Path) -> Iterator[str]:
    """Yield an address of a socket that the kernel takes; raises OSError."""
    if _fits(place):
        yield str(place)
        return
    descriptor = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield str(_DESCRIPTORS / str(descriptor) / place.name)
    finally:
        os.close(descriptor)


def _elsewhere() -> Path:
    """Return a place for a socket in a fresh directory that nobody else may enter; raises OSError."""
    import tempfile  # nearly nobody has a path as long as that

    directory = Path(tempfile.mkdtemp(prefix="linda-bot-"))
    if not _fits(directory / _NAME):  # somebody's TMPDIR
        directory.rmdir()
        directory = Path(tempfile.mkdtemp(prefix="linda-bot-", dir="/tmp"))  # a fresh one, mode 0700
    return directory / _NAME


def _remove_socket(place: Path, paths: Reachable) -> None:
    with suppress(OSError):
        place.unlink(missing_ok=True)
    if place.parent != paths.control.parent:
        with suppress(OSError):
            place.parent.rmdir()


def _pointed_at(pointer: Path) -> Path | None:
    """Return the socket that a pointer leads to, if its directory is ours alone."""
    try:
        content = read_json(pointer)
        found = Path(str(content["socket"])) if isinstance(content, dict) and "socket" in content else None
        if found is None or not found.is_absolute() or found.name != _NAME or not _fits(found):
            return None
        about = found.parent.lstat()
    except (UnreadableFileError, OSError, ValueError):
        return None
    is_ours = stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid()
    return found if is_ours and stat.S_IMODE(about.st_mode) == _PRIVATE_DIR else None


def _is_our_socket(path: Path) -> bool:
    try:
        about = path.lstat()
    except (OSError, ValueError):
        return False
    return stat.S_ISSOCK(about.st_mode) and about.st_uid == os.geteuid()
