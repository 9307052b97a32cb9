"""Programs that run on a terminal of their own, which can be closed."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Sequence
from typing import Self

_TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """A window with a program in it: the program leads a session whose controlling terminal it is.

    Its standard output is a pipe, which can be read when the window is gone.
    """

    def __init__(
        self, command: Sequence[str], environment: dict[str, str] | None = None, *, columns: int = 120, lines: int = 50
    ) -> None:
        self._window, theirs = pty.openpty()
        self._closing = threading.Event()
        self.resize(columns, lines)
        self.process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, *command],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)
        self.shown = b""
        self._showing = threading.Thread(target=self._show, daemon=True)
        self._showing.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.close_window()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def resize(self, columns: int, lines: int) -> None:
        """Drag the window's corner; the kernel tells the program."""
        fcntl.ioctl(self._window, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def type_line(self) -> None:
        """Press Return."""
        os.write(self._window, b"\n")

    def close_window(self) -> None:
        """Take the terminal away."""
        self._closing.set()
        self._showing.join()

    def line(self) -> str:
        """Wait for the next line of the program's standard output; empty at its end."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode().strip()

    def ended(self, *, within_s: float = 10) -> int:
        """Wait for the program's end and return its exit status. Raises subprocess.TimeoutExpired."""
        return self.process.wait(within_s)

    def _show(self) -> None:
        """Read what stands on the screen, else the program would wait for room on it; close the window when asked to.

        A read that waits would keep the terminal alive whatever is closed.
        """
        while not self._closing.is_set():
            if select.select([self._window], [], [], 0.02)[0]:
                try:
                    self.shown += os.read(self._window, 4096)
                except OSError:  # nobody has the other end any more
                    break
        os.close(self._window)
