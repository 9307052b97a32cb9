"""A shell on a pseudo-terminal of its own, and what stood on it when."""

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

PROMPT = "$ "
_SHELL = ("bash", "--norc", "--noprofile", "--noediting")
_STYLE = re.compile(r"\x1b\[([0-9;]*)m")
_ESCAPE = re.compile(r"\x1b(?!\[[0-9;]*m)")
_READ = 65536


class Span(NamedTuple):
    """A piece of a line in one style: the numbers of its escape sequences."""

    text: str
    style: frozenset[int] = frozenset()


class Line(NamedTuple):
    """A line of a screen, and when it was complete, in seconds after the recording's start."""

    at: float
    spans: tuple[Span, ...]

    @property
    def text(self) -> str:
        """What it says."""
        return "".join(span.text for span in self.spans)


class Studio:
    """Sees to it that all screens are read while one is waited for, each in its own time."""

    def __init__(self) -> None:
        self.shells: list[Shell] = []
        self._began = time.monotonic()

    def look(self) -> None:
        """Read what has come on any screen within a moment."""
        ready = select.select([shell.window for shell in self.shells], [], [], 0.02)[0]
        for shell in self.shells:
            if shell.window in ready:
                shell.read(time.monotonic() - self._began)

    def rest(self, seconds: float) -> None:
        """Let time pass."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.look()


class Shell:
    """An interactive shell that is typed into, and whose screen is read; it only ever writes below what is there."""

    def __init__(
        self,
        studio: Studio,
        cwd: Path,
        environment: Mapping[str, str],
        *,
        columns: int,
        lines: int,
        prompt: str = PROMPT,
        sign: str = PROMPT,
    ) -> None:
        """Start it; `sign` is what of the prompt stands on the screen in any case."""
        self._studio = studio
        self._decoder = codecs.getincrementaldecoder("utf-8")()  # a read may end within a character
        self.pid, self.window = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execvpe(_SHELL[0], _SHELL, {**environment, "PS1": prompt, "TERM": "xterm-256color"})  # noqa: S606 (it is to be a shell)
        fcntl.ioctl(self.window, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._written: list[tuple[float, str]] = []
        studio.shells.append(self)
        self.wait_for(sign)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._studio.shells.remove(self)
        os.close(self.window)  # which hangs up on whatever runs there
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def type(self, command: str) -> None:
        """Type a line, and press Return."""
        os.write(self.window, f"{command}\n".encode())

    def press(self, keys: str) -> None:
        """Press keys without Return."""
        os.write(self.window, keys.encode())

    def wait_until(self, happened: Callable[[], object], otherwise: str, *, within_s: float = 30) -> None:
        """Wait until something is so; raises TimeoutError, with the screen."""
        give_up_at = time.monotonic() + within_s
        while not happened():
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"{otherwise} within {within_s:g} s; there was:\n{self.screen}")
            self._studio.look()

    def wait_for(self, sign: str, *, times: int = 1, within_s: float = 30) -> None:
        """Wait until something stands on the screen so many times; raises TimeoutError, with the screen."""
        self.wait_until(lambda: self.screen.count(sign) >= times, f"{sign!r} did not come", within_s=within_s)

    def run(self, command: str, *, sign: str = PROMPT, within_s: float = 30) -> None:
        """Type a command and wait for its end."""
        prompts = self.screen.count(sign)
        self.type(command)
        self.wait_for(sign, times=prompts + 1, within_s=within_s)

    def read(self, at: float) -> None:
        """Take what has come."""
        with suppress(OSError):  # nobody has the other end any more
            self._written.append((at, self._decoder.decode(os.read(self.window, _READ))))

    def lines(self) -> list[Line]:
        """Return what stands on the screen; raises ValueError when a program has moved the cursor."""
        found: list[Line] = []
        text, style = "", frozenset[int]()
        for at, piece in self._written:
            text += piece
            *whole, text = text.replace("\r", "").split("\n")
            for each in whole:
                line, style = _line(at, each, style)
                found.append(line)
        if text:
            found.append(_line(self._written[-1][0], text, style)[0])
        return found

    @property
    def screen(self) -> str:
        """Everything that it has shown, without colours."""
        return _STYLE.sub("", "".join(piece for _, piece in self._written))


def _line(at: float, text: str, style: frozenset[int]) -> tuple[Line, frozenset[int]]:
    """Return a line taken apart, and the style that goes on in the next one."""
    if _ESCAPE.search(text):
        raise ValueError(f"more than colours: {text!r}")
    spans: list[Span] = []
    for number, part in enumerate(_STYLE.split(text)):
        if number % 2 == 0:
            if part:
                spans.append(Span(part, style))
            continue
        codes = {int(code or 0) for code in part.split(";")}
        style = frozenset(codes - {0}) if 0 in codes else style | codes
    return Line(at, tuple(spans)), style
