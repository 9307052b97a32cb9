"""The terminal that a process was started from; for POSIX systems, with as few imports as possible."""

import errno
import os

_GONE = (errno.ENXIO, errno.EIO, errno.ENODEV, errno.ENOENT)


def has_terminal() -> bool:
    """Return whether this process has a controlling terminal.

    It loses it when the terminal's window is closed or the connection to it breaks: the kernel then takes it from every
    process of the session, and /dev/tty, the name that each process has for its own, cannot be opened any more
    (tty(4), ENXIO). What descriptors 0 to 2 are does not matter: they may be files or pipes all the while.
    """
    try:
        descriptor = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return error.errno not in _GONE  # too many open files, say: that tells nothing of the terminal
    os.close(descriptor)
    return True
