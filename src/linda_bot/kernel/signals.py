"""Being asked to stop by a signal; for POSIX systems."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@asynccontextmanager
async def stop_signals(on_force: Callable[[], None]) -> AsyncIterator[asyncio.Event]:
    """Yield an event that the first SIGINT, SIGTERM or SIGHUP sets; a second one calls `on_force`.

    On exit the signals do again what they did before.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def ask() -> None:
        if stop.is_set():
            on_force()
        stop.set()

    before = {number: signal.getsignal(number) for number in _STOP_SIGNALS}
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
