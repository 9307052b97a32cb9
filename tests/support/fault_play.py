"""Playing one row of the fault table, and holding the bot to it."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from linda_bot.kernel.errors import ExitCode
from linda_bot.kernel.tasks import spawn_task
from tests.support.fault_table import Phase, Row
from tests.support.fault_world import FaultWorld
from tests.support.faulted_bot import FaultedBot, Size, told

_AT_LOGIN = ("drop", "freeze", "half-open", "stream-error", "garbage", "poison")
"""Faults of a line that is logged in; the others wait for a line."""
_WHEN_PAIRED = ("refuse", "black-hole")
"""Faults of the network, which would take the code from the screen if they came before the scan."""
_GONE_WITHIN_S = 0.1
"""How long the server may take to forget a line that it has cut."""
_ANSWERED_WITHIN_S = 10.0
_WRITTEN_WITHIN_S = 0.15
"""How long what has happened may take to stand in the history file."""
_IN_DOUBT_FOR_S = 1.0
_THREADS_AT_MOST = 5 + min(32, (os.cpu_count() or 1) + 4)
"""The first, asyncio's pool, which grows when it is needed, one for the engine's end, the log's, the mailbox's, and one
that looks out for handlers which block.
"""


@dataclass
class Scene:
    """A row that is being played."""

    bot: FaultedBot
    pairings: int
    """How often the number was linked before."""
    size: Size
    """What the daemon held before, or what any daemon holds."""
    began_at: float = field(default_factory=time.monotonic)
    texts: list[str] = field(default_factory=list)
    """What was written that is to be answered."""


async def play(world: FaultWorld, row: Row) -> float:
    """Have a row's fault happen and hold the bot to what the row says; return how long it took, in seconds."""
    async with world.order():
        return await _play(world, row)


async def _play(world: FaultWorld, row: Row) -> float:
    begin = {Phase.CONNECTED: _connected, Phase.RESTORING: _restoring}.get(row.phase, _linking)
    helping: list[asyncio.Task[None]] = []
    try:
        scene = await begin(world, row)
        helping.append(spawn_task(_help(world, row, scene.bot), name="a person"))
        took_s = await _until_the_end(world, row, scene)
        is_well = not row.ends_up or await world.is_answered(scene.bot, within_s=max(row.within_s, _ANSWERED_WITHIN_S))
        assert is_well, scene.bot.screen
    finally:
        for task in helping:
            task.cancel()
        await world.inject("clear")
    await _hold_to(world, row, scene)
    assert took_s < row.within_s, f"it took {took_s:.1f} s: {scene.bot.screen}"
    return took_s


def _has_connected(bot: FaultedBot, times: int) -> Callable[[], bool]:
    return lambda: bot.states.count("connected") == times


async def _connected(world: FaultWorld, row: Row) -> Scene:
    healthy = await world.healthy_size()
    bot = await (world.linked_bot() if row.wears_out else world.lasting_bot())
    size = healthy if row.wears_out else bot.size()
    scene = Scene(bot, world.sandbox.phone(bot.number).pairings, size)
    if row.faults.startswith("poison"):
        async with world.sandbox.holding(world.friend.number):  # who sends while receiving may reuse a counter
            scene.texts.append(await world.write(bot))
            await world.inject(row.faults, bot.number)
            scene.texts += [await world.write(bot), await world.write(bot)]
        return scene
    for number in range(row.times):
        assert await bot.until(_has_connected(bot, number), within_s=row.within_s)
        await world.inject(row.faults, bot.number)
    if not row.wears_out:
        scene.texts.append(await world.write(bot))
    return scene


async def _restoring(world: FaultWorld, row: Row) -> Scene:
    before = await (world.linked_bot() if row.wears_out else world.lasting_bot())
    assert await before.process.stop() == ExitCode.OK
    texts = [] if row.wears_out else [await world.write(before)]
    at_login = row.faults.startswith(_AT_LOGIN)
    if not at_login:
        await world.inject(row.faults, before.number)
    bot = await world.start_again(before, *row.arguments)
    scene = Scene(bot, world.sandbox.phone(bot.number).pairings, await world.healthy_size(), texts=texts)
    if not row.wears_out:
        world.keep(bot)
    if at_login:
        await world.inject_at_login(row.faults, bot.number)
    return scene


async def _linking(world: FaultWorld, row: Row) -> Scene:
    if row.phase is Phase.BEFORE_CODE:
        await world.inject(row.faults)
    bot = await world.new_bot()
    scene = Scene(bot, 0, await world.healthy_size())
    if row.phase is Phase.BEFORE_CODE:
        return scene
    await bot.shows_code()
    if row.phase is Phase.SCANNED and row.faults.startswith(_WHEN_PAIRED):
        scanning = spawn_task(bot.be_scanned(world.sandbox.phone(bot.number), times=1), name="a scan")
        await world.inject_when_paired(row.faults, bot.number)
        await scanning
    elif row.phase is Phase.SCANNED:
        await world.inject(row.faults, bot.number)
    else:
        await world.inject(row.faults)
        await asyncio.sleep(_GONE_WITHIN_S)
    scene.began_at = time.monotonic()
    return scene


async def _help(world: FaultWorld, row: Row, bot: FaultedBot) -> None:
    """Do what a person does meanwhile: scan, or ask for another try."""
    phone = world.sandbox.phone(bot.number)
    if row.asked:
        await bot.process.wait_for("Next try in 1 hour")
        bot.process.send_signal(signal.SIGHUP)
    done = phone.pairings if row.phase not in (Phase.CONNECTED, Phase.RESTORING) else 0
    await bot.be_scanned(phone, times=row.pairings + row.spoilt_scans - done)


async def _until_the_end(world: FaultWorld, row: Row, scene: Scene) -> float:
    """Wait until the bot is where it belongs and what was written is answered, each once."""
    bot = scene.bot
    if row.exit_code is not None:
        assert await bot.process.exited(within_s=row.within_s + 5) == row.exit_code, bot.screen
    wanted = len(scene.texts) - row.unanswered
    heard, dropped = await world.answers(wanted - row.in_doubt, within_s=row.within_s)
    more, more_dropped = await world.answers(row.in_doubt, within_s=_IN_DOUBT_FOR_S)
    heard, dropped = heard + more, dropped + more_dropped
    left_s = scene.began_at + row.within_s - time.monotonic()
    await bot.until(lambda: " > ".join(bot.states) in row.ways, within_s=left_s)
    took_s = time.monotonic() - scene.began_at
    story = f"{row.name}: written {scene.texts}, heard {heard}, dropped {dropped}\n{bot.screen}"
    assert len(heard) == len(set(heard)), story
    assert set(heard) <= set(scene.texts), story
    assert wanted - row.in_doubt <= len(heard) + dropped <= wanted, story
    return took_s


async def _hold_to(world: FaultWorld, row: Row, scene: Scene) -> None:
    """Compare what the bot's files, screen and processes show with what the row says."""
    bot = scene.bot
    await asyncio.sleep(_WRITTEN_WITHIN_S)
    await bot.until(lambda: " > ".join(bot.states) in row.ways)
    story = f"{row.name}: {bot.states}, {bot.alerts}\n{bot.screen}"
    assert " > ".join(bot.states) in row.ways, story
    alerts = [told(kinds, is_over=row.ends_up) for kinds in row.alerts.split("|")]
    await bot.until(lambda: bot.alerts in alerts)
    assert bot.alerts in alerts, story
    assert "Traceback" not in bot.screen, story
    assert not bot.bugs, bot.bugs
    assert world.sandbox.phone(bot.number).pairings - scene.pairings == row.pairings, story
    if row.ends_up:
        await _hold_to_size(bot, max(scene.size.descriptors, (await world.healthy_size()).descriptors))
    if row.wears_out and row.exit_code is None:
        assert await bot.process.stop() == ExitCode.OK, story
    assert await bot.until(lambda: not world.engines_astray()), story


async def _hold_to_size(bot: FaultedBot, descriptors: int) -> None:
    """Make sure that nothing was kept open, and that one engine runs; a moment before, more may have been open."""

    def is_as_before() -> bool:
        now = bot.size()
        return now.descriptors <= descriptors and len(bot.engines()) == 1 and now.threads <= _THREADS_AT_MOST

    assert await bot.until(is_as_before), f"{descriptors} before, now {bot.size()}, engines {bot.engines()}"
