"""What a bot costs while it works."""

import asyncio
from collections.abc import Sequence

from linda_bot.health.machine import memory_mb
from linda_bot.kernel.tasks import spawn_task
from linda_bot.rehearsal import targets
from linda_bot.rehearsal.bot import RehearsedBot
from linda_bot.rehearsal.processes import children_of, open_files_of
from linda_bot.rehearsal.record import Record
from linda_bot.rehearsal.stage import Stage
from linda_bot.rehearsal.values import Series, Unit

_MESSAGES = 150
_MEASURE_EVERY_S = 0.25
_AT_THE_START_S = 2.0


async def usage(stage: Stage, record: Record) -> None:
    """Memory of the daemon and its engine, and descriptors, while messages are answered."""
    bot = await stage.linked_bot()
    watching = spawn_task(_watch(bot, record), name="memory")
    try:
        await asyncio.sleep(_AT_THE_START_S)
        for _ in range(_MESSAGES):
            await bot.ping()
        await asyncio.sleep(_MEASURE_EVERY_S * 4)
        files = open_files_of(bot.now.pid)
    finally:
        watching.cancel()
    memory = record.values(Series.MEMORY)
    record.expect(len(memory) > 1, "its memory could not be measured")
    grown = growth(memory)
    record.figure = f"{max(memory):.0f} MB at most, {grown:+.0f} MB in {_MESSAGES} messages, {files} open files"
    record.expect(max(memory) < targets.MEMORY_MB, f"it took {max(memory):.0f} MB")
    record.expect(grown < targets.MEMORY_GROWTH_MB, f"it has grown by {grown:.0f} MB")
    record.expect(0 < files < targets.OPEN_FILES, f"it has {files} files open")


def growth(values: Sequence[float]) -> float:
    """Return by how much the last quarter of values is above the first, each by its mean."""
    part = max(len(values) // 4, 1)
    return sum(values[-part:]) / part - sum(values[:part]) / part


async def _watch(bot: RehearsedBot, record: Record) -> None:
    while True:
        family = [bot.now.pid, *(child.pid for child in children_of(bot.now.pid))]
        found = [await asyncio.to_thread(memory_mb, pid) for pid in family]
        known = [each for each in found if each is not None]
        if len(known) == len(family) and len(family) > 1:
            record.sample(Series.MEMORY, sum(known), Unit.MEGABYTES)
        await asyncio.sleep(_MEASURE_EVERY_S)
