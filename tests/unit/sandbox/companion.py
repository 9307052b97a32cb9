"""A companion device on the wire, as whatsmeow's pair.go has it, but without encryption of messages."""

import base64
import hashlib
import hmac
from contextlib import AsyncExitStack
from typing import NamedTuple

from linda_bot.sandbox.keys import KeyPair, verifies
from linda_bot.sandbox.library import protobufs
from linda_bot.sandbox.nodes import SERVER, Jid, Node, Value
from linda_bot.sandbox.server import Sandbox
from tests.unit.sandbox.wire_client import WireClient


class Companion(NamedTuple):
    """A device and what it was told when it was linked."""

    noise: KeyPair
    identity: KeyPair
    jid: Jid = SERVER
    lid: Jid = SERVER

    @property
    def registration(self) -> dict[str, object]:
        """What a device that is not linked says of itself."""
        return {
            "devicePairingData": {
                "eRegid": b"regi",
                "eIdent": self.identity.public,
                "eSkeyID": b"\x00\x00\x01",
                "eSkeyVal": b"s" * 32,
                "eSkeySig": b"g" * 64,
            }
        }


def new_companion() -> Companion:
    """Return a device that is not linked."""
    return Companion(KeyPair.new(), KeyPair.new())


def connect(sandbox: Sandbox, device: Companion) -> WireClient:
    """Return a connection to be opened."""
    return WireClient(sandbox.codec, sandbox.environment, device.noise)


def code_of(offer: Node, device: Companion, secret: bytes) -> str:
    """Return the text of the first QR code that an offer makes."""
    pair_device = offer.child("pair-device")
    assert pair_device is not None
    keys = [base64.b64encode(key).decode() for key in (device.noise.public, device.identity.public, secret)]
    return f"https://wa.me/settings/linked_devices#{','.join([pair_device.children[0].data.decode(), *keys, '6'])}"


def sign(success: Node, device: Companion, secret: bytes) -> Node:
    """Check a pair-success as a device does, and return the answer that completes the pairing."""
    pb = protobufs("waAdv.WAAdv_pb2")
    sealed = success.child("pair-success", "device-identity")
    assert sealed is not None
    container = pb.ADVSignedDeviceIdentityHMAC.FromString(sealed.data)
    assert container.HMAC == hmac.new(secret, container.details, hashlib.sha256).digest()
    signed = pb.ADVSignedDeviceIdentity.FromString(container.details)
    ours = device.identity.public
    assert verifies(signed.accountSignatureKey, b"\x06\x00" + signed.details + ours, signed.accountSignature)
    signature = device.identity.sign(b"\x06\x01" + signed.details + ours + signed.accountSignatureKey)
    identity = pb.ADVSignedDeviceIdentity(
        details=signed.details, accountSignature=signed.accountSignature, deviceSignature=signature
    )
    content = [Node("device-identity", {"key-index": "1"}, identity.SerializeToString())]
    attrs: dict[str, Value] = {"to": SERVER, "type": "result", "id": success.text("id")}
    return Node("iq", attrs, [Node("pair-device-sign", content=content)])


async def link(sandbox: Sandbox, number: str) -> Companion:
    """Link a new device to a number's phone."""
    device, secret = new_companion(), b"adv secret of thirty-two bytes!!"
    async with connect(sandbox, device) as client:
        await client.greet(**device.registration)
        offer = await client.hear()
        await sandbox.phone(number).scan(code_of(offer, device, secret))
        success = await client.hear()
        await client.say(sign(success, device, secret))
        end = await client.hear_until("stream:error")
        assert end.text("code") == "515"
    told = success.child("pair-success", "device")
    assert told is not None
    return device._replace(jid=told.jid("jid"), lid=told.jid("lid"))


async def log_in(client: WireClient, device: Companion) -> Node:
    """Log in; return the server's first word."""
    await client.greet(username=int(device.jid.user), device=device.jid.device, passive=True, pull=True)
    return await client.hear()


async def go_active(client: WireClient) -> list[Node]:
    """Ask for what waits; return it."""
    await client.say(request("passive", "set", Node("active")))
    waiting = []
    while (node := await client.hear()).child("offline") is None:
        if node.tag not in ("iq", "ib"):
            waiting.append(node)
    return waiting


def request(namespace: str, kind: str, *children: Node, request_id: str = "r1") -> Node:
    """Return a request."""
    return Node("iq", {"to": SERVER, "xmlns": namespace, "type": kind, "id": request_id}, list(children) or None)


async def online(sandbox: Sandbox, lines: AsyncExitStack, device: Companion) -> WireClient:
    """Return a line that is logged in and takes messages."""
    client = await lines.enter_async_context(connect(sandbox, device))
    assert (await log_in(client, device)).tag == "success"
    await go_active(client)
    return client


def message(to: Companion, message_id: str, body: bytes = b"sealed") -> Node:
    """Return a message with a share for one device."""
    share = Node("to", {"jid": to.lid}, [Node("enc", {"v": "2", "type": "pkmsg"}, body)])
    content = [Node("participants", content=[share]), Node("device-identity", content=b"identity")]
    return Node("message", {"id": message_id, "type": "text", "to": to.lid.bare}, content)


def receipt(node: Node, kind: str = "", *children: Node) -> Node:
    """Return a receipt for what has arrived."""
    attrs: dict[str, Value] = {"id": node.text("id"), "to": node.jid("from"), **({"type": kind} if kind else {})}
    return Node("receipt", attrs, children)
