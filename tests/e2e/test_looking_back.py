"""A short life with all that can befall a session, and `linda-bot why`, which tells it."""

import asyncio
import json
import signal
from pathlib import Path

from linda_bot.kernel.errors import ExitCode
from linda_bot.sandbox.bot_process import BotProcess
from linda_bot.sandbox.server import Sandbox
from tests.e2e.conftest import BOT, StartBot, engines_of
from tests.support.commands import plain_environment, run_command
from tests.support.commands import started_by_shell as started

QUICK = {"LINDA_BACKUP__AFTER_STABLE": "0.2", "LINDA_RECONNECT__DELAYS": "[0.3]", "LINDA_RESTORE__DELAY": "0.2"}


async def words_of(home: Path, *arguments: str) -> list[str]:
    """Return the machine's words of the story."""
    ran = await run_command("why", "--json", "--data-dir", home, *arguments)
    assert ran.code == ExitCode.OK, ran.told
    return [chapter["what"] for chapter in ran.document["story"]]


async def killed(sandbox: Sandbox, bot: BotProcess) -> None:
    """Kill a bot, and wait until its engine is gone, too."""
    await bot.stop(signal.SIGKILL)
    for engine in engines_of(sandbox.environment["LINDA_SANDBOX_ROOT"]):
        await asyncio.to_thread(engine.wait, 5)


async def test_a_life_is_told(sandbox: Sandbox, start_bot: StartBot) -> None:
    """Linked, dropped, killed, damaged, restored, removed on the phone: why there is a QR code."""
    home = sandbox.directory / "bot"
    bot = await start_bot(**QUICK)
    await sandbox.phone(BOT).scan(await bot.qr_text())
    await bot.wait_for("Backup backup-default-001 made")
    sandbox.drop(BOT)
    await bot.wait_for("Connected again")
    await killed(sandbox, bot)
    store = home / "sessions" / "session-default" / "session.db"
    for file in store.parent.glob("session.db-*"):
        file.unlink()
    store.write_bytes(b"no database" * 100)
    bot = await start_bot(**QUICK)
    await bot.ready()
    await sandbox.remove_device(BOT)
    await bot.qr_text()
    await asyncio.sleep(0.3)  # until the history is on the disk

    told = await run_command("why", "--data-dir", home)
    assert told.code == ExitCode.OK
    assert told.out.splitlines()[0] == "Why does the bot show a QR code?"
    assert "WhatsApp answered 401: the device was removed on the phone" in told.out.splitlines()[1]
    assert await words_of(home, "--all") == [
        "started",
        "qr",
        "linked",
        "lost",
        "killed",
        "started",
        "damaged",
        "restored",
        "back",
        "logged_out",
        "qr",
    ]
    await bot.stop()
    assert (await run_command("why", "--data-dir", home)).out.startswith("Why does the bot not run?")
    cleared = await run_command("history", "--data-dir", home, "--json", "-n", "1")
    assert cleared.document[0]["eventType"] == "daemon_stopped"
    assert cleared.document[0]["exitCode"] == 0


async def test_a_history_outlives_what_a_person_does(sandbox: Sandbox, linked_bot: BotProcess, tmp_path: Path) -> None:
    """Clear, restore, export and import: the story goes on, also on the other machine; the log is read back."""
    home, elsewhere = sandbox.directory / "bot", tmp_path / "elsewhere"
    await linked_bot.stop()
    for arguments in (("clear", "--yes"), ("restore", "--yes"), ("export", str(tmp_path / "moved.tar"))):
        assert (await run_command(*arguments, "--data-dir", home)).code == ExitCode.OK
    assert (await run_command("import", tmp_path / "moved.tar", "--data-dir", elsewhere)).code == ExitCode.OK

    story = ["started", "qr", "linked", "stopped", "cleared", "restored"]
    assert await words_of(home) == story
    assert await words_of(elsewhere) == [*story, "imported"]
    log = await run_command("logs", "--data-dir", home, "--json", "--event", "daemon_stopped")
    assert [line["why"] for line in log.document] == ["signal"]


async def test_the_log_is_followed(sandbox: Sandbox, linked_bot: BotProcess) -> None:
    """What happens comes within a moment, one object a line; SIGINT ends it with exit code 0."""
    arguments = ("logs", "-f", "--json", "--event", "disconnected", "--data-dir", sandbox.directory / "bot")
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    async with started("run", *arguments, environment=plain_environment(), streams=(nothing, pipe, pipe)) as process:
        assert process.stdout is not None
        await asyncio.sleep(0.5)
        sandbox.drop(BOT)
        async with asyncio.timeout(15):
            line = json.loads(await process.stdout.readline())
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(5):
            code = await process.wait()

    assert (line["event"], line["category"]) == ("disconnected", "connection")
    assert code == ExitCode.OK
    assert linked_bot.lines
