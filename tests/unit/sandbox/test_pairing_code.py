"""Linking by a code that is typed on the phone."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from linda_bot.sandbox.nodes import Node
from linda_bot.sandbox.pairing import ScanError
from linda_bot.sandbox.server import Sandbox
from tests.unit.sandbox.code_companion import REG, ask_for_code, finish, hello
from tests.unit.sandbox.companion import Companion, connect, link, new_companion, online, request, sign
from tests.unit.sandbox.wire_client import WireClient

pytestmark = pytest.mark.slow

ANN, BOB = "4915112345678", "15550001111"


async def waiting(sandbox: Sandbox, lines: AsyncExitStack, device: Companion) -> WireClient:
    """Return a line of a device that is not linked."""
    client = await lines.enter_async_context(connect(sandbox, device))
    await client.greet(**device.registration)
    await client.hear()
    return client


@pytest.mark.parametrize("typed", ["1234-ABCD", "1234abcd", " 1234 abcd "])
async def test_linking_by_code(sandbox: Sandbox, lines: AsyncExitStack, typed: str) -> None:
    """However it is typed; then everything is as after a scan."""
    device = new_companion()
    client = await waiting(sandbox, lines, device)
    asked = await ask_for_code(client, device, ANN)
    typing = asyncio.create_task(sandbox.phone(ANN).enter_code(typed))
    secret = await finish(client, device, asked)
    await typing
    assert (await client.hear()).text("id") == "finish"
    success = await client.hear()
    await client.say(sign(success, device, secret))

    assert (await client.hear_until("stream:error")).text("code") == "515"
    assert sandbox.phone(ANN).pairings == 1
    (note,) = [note for note in sandbox.notes if note.what == "code_asked"]
    assert note.facts == {"number": ANN, "ref": asked.ref.decode()}
    told = success.child("pair-success", "device")
    assert told is not None
    await online(sandbox, lines, device._replace(jid=told.jid("jid"), lid=told.jid("lid")))


async def test_a_wrong_code(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """The phone notices by the device's answer; the right one works afterwards."""
    device = new_companion()
    client = await waiting(sandbox, lines, device)
    asked = await ask_for_code(client, device, ANN)
    for typed in ("1234-ABCE", "1234-ABCD"):
        typing = asyncio.create_task(sandbox.phone(ANN).enter_code(typed))
        secret = await finish(client, device, asked)
        if typed.endswith("E"):
            with pytest.raises(ScanError, match="the code is wrong"):
                await typing
            assert sandbox.phone(ANN).pairings == 0
        else:
            await typing
    await client.say(sign(await client.hear_until_child("pair-success"), device, secret))
    await client.hear_until("stream:error")
    assert sandbox.phone(ANN).pairings == 1


async def test_what_cannot_be_a_code(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """Nobody waits, another number, and letters that are in no code."""
    device = new_companion()
    client = await waiting(sandbox, lines, device)
    phone = sandbox.phone(ANN)
    with pytest.raises(ScanError, match="no device waits"):
        await phone.enter_code("1234-ABCD")
    await ask_for_code(client, device, BOB)
    with pytest.raises(ScanError, match="the code was made for another number"):
        await phone.enter_code("1234-ABCD")
    for wrong in ("", "1234-ABC", "1234-ABCDE", "0234-ABCD", "1234-ABCI", "\u0661234ABCD"):
        with pytest.raises(ScanError, match="eight letters and digits"):
            await phone.enter_code(wrong)


async def test_a_device_that_does_not_answer(
    sandbox: Sandbox, lines: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The phone gives up."""
    monkeypatch.setattr("linda_bot.sandbox.pairing_code._ANSWER_WITHIN_S", 0.1)
    device = new_companion()
    client = await waiting(sandbox, lines, device)
    await ask_for_code(client, device, ANN)
    with pytest.raises(ScanError, match="did not answer"):
        await sandbox.phone(ANN).enter_code("1234-ABCD")


@pytest.mark.parametrize("display", ["", "linda-bot", "CHROME (LINUX)", "Chrome(Linux)", "Chrome (Linux) ", "Bot (OS)"])
async def test_a_display_name_that_whatsapp_does_not_take(
    sandbox: Sandbox, lines: AsyncExitStack, display: str
) -> None:
    """Error 400; the device may ask again."""
    device = new_companion()
    client = await waiting(sandbox, lines, device)
    error = (await client.ask(hello(device, ANN, display=display))).child("error")
    assert error is not None
    assert error.text("code") == "400"
    assert sandbox.counts["code_refused"] == 1
    await ask_for_code(client, device, ANN)


async def test_nonsense(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """A stage that nobody knows, keys of another device, an answer to no question."""
    device = new_companion()
    client = await waiting(sandbox, lines, device)
    unknown = Node(REG, {"stage": "companion_later"}, [])
    unasked = Node(REG, {"stage": "companion_finish"}, [Node("link_code_pairing_ref", content=b"ref")])
    codes = []
    for asked in (
        request("md", "set", unknown),
        request("md", "set", unasked),
        hello(new_companion(), ANN),
    ):
        error = (await client.ask(asked)).child("error")
        assert error is not None
        codes.append(error.text("code"))
    assert codes == ["400", "404", "400"]


async def test_a_linked_device_that_asks_for_a_code(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """Its stream is ended with 503, as WhatsApp does."""
    device = await link(sandbox, ANN)
    client = await online(sandbox, lines, device)
    await client.say(hello(device, ANN))
    assert (await client.hear_until("stream:error")).text("code") == "503"


async def test_the_latest_code_counts(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """Of two devices that wait for the same number, and of two codes of one device."""
    first, second = new_companion(), new_companion()
    one, other = await waiting(sandbox, lines, first), await waiting(sandbox, lines, second)
    await ask_for_code(one, first, ANN)
    await ask_for_code(other, second, ANN, "AAAABBBB")
    asked = await ask_for_code(other, second, ANN, "CCCCDDDD")
    typing = asyncio.create_task(sandbox.phone(ANN).enter_code("CCCC-DDDD"))
    await finish(other, second, asked)
    await typing
