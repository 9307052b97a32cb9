"""What is done to a session's files, and a process that dies in the middle of it: `python -m tests.support.kills`.

Every call that touches a file counts twice, before it and after it; at the chosen number the process kills itself. One
warmed-up process forks a child for each death, so that hundreds take seconds. Orders and answers are lines of JSON.
"""

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import msgspec

from linda_bot.kernel.files import write_atomic
from linda_bot.sessions.aftercare import Aftercare, save_aftercare
from linda_bot.sessions.book import SessionBook
from linda_bot.sessions.catalogue import all_backups, retire
from linda_bot.sessions.device_status import timestamp
from linda_bot.sessions.manifest import MANIFEST, save_manifest
from linda_bot.sessions.opening import close_session, keep_up, open_session
from linda_bot.sessions.paths import DEFAULT_ACCOUNT, SessionPaths
from linda_bot.sessions.quarantine import set_aside
from linda_bot.sessions.recovery import put_back
from linda_bot.sessions.rollback import RunMark, load_run_mark, save_run_mark
from linda_bot.sessions.vault import make_key_file
from tests.support.stores import back_up

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
KEEP = 2
NOON = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)
_POINTS = {"open", "write", "sendfile", "copy_file_range", "truncate", "flush", "close", "fsync"}
_POINTS |= {"replace", "rename", "mkdir", "rmdir", "unlink", "chmod", "flock", "connect", "backup", "execute"}
"""The calls that touch a file, as Python names them."""


class Order(msgspec.Struct):
    """Which death to die, and where."""

    scenario: str
    data_dir: str
    at: int = 0
    """The number of the call; 0 for none, which counts them."""
    after_s: float = 0.0
    """Instead: after how long, wherever that is."""
    cut: bool = False
    """Whether a write at that point brings half of its content to the disk first."""


class Answer(msgspec.Struct):
    """How it ended."""

    killed: bool
    calls: int
    """How many calls there were, of a run that was not killed."""
    took_s: float


def write_states(paths: SessionPaths) -> None:
    """Write each of the state files."""

    async def keep_book() -> None:
        book = SessionBook(paths)
        book.change(restore_count=7, restore_status="ready")
        book.note("restore_complete", at=NOON)
        book.state("connected")
        await book.close()

    asyncio.run(keep_book())
    mark = load_run_mark(paths.run_mark)
    save_run_mark(paths.run_mark, RunMark(boot_id=mark.boot_id, running=False, generation=mark.generation))
    aftercare = Aftercare(since=timestamp(NOON), because="a test")
    save_aftercare(paths.aftercare, aftercare, received=3, recovered=2, pending=("A",))
    retire(paths, all_backups(paths)[0].manifest.fingerprint, "cleared", "a test")
    oldest = all_backups(paths)[-1]
    save_manifest(oldest.directory / MANIFEST, msgspec.structs.replace(oldest.manifest, reason="changed"))
    key_file = paths.data_dir / "key"
    if not key_file.exists():
        make_key_file(key_file)


def make_backup(paths: SessionPaths) -> None:
    """Make a backup and delete the oldest."""
    back_up(paths, keep=KEEP)


def make_sealed_backup(paths: SessionPaths) -> None:
    """Make an encrypted one."""
    back_up(paths, keep=KEEP, keys=(KEY,))


def restore(paths: SessionPaths) -> None:
    """Put the newest backup back."""
    put_back(paths, all_backups(paths)[0], None, because="a test")


def clear(paths: SessionPaths) -> None:
    """Set everything aside."""
    set_aside(paths, "a test")


def live(paths: SessionPaths) -> None:
    """Open a store that went back, use it and close it."""
    open_session(paths)
    keep_up(paths, (0, 0))
    close_session(paths)


SCENARIOS = {each.__name__: each for each in (write_states, make_backup, make_sealed_backup, restore, clear, live)}


class Killer:
    """A process that dies as often as it is asked to."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.kills"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )

    def __call__(self, scenario: str, paths: SessionPaths, **how: object) -> Answer:
        """Run a scenario to its death."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = msgspec.convert({"scenario": scenario, "data_dir": str(paths.data_dir), **how}, Order)
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")
        self._process.stdin.flush()
        return msgspec.json.decode(self._process.stdout.readline(), type=Answer)

    def close(self) -> None:
        """Let it go for good."""
        self._process.communicate()
        assert self._process.returncode == 0


@contextmanager
def killer() -> Iterator[Killer]:
    """Yield a process that dies as often as it is asked to."""
    made = Killer()
    try:
        yield made
    finally:
        made.close()


def _counted(at: int, *, cut: bool) -> "tuple[Callable[[FrameType, str, object], None], itertools.count[int]]":
    """Return a profiler that kills this process at a call, and its counter."""
    counter = itertools.count(1)

    def look(frame: FrameType, event: str, what: object) -> None:
        if event in {"c_call", "c_return"} and getattr(what, "__name__", "") in _POINTS and next(counter) == at:
            if cut and event == "c_call" and frame.f_code is write_atomic.__code__ and "file" in frame.f_locals:
                data = frame.f_locals["data"]
                os.write(frame.f_locals["file"].fileno(), data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)

    return look, counter


def _run(order: Order, answer_to: int) -> None:
    paths = SessionPaths(Path(order.data_dir), DEFAULT_ACCOUNT)
    look, counter = _counted(order.at, cut=order.cut)
    begun = time.perf_counter()
    if not order.after_s:
        threading.setprofile(look)
        sys.setprofile(look)
    SCENARIOS[order.scenario](paths)
    sys.setprofile(None)
    answer = Answer(killed=False, calls=next(counter) - 1, took_s=time.perf_counter() - begun)
    os.write(answer_to, msgspec.json.encode(answer))


def _die(order: Order) -> Answer:
    read_end, write_end = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            _run(order, write_end)
            code = 0
        finally:
            os._exit(code)
    os.close(write_end)
    if order.after_s:
        time.sleep(order.after_s)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(read_end, "rb") as answers:
        said = answers.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return Answer(killed=True, calls=0, took_s=0.0)
    assert said, "the scenario failed"
    return msgspec.json.decode(said, type=Answer)


def main() -> None:
    """Carry out the orders on stdin."""
    import sqlite3  # noqa: F401 (each child would import it anew)

    from linda_bot.sessions.vault import Vault

    Vault([KEY])
    for line in sys.stdin.buffer:
        answer = _die(msgspec.json.decode(line, type=Order))
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
