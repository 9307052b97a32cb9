"""Where a bot under test lives: its starts and its ends, and the waiting for what it does."""

import asyncio
import shutil
from pathlib import Path

from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.files import make_private_dir
from linda_bot.kernel.tasks import spawn_task
from linda_bot.testing.clock import Clock
from linda_bot.testing.life import Life, Setup, life
from linda_bot.testing.line import Line
from linda_bot.testing.record import Record

PATIENCE_S = 10.0
"""How long, in real time, a step of a test may stand still."""
_FINISH_WITHIN_S = 1.0
_LAST_LOOKS = 10


class Stage:
    """Has at most one life at a time, in the loop in which it was begun."""

    def __init__(self, setup: Setup, record: Record) -> None:
        self.refusals: list[str] = []
        self._setup = setup
        self._record = record
        self._loop: asyncio.AbstractEventLoop | None = None
        self._clock: Clock | None = None
        self._line: Line | None = None
        self._living: asyncio.Task[None] | None = None
        self._starting: asyncio.Future[Life] | None = None
        self._ending: asyncio.Event | None = None
        self._is_killed = False
        self._is_closed = False

    @property
    def life(self) -> Life:
        """The life of the bot that runs; raises UsageError when none does."""
        if self._living is None or self._starting is None or not self._starting.done():
            raise UsageError("start the bot first: await bot.start()")
        return self._starting.result()

    @property
    def line(self) -> Line:
        """The link of the bot that runs."""
        _ = self.life
        assert self._line is not None
        return self._line

    @property
    def clock(self) -> Clock:
        """The time of the bot that runs."""
        _ = self.life
        assert self._clock is not None
        return self._clock

    async def start(self) -> Life:
        """Begin a life, unless there is one; an error of a start-up hook comes out."""
        loop = asyncio.get_running_loop()
        if self._living is None or self._living.done() or self._starting is None:
            if self._is_closed:
                raise UsageError("this TestBot was closed")
            make_private_dir(self._setup.directory)
            self._loop, self._clock, self._is_killed = loop, Clock.of_running_loop(), False
            self._starting, self._ending = loop.create_future(), asyncio.Event()
            self._living = spawn_task(self._live(self._starting, self._ending), name="bot under test")
        if self._loop is not loop:
            raise UsageError("this TestBot runs in another event loop; make one for each test")
        await asyncio.wait((self._starting, self._living), return_when=asyncio.FIRST_COMPLETED)
        if not self._starting.done():
            self._living.result()  # raises what has gone wrong
        return self._starting.result()

    async def stop(self, *, kill: bool = False) -> None:
        """End the life, if there is one: in order, or at once."""
        if self._living is not None and self._ending is not None:
            self._is_killed = kill
            living, self._living = self._living, None
            self._ending.set()
            await living

    def close(self) -> None:
        """End it from outside of the loop, and delete its files."""
        if self._living is not None and not self._living.done() and self._loop is not None:
            if self._loop.is_running():
                raise UsageError("stop the bot first: await bot.stop()")
            self._loop.run_until_complete(self.stop())
        self._is_closed = True
        shutil.rmtree(self._setup.directory, ignore_errors=True)

    async def until(self, done: asyncio.Future[None], since: int, what: str, *, of: str = "") -> None:
        """Wait for something, and pass the time whenever what was begun since a mark only waits.

        `of` is how the names of the tasks begin whose waits count.
        """
        loop, clock, tasks = asyncio.get_running_loop(), self.clock, self.life.tasks
        stands_since = loop.time()
        while not done.done():
            await clock.moment(done, *tasks)
            for ended in (each for each in tasks if each.done() and not each.cancelled()):
                ended.result()  # a bug of ours, not of the author's
            if done.done() or clock.pass_wait(since, of=of):
                stands_since = loop.time()
            elif loop.time() - stands_since > PATIENCE_S:
                raise TimeoutError(
                    f"{what}, and nothing has happened for {PATIENCE_S:g} s: what is waited for must come from the "
                    "test, so feed it in a task: asyncio.create_task(...)"
                )
        done.result()

    async def drained(self, since: int) -> None:
        """Wait until everything was sent, in as much time as the pace asks for; nothing is while the link is down."""
        if self.line.up.is_set():
            drained = spawn_task(self.life.outbox.drain(within_s=PATIENCE_S), name="empty outbox")
            await self.until(drained, since, "the answers are still being sent", of="outbox")

    async def pass_time(self, seconds: float) -> None:
        """Have so much time gone by, with all that is due in it."""
        loop, clock = asyncio.get_running_loop(), self.clock
        end = loop.time() + seconds
        await clock.spin()
        while (moment := clock.next_timer(before=end)) is not None:
            clock.jump_to(moment)
            await clock.spin()
        clock.jump_to(end)
        await self.settle()

    async def settle(self) -> None:
        """Let everything be done that can be done now."""
        await self.clock.spin()
        if self.line.up.is_set():
            drained = spawn_task(self.life.outbox.drain(within_s=PATIENCE_S), name="empty outbox")
            for _ in range(_LAST_LOOKS):
                if not drained.done():
                    await self.clock.moment(drained)
            drained.cancel()
        await self.clock.moment()

    async def _live(self, started: asyncio.Future[Life], ending: asyncio.Event) -> None:
        async with life(self._setup, self._line_on) as living:
            started.set_result(living)
            try:
                await ending.wait()
            except asyncio.CancelledError:  # the event loop ends, and everything in it
                await living.run_shutdown_hooks()
                raise
            if not self._is_killed:
                await living.finish(within_s=_FINISH_WITHIN_S)

    def _line_on(self, mailbox: Path) -> Line:
        self._line = Line(mailbox, self._record.take, self._record.names_of, self._record.read, self.refusals)
        return self._line
