"""Locks that a crash frees, for POSIX systems; among them the one that an engine holds while it lives."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

_LOOK_EVERY_S = 0.02


def engine_lock_of(store: Path) -> Path:
    """Return the file that the engine of a store locks."""
    return store.with_name("engine.lock")


def hold_lock(path: Path) -> int:
    """Lock a file until this process ends and return its descriptor.

    Raises BlockingIOError when another process holds it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


@contextlib.contextmanager
def locked(path: Path, *, wait_s: float) -> Iterator[None]:
    """Hold a file's lock; raises BlockingIOError when another has it for longer than `wait_s` seconds."""
    give_up_at = time.monotonic() + wait_s
    while True:
        try:
            descriptor = hold_lock(path)
            break
        except BlockingIOError:
            if time.monotonic() >= give_up_at:
                raise
            time.sleep(_LOOK_EVERY_S)
    try:
        yield
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Return whether somebody holds a file's lock."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except (FileNotFoundError, IsADirectoryError):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
