"""One daemon a session: a lock that a crash frees, and that says who holds it."""

import asyncio
import contextlib
import fcntl
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from linda_bot.kernel.errors import SessionHeldError
from linda_bot.kernel.files import put_unreadable_aside
from linda_bot.kernel.flock import is_held

_LOOK_EVERY_S = 0.05
_RUNNING, _LISTENING, _STOPPING = "running", "listening", "stopping"


class Lockable(Protocol):
    """What only one process may have."""

    @property
    def lock(self) -> Path:
        """Held by the daemon while it lives."""

    @property
    def engine_lock(self) -> Path:
        """Held by its engine while that lives."""


class Holder(NamedTuple):
    """Who holds a session, as the lock's file tells."""

    pid: int
    host: str
    since: str
    phase: str

    @property
    def takes_hints(self) -> bool:
        """Whether it is a bot that understands SIGHUP as a request; anything else might die of it."""
        return self.phase == _LISTENING


class SessionLock:
    """A held lock; the file's content is for people and for those who wait."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._note(_RUNNING)

    def mark_listening(self) -> None:
        """Say that this is a bot, which listens to signals."""
        self._note(_LISTENING)

    def mark_stopping(self) -> None:
        """Say that the end is near, so that a new daemon waits instead of giving up."""
        self._note(_STOPPING)

    def release(self) -> None:
        """Let the next one in."""
        os.close(self._descriptor)

    def _note(self, phase: str) -> None:
        holder = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "phase": phase,
        }
        text = json.dumps(holder).encode()
        with contextlib.suppress(OSError):  # the note is a courtesy, the lock is what counts
            os.pwrite(self._descriptor, text, 0)
            os.ftruncate(self._descriptor, len(text))


def holder_of(paths: Lockable) -> Holder | None:
    """Return who holds a session; None when nobody does. Takes nothing away from anybody."""
    if not is_held(paths.lock):
        return None
    try:
        content = json.loads(paths.lock.read_bytes())
    except (OSError, ValueError):
        content = {}
    said = content if isinstance(content, dict) else {}
    pid = said.get("pid")
    return Holder(pid if isinstance(pid, int) else 0, *(str(said.get(name, "")) for name in ("host", "since", "phase")))


async def acquire_lock(paths: Lockable, *, wait_s: float = 10) -> SessionLock:
    """Take a session's lock, when the engine of an earlier daemon is gone too.

    A holder that is running is not waited for; one that is just ending is, for at most `wait_s` seconds. Raises
    SessionHeldError, which names the holder.
    """
    for path in (paths.lock, paths.engine_lock):
        if path.is_dir():  # nobody can hold it
            put_unreadable_aside(path)
    descriptor = os.open(paths.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        give_up_at = asyncio.get_running_loop().time() + wait_s
        await _wait_for_daemon(descriptor, give_up_at)
        lock = SessionLock(descriptor)  # from here on the file names us, also while we wait for an engine
        await _wait_for_engine(paths, give_up_at)
    except BaseException:
        os.close(descriptor)
        raise
    return lock


async def _wait_for_daemon(descriptor: int, give_up_at: float) -> None:
    while not _try_lock(descriptor):
        holder = _read_holder(descriptor)
        running = holder.get("phase") in (_RUNNING, _LISTENING) and not _is_gone(holder)
        if running or asyncio.get_running_loop().time() >= give_up_at:
            raise SessionHeldError(held_by(holder.get("pid", "unknown"), holder.get("host", "")))
        await asyncio.sleep(_LOOK_EVERY_S)


async def _wait_for_engine(paths: Lockable, give_up_at: float) -> None:
    while not _is_free(paths):
        if asyncio.get_running_loop().time() >= give_up_at:
            message = "an engine of an earlier run still holds the session; wait a moment, then start again"
            raise SessionHeldError(message)
        await asyncio.sleep(_LOOK_EVERY_S)


def _is_gone(holder: dict[str, object]) -> bool:
    """Return whether the process that the file names is dead; somebody else holds the lock then, for a moment."""
    pid = holder.get("pid")
    if not isinstance(pid, int) or pid <= 0 or holder.get("host") != socket.gethostname():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_free(paths: Lockable) -> bool:
    """Return whether no engine holds the session."""
    try:
        descriptor = os.open(paths.engine_lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        return _try_lock(descriptor)
    finally:
        os.close(descriptor)


def _read_holder(descriptor: int) -> dict[str, object]:
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
    except ValueError:
        return {"phase": _RUNNING} if os.fstat(descriptor).st_size else {}  # it is just being written
    return holder if isinstance(holder, dict) else {}


def held_by(pid: object, host: object) -> str:
    """Say who holds a session, and what to do about it."""
    where = f" on {host}" if host and host != socket.gethostname() else ""
    return (
        f"another linda-bot holds this session (pid {pid}{where}); stop it first, "
        "or choose another --account or --data-dir"
    )
