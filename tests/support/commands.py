"""The console script as a person or a shell starts it, to its end or for as long as a test wants."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from linda_bot.sandbox.bot_process import console_script


class Ran(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    told: str

    @property
    def document(self) -> Any:
        """What it has printed with `--json`."""
        return json.loads(self.out)


def plain_environment(**changes: str) -> dict[str, str]:
    """Return our own environment without settings of a bot."""
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith("LINDA_")}
    return {**inherited, "NO_COLOR": "1", **changes}


async def run_command(
    *arguments: str | Path, within_s: float = 30, environment: Mapping[str, str] | None = None
) -> Ran:
    """Run a command to its end, with more in the environment; one that does not end in time is killed."""
    process = await asyncio.create_subprocess_exec(
        *console_script(),
        *map(str, arguments),
        env=plain_environment(**(environment or {})),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(within_s):
            out, told = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), told.decode())


@asynccontextmanager
async def started_by_shell(
    words: str, *arguments: str | Path, environment: Mapping[str, str] | None = None, streams: Sequence[int | None]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a command that a shell starts after a few words of its own, such as `ulimit -n 64;`.

    In the words `run` stands for the command. `streams` are its stdin, stdout and stderr. Killed at the end.
    """
    process = await asyncio.create_subprocess_exec(
        "sh",
        "-c",
        words.replace("run", 'exec "$@"'),
        "sh",
        *console_script(),
        *map(str, arguments),
        env=environment if environment is not None else plain_environment(),
        stdin=streams[0],
        stdout=streams[1],
        stderr=streams[2],
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
