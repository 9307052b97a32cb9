"""Restarts: what a bot is known by afterwards, and how long they take."""

import asyncio
import signal
import time
from random import Random

from linda_bot.rehearsal import targets
from linda_bot.rehearsal.bot import RehearsedBot
from linda_bot.rehearsal.figures import counted, seconds_text
from linda_bot.rehearsal.record import Record
from linda_bot.rehearsal.stage import Stage
from linda_bot.rehearsal.values import Series

_STORY = (
    "Existing session found",
    "Attempt 1 of",
    "Previous status: linked",
    "Connecting",
    "Authentication successful in",
    "DEVICE REACTIVATED",
    "listening for messages",
)
_EVENTS = ("restore_authenticated", "restore_complete")
_CRASHES = (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT)
_MEASURED = 5
_MESSAGES = 3
_SEED = 7


async def session_restore(stage: Stage, record: Record) -> None:
    """After a restart the session is brought back, and the bot says so step by step."""
    bot = await stage.linked_bot()
    record.expect(await bot.stop() == 0, "SIGTERM did not end it with exit code 0")
    record.sample(Series.RESTART, await bot.restart())
    _tell_restarts(bot, record)
    places = [next((at for at, line in enumerate(bot.now.lines) if sign in line), -1) for sign in _STORY]
    missing = [sign for sign, place in zip(_STORY, places, strict=True) if place < 0]
    record.expect(not missing, f"on the restart it did not say: {', '.join(missing)}")
    record.expect(places == sorted(places), "the restart's story is told out of order")
    await bot.ping()
    events = [entry["eventType"] for entry in (await bot.command("history")).document]
    record.expect(all(each in events for each in _EVENTS), "the history does not have the restore")
    status = (await bot.command("status")).document
    record.expect(status["restore_count"] == 1, f"`linda-bot status` counts {status['restore_count']} restores, not 1")
    _no_second_link(bot, record)
    record.under(Series.RESTART, targets.READY_S)


async def supervised(stage: Stage, record: Record) -> None:
    """A supervisor starts it again whenever it ends with an error, and leaves it alone when it was asked to stop."""
    bot = await stage.linked_bot()
    for number in _CRASHES:
        code = await bot.stop(number)
        record.expect(code != 0, f"it ended with exit code 0 after {number.name}: no supervisor would start it again")
        record.sample(Series.RESTART, await bot.restart("--no-qr"))
    _tell_restarts(bot, record)
    await bot.ping()
    code = await bot.stop()
    record.expect(code == 0, f"SIGTERM ended it with exit code {code}: a supervisor would start it again")
    _no_second_link(bot, record)
    record.under(Series.RESTART, targets.READY_S)


async def manual_restart(stage: Stage, record: Record) -> None:
    """Ctrl+C and the same command again; what was written meanwhile is answered once."""
    bot = await stage.linked_bot()
    began = time.monotonic()
    code = await bot.stop(signal.SIGINT)
    stopped_s = time.monotonic() - began
    record.expect(code == 0, f"Ctrl+C ended it with exit code {code}")
    await bot.write(_MESSAGES)
    record.sample(Series.RESTART, await bot.restart())
    _tell_restarts(bot, record)
    record.figure += f", stopped in {seconds_text(stopped_s)}"
    await bot.answers(_MESSAGES)
    _no_second_link(bot, record)
    record.expect(stopped_s < targets.STOP_S, f"Ctrl+C took {seconds_text(stopped_s)}")
    record.under(Series.RESTART, targets.READY_S)


async def many_restarts(stage: Stage, record: Record) -> None:
    """One restart after the other, every second one by kill -9 at a moment that is not chosen."""
    bot = await stage.linked_bot()
    moments = Random(_SEED)  # noqa: S311 (moments are no secrets)
    for number in range(targets.RESTARTS):
        if number % 2:
            await asyncio.sleep(moments.uniform(0, 0.3))
            await bot.power_off()
        else:
            await bot.stop()
        record.sample(Series.RESTART, await bot.restart())
    _tell_restarts(bot, record)
    await bot.ping()
    _no_second_link(bot, record)
    record.under(Series.RESTART, targets.READY_S)


async def restore_time(stage: Stage, record: Record) -> None:
    """How long it takes from the start of the process until the bot listens."""
    bot = await stage.linked_bot()
    for _ in range(_MEASURED):
        await bot.stop()
        record.sample(Series.RESTART, await bot.restart())
        record.figure = record.seconds(Series.RESTART)
        record.under(Series.RESTART, targets.READY_S)
    _no_second_link(bot, record)


async def process_crash(stage: Stage, record: Record) -> None:
    """`kill -9`; messages arrive while it is dead, and each is answered once."""
    bot = await stage.linked_bot()
    await bot.stop(signal.SIGKILL)
    await bot.write(_MESSAGES)
    record.sample(Series.RESTART, await bot.restart())
    await bot.answers(_MESSAGES)
    _tell_restarts(bot, record)
    record.figure += f", {_MESSAGES} of {_MESSAGES} messages answered"
    _no_second_link(bot, record)
    record.under(Series.RESTART, targets.READY_S)


def _tell_restarts(bot: RehearsedBot, record: Record) -> None:
    count = len(record.values(Series.RESTART))
    record.figure = f"{counted(count, 'restart')}, {_codes(bot)}, ready in {record.seconds(Series.RESTART)}"


def _codes(bot: RehearsedBot) -> str:
    return counted(bot.codes_shown - 1, "code")


def _no_second_link(bot: RehearsedBot, record: Record) -> None:
    """Expect that no code was shown but that of the linking, and that the phone was not needed again."""
    record.expect(bot.codes_shown == 1, f"{_codes(bot)} shown on restarts")
    record.expect(bot.phone.pairings == 1, f"the phone had to link it {bot.phone.pairings} times")
