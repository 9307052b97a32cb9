"""The web page's door for programs, with the real console script: its address, its probes, its token."""

import re
import signal
import socket

import aiohttp
import pytest

from linda_bot.kernel.errors import ExitCode
from linda_bot.sandbox.bot_process import BotProcess
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from tests.e2e.conftest import BOT, FRIEND, StartBot

pytestmark = pytest.mark.slow

TOKEN = "a-token-of-27-characters-ab"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


async def address_of(bot: BotProcess) -> str:
    """Return where a bot's web page is."""
    await bot.wait_for("Web page: ")
    return str(re.findall(r"^Web page: (\S+)$", bot.screen, re.MULTILINE)[-1])


async def test_the_probes_tell_of_the_link_and_the_api_needs_the_token(
    sandbox: Sandbox, start_bot: StartBot, friend: Contact
) -> None:
    """Alive from the start, ready while linked and connected; nobody without the token changes anything."""
    bot = await start_bot(
        "--http", "127.0.0.1:0", LINDA_HTTP_TOKEN=TOKEN, LINDA_RECONNECT__GRACE="0.2", LINDA_RECONNECT__DELAYS="[0.5]"
    )
    async with aiohttp.ClientSession(await address_of(bot)) as asker:

        async def status_of(path: str, **head: str) -> int:
            async with asker.get(path, headers=head) as answer:
                return answer.status

        assert await status_of("healthz") == 200
        async with asker.get("readyz") as answer:
            assert (answer.status, answer.content_type) == (503, "application/problem+json")
            assert "linking" in (await answer.json(content_type=None))["detail"]
        await sandbox.phone(BOT).scan(await bot.qr_text())
        await bot.ready()
        assert await status_of("readyz") == 200

        text = {"to": FRIEND, "text": "from a program"}
        async with asker.post("api/v1/send", json=text) as answer:
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        async with asker.post("api/v1/send", json=text, headers=BEARER) as answer:
            assert (await answer.json())["outcome"] == "sent"
        assert (await friend.next_message()).text == "from a program"
        assert friend.received() == []

        sandbox.front.refuse = True
        sandbox.drop(BOT)
        await bot.wait_for("Next try in")
        assert (await status_of("readyz"), await status_of("healthz")) == (503, 200)
        sandbox.front.refuse = False
        await bot.wait_for("listening for messages", times=2)
        assert await status_of("readyz") == 200
        assert await status_of("metrics") == 401
        assert await status_of("metrics", **BEARER) == 200
    assert TOKEN not in bot.screen
    assert TOKEN not in (sandbox.directory / "bot" / "logs" / "events.jsonl").read_text()


async def test_a_bot_takes_over_session_and_address_of_one_that_is_ending(
    sandbox: Sandbox, start_bot: StartBot
) -> None:
    """As a supervisor starts it that does not wait for the end."""
    first = await start_bot("--http", "127.0.0.1:0")
    await sandbox.phone(BOT).scan(await first.qr_text())
    await first.ready()
    address = await address_of(first)
    second_is = address.removeprefix("http://").rstrip("/")
    first.send_signal(signal.SIGTERM)
    second = await start_bot("--http", second_is)
    await second.ready()
    assert await address_of(second) == address
    async with aiohttp.ClientSession(address) as asker, asker.get("readyz") as answer:
        assert answer.status == 200
    assert sandbox.phone(BOT).pairings == 1


async def test_what_is_wrong_with_the_address_is_told_before_anything_begins(
    sandbox: Sandbox, start_bot: StartBot
) -> None:
    """In one line, with the exit code of a wrong setting; a session that is held is told first."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        for arguments, said in (
            (("--http", place), "something listens there already; choose another address with --http"),
            (("--http", "0.0.0.0:0"), "can be reached from other machines: set LINDA_HTTP_TOKEN"),
            (("--http", "nonsense"), "must be an address and a port"),
        ):
            bot = await start_bot(*arguments)
            assert await bot.exited() == ExitCode.USAGE
            assert said in bot.screen
        running = await start_bot("--http", "127.0.0.1:0")
        await running.qr_text()
        another = await start_bot("--http", place)
        assert await another.exited() == ExitCode.SESSION_HELD
