"""The commands that talk to the running bot, with the real console script; and what they do where none runs."""

import asyncio
import json
import signal
from pathlib import Path

import pytest

from linda_bot.kernel.errors import ExitCode
from linda_bot.sandbox.bot_process import BotProcess
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from tests.e2e.conftest import BOT, FRIEND, StartBot
from tests.support.commands import Ran, run_command

pytestmark = pytest.mark.slow


THE_PHONE = 0


class Bot:
    """Whom the commands are about."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.directory = sandbox.directory / "bot"
        self.session = self.directory / "sessions" / "session-default"

    async def do(self, command: str, *arguments: str | Path) -> Ran:
        """Run a command."""
        ran = await run_command(command, "--data-dir", self.directory, *arguments)
        assert "Traceback" not in ran.told
        return ran

    async def status(self) -> dict[str, object]:
        """Return the status, after a look at its exit code."""
        ran = await self.do("status", "--json")
        found: dict[str, object] = ran.document
        assert ran.code == (0 if found["live"] and found["state"] == "connected" else ExitCode.UNWELL)
        return found

    def history(self) -> list[str]:
        """Return what the session's history tells of."""
        return [entry["eventType"] for entry in json.loads((self.session / "session-history.json").read_bytes())]


@pytest.fixture
def bot(sandbox: Sandbox) -> Bot:
    """The sandbox's bot."""
    return Bot(sandbox)


async def test_status_of_a_bot_that_runs_hangs_and_was_killed(bot: Bot, linked_bot: BotProcess) -> None:
    """Live, from the files with a word about it, and from the files; the server is loaded for whoever asks, only."""
    assert "aiohttp" not in Path(f"/proc/{linked_bot.pid}/maps").read_text()
    live = await bot.status()
    assert (live["live"], live["state"], live["pid"]) == (True, "connected", linked_bot.pid)
    assert (live["account"], live["linked_number"], live["restore_count"]) == ("default", "97150*****56", 0)
    wanted = {"since", "last_restore_ms", "last_connected", "backups", "health", "uptime_s"}
    assert wanted <= set(live)
    assert (await bot.do("status", "--json", "--show-numbers")).document["linked_number"] == BOT
    page = await bot.do("status")
    assert page.out.startswith("● connected for ")
    assert BOT not in page.out

    linked_bot.send_signal(signal.SIGSTOP)
    hung, told = await asyncio.gather(bot.do("status"), bot.do("status", "--json"))
    linked_bot.send_signal(signal.SIGCONT)
    assert (told.document["live"], told.document["state"], told.document["pid"]) == (False, "connected", linked_bot.pid)
    assert hung.code == ExitCode.UNWELL
    assert hung.out.startswith("● runs, but does not answer")
    assert f"pid {linked_bot.pid}" in hung.out
    assert "does not answer within 3 s" in hung.told

    await linked_bot.stop(signal.SIGKILL)
    killed = await bot.status()
    assert (killed["live"], killed["state"], killed["pid"], killed["uptime_s"]) == (False, "stopped", None, None)
    assert "it was killed" in str(killed["because"])
    assert (bot.session / "control.sock").is_socket()
    assert (await bot.do("send", FRIEND, "x")).told.startswith("linda-bot: no bot runs on the session")


async def test_a_text_is_sent_once_and_waits_while_the_link_is_down(
    sandbox: Sandbox, bot: Bot, linked_bot: BotProcess, friend: Contact
) -> None:
    """What became of it is told as it is."""
    ran = await bot.do("send", "+49 151 1234-5678", "grüße")
    assert (ran.code, ran.told, ran.out) == (0, "Sent to 49151******78@s.whatsapp.net.\n", "")
    assert (await friend.next_message(within_s=5)).text == "grüße"
    for wrong in (("Ann", "x"), (FRIEND, " "), (FRIEND, "x", "--wait=nan")):
        ran = await bot.do("send", *wrong)
        assert (ran.code, len(ran.told.splitlines())) == (ExitCode.USAGE, 1)

    sandbox.front.refuse = True
    sandbox.drop(BOT)
    await linked_bot.wait_for("Connection lost")
    ran = await bot.do("send", FRIEND, "later", "--json", "--wait", "0.2")
    assert (ran.code, ran.document["outcome"]) == (0, "queued")
    assert "the link is down" in ran.document["because"]
    assert "do not send it again" in ran.told
    sandbox.front.refuse = False
    sandbox.drop(FRIEND)
    assert (await bot.do("reconnect")).code == 0
    assert (await friend.next_message(within_s=10)).text == "later"
    await asyncio.sleep(0.2)
    assert friend.received() == []


async def test_a_pause_through_a_kill(bot: Bot, start_bot: StartBot, linked_bot: BotProcess, friend: Contact) -> None:
    """Nothing is answered while it lasts, and nothing is lost, whoever was there when it came."""
    ran = await bot.do("pause")
    assert ran.told.startswith("Paused: nothing is handled or sent")
    for text in ("!ping", "!help ping"):
        await friend.send(BOT, text)
    assert "the bot is paused" in (await bot.do("send", FRIEND, "from a person")).told
    await linked_bot.stop(signal.SIGKILL)
    await friend.send(BOT, "!ping")
    again = await start_bot()
    await again.ready()
    await friend.send(BOT, "!ping")
    await again.wait_for("Paused: nothing is handled or sent")
    status = await bot.status()
    assert (status["state"], status["paused_since"] is None) == ("connected", False)
    assert "paused already" in (await bot.do("pause")).told
    assert friend.received() == []

    assert (await bot.do("resume")).code == 0

    answers = [(await friend.next_message(within_s=10)).text for _ in range(5)]
    assert sorted(answers) == sorted(["from a person", "pong", "!ping  answers pong", "pong", "pong"])
    assert (await bot.status())["paused_since"] is None
    assert await again.stop() == 0
    assert [what for what in bot.history() if what.startswith("bot_")] == ["bot_paused", "bot_resumed"]


async def test_a_backup_is_the_bots_own(bot: Bot, linked_bot: BotProcess) -> None:
    """It counts for the bot's schedule, and stands in the history. Without a bot backups and pauses are made here."""
    ran = await bot.do("backup", "--json")
    assert (ran.code, ran.document["name"], ran.document["reason"]) == (0, "backup-default-001", "manual")
    await linked_bot.wait_for("Backup backup-default-001 made (manual)")
    await linked_bot.stop()
    assert "session_backed_up" in bot.history()
    assert (await bot.do("backup")).told.startswith("backup-default-002 is made")
    assert "for its next start" in (await bot.do("pause")).told
    assert (await bot.status())["paused_since"] is not None
    assert "Resumed" in (await bot.do("resume")).told
    assert not (bot.session / "paused.json").exists()
    assert [what for what in bot.history() if what.startswith("bot_")] == ["bot_paused", "bot_resumed"]


async def test_a_logout_through_the_bot(sandbox: Sandbox, bot: Bot, linked_bot: BotProcess) -> None:
    """The phone forgets it, the session is set aside, and the bot ends instead of showing a code to nobody."""
    await bot.do("backup")
    ran = await bot.do("logout")
    assert (ran.code, "there is nobody to ask" in ran.told.lower()) == (ExitCode.USAGE, True)

    ran = await bot.do("logout", "--yes")

    assert ran.code == 0, ran
    assert await linked_bot.exited() == 0
    assert sandbox.registry.device_ids(BOT) == [THE_PHONE]
    assert not (bot.session / "session.db").exists()
    assert not (bot.session / "control.sock").exists()
    assert "Waiting for the scan; Ctrl+C stops.\nCode" in linked_bot.screen  # for the linking, not once more
    assert linked_bot.screen.count("Linking is needed") == 1
    assert "What to do" not in linked_bot.screen
    (backup,) = (await bot.do("backups", "--json")).document
    assert "a person asked for it" in backup["retired"]
    status = await bot.status()
    assert (status["state"], status["linked_number"]) == ("logged_out", "")
    assert "logout_asked" in bot.history()
    assert (await bot.do("logout", "--yes")).told.endswith("nothing is linked.\n")


async def test_a_logout_without_a_bot(sandbox: Sandbox, bot: Bot, linked_bot: BotProcess) -> None:
    """An engine of its own logs in for it; where WhatsApp cannot be reached nothing is changed."""
    await linked_bot.stop()
    at = ("--sandbox", sandbox.directory)
    ran = await bot.do("logout", "--yes")
    assert (ran.code, "add --sandbox DIR" in ran.told) == (ExitCode.USAGE, True)
    sandbox.front.refuse = True
    ran = await bot.do("logout", "--yes", *at)
    assert ran.code == ExitCode.UNWELL
    assert "nothing was changed" in ran.told
    assert "Linked devices" in ran.told
    assert (bot.session / "session.db").exists()
    sandbox.front.refuse = False

    ran = await bot.do("logout", "--yes", "--json", *at)

    assert ran.code == 0, ran
    assert Path(ran.document["set_aside"]).is_dir()
    assert sandbox.registry.device_ids(BOT) == [THE_PHONE]
    assert (await bot.status())["state"] == "logged_out"
