"""Descriptors 0 to 2: each must lead somewhere; for POSIX systems, with as few imports as possible."""

import os
import sys
from typing import TextIO, cast

_STANDARD = (0, 1, 2)


def fill_standard_streams() -> None:
    """Have those of stdin, stdout and stderr that the process was started without lead nowhere.

    The next file, pipe or socket that is opened would otherwise get their number, and all that is printed.
    """
    for number in _STANDARD:
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is this one: those below it are open by now. Child processes inherit it.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003 (it has no keyword)
    # Python has no object for a descriptor that was closed when it started.
    sys.stdin = sys.stdin or _text(0, "r")
    sys.stdout = sys.stdout or _text(1, "w")
    sys.stderr = sys.stderr or _text(2, "w")


def _text(number: int, mode: str) -> TextIO:
    return cast("TextIO", os.fdopen(number, mode, encoding="utf-8", errors="replace", closefd=False))
