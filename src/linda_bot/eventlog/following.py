"""Reading the event log as it grows."""

import os
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import BinaryIO

from linda_bot.eventlog.log_file import FILE_NAME
from linda_bot.eventlog.reading import BLOCK, LONGEST_LINE, Part, Record, Wanted, parse, parts_of

_EVERY_S = 0.25


def follow(
    directory: Path, wanted: Wanted, begin: Part | None, *, wait: Callable[[float], object] = time.sleep
) -> Generator[Record | None, None, None]:
    """Yield the lines that are written from `begin` on, for ever; None each time when there is nothing new for now.

    Follows rotations, and begins a file again that has become shorter.
    """
    tail = _Tail(directory, begin)
    try:
        while True:
            for line in tail.new_lines():
                record = parse(line)
                if wanted.lets_through(record):
                    yield record
            yield None
            wait(_EVERY_S)
    finally:
        tail.close()


class _Tail:
    """The end of a log that grows."""

    def __init__(self, directory: Path, begin: Part | None) -> None:
        self._directory = directory
        self._file: BinaryIO | None = None
        self._identity = begin.identity if begin is not None else None
        self._position = begin.size if begin is not None else 0
        self._rest = b""

    def new_lines(self) -> Iterator[bytes]:
        """Yield the whole lines that have come since."""
        while True:
            if self._file is None and not self._open():
                return
            yield from self._read()
            if not self._goes_on():
                return

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> bool:
        """Open the file that is to be read on, or the newest when it is gone; return whether there is one."""
        parts = parts_of(self._directory)
        if not parts:
            return False
        part = next((part for part in parts if part.identity == self._identity), None)
        if part is None:
            part, self._position = parts[-1], 0
            if part.path.name != FILE_NAME:
                return False  # the newest is just not there; the older ones were read
        try:
            self._file = part.path.open("rb")
        except OSError:
            return False
        stat = os.fstat(self._file.fileno())
        if (stat.st_dev, stat.st_ino) != part.identity:  # it was rotated just now
            self._position = 0
        self._identity = (stat.st_dev, stat.st_ino)
        return True

    def _read(self) -> Iterator[bytes]:
        assert self._file is not None
        if os.fstat(self._file.fileno()).st_size < self._position:
            self._position, self._rest = 0, b""
        self._file.seek(self._position)
        while block := self._file.read(BLOCK):
            self._position += len(block)
            *lines, self._rest = (self._rest + block).split(b"\n")
            self._rest = self._rest[:LONGEST_LINE]
            yield from (line for line in lines if line)

    def _goes_on(self) -> bool:
        """Move to the next newer file when there is one; return whether there is more to read at once."""
        assert self._file is not None
        parts = parts_of(self._directory)
        places = [place for place, part in enumerate(parts) if part.identity == self._identity]
        if places and places[0] == len(parts) - 1:
            return False
        if os.fstat(self._file.fileno()).st_size > self._position:
            return True  # something was written just before it was moved
        newer = parts[places[0] + 1] if places else next((part for part in parts if part.path.name == FILE_NAME), None)
        if newer is None:
            return False
        self._file.close()
        self._file, self._identity, self._position, self._rest = None, newer.identity, 0, b""
        return True
