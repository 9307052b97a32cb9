"""What can go wrong: acts by name, how often each comes, and what each may cost by the documentation.

An act does its work, undoes what would not end by itself, and says in some words what it did.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from random import Random
from typing import NamedTuple

from linda_bot.sandbox.faults import CATALOGUE, inject
from linda_bot.sandbox.misbehaviour import NobodyThereError
from linda_bot.sandbox.poison import POISON
from tests.support import blows
from tests.support.commands import run_command
from tests.support.damage import damage
from trials.chaos.world import BOT, FRIENDS, World

_DAY_S = 86400.0


class Act(NamedTuple):
    """One kind of trouble."""

    weight: int
    """How often it comes, beside the others."""
    do: Callable[[World, Random], Awaitable[str]]
    needs: str = ""
    """`disk` for a file system of its own, `weather` for a C compiler; nothing for neither."""


class _Fault(NamedTuple):
    """A fault of the server or of the line."""

    name: str
    parameters: Mapping[str, tuple[str, ...]] = {}
    fatal: bool = False
    """Whether the bot may have to end the client library's process over it."""


# What the library takes for a panic, a deaf line or a torn one ends its process; docs/messages.md says what that costs.
_FAULTS = (
    _Fault("drop"),
    _Fault("drop"),
    _Fault("freeze", fatal=True),
    _Fault("half-open", fatal=True),
    _Fault("refuse", {"for_s": ("0.5", "2", "6")}),
    _Fault("bad-gateway", {"for_s": ("1", "4")}),
    _Fault("black-hole", {"for_s": ("1", "4")}, fatal=True),
    _Fault("slow-link", {"delay_ms": ("20", "100", "300"), "for_s": ("2", "6")}, fatal=True),
    _Fault("login-failure", {"code": ("400", "413", "418", "500", "503", "599"), "count": ("1", "2")}, fatal=True),
    _Fault("login-failure", {"code": ("402",), "expire_s": ("1", "3")}),
    _Fault("silent-login", {"count": ("1", "2")}, fatal=True),
    _Fault("stream-error", {"kind": ("500", "503", "515", "599", "sandbox_new")}),
    _Fault("stream-error", {"kind": ("replaced",)}, fatal=True),
    _Fault("bad-certificate", {"kind": ("tls", "noise"), "connections": ("1", "2")}),
    _Fault("refuse-message", {"code": ("429", "479", "500")}),
    _Fault("double-message", {"count": ("1", "5")}),
    _Fault("garbage", {"kind": ("text", "bad-zlib", "no-node", "empty-body", "one-byte-short")}, fatal=True),
    _Fault("garbage", {"kind": ("undecryptable", "empty-frame", "truncated", "half-length", "random")}, fatal=True),
    _Fault("poison", {"kind": tuple(kind for kind in POISON if not kind.startswith("next-message"))}, fatal=True),
)


async def _kill_daemon(world: World, _chance: Random) -> str:
    return "kill -9" if world.bot.send_signal(signal.SIGKILL) else "nothing ran"


async def _kill_engine(world: World, _chance: Random) -> str:
    killed = world.bot.kill_engines()
    world.engine_may_end(killed)
    return f"{killed} engines"


async def _power_off(world: World, _chance: Random) -> str:
    if not world.bot.power_off():
        return "nothing ran"
    world.engine_may_end()
    return "all processes at once"


async def _crash_loop(world: World, chance: Random) -> str:
    kills = chance.randint(3, 6)
    for _ in range(kills):
        world.bot.send_signal(signal.SIGKILL)
        await asyncio.sleep(chance.uniform(0.1, 0.8))
    return f"{kills} times in a row"


async def _ask_to_end(world: World, chance: Random) -> str:
    number = chance.choice((signal.SIGTERM, signal.SIGINT))
    return number.name if world.bot.send_signal(number) else "nothing ran"


async def _renew(world: World, _chance: Random) -> str:
    return "SIGHUP" if world.bot.send_signal(signal.SIGHUP) else "nothing ran"


async def _stop_for_a_while(pids: list[int], seconds: float) -> str:
    try:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(seconds)
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    return f"for {seconds:.1f} s" if pids else "nothing ran"


async def _freeze_daemon(world: World, chance: Random) -> str:
    return await _stop_for_a_while([world.bot.pid] if world.bot.pid else [], chance.uniform(0.5, 6))


async def _freeze_engine(world: World, chance: Random) -> str:
    engines = [engine.pid for engine in world.bot.engines()]
    world.engine_may_end(len(engines))
    return await _stop_for_a_while(engines, chance.uniform(0.5, 8))


async def _server_fault(world: World, chance: Random) -> str:
    fault = chance.choice(_FAULTS)
    parameters = {name: chance.choice(values) for name, values in fault.parameters.items()}
    if "number" in CATALOGUE[fault.name].parameters:
        parameters["number"] = BOT
    if fault.fatal:
        world.engine_may_end()
    else:  # a line that is cut in the middle of a send leaves its answer to the library
        world.excuse.unknown += 1
    world.excuse.refused += fault.name == "refuse-message"
    try:
        await inject(world.sandbox, fault.name, parameters)
        if fault.name in ("bad-gateway", "black-hole", "bad-certificate", "login-failure", "silent-login"):
            world.sandbox.drop(BOT)
    except NobodyThereError:
        return f"{fault.name}: nobody was there"
    return " ".join([fault.name, *(f"{name}={value}" for name, value in parameters.items() if name != "number")])


async def _friend_dropped(world: World, chance: Random) -> str:
    world.sandbox.drop(chance.choice(FRIENDS))
    return "the line of somebody who writes"


async def _strike(blow: Callable[[], str]) -> str:
    """Do damage to files; a disk that is full at that moment leaves less of them than was meant."""
    try:
        return await asyncio.to_thread(blow)
    except OSError as error:
        return f"something ({error.strerror})"


async def _damage_session(world: World, chance: Random) -> str:
    in_order = chance.random() < 0.5
    world.excuse.put_back += 1
    world.excuse.unknown += not in_order
    async with world.bot.down(in_order=in_order):
        return await _strike(lambda: damage(chance.getrandbits(32), world.data_dir))


async def _damage_state_files(world: World, chance: Random) -> str:
    paths = world.paths
    path = chance.choice((paths.device_status, paths.history, paths.run_mark, paths.aftercare, paths.summary))
    if path.is_dir() or not path.parent.is_dir():
        return "there was none"
    done = await asyncio.to_thread(
        chance.choice((*blows.ON_JSON, blows.flip, blows.truncate, blows.remove)), chance, path
    )
    return f"{path.name} {done}, while the bot runs" if done else "there was none"


async def _damage_mailbox(world: World, chance: Random) -> str:
    blow = chance.choice((blows.flip, blows.flip_early, blows.wipe, blows.truncate, blows.junk, blows.remove))
    path = world.mailbox.with_name(world.mailbox.name + chance.choice(("", "", "-wal")))
    async with world.bot.down(in_order=chance.random() < 0.5):
        world.engine_may_end()
        if not path.is_file():
            return "there was none"
        done = await _strike(lambda: blow(chance, path))
        world.excuse.mailbox = done
        return f"{path.name} {done}"


async def _restore(world: World, _chance: Random) -> str:
    world.excuse.put_back += 1
    async with world.bot.down(in_order=True):
        ran = await run_command("restore", "--yes", "--data-dir", world.data_dir, environment=world.sandbox.environment)
        return f"linda-bot restore: {ran.code}"


async def _fill_disk(world: World, chance: Random) -> str:
    seconds = chance.uniform(0.5, 6)
    world.excuse.unknown += 1  # the engine hangs up, whatever is being sent
    with world.full_disk():
        await asyncio.sleep(seconds)
    return f"for {seconds:.1f} s"


async def _start_on_full_disk(world: World, chance: Random) -> str:
    seconds = chance.uniform(1, 5)
    world.excuse.unknown += 1
    with world.full_disk():
        world.bot.send_signal(chance.choice((signal.SIGKILL, signal.SIGTERM)))
        await asyncio.sleep(seconds)
    return f"for {seconds:.1f} s, with a restart"


async def _slow_disk(world: World, chance: Random) -> str:
    assert world.weather is not None
    late_s, seconds = chance.choice((0.005, 0.03, 0.2, 1.0)), chance.uniform(2, 8)
    world.weather.disk_slower_by(late_s)
    await asyncio.sleep(seconds)
    world.weather.disk_slower_by(0)
    return f"{late_s * 1000:.0f} ms more for each fsync, for {seconds:.1f} s"


async def _clock_jump(world: World, chance: Random) -> str:
    assert world.weather is not None
    off_s = chance.choice((0.0, -1.5, 3.0, -60.0, 3600.0, -3600.0, _DAY_S, -_DAY_S, 40 * _DAY_S, -400 * _DAY_S))
    world.weather.clock_off_by(off_s)
    return f"to {off_s:+.1f} s beside the right time"


async def _flood(world: World, chance: Random) -> str:
    count = chance.choice((20, 100, 250))
    world.excuse.flooded = True
    await world.friends.flood(f"{world.label}-flood-{chance.getrandbits(32):x}", count)
    return f"{count} messages"


async def _command(world: World, chance: Random) -> str:
    words = chance.choice((("backup",), ("reconnect", "--wait", "3"), ("status",), ("doctor", "--offline"), ("why",)))
    ran = await run_command(*words, "--data-dir", world.data_dir)
    return f"linda-bot {' '.join(words)}: {ran.code}"


async def _pause(world: World, chance: Random) -> str:
    begun = await run_command("pause", "--data-dir", world.data_dir)
    await asyncio.sleep(chance.uniform(0, 2))
    tries = 0
    while (await run_command("resume", "--data-dir", world.data_dir)).code != 0 and tries < 40:
        tries += 1
        await asyncio.sleep(0.5)
    return f"paused ({begun.code}) and resumed at try {tries + 1}"


ACTS: Mapping[str, Act] = {
    "daemon killed": Act(8, _kill_daemon),
    "engine killed": Act(8, _kill_engine),
    "power loss": Act(5, _power_off),
    "crash loop": Act(2, _crash_loop),
    "asked to end": Act(5, _ask_to_end),
    "asked to renew": Act(3, _renew),
    "daemon frozen": Act(3, _freeze_daemon),
    "engine frozen": Act(3, _freeze_engine),
    "fault of the server": Act(24, _server_fault),
    "friend's line lost": Act(2, _friend_dropped),
    "session damaged": Act(5, _damage_session),
    "state file damaged": Act(4, _damage_state_files),
    "mailbox damaged": Act(1, _damage_mailbox),
    "backup put back": Act(1, _restore),
    "disk full": Act(4, _fill_disk, needs="disk"),
    "started on a full disk": Act(2, _start_on_full_disk, needs="disk"),
    "disk slow": Act(4, _slow_disk, needs="weather"),
    "clock jumps": Act(4, _clock_jump, needs="weather"),
    "flood": Act(4, _flood),
    "command": Act(4, _command),
    "paused": Act(1, _pause),
}
