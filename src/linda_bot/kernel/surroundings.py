"""Hints from the machine that the link may have changed without a word: another network, a sleep.

A hint is only a reason to look: it may come for nothing, and where a platform gives none, the link's own timers do.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from linda_bot.kernel.network_news import Ears

_QUIET_S = 1.0
_AT_LATEST_S = 2.0
_GAP_S = 10.0


async def watch_network(tell: Callable[[str], None], *, open_ears: "Callable[[], Ears | None] | None" = None) -> None:
    """Tell when a network may have come back, for ever: once a burst of changes, at most every two seconds.

    Changes are heard of as they happen on Linux (netlink) and macOS (a routing socket; written, not tried). Elsewhere,
    and where the socket is refused, nothing is ever told.
    """
    if open_ears is None:  # not imported before the start's own work is under way
        from linda_bot.kernel import network_news

        open_ears = network_news.open_ears
    ears = None
    with suppress(OSError):
        ears = open_ears()
    if ears is None:
        await asyncio.Event().wait()
        return
    with closing(ears.socket):
        await _follow(ears, tell)


async def _follow(ears: "Ears", tell: Callable[[str], None]) -> None:
    """Tell what is heard, for ever; a socket that breaks is let go of."""
    loop = asyncio.get_running_loop()
    news = asyncio.Event()

    def listen() -> None:
        try:
            if ears.listen():
                news.set()
        except OSError:
            loop.remove_reader(ears.socket)

    loop.add_reader(ears.socket, listen)
    try:
        while True:
            await news.wait()
            await _until_quiet(news)
            tell("the network has changed")
    finally:
        loop.remove_reader(ears.socket)


async def _until_quiet(news: asyncio.Event) -> None:
    """Wait until there has been no news for a while: an interface that comes up makes a dozen of them."""
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + _AT_LATEST_S
    while news.is_set() and loop.time() < give_up_at:
        news.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout_at(min(loop.time() + _QUIET_S, give_up_at)):
                await news.wait()
    news.clear()


class Clocks(NamedTuple):
    """Two clocks in seconds that nobody can set, alike but for the time that the machine was asleep."""

    awake: Callable[[], float]
    always: Callable[[], float]


async def watch_sleep(tell: Callable[[str], None], *, every_s: float = 5, clocks: Clocks | None = None) -> None:
    """Tell when the machine was asleep, or this process stood still, for more than ten seconds; for ever.

    The wall clock is not asked: when it leaps, a time service may just have set it. Linux and macOS have two clocks
    that no time service sets, one of which stands still in a suspended machine. A process that was frozen (a paused
    container, SIGSTOP) shows as a timer that is late. Elsewhere nothing is ever told.
    """
    clocks = clocks or machine_clocks()
    if clocks is None:
        await asyncio.Event().wait()
        return
    awake, always = clocks.awake(), clocks.always()
    while True:
        await asyncio.sleep(every_s)
        before_awake, before_always = awake, always
        awake, always = clocks.awake(), clocks.always()
        ran = awake - before_awake
        asleep = always - before_always - ran
        if asleep > _GAP_S:
            tell(f"the machine was asleep for {asleep:.0f} s")
        elif ran - every_s > _GAP_S:
            tell(f"the process stood still for {ran - every_s:.0f} s")


def machine_clocks() -> Clocks | None:
    """Return the clocks of this platform; None where it has no such two.

    Linux: clock_gettime(2), CLOCK_BOOTTIME is CLOCK_MONOTONIC and the time that the system was suspended. macOS:
    clock_gettime(3), CLOCK_UPTIME_RAW runs like CLOCK_MONOTONIC_RAW, but not while the system is asleep.
    """
    for awake, always in (("CLOCK_MONOTONIC", "CLOCK_BOOTTIME"), ("CLOCK_UPTIME_RAW", "CLOCK_MONOTONIC_RAW")):
        if hasattr(time, awake) and hasattr(time, always):
            return Clocks(_clock(getattr(time, awake)), _clock(getattr(time, always)))
    return None


def _clock(number: int) -> Callable[[], float]:
    return lambda: time.clock_gettime(number)
