"""Starting an engine process, with as few imports as possible: it is the first thing that a restart waits for."""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

ENGINE_COMMAND = (sys.executable, "-P", "-m", "linda_bot.whatsapp.engine")

_NOT_FOR_CHILDREN = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
"""What a supervisor says to the daemon alone. The first engine starts before the daemon has taken it away."""


class EngineProcess(NamedTuple):
    """A child process and our ends of its three pipes."""

    pid: int
    requests: int
    notices: int
    stderr: int


def end_if_ours(process: EngineProcess) -> None:
    """Kill an engine that nobody has collected yet.

    The number of one that was collected may belong to somebody else by now; that of a child that was not, cannot.
    """
    try:
        ended, _ = os.waitpid(process.pid, os.WNOHANG)
        if not ended:
            os.kill(process.pid, signal.SIGKILL)
            os.waitpid(process.pid, 0)
    except ChildProcessError:
        return


def spawn_engine(
    command: Sequence[str] = ENGINE_COMMAND, extra_environment: Mapping[str, str] | None = None
) -> EngineProcess:
    """Start an engine in a process group of its own, so that Ctrl+C in the terminal reaches only the daemon.

    The Go runtime reads the environment as it was at the start of the process; what it shall see must be given here.
    Raises OSError when the process cannot be started.
    """
    (theirs_in, requests), (notices, theirs_out), (stderr, theirs_err) = _three_pipes()
    environment = {
        "GOGC": "40",  # 20,000 messages that wait come all at once: a third less memory at its peak, for 10 % more work
        **{name: value for name, value in os.environ.items() if name not in _NOT_FOR_CHILDREN},
        "NEONIZE_BOT_TAG": "off",  # else neonize marks every message to a phone number as sent by a business bot
        "PYTHONUNBUFFERED": "1",
        **(extra_environment or {}),
    }
    try:
        pid = os.posix_spawn(
            command[0],
            tuple(command),
            environment,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, theirs_in, 0),
                (os.POSIX_SPAWN_DUP2, theirs_out, 1),
                (os.POSIX_SPAWN_DUP2, theirs_err, 2),
            ],
            setpgroup=0,
        )
    except OSError:
        for descriptor in (requests, notices, stderr):
            os.close(descriptor)
        raise
    finally:
        for descriptor in (theirs_in, theirs_out, theirs_err):
            os.close(descriptor)
    return EngineProcess(pid, requests, notices, stderr)


def _three_pipes() -> list[tuple[int, int]]:
    """Return three pipes, each as its reading and its writing end; raises OSError, and leaves none open then."""
    pipes: list[tuple[int, int]] = []
    try:
        for _ in range(3):
            pipes.append(os.pipe())  # noqa: PERF401 (those made before one fails must be known)
    except OSError:
        for descriptor in (end for pipe in pipes for end in pipe):
            os.close(descriptor)
        raise
    return pipes
