"""A child process that is given something to read and has until it is cancelled."""

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from linda_bot.kernel.tasks import spawn_task

_MOST_AT_ONCE = 4096
_LAST_LOOKS = 16
_GONE_WITHIN_S = 1.0


class Ended(NamedTuple):
    """How it ended."""

    code: int
    said: str
    """The last line that it wrote to stderr, as it stands; cut."""


async def run_process(command: Sequence[str], text: bytes, environment: Mapping[str, str] | None = None) -> Ended:
    """Run a command in a process group of its own; cancelled, the whole group is killed. Raises OSError.

    What it leaves running when it ends is let be, and not waited for.
    """
    errors = _Errors()
    starting = spawn_task(_start(command, environment, errors.theirs), name=f"start of {command[0]}")
    try:
        process = await asyncio.shield(starting)
    except asyncio.CancelledError:  # it may run already, with children of its own
        with suppress(OSError):
            await _kill(await starting)
        errors.close()
        raise
    except OSError:
        errors.close()
        raise
    errors.listen()
    try:
        await _write(process, text)
        code = await process.wait()
    except BaseException:
        await _kill(process)
        raise
    finally:
        said = errors.close()
    lines = said.decode(errors="replace").split("\n")
    return Ended(code, next((line.strip() for line in reversed(lines) if line.strip()), ""))


async def _start(
    command: Sequence[str], environment: Mapping[str, str] | None, stderr: int
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *command,
        env=None if environment is None else dict(environment),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=stderr,
        start_new_session=True,
    )


async def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(_GONE_WITHIN_S):
            await process.wait()


async def _write(process: asyncio.subprocess.Process, text: bytes) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError, ConnectionResetError):  # it does not want to read
        process.stdin.write(text)
        await process.stdin.drain()
    process.stdin.close()


class _Errors:
    """The end of what a process writes to stderr.

    A pipe of our own: for asyncio's, a process that has ended lives on for as long as somebody holds the other end.
    """

    def __init__(self) -> None:
        self._ours, self.theirs = os.pipe()
        os.set_blocking(self._ours, False)
        self._said = bytearray()
        self._listening = False

    def listen(self) -> None:
        """Read what comes, so that it is not held up; the other end is the process's alone from here on."""
        os.close(self.theirs)
        self._listening = True
        asyncio.get_running_loop().add_reader(self._ours, self._read)

    def close(self) -> bytes:
        """Return the end of what was said, and hear no more."""
        if self._listening:
            for _ in range(_LAST_LOOKS):
                if not self._read():
                    break
            asyncio.get_running_loop().remove_reader(self._ours)
        else:
            os.close(self.theirs)
        os.close(self._ours)
        return bytes(self._said)

    def _read(self) -> bool:
        try:
            chunk = os.read(self._ours, _MOST_AT_ONCE)
        except BlockingIOError:
            return False
        if not chunk:
            asyncio.get_running_loop().remove_reader(self._ours)
            return False
        self._said += chunk
        del self._said[:-_MOST_AT_ONCE]
        return True
