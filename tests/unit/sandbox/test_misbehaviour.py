"""Every fault of the catalogue as a client meets it, node by node."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack

import aiohttp
import pytest

from linda_bot.sandbox.armed import CLOSING_STEPS
from linda_bot.sandbox.faults import inject
from linda_bot.sandbox.garbage import GARBAGE
from linda_bot.sandbox.keys import verifies
from linda_bot.sandbox.library import protobufs
from linda_bot.sandbox.nodes import BadNodeError, Node
from linda_bot.sandbox.noise import BadFrameError
from linda_bot.sandbox.poison import POISON
from linda_bot.sandbox.server import Sandbox
from tests.unit.sandbox.companion import (
    Companion,
    code_of,
    connect,
    go_active,
    link,
    log_in,
    message,
    new_companion,
    online,
    receipt,
    request,
    sign,
)
from tests.unit.sandbox.wire_client import WireClient

pytestmark = pytest.mark.slow

ANN, BOB = "4915112345678", "15550001111"
SECRET = b"adv secret of thirty-two bytes!!"


async def silent(client: WireClient, for_s: float = 0.1) -> bool:
    """Return whether nothing is heard."""
    try:
        async with asyncio.timeout(for_s):
            await client.hear()
    except TimeoutError:
        return True
    return False


async def test_a_half_open_line(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """Nothing is said on it any more, messages wait, and the next login replaces nobody."""
    ann, bob = await link(sandbox, ANN), await link(sandbox, BOB)
    from_ann, old = await online(sandbox, lines, ann), await online(sandbox, lines, bob)
    await inject(sandbox, "half-open", {"number": BOB})
    await old.say(request("w:p", "get"))
    await from_ann.say(message(bob, "M1"))
    await from_ann.hear_until("ack")

    assert not sandbox.online(BOB)
    assert sandbox.queued(BOB) == 1
    new = await lines.enter_async_context(connect(sandbox, bob))
    assert (await log_in(new, bob)).tag == "success"
    assert [node.text("id") for node in await go_active(new)] == ["M1"]
    assert sandbox.counts["replaced"] == 0
    assert await silent(old)
    assert not old.socket.closed


async def test_refused_connections(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """The line is cut, dialling is refused, then the same port answers again."""
    ann = await link(sandbox, ANN)
    client = await online(sandbox, lines, ann)
    await inject(sandbox, "refuse", {"for_s": "0.2"})
    with pytest.raises(EOFError):
        await client.hear()
    with pytest.raises(aiohttp.ClientConnectorError):
        await online(sandbox, lines, ann)
    await asyncio.sleep(0.25)
    await online(sandbox, lines, ann)


async def test_a_bad_gateway(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """502 for new connections; those that are there go on."""
    ann = await link(sandbox, ANN)
    client = await online(sandbox, lines, ann)
    await inject(sandbox, "bad-gateway", {"for_s": "0.1"})
    with pytest.raises(aiohttp.ClientHttpProxyError, match="502"):
        await online(sandbox, lines, ann)
    assert (await client.ask(request("w:p", "get"))).text("type") == "result"
    await asyncio.sleep(0.15)
    await online(sandbox, lines, ann)


async def test_a_slow_link(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """Every frame is late in both directions, in order, side by side and not one after the other."""
    client = await online(sandbox, lines, await link(sandbox, ANN))
    await inject(sandbox, "slow-link", {"delay_ms": "100", "for_s": "60", "number": ANN})
    clock = asyncio.get_running_loop().time
    began = clock()
    for number in range(20):
        await client.say(request("w:p", "get", request_id=f"r{number}"))
    answered = [(await client.hear()).text("id") for _ in range(20)]

    assert answered == [f"r{number}" for number in range(20)]
    assert 0.2 <= clock() - began < 1
    await inject(sandbox, "clear", {})
    began = clock()
    await client.ask(request("w:p", "get", request_id="fast"))
    assert clock() - began < 0.1


@pytest.mark.parametrize("code", [400, 418, 499, 501])
async def test_logins_that_fail(sandbox: Sandbox, lines: AsyncExitStack, code: int) -> None:
    """So many times, with any code, and only those of the number."""
    ann, bob = await link(sandbox, ANN), await link(sandbox, BOB)
    await inject(sandbox, "login-failure", {"code": str(code), "count": "2", "number": ANN})
    await online(sandbox, lines, bob)
    for _ in range(2):
        client = await lines.enter_async_context(connect(sandbox, ann))
        failure = await log_in(client, ann)
        assert (failure.tag, failure.text("reason")) == ("failure", str(code))
    await online(sandbox, lines, ann)


async def test_a_ban(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """Of any code and length."""
    ann = await link(sandbox, ANN)
    await inject(sandbox, "login-failure", {"code": "402", "ban_code": "999", "expire_s": "864000"})
    client = await lines.enter_async_context(connect(sandbox, ann))
    failure = await log_in(client, ann)

    assert (failure.text("code"), failure.text("expire")) == ("999", "864000")


@pytest.mark.parametrize(("kind", "code", "conflict"), [("599", "599", ""), ("made_up", "", "made_up")])
async def test_streams_that_end_for_a_new_reason(
    sandbox: Sandbox, lines: AsyncExitStack, kind: str, code: str, conflict: str
) -> None:
    """A code or a conflict that nobody knows."""
    client = await online(sandbox, lines, await link(sandbox, ANN))
    await inject(sandbox, "stream-error", {"kind": kind})
    end = await client.hear_until("stream:error")
    child = end.child("conflict")

    assert end.text("code") == code
    assert (child.text("type") if child else "") == conflict


async def test_a_removed_device(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """It is told why."""
    client = await online(sandbox, lines, await link(sandbox, ANN))
    assert await inject(sandbox, "remove-device", {"number": ANN}) == f"removed 1 device of {ANN}"

    assert (await client.hear_until("stream:error")).text("code") == "401"


@pytest.mark.parametrize("how", [{"connections": "2"}, {"for_s": "60"}])
async def test_a_bad_tls_certificate(sandbox: Sandbox, lines: AsyncExitStack, how: Mapping[str, str]) -> None:
    """Nobody trusts the authority that signed it."""
    ann = await link(sandbox, ANN)
    await inject(sandbox, "bad-certificate", {"kind": "tls", **how})
    for _ in range(2):
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await online(sandbox, lines, ann)
    if "for_s" in how:
        await inject(sandbox, "clear", {})
    await online(sandbox, lines, ann)


async def test_a_bad_noise_certificate(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """Another root signed it, once."""
    ann = await link(sandbox, ANN)
    root = bytes.fromhex(sandbox.environment["LINDA_SANDBOX_ROOT"])
    pb = protobufs("waCert.WACert_pb2")
    await inject(sandbox, "bad-certificate", {"kind": "noise"})
    found = []
    for _ in range(2):
        client = await lines.enter_async_context(connect(sandbox, ann))
        chain = pb.CertChain.FromString(await client.greet(**ann.registration))
        found.append(verifies(root, chain.intermediate.details, chain.intermediate.signature))

    assert found == [False, True]


@pytest.mark.parametrize("kind", GARBAGE)
async def test_garbage(sandbox: Sandbox, lines: AsyncExitStack, kind: str) -> None:
    """It is nothing that a client can read, and the server goes on."""
    client = await online(sandbox, lines, await link(sandbox, ANN))
    await inject(sandbox, "garbage", {"kind": kind})
    if kind == "text":
        assert (await client.socket.receive(timeout=2)).type is aiohttp.WSMsgType.TEXT
    else:
        try:
            async with asyncio.timeout(0.1):
                with pytest.raises((BadFrameError, BadNodeError)):
                    await client.hear()
        except TimeoutError:
            assert kind in ("random", "truncated", "one-byte-short", "half-length")  # it waits for the rest
    await link(sandbox, BOB)


@pytest.mark.parametrize("kind", [kind for kind, poison in POISON.items() if poison.stanza is not None])
async def test_poison(sandbox: Sandbox, lines: AsyncExitStack, kind: str) -> None:
    """It arrives as it is described, and only once."""
    client = await online(sandbox, lines, await link(sandbox, ANN))
    await inject(sandbox, "poison", {"kind": kind, "number": ANN})
    sent = POISON[kind].stanza
    assert sent is not None
    node = await client.hear()

    assert node.tag == sent.tag
    assert {name: node.text(name) for name in sent.attrs} == {name: str(value) for name, value in sent.attrs.items()}
    assert ("id" in node.attrs) != ("without-id" in kind)
    assert await silent(client, 0.05)


async def test_a_true_message_as_poison(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """The next one, and only that; also for a device that is away."""
    ann, bob = await link(sandbox, ANN), await link(sandbox, BOB)
    from_ann = await online(sandbox, lines, ann)
    await inject(sandbox, "poison", {"kind": "next-message-addressing-mode", "number": BOB})
    await inject(sandbox, "poison", {"kind": "next-message-enc-version", "number": BOB})
    for message_id in ("M1", "M2", "M3"):
        await from_ann.say(message(bob, message_id))
    to_bob = await lines.enter_async_context(connect(sandbox, bob))
    await log_in(to_bob, bob)
    arrived = await go_active(to_bob)
    versions = [share.text("v") for node in arrived for share in node.all("enc")]

    assert ["addressing_mode" in node.attrs for node in arrived] == [True, False, False]
    assert versions == ["2", "9", "2"]


async def begin(sandbox: Sandbox, lines: AsyncExitStack, device: Companion) -> tuple[WireClient, Node]:
    """Return a line that was offered codes."""
    client = await lines.enter_async_context(connect(sandbox, device))
    await client.greet(**device.registration)
    return client, await client.hear()


@pytest.mark.parametrize("step", CLOSING_STEPS)
async def test_a_line_that_is_cut_while_it_pairs(sandbox: Sandbox, lines: AsyncExitStack, step: str) -> None:
    """At its step, once: linking anew works."""
    await inject(sandbox, "close-pairing", {"step": step})
    reached = await pair_as_far_as_it_goes(sandbox, lines)

    assert reached == {
        "before-hello": "nothing",
        "after-handshake": "hello",
        "after-codes": "codes",
        "on-scan": "codes",
        "after-success": "success",
        "after-answer-registered": "success",
        "after-answer-unregistered": "success",
        "after-515": "515",
    }.get(step)
    registered = step in ("after-answer-registered", "after-515")
    assert sandbox.phone(ANN).pairings == registered
    assert sandbox.counts["login"] == 0
    await online(sandbox, lines, await link(sandbox, ANN))


async def pair_as_far_as_it_goes(sandbox: Sandbox, lines: AsyncExitStack) -> str:
    """Link a device until its line ends; return what it heard last."""
    device, reached = new_companion(), "nothing"
    try:
        client = await lines.enter_async_context(connect(sandbox, device))
        await client.greet(**device.registration)
        reached = "hello"
        offer = await client.hear()
        reached = "codes"
        if "after-codes" not in [note.facts.get("step") for note in sandbox.notes]:
            await sandbox.phone(ANN).scan(code_of(offer, device, SECRET))
        success = await client.hear()
        reached = "success"
        await client.say(sign(success, device, SECRET))
        await client.hear_until("stream:error")
        reached = "515"
        told = success.child("pair-success", "device")
        assert told is not None
        linked = device._replace(jid=told.jid("jid"), lid=told.jid("lid"))
        again = await lines.enter_async_context(connect(sandbox, linked))
        reached = (await log_in(again, linked)).tag
    except EOFError:
        pass
    return reached


async def test_codes_that_are_shown_are_cut_at_once(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """And the next device is not touched."""
    client, _ = await begin(sandbox, lines, new_companion())
    assert await inject(sandbox, "close-pairing", {"step": "after-codes"}) == "cut 1 line that showed codes"
    with pytest.raises(EOFError):
        await client.hear()
    await link(sandbox, ANN)


@pytest.mark.parametrize("when", ["scan", "now"])
async def test_a_passkey(sandbox: Sandbox, lines: AsyncExitStack, when: str) -> None:
    """In place of being linked; the next device is linked again."""
    device = new_companion()
    client, offer = await begin(sandbox, lines, device)
    await inject(sandbox, "passkey", {"when": when})
    if when == "scan":
        await sandbox.phone(ANN).scan(code_of(offer, device, SECRET))
    asked = await client.hear()

    assert (asked.tag, asked.text("type")) == ("notification", "passkey_prologue_request")
    assert asked.child("passkey_request_options") is not None
    assert sandbox.phone(ANN).pairings == 0
    await link(sandbox, ANN)


async def test_a_flood_for_one_who_was_away(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """In order, numbered, announced and counted; one who leaves in the middle gets the rest next time."""
    ann, bob = await link(sandbox, ANN), await link(sandbox, BOB)
    from_ann = await online(sandbox, lines, ann)
    for number in range(500):
        await from_ann.say(message(bob, f"M{number}"))
    for _ in range(500):
        await from_ann.hear_until("ack")

    async with connect(sandbox, bob) as first:
        await log_in(first, bob)
        preview = (await first.hear_until("ib")).child("offline_preview")
        assert preview is not None
        assert (preview.text("count"), preview.text("message")) == ("500", "500")
        await first.say(request("passive", "set", Node("active")))
        for number in range(100):
            node = await first.hear_until("message")
            assert (node.text("id"), node.text("offline")) == (f"M{number}", str(number))
            await first.say(receipt(node, "inactive"))
        while sandbox.queued(BOB) > 400:
            await asyncio.sleep(0.01)

    second = await lines.enter_async_context(connect(sandbox, bob))
    await log_in(second, bob)
    await second.say(request("passive", "set", Node("active")))
    waiting = [await second.hear_until("message") for _ in range(400)]
    count = (await second.hear_until("ib")).child("offline")

    assert [node.text("id") for node in waiting] == [f"M{number}" for number in range(100, 500)]
    assert [node.text("offline") for node in waiting] == [str(number) for number in range(400)]
    assert count is not None
    assert count.text("count") == "400"


async def test_a_receiver_that_does_not_read_holds_up_nobody(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """What is sent to it piles up on its own line."""
    ann, bob = await link(sandbox, ANN), await link(sandbox, BOB)
    from_ann = await online(sandbox, lines, ann)
    await online(sandbox, lines, bob)
    async with asyncio.timeout(5):
        for number in range(100):
            await from_ann.say(message(bob, f"M{number}", b"x" * 200_000))
            await from_ann.hear_until("ack")


async def test_a_login_that_is_never_answered(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """The line stays open; the next login is answered."""
    ann = await link(sandbox, ANN)
    await inject(sandbox, "silent-login", {"number": ANN})
    client = await lines.enter_async_context(connect(sandbox, ann))
    await client.greet(username=int(ANN), device=ann.jid.device, passive=True, pull=True)
    assert await silent(client)
    assert not client.socket.closed
    await online(sandbox, lines, ann)


async def test_what_can_happen_to_messages(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """Not acknowledged but delivered, refused and not delivered, delivered twice."""
    ann, bob = await link(sandbox, ANN), await link(sandbox, BOB)
    from_ann, to_bob = await online(sandbox, lines, ann), await online(sandbox, lines, bob)
    await inject(sandbox, "lose-ack", {"number": ANN})
    await from_ann.say(message(bob, "M1"))
    assert (await to_bob.hear()).text("id") == "M1"
    assert await silent(from_ann)

    await inject(sandbox, "refuse-message", {"code": "463", "number": ANN})
    await from_ann.say(message(bob, "M2"))
    assert (await from_ann.hear_until("ack")).text("error") == "463"

    await inject(sandbox, "double-message", {"number": BOB})
    await from_ann.say(message(bob, "M3"))
    assert [(await to_bob.hear()).text("id") for _ in range(2)] == ["M3", "M3"]
    await from_ann.say(message(bob, "M4"))
    assert (await to_bob.hear()).text("id") == "M4"
