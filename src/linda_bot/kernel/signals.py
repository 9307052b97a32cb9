"""What a signal asks of the process: to stop, at once or in order, to look around, to tell more; for POSIX systems."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from linda_bot.kernel.terminal import has_terminal

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_TERMINAL_GOES_WITHIN_S = 1.0


@asynccontextmanager
async def process_signals(
    *,
    on_force: Callable[[], None],
    on_hint: Callable[[str], None],
    on_debug: Callable[[str], None] = lambda _because: None,
) -> AsyncIterator[asyncio.Event]:
    """Yield an event that the first SIGINT or SIGTERM sets; a second one calls `on_force`.

    SIGHUP means one of three things. Ignored at the start (nohup), it stays ignored. When the terminal that the process
    was started from is gone, it asks to stop; that never forces, and does not count as having asked once, because a
    session's end sends SIGHUP and SIGTERM together. Else somebody has sent it on purpose: `on_hint` is told why to look
    around. SIGUSR1 is for `on_debug`: more in the log, or as much as before. On exit the signals do again what they
    did before.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    asked = False
    on_terminal = has_terminal()
    look_again: asyncio.TimerHandle | None = None

    def ask() -> None:
        nonlocal asked
        if asked:
            on_force()
        asked = True
        stop.set()

    def stop_without_terminal() -> None:
        if on_terminal and not has_terminal():
            stop.set()

    def hang_up() -> None:
        nonlocal look_again
        stop_without_terminal()
        if stop.is_set():
            return
        # A shell that ends may send it just before it takes the terminal along.
        if look_again is not None:
            look_again.cancel()
        look_again = loop.call_later(_TERMINAL_GOES_WITHIN_S, stop_without_terminal)
        on_hint("asked by SIGHUP")

    handlers: dict[signal.Signals, Callable[[], None]] = dict.fromkeys(_STOP_SIGNALS, ask)
    handlers[signal.SIGUSR1] = lambda: on_debug("asked by SIGUSR1")
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        handlers[signal.SIGHUP] = hang_up
    before = {number: signal.getsignal(number) for number in handlers}
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield stop
    finally:
        if look_again is not None:
            look_again.cancel()
        for number, earlier in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, earlier if earlier is not None else signal.SIG_DFL)
