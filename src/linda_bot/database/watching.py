"""An end to waiting for a database that answers no more, for code that works on a thread of its own."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Condition, Thread, Timer
from typing import Any


class Line:
    """The wire of a connection, which can be cut from another thread: whoever waits for an answer gets an error."""

    def __init__(self, connection: Any) -> None:
        """Take a psycopg connection."""
        # A descriptor of its own: the connection's may be another file's by the time that it is cut.
        self._socket = socket.socket(fileno=os.dup(connection.fileno()))

    def cut(self) -> None:
        """End the connection for both sides."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the wire, which goes on."""
        self._socket.close()


@contextmanager
def answered_within(connection: Any, seconds: float) -> Iterator[None]:
    """Cut the line of a psycopg connection unless the block is through by then: the driver itself waits for ever."""
    line = Line(connection)
    timer = Timer(seconds, line.cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        line.close()


class Watch:
    """Cuts the line of whoever takes too long; for one thread at a time. Its own thread begins when it is needed."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._works = False
        self._ends_at: float | None = None
        self._line: Line | None = None
        self._thread: Thread | None = None
        self.has_cut = False
        """Whether the last work took too long."""

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Give the work in the block so many seconds."""
        with self._changed:
            self._works, self._ends_at, self.has_cut = True, time.monotonic() + seconds, False
            if self._thread is None:
                self._thread = Thread(target=self._run, name="database watch", daemon=True)
                self._thread.start()
            self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._works, self._ends_at = False, None

    def follow(self, line: Line | None) -> None:
        """Take what is to be cut from now on; the line before is closed."""
        with self._changed:
            before, self._line = self._line, line
            if before is not None:
                before.close()
            if line is not None and self._works and self.has_cut:
                line.cut()  # it came too late

    def cut(self) -> None:
        """Have the work that is under way end now."""
        with self._changed:
            self._cut()

    def _cut(self) -> None:
        self._ends_at, self.has_cut = None, True
        if self._line is not None:
            self._line.cut()

    def _run(self) -> None:
        with self._changed:
            while True:
                if self._ends_at is None:
                    self._changed.wait()
                elif (left_s := self._ends_at - time.monotonic()) > 0:
                    self._changed.wait(left_s)
                else:
                    self._cut()
