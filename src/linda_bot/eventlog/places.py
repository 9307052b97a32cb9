"""Where lines go: a rotated file of JSON, and a stream as JSON or readable."""

import os
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TextIO

import msgspec

from linda_bot.eventlog.lines import HEAD
from linda_bot.eventlog.log_file import LogFile
from linda_bot.eventlog.readable import readable


class FilePlace:
    """JSON lines in a file."""

    def __init__(self, file: LogFile, name: str) -> None:
        self.name = name
        self._file = file

    def render(self, line: dict[str, Any]) -> str:
        """Return a line as JSON, with what all lines have first."""
        return as_json(line)

    def write(self, lines: Sequence[str]) -> None:
        """Append the lines."""
        self._file.write("".join(f"{line}\n" for line in lines).encode(errors="backslashreplace"))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class StreamPlace:
    """JSON lines, or readable ones, on a stream that somebody else closes."""

    def __init__(self, stream: TextIO, *, json: bool) -> None:
        self.name = "the log on stderr"
        self._stream = stream
        self._json = json
        self._tty = stream.isatty()
        self._colours = wants_colours(stream)

    def render(self, line: dict[str, Any]) -> str:
        """Return a line as JSON, or as a person reads it."""
        if self._json:
            return as_json(line)
        here = datetime.fromisoformat(line["timestamp"]).astimezone()
        when = f"{here:{'%H:%M:%S' if self._tty else '%Y-%m-%d %H:%M:%S'}}.{here.microsecond // 1000:03}"
        facts = {name: value for name, value in line.items() if name not in HEAD}
        return readable(when, line["level"], line["event"], facts, colours=self._colours)

    def write(self, lines: Sequence[str]) -> None:
        """Write the lines."""
        self._stream.write("".join(f"{line}\n" for line in lines))
        self._stream.flush()

    def close(self) -> None:
        """Leave the stream to its owner."""


def as_json(line: dict[str, Any]) -> str:
    """Return a line as one JSON object, with what all lines have first."""
    ordered = {name: line[name] for name in HEAD if name in line} | line
    try:
        return msgspec.json.encode(ordered).decode()
    except (TypeError, ValueError):  # half a surrogate pair, or a value that JSON has no word for
        return msgspec.json.encode(_plain(ordered)).decode()


def wants_colours(stream: TextIO) -> bool:
    """Return whether a stream is for eyes that like colours."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {_plain(str(key)): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, int | float | None):
        return value
    return str(value).encode(errors="backslashreplace").decode()
