"""One daemon a session."""

import asyncio
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from linda_bot.kernel.errors import SessionHeldError
from linda_bot.kernel.flock import hold_lock
from linda_bot.sessions.lock import acquire_lock
from linda_bot.sessions.paths import SessionPaths

DAEMON = """
import asyncio, sys, time
from pathlib import Path
from linda_bot.sessions.lock import acquire_lock
from linda_bot.sessions.paths import SessionPaths
lock = asyncio.run(acquire_lock(SessionPaths(Path(sys.argv[1]), "default")))
if sys.argv[2] == "stopping":
    lock.mark_stopping()
print("held", flush=True)
time.sleep(float(sys.argv[3]))
"""
ENGINE = """
import sys, time
from pathlib import Path
from linda_bot.kernel.flock import hold_lock
hold_lock(Path(sys.argv[1]) / "sessions/session-default/engine.lock")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def paths(tmp_path: Path) -> SessionPaths:
    """A session directory."""
    made = SessionPaths(tmp_path, "default")
    made.directory.mkdir(parents=True)
    return made


@contextmanager
def holder(code: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Have another process hold a lock."""
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


async def test_a_running_holder_is_named_at_once(paths: SessionPaths) -> None:
    """With its pid and what to do; nobody waits for it."""
    with holder(DAEMON, str(paths.data_dir), "running", "60") as other:
        before = time.monotonic()
        with pytest.raises(SessionHeldError, match=f"pid {other.pid}") as caught:
            await acquire_lock(paths)

    assert time.monotonic() - before < 1
    assert "--account or --data-dir" in str(caught.value)


@pytest.mark.slow
async def test_a_holder_that_is_ending_is_waited_for(paths: SessionPaths) -> None:
    """A restart that comes a moment too early is no error."""
    with holder(DAEMON, str(paths.data_dir), "stopping", "0.5"):
        (await acquire_lock(paths)).release()


async def test_the_wait_is_bounded(paths: SessionPaths) -> None:
    """An ending that does not end is told like any other holder."""
    with holder(DAEMON, str(paths.data_dir), "stopping", "60"), pytest.raises(SessionHeldError):
        await acquire_lock(paths, wait_s=0.3)


@pytest.mark.slow
async def test_an_engine_that_outlives_its_daemon_is_waited_for(paths: SessionPaths) -> None:
    """The store must have one user only."""
    with holder(ENGINE, str(paths.data_dir), "0.5"):
        before = time.monotonic()
        (await acquire_lock(paths)).release()
        assert time.monotonic() - before > 0.2
    with holder(ENGINE, str(paths.data_dir), "60"), pytest.raises(SessionHeldError, match="engine"):
        await acquire_lock(paths, wait_s=0.3)


async def test_who_waits_for_an_engine_is_named(paths: SessionPaths) -> None:
    """A third one is told of the daemon that waits, not of the dead one before it."""
    paths.lock.write_text(json.dumps({"pid": 999_999_999, "phase": "running"}))
    with holder(ENGINE, str(paths.data_dir), "60"):
        waiting = asyncio.create_task(acquire_lock(paths))
        await asyncio.sleep(0.1)
        with pytest.raises(SessionHeldError, match=f"pid {os.getpid()}"):
            await acquire_lock(paths)
    (await waiting).release()


async def test_a_killed_holder_frees_the_lock(paths: SessionPaths) -> None:
    """What it left in the file does not matter."""
    with holder(DAEMON, str(paths.data_dir), "running", "60") as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert json.loads(paths.lock.read_text())["pid"] == other.pid
        lock = await acquire_lock(paths)

    assert json.loads(paths.lock.read_text())["pid"] == os.getpid()
    lock.release()


@pytest.mark.parametrize(
    ("left", "waits"),
    [
        ({"pid": 999_999_999, "host": socket.gethostname(), "phase": "running"}, True),
        ({"pid": 999_999_999, "host": "another machine", "phase": "running"}, False),
        ({"pid": 0, "host": socket.gethostname(), "phase": "listening"}, False),
        ({"pid": 1, "host": socket.gethostname(), "phase": "listening"}, False),
        ({"pid": 999_999_999, "host": socket.gethostname(), "phase": "stopping"}, True),
    ],
    ids=["dead", "elsewhere", "nobody", "alive", "ending"],
)
async def test_a_file_that_still_names_a_dead_process(
    paths: SessionPaths, left: dict[str, object], *, waits: bool
) -> None:
    """Somebody else holds the lock then, for the moment until the file names it; of another machine nobody can tell."""
    with paths.lock.open("w") as other:
        json.dump(left, other)
        other.flush()
        fcntl.flock(other, fcntl.LOCK_EX)
        waiting = asyncio.create_task(acquire_lock(paths))
        await asyncio.wait({waiting}, timeout=0.2)
        assert waiting.done() is not waits
    if waits:
        (await waiting).release()
    else:
        with pytest.raises(SessionHeldError):
            await waiting


@pytest.mark.parametrize("left", [b"", b"{", b"[1]", b"\xff" * 10_000])
async def test_a_file_with_anything_in_it_is_no_lock(paths: SessionPaths, left: bytes) -> None:
    """Only the kernel's lock counts."""
    paths.lock.write_bytes(left)
    lock = await acquire_lock(paths)

    assert json.loads(paths.lock.read_bytes())["phase"] == "running"
    lock.mark_stopping()
    assert json.loads(paths.lock.read_bytes())["phase"] == "stopping"
    lock.release()


async def test_two_in_one_process_exclude_each_other(paths: SessionPaths) -> None:
    """The lock belongs to the open file, not to the process."""
    lock = await acquire_lock(paths)
    with pytest.raises(SessionHeldError):
        await acquire_lock(paths)
    lock.release()
    engine = hold_lock(paths.engine_lock)
    with pytest.raises(BlockingIOError):
        hold_lock(paths.engine_lock)
    os.close(engine)
    await asyncio.sleep(0)
