"""Rounds of trouble, each followed by a calm in which everything must be well again."""

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec
import psutil

from linda_bot.kernel.errors import LindaError
from linda_bot.kernel.tasks import spawn_task
from linda_bot.sandbox.server import Sandbox
from tests.support.commands import run_command
from tests.support.small_disk import NoDiskError, small_disk
from tests.support.streams import Unanswered
from trials.chaos import handlers
from trials.chaos.acts import ACTS
from trials.chaos.alerts import Alerts, mistakes, open_incidents
from trials.chaos.friends import Fates, Friends
from trials.chaos.kept_bot import KeptBot
from trials.chaos.log_tail import LogTail
from trials.chaos.schedule import Plan, Planned
from trials.chaos.sizes import Size, measure, too_large
from trials.chaos.weather import make_weather
from trials.chaos.world import BOT, FRIENDS, Excuse, World

SETTINGS = {
    "LINDA_RECONNECT__GRACE": "1",
    "LINDA_RECONNECT__DELAYS": "[0.3,1]",
    "LINDA_RECONNECT__MAX_ATTEMPTS": "1000",
    "LINDA_RECONNECT__LOGINS_AT_ONCE": "100",
    "LINDA_RECONNECT__LOGIN_SPACING": "0",
    "LINDA_RESTORE__AUTH_TIMEOUT": "4",
    "LINDA_RESTORE__DELAY": "0.2",
    "LINDA_KEEP_ALIVE__EVERY": "2",
    "LINDA_KEEP_ALIVE__TIMEOUT": "2",
    "LINDA_REPLACED__WAIT": "0.5",
    "LINDA_REFRESH__EVERY": "45",
    "LINDA_BACKUP__AFTER_STABLE": "1.5",
    "LINDA_BACKUP__EVERY": "10",
    "LINDA_HEALTH__EVERY": "3",
    "LINDA_ALERT__AFTER": "3",
    "LINDA_ALERT__CLEAR_AFTER": "0.5",
    "LINDA_OUTBOX__EXPIRE": "0",
    "LINDA_INBOX__KEEP": "2678400",
    "LINDA_LOG__MASK": "false",
}
"""Everything that a bot does once in a while it does all the time; and a clock that is wrong lets nothing expire."""

_DISK_MB = 160
_WRITTEN_A_SECOND = 4.0
_UP_WITHIN_S = 60.0
_SETTLED_WITHIN_S, _QUIET_S = 60.0, 6.0
_TOLD_WITHIN_S = 20.0
_SMALL_WITHIN_S = 15.0
_LOOK_EVERY_S = 0.5
_PROCESSES_AT_MOST, _CROWDED_FOR_S = 4, 15.0
"""Daemon, engine, a backup, and an engine that is just ending."""
_MEMORY_AT_MOST_MB = 400.0


class Done(msgspec.Struct, frozen=True):
    """One act that was carried out."""

    at_s: float
    act: str
    words: str


class Round(msgspec.Struct, frozen=True):
    """What a round came to."""

    number: int
    acts: tuple[Done, ...]
    took_s: float
    up_after_s: float
    """From the end of the trouble until the bot answered."""
    starts: int
    sent: int
    answered: int
    lost: int
    unknown: int
    size: dict[str, float]
    violations: tuple[str, ...]


class _NotWellError(LindaError):
    """The bot was not well before anything had happened."""


class Stage(NamedTuple):
    """A world with what it is looked at with."""

    world: World
    alerts: Alerts
    log: LogTail
    breaches: list[str]
    healthy: Size
    left_out: tuple[str, ...]
    """Acts that this machine cannot do, and why."""


@asynccontextmanager
async def open_stage(place: Path) -> AsyncIterator[Stage]:
    """Yield a world in which a bot is linked and has answered, and in which nothing has gone wrong yet."""
    breaches: list[str] = []
    left_out: list[str] = []
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox(place / "sandbox"))
        try:
            disk: Path | None = stack.enter_context(small_disk(place / "disk", megabytes=_DISK_MB))
        except NoDiskError as error:
            disk = None
            left_out.append(f"a full disk: {error}")
        weather = make_weather(place)
        if weather is None:
            left_out.append("a slow disk, a wrong clock: there is no C compiler")
        else:
            stack.callback(weather.close)
        data_dir = disk / "bot" if disk is not None else place / "bot"
        alerts = Alerts(place)
        bot = KeptBot(
            ["run", "--sandbox", sandbox.directory, "--data-dir", data_dir, "--handlers", Path(handlers.__file__)],
            {**SETTINGS, **alerts.environment, **(weather.environment if weather else {})},
            story=place / "screens.txt",
            breach=breaches.append,
        )
        friends = Friends(sandbox, BOT, FRIENDS)
        stack.push_async_callback(bot.close)
        await friends.open()
        stack.push_async_callback(friends.close)
        run = await bot.start()
        await sandbox.phone(BOT).scan(await run.qr_text())
        await run.ready()
        bot.is_linked()
        world = World(sandbox, bot, friends, data_dir, disk, weather)
        if not await world.eventually("warm-up", within_s=_UP_WITHIN_S):
            raise _NotWellError("the bot did not answer before anything had happened")
        friends.write("warm", a_second=_WRITTEN_A_SECOND * 4)
        await asyncio.sleep(4)
        await friends.fall_silent()
        await _settle(world)
        friends.take_stock(world.mailbox)
        assert bot.pid is not None
        healthy = measure(bot.pid, data_dir, await friends.tasks(within_s=10))
        yield Stage(world, alerts, LogTail(data_dir / "logs"), breaches, healthy, tuple(left_out))


async def play(stage: Stage, planned: Plan, label: str, tell: Callable[[str], None]) -> Round:
    """Have one round happen; what must not be is told as its violations."""
    world, began = stage.world, time.monotonic()
    world.excuse, world.label = Excuse(), label
    starts = world.bot.starts
    await world.friends.open()
    world.friends.write(world.label, a_second=_WRITTEN_A_SECOND)
    watching = spawn_task(_watch(stage), name="watch")
    try:
        acts = await _carry_out(stage, planned, began, tell)
        await world.clear_up()
        await world.friends.fall_silent()
        calm = time.monotonic()
        violations, fates, size = await _judge(stage)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    return Round(
        number=planned.number,
        acts=acts,
        took_s=round(time.monotonic() - began, 1),
        up_after_s=round(time.monotonic() - calm, 1),
        starts=world.bot.starts - starts,
        sent=fates.sent if fates else 0,
        answered=fates.answered if fates else 0,
        lost=len(fates.unanswered.lost) if fates else 0,
        unknown=len(fates.unanswered.unknown) if fates else 0,
        size=size._asdict() if size else {},
        violations=tuple(violations),
    )


async def _carry_out(stage: Stage, planned: Plan, began: float, tell: Callable[[str], None]) -> tuple[Done, ...]:
    """Do all acts of a plan, each at its time, whether the others have come to an end or not."""
    done: list[Done] = []

    async def act(what: Planned) -> None:
        await asyncio.sleep(max(0.0, began + what.at_s - time.monotonic()))
        try:
            words = await ACTS[what.act].do(stage.world, Random(what.seed))
        except LindaError as error:
            words = str(error).partition("\n")[0]
            stage.breaches.append(f"{what.act}: {words}")
        done.append(Done(round(time.monotonic() - began, 1), what.act, words))
        tell(f"    {time.monotonic() - began:5.1f} s  {what.act}: {words}")

    able = {"": True, "disk": stage.world.disk is not None, "weather": stage.world.weather is not None}
    tasks = [spawn_task(act(each), name=each.act) for each in planned.acts if able[ACTS[each.act].needs]]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(max(0.0, began + planned.lasts_s - time.monotonic()))
    return tuple(done)


async def _judge(stage: Stage) -> tuple[list[str], Fates | None, Size | None]:
    """Wait until all is well, and say what is not."""
    world = stage.world
    if not await world.eventually(f"calm-{world.label}", within_s=_UP_WITHIN_S):
        stage.breaches.append(f"the bot does not answer {_UP_WITHIN_S:g} s after the last trouble")
        return _take(stage.breaches), None, None
    await _settle(world)
    fates = world.friends.take_stock(world.mailbox)
    dropped = world.friends.take_dropped()
    found = [*_missing(fates.unanswered, world.excuse, dropped), *_doubled(world)]
    alerts = stage.alerts
    if not await _until(lambda: not open_incidents(alerts.told()), within_s=_TOLD_WITHIN_S):
        left = open_incidents(alerts.told())
        if not world.excuse.disk_was_full:
            found += [f"the alert {each.topic}/{each.kind} is not over" for each in left]
        alerts.forgive(left)
    found += mistakes(alerts.told())
    size = await _size(stage)
    found += too_large(size, stage.healthy) if size else ["the bot does not stay up"]
    found += [f"in the log: {line[:2000]}" for line in stage.log.bugs()]
    status = await run_command("status", "--data-dir", world.data_dir)
    if status.code != 0:
        found.append(f"linda-bot status says {status.code}: {status.out[:200]}{status.told[:200]}")
    if (pairings := world.sandbox.phone(BOT).pairings) != 1:
        found.append(f"the phone has linked {pairings} devices")
    world.bot.look()
    return found + _take(stage.breaches), fates, size


def _missing(missing: Unanswered, excuse: Excuse, dropped: int) -> Iterator[str]:
    if excuse.mailbox:
        return
    refused = [each for each in missing.unexplained if "server returned error" in each]
    others = [each for each in missing.unexplained if each not in refused] + refused[excuse.refused :]
    others = others[dropped if excuse.put_back else 0 :]
    if others:
        yield f"{len(others)} messages have no answer, for example {others[0]}"
    if len(missing.lost) > excuse.lost:
        yield f"{len(missing.lost)} messages are lost, {excuse.lost} may be: {missing.lost[:5]}"
    if len(missing.unknown) > excuse.unknown:
        yield f"of {len(missing.unknown)} answers nobody knows whether they arrived, {excuse.unknown} may be so"


def _doubled(world: World) -> Iterator[str]:
    doubled = world.friends.take_doubled()
    if doubled and not world.excuse.mailbox:
        yield f"{len(doubled)} messages were answered more than once, for example {doubled[:3]}"


async def _settle(world: World) -> None:
    """Wait until every message has its answer, or no answer has come for a while and none is on its way."""
    give_up_at = time.monotonic() + _SETTLED_WITHIN_S
    heard, quiet_since = -1, time.monotonic()
    while world.friends.waiting and time.monotonic() < give_up_at:
        await asyncio.sleep(0.2)
        if world.friends.heard != heard or world.sandbox.queued(BOT):
            heard, quiet_since = world.friends.heard, time.monotonic()
        elif time.monotonic() - quiet_since > _QUIET_S:
            break
    await asyncio.sleep(0.5)  # what comes twice comes right behind


async def _size(stage: Stage) -> Size | None:
    """Return what the bot holds, as soon as that is what it may hold, or what it holds after a while."""
    size: Size | None = None
    give_up_at = time.monotonic() + _SMALL_WITHIN_S
    while time.monotonic() < give_up_at:
        with suppress(psutil.Error, TimeoutError, OSError):
            tasks = await stage.world.friends.tasks(within_s=10)
            if stage.world.bot.pid is not None:
                size = measure(stage.world.bot.pid, stage.world.data_dir, tasks)
                if not any(too_large(size, stage.healthy)):
                    return size
        await asyncio.sleep(0.5)
    return size


async def _watch(stage: Stage) -> None:
    """Look, while things happen, at what must never be."""
    crowded_since: float | None = None
    root = str(stage.world.data_dir)
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        stage.world.bot.look()
        family = await asyncio.to_thread(_family, root)
        crowded = len(family) > _PROCESSES_AT_MOST
        crowded_since = (crowded_since or time.monotonic()) if crowded else None
        if crowded_since is not None and time.monotonic() - crowded_since > _CROWDED_FOR_S:
            stage.breaches.append(f"{len(family)} processes of one bot: {Counter(family.values())}")
            crowded_since = None
        memory = await asyncio.to_thread(_memory_mb, tuple(family))
        if memory > _MEMORY_AT_MOST_MB:
            stage.breaches.append(f"{memory:.0f} MB of memory")


def _family(root: str) -> dict[int, str]:
    """Return the processes that work on a data directory, whoever their parent is; commands of a person's aside."""
    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = process.cmdline()
            if any(root in word for word in words) and ("run" in words or any(".engine" in word for word in words)):
                found[process.pid] = "engine" if any(".engine" in word for word in words) else "daemon"
    return found


def _memory_mb(pids: tuple[int, ...]) -> float:
    total = 0
    for pid in pids:
        with suppress(psutil.Error):
            total += psutil.Process(pid).memory_info().rss
    return total / 1e6


async def _until(what: Callable[[], bool], *, within_s: float) -> bool:
    give_up_at = time.monotonic() + within_s
    while not what():
        if time.monotonic() > give_up_at:
            return False
        await asyncio.sleep(0.1)
    return True


def _take(breaches: list[str]) -> list[str]:
    taken = list(dict.fromkeys(breaches))
    breaches.clear()
    return taken


def keep_evidence(stage: Stage, place: Path, to: Path) -> None:
    """Copy what tells of a violation: the data directory, what the bot has printed, what it has told a person."""
    to.mkdir(parents=True, exist_ok=True)
    shutil.copytree(
        stage.world.data_dir,
        to / "bot",
        dirs_exist_ok=True,
        symlinks=True,
        ignore=shutil.ignore_patterns("control.sock"),
    )
    for name in ("screens.txt", "alerts"):
        with suppress(OSError):
            shutil.copy(place / name, to / name)
    (to / "screen-now.txt").write_text(stage.world.bot.screen)
