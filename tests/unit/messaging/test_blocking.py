"""A handler that keeps the loop waiting is named; real time, as it is a thread that looks."""

import asyncio
import copy
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from linda_bot.kernel.bus import EventBus
from linda_bot.messaging import blocking
from linda_bot.messaging.blocking import watch_for_blocking
from linda_bot.messaging.events import HandlerBlocked


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look more often than usual."""
    monkeypatch.setattr(blocking, "_LOOK_EVERY_S", 0.01)


async def told_of(work: Callable[[], Awaitable[Any]], *, name: str) -> list[HandlerBlocked]:
    """Run something under the watch, and return what was told of it."""
    bus = EventBus()
    with bus.subscribe(HandlerBlocked, name="test") as told, watch_for_blocking(bus, too_long_s=0.05):
        await asyncio.sleep(0.03)
        await asyncio.create_task(work(), name=name)  # type: ignore[arg-type]
        await asyncio.sleep(0.1)
        return list(told.pending())


class Slow:
    """Takes its time to be copied."""

    def __copy__(self) -> "Slow":
        time.sleep(0.2)
        return self


async def sleepy() -> None:
    """Sleep as one must not."""
    time.sleep(0.2)  # noqa: ASYNC251 (that is what is tested)


async def test_a_handler_that_blocks_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """With the line of its code, and how long it took; in the log already while it lasts."""
    with caplog.at_level(logging.WARNING, "linda_bot.messaging"):
        (event,) = await told_of(sleepy, name="handler sleepy")
    assert event.handler == "sleepy"
    assert 0.04 <= event.for_s <= 1
    assert "test_blocking.py" in event.where
    assert "(sleepy)" in event.where
    assert "sleepy blocks the bot" in caplog.text


async def test_a_handler_that_awaits_is_not_told_of() -> None:
    """However long it takes."""
    assert await told_of(lambda: asyncio.sleep(0.2), name="handler patient") == []


async def test_what_is_no_handler_is_not_named() -> None:
    """An author can do nothing about it."""
    assert await told_of(sleepy, name="link") == []


async def test_the_line_within_a_library_is_the_authors() -> None:
    """What he called, not what it calls."""

    async def through_a_library() -> None:
        copy.copy(Slow())

    (event,) = await told_of(through_a_library, name="handler x")
    assert "test_blocking.py" in event.where


def test_a_loop_that_is_closed_meanwhile() -> None:
    """The thread ends without a word."""

    async def main() -> Iterator[None]:
        watch = watch_for_blocking(EventBus(), too_long_s=0.02)
        watch.__enter__()
        await asyncio.sleep(0.03)
        asyncio.current_task().set_name("handler last")  # type: ignore[union-attr]
        time.sleep(0.1)  # noqa: ASYNC251 (that is what is tested)
        return iter(())

    asyncio.run(main())
    time.sleep(0.1)
