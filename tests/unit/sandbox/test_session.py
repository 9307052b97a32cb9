"""The server as a client sees it, node by node."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from linda_bot.kernel.errors import UsageError
from linda_bot.sandbox.nodes import Jid, Node, Value
from linda_bot.sandbox.pairing import ScanError
from linda_bot.sandbox.refusals import LOGIN_FAILURES, STREAM_ERRORS
from linda_bot.sandbox.server import Sandbox
from tests.unit.sandbox.companion import (
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

pytestmark = pytest.mark.slow

ANN, BOB = "4915112345678", "15550001111"
SECRET = b"adv secret of thirty-two bytes!!"


async def test_linking_and_logging_in(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """Six codes, a scan, the signatures, 515, then a login with the Noise key as credential."""
    device = await link(sandbox, ANN)
    client = await lines.enter_async_context(connect(sandbox, device))
    success = await log_in(client, device)
    preview = await client.hear()

    assert device.jid == Jid(ANN, device=1)
    assert success.tag == "success"
    assert success.jid("lid") == device.lid
    assert preview.child("offline_preview") is not None
    assert sandbox.phone(ANN).pairings == 1
    assert not sandbox.online(ANN)
    assert await go_active(client) == []
    assert sandbox.online(ANN)


async def test_a_device_that_signs_wrongly_is_not_linked(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """The server checks what the device signed."""
    device = new_companion()
    client = await lines.enter_async_context(connect(sandbox, device))
    await client.greet(**device.registration)
    await sandbox.phone(ANN).scan(code_of(await client.hear(), device, SECRET))
    success = await client.hear()
    signed = sign(success, device, SECRET)
    identity = signed.child("pair-device-sign", "device-identity")
    assert identity is not None
    spoilt = identity._replace(content=identity.data[:-1] + bytes((identity.data[-1] ^ 1,)))
    await client.say(signed._replace(content=[Node("pair-device-sign", content=[spoilt])]))
    end = await client.hear_until("stream:error")

    assert end.text("code") == "401"
    assert sandbox.phone(ANN).pairings == 0
    assert sandbox.registry.device_ids(ANN) == [0]


async def test_what_a_phone_cannot_link(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """No code of WhatsApp's, a code of another server, another device's keys, a secret that is none."""
    device = new_companion()
    client = await lines.enter_async_context(connect(sandbox, device))
    await client.greet(**device.registration)
    offer = await client.hear()
    code = code_of(offer, device, SECRET)
    phone = sandbox.phone(ANN)
    *most, _secret, client_type = code.split(",")

    for wrong in (
        "https://example.org",
        "",
        code.replace("2@", "2@x"),
        code_of(offer, new_companion(), SECRET),
        ",".join([*most, "~~~", client_type]),
    ):
        with pytest.raises(ScanError):
            await phone.scan(wrong)
    assert phone.pairings == 0


async def test_a_stranger_is_logged_out(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """A Noise key that nobody linked, or another device's name: failure 401."""
    device = await link(sandbox, ANN)
    for stranger in (
        device._replace(noise=new_companion().noise),
        device._replace(jid=device.jid._replace(device=7)),
        device._replace(jid=Jid(BOB, device=1)),
    ):
        client = await lines.enter_async_context(connect(sandbox, stranger))
        answer = await log_in(client, stranger)
        assert (answer.tag, answer.text("reason")) == ("failure", "401")


@pytest.mark.parametrize("code", LOGIN_FAILURES)
async def test_a_login_can_be_refused_once(sandbox: Sandbox, lines: AsyncExitStack, code: int) -> None:
    """By any failure; the next login works."""
    device = await link(sandbox, ANN)
    sandbox.fail_next_login(code)
    client = await lines.enter_async_context(connect(sandbox, device))
    answer = await log_in(client, device)
    assert (answer.tag, answer.text("reason")) == ("failure", str(code))
    assert (answer.text("expire") != "") == (code == 402)

    await online(sandbox, lines, device)


@pytest.mark.parametrize("kind", STREAM_ERRORS)
async def test_a_stream_can_be_ended(sandbox: Sandbox, lines: AsyncExitStack, kind: str) -> None:
    """The error, the end of the stream, the end of the line."""
    device = await link(sandbox, ANN)
    client = await online(sandbox, lines, device)
    ending = asyncio.create_task(sandbox.stream_error(ANN, kind))

    assert await client.hear() == STREAM_ERRORS[kind]
    assert (await client.hear()).tag == "xmlstreamend"
    with pytest.raises(EOFError):
        await client.hear()
    await ending


def test_faults_that_nobody_knows(tmp_path: Path) -> None:
    """The error names those that are known."""
    sandbox = Sandbox(tmp_path)
    with pytest.raises(UsageError, match="402"):
        sandbox.fail_next_login(99)


async def test_a_removed_device_cannot_come_back(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """It is told, and its next login is a stranger's."""
    device = await link(sandbox, ANN)
    client = await online(sandbox, lines, device)
    removing = asyncio.create_task(sandbox.remove_device(ANN))
    assert (await client.hear_until("stream:error")).child("conflict") is not None
    await removing

    again = await lines.enter_async_context(connect(sandbox, device))
    assert (await log_in(again, device)).text("reason") == "401"


async def test_a_second_login_replaces_the_first(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """The first is told so."""
    device = await link(sandbox, ANN)
    first = await online(sandbox, lines, device)
    second = await lines.enter_async_context(connect(sandbox, device))
    assert (await log_in(second, device)).tag == "success"

    end = await first.hear_until("stream:error")
    conflict = end.child("conflict")
    assert conflict is not None
    assert conflict.text("type") == "replaced"


async def test_a_message_arrives_once(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """With who sent it by LID and number; a repeated one is acknowledged and goes no further."""
    ann, bob = await link(sandbox, ANN), await link(sandbox, BOB)
    from_ann, to_bob = await online(sandbox, lines, ann), await online(sandbox, lines, bob)
    for _ in range(2):
        await from_ann.say(message(bob, "M1"))
        ack = await from_ann.hear()
        assert (ack.tag, ack.text("class"), ack.text("id")) == ("ack", "message", "M1")
    arrived = await to_bob.hear()

    assert arrived.jid("from") == ann.lid
    assert arrived.jid("sender_pn") == Jid(ANN)
    assert [child.tag for child in arrived.children] == ["enc", "device-identity"]
    assert arrived.children[0].data == b"sealed"
    await to_bob.say(receipt(arrived))
    assert (await to_bob.hear()).tag == "ack"
    passed_on = await from_ann.hear()
    assert (passed_on.tag, passed_on.jid("from"), passed_on.text("id")) == ("receipt", bob.lid, "M1")
    assert sandbox.queued(BOB) == 0
    assert sandbox.counts["delivered"] == 1


async def test_messages_wait_for_those_who_are_away(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """In order, marked as offline, across a restart of the server, until they are confirmed."""
    ann, bob = await link(sandbox, ANN), await link(sandbox, BOB)
    async with connect(sandbox, ann) as from_ann:
        await log_in(from_ann, ann)
        for number in range(3):
            await from_ann.say(message(bob, f"M{number}"))
            await from_ann.hear_until("ack")
    assert sandbox.queued(BOB) == 3
    await sandbox.restart()

    async with connect(sandbox, bob) as to_bob:
        await log_in(to_bob, bob)
        waiting = await go_active(to_bob)
        assert [node.text("id") for node in waiting] == ["M0", "M1", "M2"]
        assert [node.text("offline") for node in waiting] == ["0", "1", "2"]
        await to_bob.say(receipt(waiting[0], "inactive"))
        await to_bob.hear_until("ack")
    again = await lines.enter_async_context(connect(sandbox, bob))
    await log_in(again, bob)

    assert [node.text("id") for node in await go_active(again)] == ["M1", "M2"]


async def test_a_retry_goes_to_the_one_device_that_asks(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """A retry receipt reaches the sender with its keys, the answer the receiver, and both are confirmed."""
    ann, bob = await link(sandbox, ANN), await link(sandbox, BOB)
    from_ann, to_bob = await online(sandbox, lines, ann), await online(sandbox, lines, bob)
    await from_ann.say(message(bob, "M1"))
    arrived = await to_bob.hear()
    await to_bob.say(receipt(arrived, "retry", Node("retry", {"count": "1", "id": "M1", "v": "1"})))
    asked = await from_ann.hear_until("receipt")
    assert asked.text("type") == "retry"
    assert asked.child("retry") is not None

    share = Node("enc", {"v": "2", "type": "pkmsg", "count": "1"}, b"sealed anew")
    attrs: dict[str, Value] = {"id": "M1", "type": "text", "to": asked.jid("from"), "device_fanout": "false"}
    await from_ann.say(Node("message", attrs, [share]))
    repeated = await to_bob.hear_until("message")

    assert repeated.children[0].data == b"sealed anew"
    await to_bob.say(receipt(repeated))
    await to_bob.hear_until("ack")
    assert sandbox.queued(BOB) == 0


async def test_a_copy_for_another_device_of_the_sender(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """It says who the message was for."""
    ann, other, bob = [await link(sandbox, number) for number in (ANN, ANN, BOB)]
    from_ann, to_other = await online(sandbox, lines, ann), await online(sandbox, lines, other)
    await from_ann.say(
        message(other, "M1")._replace(attrs={"id": "M1", "type": "text", "to": bob.lid.bare}),
    )
    copied = await to_other.hear()

    assert copied.jid("from") == ann.lid
    assert copied.jid("recipient") == bob.lid.bare


async def test_a_message_to_nobody(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """The acknowledgement carries an error."""
    ann = await link(sandbox, ANN)
    client = await online(sandbox, lines, ann)
    await client.say(message(ann._replace(lid=Jid("1", "lid", 1)), "M1"))

    assert (await client.hear()).text("error") == "404"


@pytest.mark.parametrize(
    ("asked", "kind", "code"),
    [
        (request("w:p", "get", Node("ping")), "result", ""),
        (request("w:p", "get"), "result", ""),
        (request("blocklist", "get"), "result", ""),
        (request("privacy", "get", Node("privacy")), "result", ""),
        (request("privacy", "set", Node("tokens")), "result", ""),
        (request("w:g2", "get", Node("participating")), "result", ""),
        (request("w:profile:picture", "get", Node("picture")), "error", "404"),
        (request("w:something", "get", Node("new")), "error", "501"),
    ],
)
async def test_requests(sandbox: Sandbox, lines: AsyncExitStack, asked: Node, kind: str, code: str) -> None:
    """Each is answered under its id; what is not known does no harm."""
    client = await online(sandbox, lines, await link(sandbox, ANN))
    answer = await client.ask(asked)
    error = answer.child("error")

    assert answer.text("type") == kind
    assert (error.text("code") if error else "") == code


async def test_prekeys(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """Counted, taken, handed out one at a time to whoever wants to write."""
    ann, bob = await link(sandbox, ANN), await link(sandbox, BOB)
    client, other = await online(sandbox, lines, ann), await online(sandbox, lines, bob)
    keys = [
        Node("key", content=[Node("id", content=bytes((0, 0, number))), Node("value", content=bytes((number,)) * 32)])
        for number in (1, 2)
    ]
    await client.ask(request("encrypt", "set", Node("list", content=keys)))
    count = (await client.ask(request("encrypt", "get", Node("count"), request_id="r2"))).child("count")
    assert count is not None
    assert count.text("value") == "2"

    wanted = Node("key", content=[Node("user", {"jid": ann.lid}), Node("user", {"jid": Jid("1", "lid", 1)})])
    handed_out = []
    for number in range(3):
        answer = await other.ask(request("encrypt", "get", wanted, request_id=f"k{number}"))
        listed = answer.child("list")
        assert listed is not None
        known, unknown = listed.children
        assert unknown.child("error") is not None
        assert known.jid("jid") == ann.lid
        one_time = known.child("key", "id")
        handed_out.append(one_time.data if one_time else b"")
    assert handed_out == [b"\x00\x00\x01", b"\x00\x00\x02", b""]


async def test_looking_up_a_person(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """By number and by LID: the LID and every device; nothing for a number that nobody has."""
    ann = await link(sandbox, ANN)
    client = await online(sandbox, lines, ann)
    asked = [Node("user", {"jid": Jid(ANN)}), Node("user", {"jid": ann.lid.bare}), Node("user", {"jid": Jid("999")})]
    asked.append(Node("user", content=[Node("contact", content=f"+{ANN}".encode())]))
    query = Node("usync", {"sid": "s", "mode": "query", "index": "0"}, [Node("list", content=asked)])
    answer = (await client.ask(request("usync", "get", query))).child("usync", "list")

    assert answer is not None
    by_number, by_lid, nobody, by_contact = answer.children
    for found in (by_number, by_lid, by_contact):
        lid, devices = found.child("lid"), found.child("devices", "device-list")
        assert lid is not None
        assert devices is not None
        assert lid.jid("val") == ann.lid.bare
        assert [device.text("id") for device in devices.children] == ["0", "1"]
    assert by_contact.jid("jid") == Jid(ANN)
    assert nobody.child("lid") is None


async def test_a_frozen_line(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """Nothing is answered, messages wait; a new line works and brings them."""
    ann, bob = await link(sandbox, ANN), await link(sandbox, BOB)
    from_ann, to_bob = await online(sandbox, lines, ann), await online(sandbox, lines, bob)
    sandbox.freeze(BOB)
    await to_bob.say(request("w:p", "get"))
    await from_ann.say(message(bob, "M1"))
    await from_ann.hear()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await to_bob.hear()

    again = await lines.enter_async_context(connect(sandbox, bob))
    await log_in(again, bob)
    assert [node.text("id") for node in await go_active(again)] == ["M1"]


async def test_a_dropped_line(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """It ends without a word."""
    client = await online(sandbox, lines, await link(sandbox, ANN))
    sandbox.drop(ANN)

    with pytest.raises(EOFError):
        await client.hear()


@pytest.mark.parametrize(
    "first", [b"GET / HTTP/1.1", b"WA\x06\x03\x00\x00\x00", b"WA\x06\x03\x00\x00\x02\xff\xff", b"WA\x05\x03"]
)
async def test_what_no_client_says(sandbox: Sandbox, lines: AsyncExitStack, first: bytes) -> None:
    """The line is cut and the server goes on."""
    client = await lines.enter_async_context(connect(sandbox, new_companion()))
    await client.socket.send_bytes(first)

    assert (await client.socket.receive(timeout=2)).type is not aiohttp.WSMsgType.BINARY
    assert sandbox.counts["hung_up"] == 1
    await link(sandbox, ANN)


async def test_a_frame_that_is_not_sealed(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """The line is cut."""
    client = await online(sandbox, lines, await link(sandbox, ANN))
    await client.socket.send_bytes(b"\x00\x00\x20" + b"x" * 32)

    with pytest.raises(EOFError):
        await client.hear()


async def test_a_second_server_in_the_same_directory(sandbox: Sandbox) -> None:
    """It is refused, and the first goes on; afterwards it is welcome, on the same port with the same keys."""
    with pytest.raises(UsageError, match="another sandbox runs"):
        async with Sandbox(sandbox.directory):
            pass
    assert (sandbox.directory / "engine.env").is_file()


async def test_a_server_comes_back_as_it_was(tmp_path: Path) -> None:
    """Port, trust and devices are kept; its environment file is private and there while it runs."""
    file = tmp_path / "engine.env"
    async with Sandbox(tmp_path) as first:
        before = first.environment
        device = await link(first, ANN)
        assert file.stat().st_mode & 0o777 == 0o600
        assert dict(line.split("=", 1) for line in file.read_text().splitlines()) == before
    assert not file.exists()

    async with Sandbox(tmp_path) as second, connect(second, device) as client:
        assert second.environment == before
        assert (await log_in(client, device)).tag == "success"
