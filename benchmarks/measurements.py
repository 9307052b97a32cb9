"""What is done to a program to measure it, once; each measurement starts the program and ends it."""

import asyncio
import signal
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import psutil

from benchmarks.figures import percentile
from benchmarks.programs import BOT, Program
from linda_bot.sandbox.bot_process import console_script
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox

DROPS = 3
"""How often the line of a started program is cut: the sixth loss in a row is no matter of the library's any more."""
MESSAGES = 20
"""What a program has answered before its memory is measured."""
SETTLE_S = 1.0
PAUSE_S = 0.2
"""Between an answer and the next fault, so that nothing of the one before is still going on."""
RECOVERS_WITHIN_S = 30
BARE_PYTHON = (sys.executable, "-c", "import argparse; argparse.ArgumentParser().parse_args()", "--help")
BARE_SCRIPT = (
    sys.executable,
    "-c",
    "import argparse, asyncio, neonize.aioze.client; argparse.ArgumentParser().parse_args()",
    "--help",
)
"""What an author writes who imports the library at the top, as `bare.py` does."""
HELP = (*console_script(), "--help")
STATUS = (*console_script(), "status")


class Taken(NamedTuple):
    """What one measurement of one program gave."""

    values: dict[str, float]
    """By name."""
    singles: Sequence[float] = ()
    """What they were made from, in seconds, where it was more than one time."""


async def restart(program: Program) -> Taken:
    """Seconds from the start of the process until it is ready."""
    ready = await program.start()
    await program.stop()
    return Taken({"ready": ready})


async def shutdown(program: Program, friend: Contact, number: signal.Signals) -> Taken:
    """Seconds from a signal until the process is gone, of a program that has just answered."""
    async with started(program):
        await answered(friend, "before the end")
        began = time.perf_counter()
        await program.stop(number)
        return Taken({"gone": time.perf_counter() - began})


async def drop(program: Program, friend: Contact, sandbox: Sandbox) -> Taken:
    """Seconds from the cut of the line until a message that was written right then is answered: the median of some."""
    async with started(program):
        await answered(friend, "before the drops")
        taken = []
        for number in range(DROPS):
            await asyncio.sleep(PAUSE_S)
            began = time.perf_counter()
            sandbox.drop(BOT)
            await answered(friend, f"after drop {number}")
            taken.append(time.perf_counter() - began)
        return Taken({"answered": statistics.median(taken)}, taken)


async def crash(program: Program, friend: Contact) -> Taken:
    """Seconds from the kill of what speaks to WhatsApp until a message that was written right then is answered."""
    async with started(program):
        await answered(friend, "before the crash")
        await asyncio.sleep(PAUSE_S)
        began = time.perf_counter()
        async with asyncio.TaskGroup() as both:
            both.create_task(program.crash(), name="crash")
            await answered(friend, "after the crash")
            taken = time.perf_counter() - began
        return Taken({"answered": taken})


async def memory(program: Program, friend: Contact) -> Taken:
    """Proportional set size of all its processes after some messages, in MB."""
    async with started(program):
        for number in range(MESSAGES):
            await answered(friend, f"message {number}")
        await asyncio.sleep(SETTLE_S)
        return Taken({"used": sum(psutil.Process(pid).memory_full_info().pss for pid in program.pids()) / 1e6})


def of_answers(delays: Sequence[float]) -> Taken:
    """Answers a second, and by which delay so many percent of the answers had come, in ms."""
    percentiles = {f"p{percent}": percentile(delays, percent) * 1000 for percent in (50, 95, 99)}
    return Taken({"rate": len(delays) / sum(delays), **percentiles}, delays)


async def command(*words: str) -> Taken:
    """Milliseconds from the start of a command until its end, whatever its exit code."""
    began = time.perf_counter()
    nowhere = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*words, stdin=nowhere, stdout=nowhere, stderr=nowhere)
    await process.wait()
    return Taken({"ended": (time.perf_counter() - began) * 1000})


@asynccontextmanager
async def started(program: Program) -> AsyncIterator[None]:
    """Start a program, and leave none behind, whatever happens."""
    await program.start()
    try:
        yield
    finally:
        await program.stop()


async def answered(friend: Contact, text: str) -> None:
    """Write to the bot and wait until it says the same; raises TimeoutError."""
    await friend.send(BOT, text)
    async with asyncio.timeout(RECOVERS_WITHIN_S):
        while (await friend.next_message(within_s=RECOVERS_WITHIN_S)).text != text:
            pass
