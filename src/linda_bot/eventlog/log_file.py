"""A file of lines that is rotated by its size; more than one process may write it."""

import contextlib
import os
from pathlib import Path

from linda_bot.kernel.flock import locked

FILE_NAME = "events.jsonl"
"""The newest file of the event log."""

_LOCK_WAIT_S = 1.0


class LogFile:
    """Appends whole lines; raises OSError where the disk does not take them, and may be tried again then."""

    def __init__(self, path: Path, *, most_bytes: int, files: int) -> None:
        """Begin a new file at `most_bytes`, and keep so many `files`: `path`, `path.1`, and so on, the oldest last."""
        self._path = path
        self._most_bytes = most_bytes
        self._files = files
        self._descriptor = -1
        self._is_torn = False

    def write(self, lines: bytes) -> None:
        """Append lines, each with its newline."""
        self._open()
        if self._is_torn:  # the end of what could not be written whole
            lines = b"\n" + lines
        view = memoryview(lines)
        while view:
            written = os.write(self._descriptor, view)
            self._is_torn = written < len(view)
            view = view[written:]

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):  # what cannot be written now is lost; it was told
                os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        """Have the newest file open: another process, or a person, may have moved it away."""
        if self._descriptor >= 0 and not self._is_newest():
            self.close()
        if self._descriptor < 0:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, 0o600)
        if os.fstat(self._descriptor).st_size >= self._most_bytes:
            self._rotate()

    def _is_newest(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except OSError:
            return False

    def _rotate(self) -> None:
        lock = self._path.with_name(f".{self._path.name}.lock")
        with contextlib.suppress(BlockingIOError), locked(lock, wait_s=_LOCK_WAIT_S):
            if self._is_newest():  # else another process was faster
                for number in range(self._files - 1, 1, -1):
                    with contextlib.suppress(FileNotFoundError):
                        self._numbered(number - 1).replace(self._numbered(number))
                self._path.replace(self._numbered(1))
                self._drop_older()
            self.close()
        if self._descriptor < 0:
            self._open()

    def _drop_older(self) -> None:
        """Delete what a larger number of files has left behind."""
        number = self._files
        while self._numbered(number).exists():
            self._numbered(number).unlink()
            number += 1

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
