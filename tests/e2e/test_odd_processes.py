"""A process that is started oddly: closed or broken streams, limits, places that are gone, signals at any moment."""

import asyncio
import fcntl
import os
import resource
import signal
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL

import psutil
import pytest

from linda_bot.kernel.errors import ExitCode
from linda_bot.sandbox.bot_process import BotProcess
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from tests.e2e.conftest import BOT, StartBot, engines_of
from tests.support.commands import plain_environment, run_command, started_by_shell

pytestmark = pytest.mark.slow

ALL_DEVNULL = (DEVNULL, DEVNULL, DEVNULL)
on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc or sets limits of others")


@pytest.fixture
async def linked(linked_bot: BotProcess) -> None:
    """Leave a linked session, and no bot."""
    await linked_bot.stop()


async def online(sandbox: Sandbox, *, within_s: float = 15) -> None:
    """Wait until the bot is logged in."""
    async with asyncio.timeout(within_s):
        while not sandbox.online(BOT):
            await asyncio.sleep(0.01)


async def answers(sandbox: Sandbox, friend: Contact, *, times: int = 1) -> None:
    """Make sure that the bot lives."""
    await online(sandbox)
    for _ in range(times):
        assert (await friend.ask(BOT, "!ping")).text == "pong"


async def ends(process: asyncio.subprocess.Process, number: signal.Signals = signal.SIGTERM) -> None:
    """Make sure that a signal ends it with code 0 within five seconds."""
    process.send_signal(number)
    async with asyncio.timeout(5):
        assert await process.wait() == ExitCode.OK


def run_arguments(sandbox: Sandbox) -> tuple[str, ...]:
    """Return what a person types."""
    return ("run", "--sandbox", str(sandbox.directory))


@on_linux
@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.usefixtures("linked")
async def test_streams_that_are_closed_at_the_start(sandbox: Sandbox, friend: Contact, closed: str) -> None:
    """Nothing of the bot's gets one of their numbers, and nothing else is different: it answers, and backs up."""
    settings = plain_environment(LINDA_BACKUP__AFTER_STABLE="0.2", LINDA_BACKUP__EVERY="0.2")
    backups = sandbox.directory / "bot" / ".session-cache"
    before = len(list(backups.glob("backup-*")))
    async with started_by_shell(
        f"run {closed}", *run_arguments(sandbox), environment=settings, streams=ALL_DEVNULL
    ) as process:
        await answers(sandbox, friend, times=3)
        standard = [str(Path(f"/proc/{process.pid}/fd/{number}").readlink()) for number in (0, 1, 2)]
        async with asyncio.timeout(10):
            while len(list(backups.glob("backup-*"))) == before:
                await asyncio.sleep(0.05)

        assert standard == [os.devnull] * 3
        await ends(process)
    assert sandbox.phone(BOT).pairings == 1


@pytest.mark.parametrize("log", ["auto", "json"])
@pytest.mark.usefixtures("linked")
async def test_a_reader_that_goes_away(sandbox: Sandbox, friend: Contact, log: str) -> None:
    """`linda-bot run 2>&1 | head -1`: the bot lives on, answers, and ends with code 0."""
    reading, writing = os.pipe()
    settings = plain_environment(LINDA_LOG__FORMAT=log)
    async with started_by_shell(
        "run", *run_arguments(sandbox), environment=settings, streams=(DEVNULL, writing, writing)
    ) as process:
        os.close(writing)
        await asyncio.to_thread(os.read, reading, 1)
        os.close(reading)
        await answers(sandbox, friend, times=5)
        await ends(process)


@on_linux
@pytest.mark.usefixtures("linked")
async def test_a_reader_that_does_not_read(sandbox: Sandbox, friend: Contact) -> None:
    """A terminal that was stopped with Ctrl+S, or a pager: the bot does not wait for it, not at its end either."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    settings = plain_environment(LINDA_LOG__FORMAT="json", LINDA_LOG__LEVEL="debug")
    async with started_by_shell(
        "run", *run_arguments(sandbox), environment=settings, streams=(DEVNULL, writing, writing)
    ) as process:
        os.close(writing)
        await answers(sandbox, friend, times=20)
        await ends(process)
        shown = await asyncio.to_thread(_read_all, reading)
    assert 0 < len(shown) <= 3 * 4096


def _read_all(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


@pytest.mark.parametrize(
    "words",
    ['exec env -i PATH="$PATH" "$@"', "ulimit -n 64; run", "mkdir gone; cd gone; rmdir ../gone; run"],
    ids=["nothing in the environment", "few descriptors", "the working directory is gone"],
)
@pytest.mark.usefixtures("linked")
async def test_surroundings_that_are_poor(
    sandbox: Sandbox, friend: Contact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    """The bot answers all the same."""
    monkeypatch.chdir(tmp_path)
    async with started_by_shell(words, *run_arguments(sandbox), streams=ALL_DEVNULL) as process:
        await answers(sandbox, friend, times=3)
        await ends(process)


async def test_no_place_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --data-dir a working directory that is gone is an error in one line, not a bug."""
    monkeypatch.chdir(tmp_path)
    async with started_by_shell(
        "mkdir gone; cd gone; rmdir ../gone; run", "run", "--no-qr", streams=(DEVNULL, DEVNULL, asyncio.subprocess.PIPE)
    ) as process:
        _, told = await process.communicate()

    assert process.returncode == ExitCode.USAGE
    assert len(told.decode().splitlines()) == 1
    assert "working directory" in told.decode()


async def test_a_generous_umask(sandbox: Sandbox, tmp_path: Path) -> None:
    """With umask 000 nothing that the bot makes is for anybody else: files, directories, and those above them."""
    place = tmp_path / "deep" / "down"
    picture = tmp_path / "code.png"
    shown = tmp_path / "shown"
    with shown.open("wb") as file:
        async with started_by_shell(
            "umask 000; run",
            *run_arguments(sandbox),
            "--data-dir",
            place,
            "--qr-file",
            picture,
            environment=plain_environment(LINDA_BACKUP__AFTER_STABLE="0.1"),
            streams=(DEVNULL, DEVNULL, file.fileno()),
        ) as process:
            async with asyncio.timeout(15):
                while not picture.exists():
                    await asyncio.sleep(0.01)
                assert stat.S_IMODE(picture.stat().st_mode) == 0o600
                while "Waiting for the scan" not in shown.read_text():
                    await asyncio.sleep(0.01)
                from linda_bot.sandbox.qr import qr_from_terminal

                await sandbox.phone(BOT).scan(qr_from_terminal(shown.read_text()))
                while not list((place / ".session-cache").glob("backup-*/manifest.json")):
                    await asyncio.sleep(0.01)
            await ends(process)
    made = [tmp_path / "deep", *(tmp_path / "deep").rglob("*")]
    open_to_others = [f"{path}: {path.stat().st_mode:o}" for path in made if path.stat().st_mode & 0o077]
    assert len(made) > 10
    assert open_to_others == []


@pytest.mark.parametrize("kind", ["a file", "a dangling link", "a read-only place"])
@pytest.mark.usefixtures("linked")
async def test_no_room_for_a_log(sandbox: Sandbox, start_bot: StartBot, friend: Contact, kind: str) -> None:
    """One line says so, and the bot works; what stands there is left alone. It is written again when that is gone."""
    logs = sandbox.directory / "bot" / "logs"
    for file in logs.iterdir():
        file.unlink()
    logs.rmdir()
    if kind == "a file":
        logs.write_text("mine")
    elif kind == "a dangling link":
        logs.symlink_to(sandbox.directory / "nowhere")
    else:
        logs.symlink_to("/proc/sys")
    bot = await start_bot()
    await bot.wait_for("The log ")
    await answers(sandbox, friend)
    (line,) = [line for line in bot.lines if "The log " in line]
    assert f"{logs}/events.jsonl cannot be written: " in line
    assert logs.is_file() or logs.is_symlink()
    assert not (sandbox.directory / "nowhere").exists()

    logs.unlink()
    await asyncio.sleep(1)  # it is not tried at every line
    await answers(sandbox, friend)
    await bot.wait_for("The log is written again; ")
    assert await bot.stop() == ExitCode.OK
    assert '"log_recovered"' in (logs / "events.jsonl").read_text()


@pytest.mark.parametrize("phase", ["code shown", "server silent", "waiting to retry"])
async def test_a_second_signal_at_any_moment(sandbox: Sandbox, start_bot: StartBot, phase: str) -> None:
    """Whoever presses Ctrl+C twice does not wait."""
    sandbox.front.black_hole = phase == "server silent"
    sandbox.front.refuse = phase == "waiting to retry"
    bot = await start_bot()
    await bot.wait_for(
        {"code shown": "Waiting for the scan", "server silent": "Asking WhatsApp", "waiting to retry": "Next try in"}[
            phase
        ]
    )
    bot.send_signal(signal.SIGINT)
    await asyncio.sleep(0.02)
    bot.send_signal(signal.SIGINT)
    before = time.monotonic()

    assert await bot.exited() == ExitCode.OK
    assert time.monotonic() - before < 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures("linked")
async def test_a_signal_at_every_moment_of_a_start(
    sandbox: Sandbox, start_bot: StartBot, number: signal.Signals
) -> None:
    """It ends within 5 s, with code 0 once Python's own start is over, leaves no engine, and the session is kept."""
    codes = []
    for delay_ms in range(0, 401, 40):
        bot = await BotProcess.start("run", "--sandbox", sandbox.directory)
        await asyncio.sleep(delay_ms / 1000)
        codes.append(await bot.stop(number, within_s=5))
        # Before the script's first line it is Python that ends, in its way.
        assert codes[-1] == ExitCode.OK or bot.lines == [] or "KeyboardInterrupt" in bot.screen
    give_up_at = time.monotonic() + 4
    while engines_of(sandbox.environment["LINDA_SANDBOX_ROOT"]) and time.monotonic() < give_up_at:
        await asyncio.sleep(0.05)

    assert engines_of(sandbox.environment["LINDA_SANDBOX_ROOT"]) == []
    assert codes.count(ExitCode.OK) >= 4
    await (await start_bot(LINDA_RECONNECT__LOGIN_SPACING="0")).ready()
    assert sandbox.phone(BOT).pairings == 1


async def test_a_bot_that_was_frozen(sandbox: Sandbox, linked_bot: BotProcess, friend: Contact) -> None:
    """SIGSTOP for some seconds, without its engine and with it: what came meanwhile is answered once."""
    daemon = psutil.Process(linked_bot.pid)
    assert (await friend.ask(BOT, "!ping")).text == "pong"
    for frozen in ([daemon], [daemon, *daemon.children()]):
        for process in frozen:
            process.suspend()
        await friend.send(BOT, "!ping")
        await asyncio.sleep(2)
        assert friend.received() == []
        for process in reversed(frozen):
            process.resume()
        assert (await friend.next_message()).text == "pong"
        assert (await friend.ask(BOT, "!ping")).text == "pong"
    await asyncio.sleep(0.2)

    assert friend.received() == []
    assert await linked_bot.stop() == ExitCode.OK
    assert sandbox.phone(BOT).pairings == 1


@on_linux
async def test_descriptors_that_run_out(sandbox: Sandbox, start_bot: StartBot, friend: Contact) -> None:
    """An engine that dies then cannot be followed by another: the bot says why, tries again, and loses none itself."""
    bot = await start_bot(LINDA_RECONNECT__DELAYS="[0.3]")
    await sandbox.phone(BOT).scan(await bot.qr_text())
    await bot.ready()
    await answers(sandbox, friend)
    daemon = psutil.Process(bot.pid)
    used = daemon.num_fds()
    before = resource.prlimit(bot.pid, resource.RLIMIT_NOFILE)
    # The loop, its wake-up pair and the terminal fill these: pipes for the next engine find no room.
    resource.prlimit(bot.pid, resource.RLIMIT_NOFILE, (8, before[1]))
    (engine,) = [child for child in daemon.children() if "engine" in " ".join(child.cmdline())]
    engine.kill()
    await bot.wait_for("Cannot start the engine process: [Errno 24] Too many open files.", times=3)
    resource.prlimit(bot.pid, resource.RLIMIT_NOFILE, before)
    await bot.wait_for("listening for messages", times=2)

    await answers(sandbox, friend)
    assert daemon.num_fds() <= used
    assert sandbox.phone(BOT).pairings == 1


@pytest.fixture(autouse=True)
def _in_a_place_that_exists() -> Iterator[None]:
    """Leave the test's own working directory as it was."""
    here = Path.cwd()
    yield
    os.chdir(here)


async def test_commands_with_closed_streams(sandbox: Sandbox, linked_bot: BotProcess) -> None:
    """A command that has nowhere to print does what it was asked for, with the same exit code."""
    await linked_bot.stop()
    data_dir = ("--data-dir", sandbox.directory / "bot")
    assert (await run_command("backup", *data_dir)).code == ExitCode.OK
    for command in (("backups",), ("backup",), ("info", "--json")):
        async with started_by_shell("run <&- >&- 2>&-", *command, *data_dir, streams=ALL_DEVNULL) as process:
            assert await process.wait() == ExitCode.OK, command
