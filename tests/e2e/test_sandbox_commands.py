"""`linda-bot sandbox` as a bot's author uses it: every command a process of its own."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from linda_bot.cli.ahead import read_environment
from linda_bot.kernel.errors import ExitCode
from linda_bot.sandbox.bot_process import BotProcess, console_script
from tests.e2e.conftest import BOT, FRIEND, engines_of

pytestmark = pytest.mark.slow


class Ran(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Sandbox = Callable[..., Awaitable[Ran]]


async def run(*arguments: str | Path, typed: bytes = b"") -> Ran:
    """Run `linda-bot sandbox` to its end."""
    process = await asyncio.create_subprocess_exec(
        *console_script(),
        "sandbox",
        *(str(argument) for argument in arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(typed), 60)
    assert process.returncode is not None
    assert b"Traceback" not in err
    return Ran(process.returncode, out.decode(), err.decode())


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The sandbox's directory."""
    return tmp_path / "sandbox"


@pytest.fixture
async def server(place: Path) -> AsyncIterator[BotProcess]:
    """`linda-bot sandbox serve`; when it has ended, no client of it is left."""
    process = await BotProcess.start("sandbox", "serve", place)
    await process.wait_for("listens on 127.0.0.1")
    root = read_environment(place / "engine.env")["LINDA_SANDBOX_ROOT"]
    yield process
    assert "Traceback" not in process.screen
    await process.close()
    _, left = await asyncio.to_thread(psutil.wait_procs, engines_of(root), timeout=4)
    for each in left:
        with suppress(psutil.Error):
            each.kill()
    assert not left, "a process was left behind"


@pytest.fixture
async def bot(server: BotProcess, place: Path, tmp_path: Path) -> AsyncIterator[BotProcess]:
    """A bot whose screen was piped to `scan`, and which listens."""
    process = await BotProcess.start("run", "--sandbox", place, "--data-dir", tmp_path / "bot")
    await process.qr_text()
    scanned = await run("scan", place, "-", typed=process.screen.encode())
    assert scanned.code == 0, scanned
    assert "Linked to +97150*****56 as its device 1" in scanned.err
    await process.ready()
    yield process
    await process.close()
    assert "Traceback" not in process.screen


async def state(place: Path) -> dict[str, list[dict[str, object]]]:
    """Return what `state --json` says."""
    ran = await run("state", place, "--json", "--show-numbers")
    assert ran.code == 0, ran
    found: dict[str, list[dict[str, object]]] = json.loads(ran.out)
    return found


async def test_a_conversation(place: Path, bot: BotProcess, server: BotProcess) -> None:
    """What is sent is answered; what is not answered is exit code 1; the server tells it with masked numbers."""
    assert await run("send", place, "!ping") == Ran(0, "pong\n", "")
    began = time.monotonic()
    assert (await run("send", place, "!ping", "--from", "15550001111")).out == "pong\n"
    silent = await run("send", place, "nothing that it knows", "--wait", "0.5")
    assert (silent.code, silent.out) == (ExitCode.UNWELL, "")
    assert "No answer came within 0.5 s" in silent.err
    assert time.monotonic() - began < 10
    found = await state(place)
    assert [account["number"] for account in found["accounts"]] == [BOT, FRIEND, "15550001111"]
    assert [account["contact"] for account in found["accounts"]] == [False, True, True]
    assert bot.screen
    for line in (
        "a device shows QR codes",
        "paired: number 97150*****56, device 1",
        "login: number 97150*****56",
        "message from 49151******78 to 97150*****56",
        "message from 97150*****56 to 49151******78",
    ):
        assert line in server.screen
    for number in (BOT, FRIEND):
        assert number not in server.screen


async def test_a_flood(place: Path, bot: BotProcess) -> None:
    """Everything goes out, and everything is answered or counted as dropped by the contact's library."""
    ran = await run("send", place, "!ping", "--count", "40", "--wait", "20", "--json")
    done = json.loads(ran.out)

    assert ran.code == 0
    assert done["sent"] == 40
    assert len(done["answers"]) + done["dropped"] == 40
    assert {answer["text"] for answer in done["answers"]} == {"pong"}
    assert bot.screen


async def test_a_lost_line_is_found_again(place: Path, bot: BotProcess, server: BotProcess) -> None:
    """After the fault the bot is back, and answers."""
    assert (await run("fault", place, "drop", f"number={BOT}")).code == 0
    await bot.wait_for("Connected again")
    assert (await run("send", place, "!ping", "--wait", "10")).out == "pong\n"
    assert f"fault drop number={BOT[:5]}" in server.screen
    wrong = await run("fault", place, "dropp")
    assert wrong.code == ExitCode.USAGE
    assert "use one of drop" in wrong.err


async def test_a_script_of_faults(place: Path, bot: BotProcess, tmp_path: Path) -> None:
    """It is played by the server; a wrong one is refused before its first step."""
    script = tmp_path / "script.json"
    script.write_text(
        json.dumps(
            [
                {"fault": "bad-gateway", "parameters": {"for_s": 1}},
                {"after_s": 0.2, "fault": "drop", "parameters": {"number": BOT}},
            ]
        )
    )
    assert "2 faults" in (await run("fault", place, "--script", script)).err
    await bot.wait_for("Connection lost")
    await bot.wait_for("Connected again", within_s=30)
    script.write_text('[{"fault": "drop"}, {"fault": "nonsense"}]')
    wrong = await run("fault", place, "--script", script)
    assert wrong.code == ExitCode.USAGE
    assert "step 2" in wrong.err


async def test_a_removed_device_is_linked_again(place: Path, bot: BotProcess) -> None:
    """By the picture of the next code; the old one is refused."""
    old = bot.screen
    assert (await run("fault", place, "remove-device", f"number={BOT}")).code == 0
    await bot.wait_for("Waiting for the scan", times=2)
    refused = await run("scan", place, "-", typed=old.encode())
    assert refused.code == ExitCode.UNWELL
    assert "not valid any more" in refused.err
    assert (await run("scan", place, "-", typed=bot.screen.encode())).code == 0
    await bot.wait_for("listening for messages", times=2)


async def test_a_contact_whose_device_was_removed_links_itself_again(place: Path, bot: BotProcess) -> None:
    """At its next message."""
    assert (await run("send", place, "!ping")).out == "pong\n"
    assert (await run("fault", place, "remove-device", f"number={FRIEND}")).code == 0
    assert (await run("send", place, "!ping", "--wait", "0")).code == 0
    contact = (await state(place))["accounts"][1]
    assert contact["pairings"] == 2
    await bot.wait_for("listening for messages")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_everything(
    place: Path, bot: BotProcess, server: BotProcess, number: signal.Signals
) -> None:
    """In order, within two seconds, and at the next start everything is there again."""
    assert (await run("send", place, "!ping")).out == "pong\n"
    port = (place / "port").read_text()
    began = time.monotonic()
    assert await server.stop(number) == 0
    assert time.monotonic() - began < 2
    assert server.lines[-1].startswith("Stopped.")
    assert not (place / "control.sock").exists()
    assert "start one: linda-bot sandbox serve" in (await run("send", place, "hello")).err

    again = await BotProcess.start("sandbox", "serve", place)
    await again.wait_for(f"port {port}")
    await bot.wait_for("Connected again", within_s=30)
    assert (await run("send", place, "!ping")).out == "pong\n"
    assert await again.stop() == 0


async def test_a_signal_while_a_contact_is_being_opened(place: Path, server: BotProcess) -> None:
    """Nothing is left of it, and the end is as quick."""
    pair = asyncio.ensure_future(run("send", place, "hello", "--to", "15550002222"))
    refused = await pair
    assert refused.code == ExitCode.USAGE
    assert "no device is linked to 15550****22" in refused.err
    other = await BotProcess.start("run", "--sandbox", place)
    await other.qr_text()
    assert (await run("scan", place, "-", typed=other.screen.encode())).code == 0
    sending = asyncio.ensure_future(run("send", place, "hello", "--wait", "60"))
    await asyncio.sleep(0.35)
    began = time.monotonic()
    assert await server.stop() == 0
    assert time.monotonic() - began < 2
    ended = await sending
    assert ended.code in (ExitCode.UNWELL, ExitCode.USAGE)
    assert ended.err.count("\n") == 1
    await other.stop()


async def test_what_a_kill_leaves_is_in_nobodys_way(place: Path, server: BotProcess) -> None:
    """The next command says that it was killed, the next server starts."""
    second = await run("serve", place)
    assert second.code == ExitCode.USAGE
    assert "another sandbox runs in" in second.err
    await server.stop(signal.SIGKILL)
    killed = await run("state", place)
    assert killed.code == ExitCode.USAGE
    assert "was killed" in killed.err
    again = await BotProcess.start("sandbox", "serve", place)
    await again.wait_for("listens on 127.0.0.1")
    assert (await run("state", place)).code == 0
    assert await again.stop() == 0
    assert not (place / "control.sock").exists()
