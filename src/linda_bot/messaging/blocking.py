"""Notices a handler that keeps the event loop waiting, and names it: nothing else runs meanwhile, no timeout either."""

import asyncio
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from linda_bot.kernel.bus import EventBus
from linda_bot.messaging.events import HandlerBlocked

_LOOK_EVERY_S = 0.25
_TOO_LONG_S = 1.0
HANDLER_TASK = "handler "
"""How the names of tasks that run an author's code begin."""

_log = logging.getLogger("linda_bot.messaging")


@contextmanager
def watch_for_blocking(bus: EventBus, *, too_long_s: float = _TOO_LONG_S) -> Iterator[None]:
    """Watch the running loop from a thread; tells of a stay once it is over, and in the log while it lasts."""
    watch = _Watch(asyncio.get_running_loop(), bus, too_long_s)
    try:
        yield
    finally:
        watch.end()


class _Watch:
    def __init__(self, loop: asyncio.AbstractEventLoop, bus: EventBus, too_long_s: float) -> None:
        self._loop = loop
        self._bus = bus
        self._too_long_s = too_long_s
        self._loop_thread = threading.get_ident()
        self._ended = threading.Event()
        self._answered = threading.Event()
        thread = threading.Thread(target=self._run, name="loop watch", daemon=True)
        thread.start()

    def end(self) -> None:
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(_LOOK_EVERY_S):
            self._answered.clear()
            try:
                self._loop.call_soon_threadsafe(self._answered.set)
            except RuntimeError:  # the loop is closed
                return
            if not self._answered.wait(self._too_long_s):
                self._look(self._too_long_s)

    def _look(self, waited_s: float) -> None:
        """Find out who it is, and for how long; the loop cannot be asked."""
        task = asyncio.current_task(self._loop)
        name = task.get_name() if task is not None else ""
        frame = sys._current_frames().get(self._loop_thread)  # noqa: SLF001 (there is no other way to look at a thread)
        where = _author_line(frame) if frame is not None else ""
        handler = name.removeprefix(HANDLER_TASK) if name.startswith(HANDLER_TASK) else ""
        if handler:
            _log.warning("the handler %s blocks the bot in %s: nothing else runs until it goes on", handler, where)
        while not self._answered.wait(_LOOK_EVERY_S) and not self._ended.is_set():
            waited_s += _LOOK_EVERY_S
        if handler and not self._ended.is_set():
            event = HandlerBlocked(handler=handler, for_s=round(waited_s, 1), where=where)
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._bus.publish, event)


def _author_line(frame: FrameType) -> str:
    """Return the innermost line of code that is neither ours nor a library's."""
    place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
    look: FrameType | None = frame
    while look is not None:
        file = look.f_code.co_filename
        if not any(part in file for part in ("/linda_bot/", "/site-packages/", "/lib/python", "<frozen")):
            return f"{file}:{look.f_lineno} ({look.f_code.co_name})"
        look = look.f_back
    return place
