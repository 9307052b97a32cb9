"""Random damage to a session, then a start: connected where a good backup is, a QR code where none is, nothing lost.

`--damages N` sets how many, `--damage-seed S` replays one that failed.
"""

import asyncio
import hashlib
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio

from linda_bot.kernel.errors import ExitCode
from linda_bot.kernel.files import UnreadableFileError, read_json
from linda_bot.kernel.tasks import spawn_task
from linda_bot.sandbox.bot_process import LISTENING, BotError, BotProcess
from linda_bot.sandbox.server import Sandbox
from linda_bot.sessions.aftercare import read_aftercare
from linda_bot.sessions.device_status import load_status
from linda_bot.sessions.paths import DEFAULT_ACCOUNT, SessionPaths
from linda_bot.sessions.rollback import read_run_mark
from linda_bot.sessions.store import side_files
from tests.e2e.conftest import BOT, engines_of
from tests.support import blows
from tests.support.damage import damage

pytestmark = pytest.mark.asyncio(loop_scope="module")

NO_SOCKET = shutil.ignore_patterns("control.sock")

_SAMPLE = 9
_QR_CODE = "Waiting for the scan"
_FOUND = "Existing session found"
_WITHIN_S = 15
_QUICKLY = {"LINDA_RESTORE__DELAY": "0.2", "LINDA_RECONNECT__DELAYS": "[0.3]"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test a seed."""
    if "seed" in metafunc.fixturenames:
        first: int | None = metafunc.config.getoption("--damage-seed")
        count: int | None = metafunc.config.getoption("--damages")
        start = 0 if first is None else first
        length = count if count is not None else _SAMPLE if first is None else 1
        metafunc.parametrize("seed", range(start, start + length))


class Templates(NamedTuple):
    """Data directories of one linked bot, each with two backups."""

    sandbox: Sandbox
    stopped: Path
    """After an orderly end."""
    killed: Path
    """After the death of all processes, with a write-ahead log that is not played back."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def templates(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Templates]:
    """Link a bot once, in the real way."""
    place = tmp_path_factory.mktemp("damage")
    async with Sandbox(place / "sandbox") as sandbox:
        live = sandbox.directory / "bot"
        for number in (1, 2):
            bot = await BotProcess.start(
                "run", "--sandbox", sandbox.directory, environment={"LINDA_BACKUP__AFTER_STABLE": "0.2"}
            )
            try:
                if number == 1:
                    await sandbox.phone(BOT).scan(await bot.qr_text())
                await bot.wait_for(f"Backup backup-default-00{number} made")
                await bot.stop()
            finally:
                await bot.close()
        shutil.copytree(live, place / "stopped", ignore=NO_SOCKET)
        bot = await BotProcess.start("run", "--sandbox", sandbox.directory)
        try:
            await bot.ready()
            for engine in engines_of(sandbox.environment["LINDA_SANDBOX_ROOT"]):
                engine.kill()
            await bot.stop(signal.SIGKILL)
        finally:
            await bot.close()
        shutil.copytree(live, place / "killed", ignore=NO_SOCKET)
        yield Templates(sandbox, place / "stopped", place / "killed")
        assert engines_of(sandbox.environment["LINDA_SANDBOX_ROOT"]) == []


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """Return a place for a data directory; only that of a failed test is left for a look at it."""
    place = tmp_path / "bot"
    yield place
    shutil.rmtree(place, ignore_errors=True)


async def test_a_damage(
    templates: Templates, data_dir: Path, seed: int, record_property: Callable[[str, object], None]
) -> None:
    """It listens, or shows a code where nothing is left to listen with; no crash, no hang, nothing destroyed."""
    without_backups = seed % 3 == 2
    shutil.copytree(templates.killed if seed % 2 else templates.stopped, data_dir)
    if without_backups:
        shutil.rmtree(data_dir / ".session-cache")
    done = damage(seed, data_dir)
    story = f"seed {seed}, {'no' if without_backups else 'two'} backups: {done}"
    before = _Evidence(data_dir)
    pairings = templates.sandbox.phone(BOT).pairings

    bot = await BotProcess.start(
        "run", "--sandbox", templates.sandbox.directory, "--data-dir", data_dir, environment=_QUICKLY
    )
    try:
        outcome = await _outcome(bot)
        code = await bot.stop(within_s=6)
    except BotError as error:
        error.add_note(story)
        raise
    finally:
        await bot.close()

    told = f"{story}\n{bot.screen}"
    record_property("damage", story)
    record_property("outcome", f"{outcome}{', a backup was put back' if 'was put back' in bot.screen else ''}")
    if outcome == "came to nothing" and code == ExitCode.USAGE and _is_closed_to_us(done):
        outcome, code = "listens", ExitCode.OK
    assert "Traceback" not in bot.screen, told
    assert outcome == "listens" or (outcome == "shows a code" and without_backups), f"it {outcome}: {told}"
    assert code == ExitCode.OK, f"exit code {code}: {told}"
    assert templates.sandbox.phone(BOT).pairings == pairings
    assert before.lost(bot.screen) == [], told


def _is_closed_to_us(done: str) -> bool:
    """Return whether a file may not be read or written by us any more; root may always."""
    return os.geteuid() != 0 and "with mode" in done


async def _outcome(bot: BotProcess) -> str:
    """Say what a bot has come to."""
    waiting = [
        spawn_task(bot.wait_for(sign, within_s=_WITHIN_S), name=f"wait for {sign}") for sign in (LISTENING, _QR_CODE)
    ]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    if LISTENING in bot.screen:
        return "listens"
    return "shows a code" if _QR_CODE in bot.screen else "came to nothing"


class _Evidence:
    """What was there before a start, and whether it still is after it."""

    def __init__(self, data_dir: Path) -> None:
        self._paths = SessionPaths(data_dir, DEFAULT_ACCOUNT)
        self._store = _hashes_of(self._paths.store)
        self._log = _hashes_of(side_files(self._paths.store)[0])
        self._unreadable = {path.name: _hashes_of(path) for path, is_readable in self._judges() if not is_readable()}

    def lost(self, screen: str) -> list[str]:
        """Name what is nowhere to be found any more."""
        there = set().union(*(_hashes_of(path) for path in self._paths.data_dir.rglob("*")))
        lost = [name for name, hashes in self._unreadable.items() if not hashes <= there]
        in_place = _FOUND in screen and "set aside" not in screen
        if not in_place:
            # Once an engine has had the store open, it is that store which was set aside.
            was_open = _FOUND in screen and screen.index(_FOUND) < screen.find("set aside")
            if not was_open:
                lost += [name for name, hashes in (("store", self._store), ("log", self._log)) if not hashes <= there]
        return lost

    def _judges(self) -> list[tuple[Path, Callable[[], bool]]]:
        paths = self._paths
        return [
            (paths.device_status, lambda: _loads(lambda: load_status(paths.device_status))),
            (paths.history, lambda: _is_a(list, paths.history)),
            (paths.summary, lambda: _is_a(dict, paths.summary)),
            (paths.run_mark, lambda: _loads(lambda: read_run_mark(paths.run_mark))),
            (paths.aftercare, lambda: _loads(lambda: read_aftercare(paths.aftercare))),
        ]


def _loads(load: Callable[[], object]) -> bool:
    try:
        load()
    except UnreadableFileError:
        return False
    return True


def _is_a(kind: type, path: Path) -> bool:
    try:
        return isinstance(read_json(path), kind)
    except UnreadableFileError:
        return False


def _hashes_of(path: Path) -> set[str]:
    """Return the hashes of a file's content, or of the files in a directory; none for nothing, or nothing in it."""
    if path.is_symlink():
        return set()
    files = [path] if path.is_file() else list(path.glob("*")) if path.is_dir() else []
    found = {hashlib.sha256(blows.content_of(file)).hexdigest() for file in files if file.is_file()}
    return found - {hashlib.sha256(b"").hexdigest()}
