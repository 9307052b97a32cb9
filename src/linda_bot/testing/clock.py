"""Time in a bot's test: it passes as always, and it jumps.

It jumps when the author says so (`advance`), and when the handling of a message does nothing but sleep. What jumps are
the event loop's timers and the clock by which linda-bot's own code reads the date; nobody else's clock does.
"""

import asyncio
import itertools
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from types import ModuleType
from typing import Any, NamedTuple, Self

from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.tasks import spawn_task

_A_MOMENT_S = 0.01
"""How long one waits in real time to see whether something goes on without a jump."""
_A_BLINK_S = 0.001
_MOST_ROUNDS = 10_000
_SLEEP = "_set_result_unless_cancelled"
"""What `asyncio.sleep` has called at its end, in every version; deadlines have something else called."""
_OUR_WAITS = "linda_bot.messaging."
"""What else is a wait: a failed handler's, until it is tried again."""
_POLLERS = ("inbox", "outbox")
"""How the names of tasks begin that look for something again and again: no reason to stop on a way."""
_CLEAR_AT = 256
_TOLD_THE_TIME = ("linda_bot.messaging.", "linda_bot.whatsapp.mailbox")
"""The modules that read the date and shall read ours."""


def now() -> datetime:
    """Return the date and the time as the bot sees them."""
    return datetime.now(UTC) + timedelta(seconds=_calendar.ahead_s)


class _Timer(NamedTuple):
    number: int
    handle: asyncio.TimerHandle
    is_wait: bool
    task: str
    """The name of the task that has set it."""

    def is_due_after(self, moment: float) -> bool:
        return not self.handle.cancelled() and self.handle.when() > moment


class Clock:
    """The time of one event loop, which all bots on it share."""

    @classmethod
    def of_running_loop(cls) -> Self:
        """Return the clock of the running loop; raises UsageError for a loop that cannot have one, such as uvloop's."""
        loop = asyncio.get_running_loop()
        clock = getattr(loop, "_linda_clock", None)
        if clock is None:
            try:
                clock = loop._linda_clock = cls(loop)  # type: ignore[attr-defined]  # noqa: SLF001 (ours; so that it ends with the loop)
            except AttributeError:
                raise UsageError(
                    f"a TestBot needs an event loop of asyncio's own, not {type(loop).__module__}'s"
                ) from None
        assert isinstance(clock, cls)
        return clock

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._real_time, self._real_call_at = loop.time, loop.call_at
        self._ahead_s = 0.0
        self._numbers = itertools.count()
        self._timers: list[_Timer] = []
        self._spinning: asyncio.Task[None] | None = None
        self._clear_at = _CLEAR_AT
        loop.time = self.time  # type: ignore[method-assign]
        loop.call_at = self._call_at  # type: ignore[method-assign, assignment]

    def time(self) -> float:
        """Return the loop's time, with all jumps."""
        return self._real_time() + self._ahead_s

    def mark(self) -> int:
        """Return a mark: what is begun from now on comes after it."""
        return next(self._numbers)

    def next_timer(self, *, before: float) -> float | None:
        """Return when the next timer is due, up to a time; None when there is none."""
        return min((timer.handle.when() for timer in self._alive() if timer.handle.when() <= before), default=None)

    def pass_wait(self, since: int, *, of: str = "") -> bool:
        """Jump to the next timer of what was begun since a mark, if one of them is a wait; else return False.

        `of` is how the names of the tasks begin that count.
        """
        begun = [timer for timer in self._alive() if timer.number > since and timer.task.startswith(of)]
        if not any(timer.is_wait for timer in begun):
            return False
        self.jump_to(min(timer.handle.when() for timer in begun))
        return True

    def jump_to(self, moment: float) -> None:
        """Make it so late, unless it is later."""
        by_s = moment - self.time()
        if by_s > 0:
            self._ahead_s += by_s
            _calendar.turn(by_s)

    async def moment(self, *waited_for: asyncio.Future[Any]) -> None:
        """Let a moment of real time pass, less when something is done that is waited for; then all is quiet."""
        await self._pass(_A_MOMENT_S, waited_for)
        if not any(each.done() for each in waited_for):  # perhaps the machine is busy
            await self.spin()

    async def spin(self) -> None:
        """Let everything run that can run without waiting."""
        if self._spinning is None or self._spinning.done():  # several that spin would see each other run
            self._spinning = spawn_task(self._spin(), name="spin")
        await asyncio.shield(self._spinning)

    async def _spin(self) -> None:
        for _ in range(2):
            for _ in range(_MOST_ROUNDS):
                if not getattr(self._loop, "_ready", ()):  # where it is called otherwise, the blink has to do
                    break
                await asyncio.sleep(0)
            await self._pass(_A_BLINK_S, ())

    async def _pass(self, seconds: float, waited_for: tuple[asyncio.Future[Any], ...]) -> None:
        alarm: asyncio.Future[None] = self._loop.create_future()
        handle = self._real_call_at(self.time() + seconds, _ring, alarm)
        try:
            await asyncio.wait((alarm, *waited_for), return_when=asyncio.FIRST_COMPLETED)
        finally:
            handle.cancel()

    def _call_at(self, when: float, callback: Callable[..., object], *args: Any, **context: Any) -> asyncio.TimerHandle:
        handle = self._real_call_at(when, callback, *args, **context)
        is_wait = getattr(callback, "__name__", "") == _SLEEP
        is_wait = is_wait or str(getattr(callback, "__module__", "")).startswith(_OUR_WAITS)
        task = asyncio.current_task(self._loop)
        name = task.get_name() if task is not None else ""
        if is_wait or not name.startswith(_POLLERS):
            self._timers.append(_Timer(next(self._numbers), handle, is_wait, name))
        if len(self._timers) > self._clear_at:
            self._clear_at = max(2 * len(self._alive()), _CLEAR_AT)
        return handle

    def _alive(self) -> list[_Timer]:
        moment = self.time()
        self._timers = [timer for timer in self._timers if timer.is_due_after(moment)]
        return self._timers


def _ring(alarm: asyncio.Future[None]) -> None:
    if not alarm.done():
        alarm.set_result(None)


class _Calendar:
    """By how much the bot's date is ahead of the true one, while bots are being tested."""

    def __init__(self) -> None:
        self.ahead_s = 0.0
        self._readers = 0
        self._changed: list[tuple[ModuleType, str, object]] = []

    def open(self) -> None:
        """Begin to need it."""
        self._readers += 1

    def close(self) -> None:
        """Need it no more; nobody's date is changed when nobody does."""
        self._readers -= 1
        if not self._readers:
            self.ahead_s = 0.0
            for module, name, true in self._changed:
                setattr(module, name, true)
            self._changed.clear()

    def turn(self, by_s: float) -> None:
        """Put the date of linda-bot's own modules forward."""
        if not self._readers:
            return
        self.ahead_s += by_s
        for name, module in tuple(sys.modules.items()):
            if name.startswith(_TOLD_THE_TIME):
                self._exchange(module, "time", time, _TIME)
                self._exchange(module, "datetime", datetime, _DateTime)

    def _exchange(self, module: ModuleType, name: str, true: object, ours: object) -> None:
        if module.__dict__.get(name) is true:
            self._changed.append((module, name, true))
            setattr(module, name, ours)


class _DateTime(datetime):
    """The class `datetime`, with our `now`."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        """Return our date and time."""
        return datetime.now(tz) + timedelta(seconds=_calendar.ahead_s)


class _Time(ModuleType):
    """The module `time`, with our `time`."""

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    @staticmethod
    def time() -> float:
        """Return our Unix time."""
        return time.time() + _calendar.ahead_s


_calendar = _Calendar()
_TIME = _Time("time")

open_calendar, close_calendar = _calendar.open, _calendar.close
