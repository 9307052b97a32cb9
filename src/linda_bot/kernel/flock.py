"""The lock that an engine holds on its session while it lives; for POSIX systems."""

import fcntl
import os
from pathlib import Path


def engine_lock_of(store: Path) -> Path:
    """Return the file that the engine of a store locks."""
    return store.with_name("engine.lock")


def hold_engine_lock(path: Path) -> int:
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
