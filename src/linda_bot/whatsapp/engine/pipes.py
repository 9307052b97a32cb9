"""The engine's two pipes: requests come in on stdin, notices go out on what was stdout."""

import os
from collections.abc import Iterator
from threading import Lock

from linda_bot.whatsapp.events import ClientEvent
from linda_bot.whatsapp.wire import FRAME_HEADER, MAX_FRAME_BYTES, AnyRequest, Reply, frame, request_decoder


def claim_pipes() -> tuple[int, int]:
    """Set stdin and stdout aside and return their new descriptors.

    From here on descriptor 0 is empty and 1 is the stderr pipe, so nothing that the Go side prints can mix in with
    the notices.
    """
    requests, notices = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, notices


class NoticeWriter:
    """Writes whole frames from any thread; a slow reader makes the caller wait."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._writing = Lock()

    def send(self, message: Reply | ClientEvent) -> None:
        """Write one message; when the daemon is gone, do nothing: the end of stdin tells it too."""
        rest = memoryview(frame(message))
        with self._writing:
            try:
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except BrokenPipeError:
                return


def read_requests(descriptor: int) -> Iterator[AnyRequest]:
    """Yield the daemon's requests until it closes the pipe or dies."""
    while header := _read_exactly(descriptor, FRAME_HEADER.size):
        (length,) = FRAME_HEADER.unpack(header)
        if length > MAX_FRAME_BYTES:
            return
        body = _read_exactly(descriptor, length)
        if not body:
            return
        yield request_decoder.decode(body)


def _read_exactly(descriptor: int, length: int) -> bytes:
    """Return so many bytes, or none at all when the pipe ends first."""
    chunks = []
    while length:
        chunk = os.read(descriptor, length)
        if not chunk:
            return b""
        chunks.append(chunk)
        length -= len(chunk)
    return b"".join(chunks)
