"""Standard error that nobody has to wait for: a terminal that was stopped with Ctrl+S must not stop the bot."""

import io
import os
import threading
from queue import SimpleQueue
from typing import TextIO

_KEPT_CHARACTERS = 1_000_000
_END_WITHIN_S = 0.5


class PatientStream(io.TextIOBase):
    """Hands text to a stream from a thread of its own; what is too much for a slow reader is left out, and counted."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._encoding = stream.encoding or "utf-8"
        self._waiting: SimpleQueue[str | None] = SimpleQueue()
        self._counting = threading.Lock()
        self._queued = 0
        self._left_out = 0
        self._writer = threading.Thread(target=self._write_all, name="standard error", daemon=True)
        self._writer.start()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The stream's encoding."""
        return self._encoding

    def fileno(self) -> int:
        """Return the stream's descriptor."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return self._stream.isatty()

    def writable(self) -> bool:
        """Return that it is for writing."""
        return True

    def write(self, text: str) -> int:
        """Take a text; never waits."""
        with self._counting:
            if self._queued > _KEPT_CHARACTERS:
                self._left_out += 1
                return len(text)
            shown, self._left_out = self._notice() + text, 0
            self._queued += len(shown)
        self._waiting.put(shown)
        return len(text)

    def end(self) -> None:
        """Wait, not for long, until everything is written."""
        self._waiting.put(self._notice())
        self._waiting.put(None)
        self._writer.join(_END_WITHIN_S)

    def _notice(self) -> str:
        return f"(nobody read this; {self._left_out} lines were left out)\n" if self._left_out else ""

    def _write_all(self) -> None:
        while (text := self._waiting.get()) is not None:
            with self._counting:
                self._queued -= len(text)
            rest = text.encode(self._encoding, errors="backslashreplace")
            try:
                while rest:
                    # Not by the stream itself: it would hold a lock meanwhile that Python wants at its end.
                    rest = rest[os.write(self._stream.fileno(), rest) :]
            except (OSError, ValueError):
                continue  # nobody reads any more
