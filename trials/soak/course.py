"""The course of a run: everybody talks, things happen to the bot, and somebody looks and writes down."""

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from linda_bot.kernel.amounts import size_text
from linda_bot.kernel.errors import LindaError
from linda_bot.kernel.files import make_private_dir
from linda_bot.kernel.tasks import spawn_task
from linda_bot.rehearsal.machine import this_machine
from linda_bot.sandbox.faults import inject
from linda_bot.sandbox.server import Sandbox
from tests.support.streams import BOT, mailbox_of
from trials.soak.kept_bot import KeptBot
from trials.soak.logs import LogWatch
from trials.soak.looking import processes_of, sizes_of
from trials.soak.plan import Plan, What, deeds_of, outage_s
from trials.soak.record import AnyEntry, Began, Bug, Done, Ended, Over, RecordWriter, Seen
from trials.soak.talk import Talk, talking

WORLD = "world"
_SETTLE_WITHIN_S = 120.0
_LONGEST = 600
_ASK_EVERY_S = 30.0
"""The question how many tasks there are is a message, too, and should not be most of them."""


async def soak(plan: Plan, directory: Path, asked: asyncio.Event, tell: Callable[[str], None]) -> None:
    """Run as planned, or until asked to end; what is seen is in the directory's file. Raises LindaError."""
    make_private_dir(directory)
    writer = RecordWriter(directory)
    try:
        async with Sandbox(directory / WORLD) as sandbox:
            bot = KeptBot(sandbox, plan.settings)
            try:
                await bot.link()
                async with talking(sandbox, a_second=plan.a_second) as talk:
                    await _Run(plan, sandbox, bot, talk, write=writer.add, tell=tell).go(asked)
            finally:
                await bot.close()
    finally:
        writer.close()


class _Run:
    def __init__(
        self,
        plan: Plan,
        sandbox: Sandbox,
        bot: KeptBot,
        talk: Talk,
        *,
        write: Callable[[AnyEntry], None],
        tell: Callable[[str], None],
    ) -> None:
        self._plan = plan
        self._sandbox = sandbox
        self._bot = bot
        self._talk = talk
        self._write = write
        self._tell = tell
        self._log = LogWatch(bot.data_dir / "logs")
        self._began = time.monotonic()
        self._hands = asyncio.Lock()
        """Held by whoever ends and starts the bot."""
        self._told = 0
        self._ask_at = 0.0

    async def go(self, asked: asyncio.Event) -> None:
        now = f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
        self._write(Began(at=0.0, on=now, plan=self._plan, machine=this_machine()))
        work = [
            spawn_task(self._look_on(), name="looking"),
            spawn_task(self._do_deeds(), name="what happens"),
            spawn_task(self._keep_running(asked), name="keeping it running"),
            spawn_task(asked.wait(), name="being asked"),
        ]
        try:
            over = spawn_task(asyncio.sleep(self._plan.lasts_s), name="the end of the time")
            done, _ = await asyncio.wait([over, *work], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # of the others only a bug of ours comes to an end
        finally:
            for task in (over, *work):
                task.cancel()
            await asyncio.gather(over, *work, return_exceptions=True)
        await self._end(interrupted=asked.is_set())

    # The tasks.

    async def _look_on(self) -> None:
        while True:
            began = time.monotonic()
            await self._look()
            await asyncio.sleep(max(self._plan.look_every_s - (time.monotonic() - began), 0.1))

    async def _do_deeds(self) -> None:
        for deed in deeds_of(self._plan):
            await asyncio.sleep(max(deed.at_s - self._at(), 0.0))
            async with self._hands:
                if deed.what in {What.DROP, What.OUTAGE} or self._bot.runs:
                    self._write(Done(at=self._at(), what=deed.what))
                    await self._with_report(deed.what)
        await asyncio.Event().wait()

    async def _keep_running(self, asked: asyncio.Event) -> None:
        while True:
            await self._bot.ended()
            async with self._hands:
                if self._bot.runs or asked.is_set():  # it was ended on purpose
                    await asyncio.sleep(0)
                else:
                    code, last_words = await self._bot.ended()
                    self._write(Ended(at=self._at(), code=code, last_words=last_words[:_LONGEST]))
                    await self._start()
            if asked.is_set():
                return

    # What they do.

    async def _look(self) -> None:
        processes = await asyncio.to_thread(processes_of, self._bot.pid)
        files = await asyncio.to_thread(sizes_of, self._bot.data_dir)
        for text in await asyncio.to_thread(self._log.read_on):
            self._write(Bug(at=self._at(), text=text))
        median_s, slowest_s = self._talk.take_waits()
        seen = Seen(
            at=round(self._at(), 2),
            daemon=processes.daemon,
            engine=processes.engine,
            processes=processes.number,
            tasks=self._talk.tasks,
            files=files,
            sent=self._talk.sent,
            answered=self._talk.answered,
            latency_s=median_s,
            slowest_s=slowest_s,
        )
        self._write(seen)
        if seen.at >= self._ask_at:
            self._ask_at = seen.at + min(self._plan.unit_s / 10, _ASK_EVERY_S)
            self._talk.ask_for_tasks()
        self._tell_of(seen)

    def _tell_of(self, seen: Seen) -> None:
        if seen.at < (self._told + 1) * self._plan.tell_every_s:
            return
        self._told = int(seen.at // self._plan.tell_every_s)
        place = f"{seen.at / self._plan.unit_s:.0f} of {self._plan.lasts_s / self._plan.unit_s:.0f}"
        memory = [size_text(load.pss) if load else "none" for load in (seen.daemon, seen.engine)]
        self._tell(
            f"{self._plan.unit} {place}: {seen.sent} sent, {seen.answered} answered, daemon {memory[0]}, "
            f"engine {memory[1]}, disk {size_text(sum(seen.files.values()))}"
        )

    async def _with_report(self, what: What) -> None:
        try:
            await self._do(what)
        except LindaError as error:
            self._write(Bug(at=self._at(), text=f"after a {what}: {error}"[:_LONGEST]))

    async def _do(self, what: What) -> None:
        match what:
            case What.DROP:
                self._sandbox.drop(BOT)
            case What.OUTAGE:
                await inject(self._sandbox, "bad-gateway", {"for_s": f"{outage_s(self._plan):g}"})
                self._sandbox.drop(BOT)
            case What.RESTART:
                await self._stop()
                await self._start()
            case What.KILL_DAEMON:
                await self._bot.stop(signal.SIGKILL)
                await self._start()
            case What.KILL_ENGINE:
                await self._bot.kill_engine()

    async def _settle(self) -> None:
        if not self._bot.runs:
            await self._start()
        with suppress(TimeoutError):
            await self._talk.settled(within_s=_SETTLE_WITHIN_S)

    async def _stop(self) -> None:
        code = await self._bot.stop(signal.SIGTERM)
        self._note_screen()
        if code:
            self._write(Bug(at=self._at(), text=f"it was asked to end, and did with exit code {code}"))

    async def _start(self) -> None:
        self._note_screen()
        await self._bot.start()

    def _note_screen(self) -> None:
        if self._bot.said_traceback():
            self._write(Bug(at=self._at(), text="there is a traceback on the screen"))

    async def _end(self, *, interrupted: bool) -> None:
        """Have what waits answered, look once more, and end the bot."""
        self._talk.stop()
        try:
            await self._settle()
            if not self._bot.runs:  # Ctrl+C on a terminal is for it, too; what it has left is for the next one
                await self._settle()
            await self._look()
            await self._stop()
        except LindaError as error:
            self._write(Bug(at=self._at(), text=f"at the end: {error}"[:_LONGEST]))
        for text in await asyncio.to_thread(self._log.read_on):
            self._write(Bug(at=self._at(), text=text))
        self._log.close()
        self._write(
            Over(
                at=round(self._at(), 2),
                interrupted=interrupted,
                tally=self._talk.tally(mailbox_of(self._sandbox)),
                queued=self._sandbox.queued(BOT),
                pairings=self._sandbox.phone(BOT).pairings,
                events=dict(self._log.events.most_common()),
                warnings=dict(self._log.warnings.most_common()),
            )
        )

    def _at(self) -> float:
        return time.monotonic() - self._began
