"""Linking a new device: the server's part, and the phone's with a QR code (whatsmeow pair.go)."""

import base64
import hashlib
import hmac
import json
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from linda_bot.kernel.errors import LindaError
from linda_bot.sandbox.keys import verifies
from linda_bot.sandbox.library import parse, protobufs
from linda_bot.sandbox.nodes import SERVER, Node, Value
from linda_bot.sandbox.registry import Account, Device

if TYPE_CHECKING:
    from linda_bot.sandbox.session import Session

_REFS = 6
_ACCOUNT_SIGNATURE = b"\x06\x00"
_DEVICE_SIGNATURE = b"\x06\x01"
_CODE_PARTS = 5
_CODES_SHOWN_S = 0.3
"""Enough for a client to show a code before its line is cut."""
_PASSKEY_OPTIONS = {
    "challenge": "c2FuZGJveA",
    "timeout": 60_000,
    "rpId": "whatsapp.com",
    "allowCredentials": [],
    "userVerification": "required",
    "extensions": {},
}
"""What an authenticator is asked for (whatsmeow types/passkey.go, WebAuthnPublicKey)."""


class ScanError(LindaError):
    """A phone cannot link what it scanned."""


class Registration(NamedTuple):
    """A device that asked to be linked."""

    registration: bytes
    identity: bytes
    signed_id: bytes
    signed_key: bytes
    signed_signature: bytes
    refs: tuple[str, ...]
    details: bytes = b""
    account: Account | None = None
    device: int = 0


async def offer(session: "Session", data: Any) -> None:
    """Send the texts that go into the QR codes; the client adds its keys to them."""
    refs = tuple(f"2@{base64.b64encode(os.urandom(48)).decode()}" for _ in range(_REFS))
    session.registration = Registration(data.eRegid, data.eIdent, data.eSkeyID, data.eSkeyVal, data.eSkeySig, refs)
    if session.server.armed.closes_pairing("after-handshake"):
        session.cut()
        return
    session.server.note("qr_offered")
    children = [Node("ref", content=ref.encode()) for ref in refs]
    attrs: dict[str, Value] = {"from": SERVER, "type": "set", "id": session.server.new_id(), "xmlns": "md"}
    await session.send(Node("iq", attrs, [Node("pair-device", content=children)]))
    if session.server.armed.closes_pairing("after-codes"):
        await session.cut_after(_CODES_SHOWN_S)


def ref_of(code: str) -> str:
    """Return the server's part of a QR text; raises ScanError for one that is no WhatsApp code."""
    return _parts(code)[0]


async def scan(session: "Session", code: str, account: Account) -> None:
    """Link the device behind a QR text to an account, as its phone would do."""
    _, _, identity, secret, *_ = _parts(code)
    registration = session.registration
    if registration is None or base64.b64encode(registration.identity).decode() != identity:
        message = "the code belongs to another device than the one that waits"
        raise ScanError(message)
    await link(session, account, _secret(secret))


async def link(session: "Session", account: Account, mac_key: bytes) -> None:
    """Tell a device that an account's phone has linked it; `mac_key` is the secret that only the two know."""
    registration, armed = session.registration, session.server.armed
    assert registration is not None  # a code was made for it
    if armed.closes_pairing("on-scan"):
        session.cut()
        return
    if armed.passkey.take():
        await ask_for_passkey(session)
        return
    pb = protobufs("waAdv.WAAdv_pb2")
    device = session.server.registry.next_device(account.number)
    details = pb.ADVDeviceIdentity(
        rawID=account.raw_id, timestamp=int(time.time()), keyIndex=device
    ).SerializeToString()
    signature = account.identity.sign(_ACCOUNT_SIGNATURE + details + registration.identity)
    identity_message = pb.ADVSignedDeviceIdentity(
        details=details, accountSignatureKey=account.identity.public, accountSignature=signature
    ).SerializeToString()
    mac = hmac.new(mac_key, identity_message, hashlib.sha256).digest()
    sealed = pb.ADVSignedDeviceIdentityHMAC(details=identity_message, HMAC=mac).SerializeToString()
    cut_at_once = armed.closes_pairing("after-success")
    if not cut_at_once:  # else its answer is not heard any more
        session.registration = registration._replace(details=details, account=account, device=device)
    children = [
        Node("device-identity", content=sealed),
        Node("device", {"jid": account.phone_jid(device), "lid": account.lid_jid(device)}),
        Node("platform", {"name": "android"}),
    ]
    attrs: dict[str, Value] = {"from": SERVER, "type": "set", "id": session.server.new_id(), "t": str(int(time.time()))}
    await session.send(Node("iq", attrs, [Node("pair-success", content=children)]))
    if cut_at_once:
        await session.cut_after()


async def ask_for_passkey(session: "Session") -> None:
    """Ask a device for a passkey in place of linking it (whatsmeow pair-passkey.go, notification.go)."""
    options = Node("passkey_request_options", content=json.dumps(_PASSKEY_OPTIONS).encode())
    attrs: dict[str, Value] = {
        "from": SERVER,
        "type": "passkey_prologue_request",
        "id": session.server.new_id(),
        "t": str(int(time.time())),
    }
    session.server.note("passkey_asked")
    await session.send(Node("notification", attrs, [options]))


async def answered(session: "Session", node: Node) -> None:
    """Finish a pairing when the device has signed its identity; then it is told to log in."""
    signed = node.child("pair-device-sign", "device-identity")
    registration = session.registration
    if signed is None or registration is None or registration.account is None:
        return
    identity = parse(protobufs("waAdv.WAAdv_pb2").ADVSignedDeviceIdentity, signed.data)
    account = registration.account
    message = _DEVICE_SIGNATURE + registration.details + registration.identity + account.identity.public
    if not verifies(registration.identity, message, identity.deviceSignature):
        session.server.note("pairing_failed", number=account.number)
        await session.end(Node("stream:error", {"code": "401"}))
        return
    armed = session.server.armed
    if armed.closes_pairing("after-answer-unregistered"):
        session.cut()
        return
    session.server.registry.add_device(
        Device(
            account.number,
            registration.device,
            registration.identity,
            registration.registration,
            registration.signed_id,
            registration.signed_key,
            registration.signed_signature,
        ),
        session.noise_key,
    )
    session.server.note("paired", number=account.number, device=registration.device)
    if armed.closes_pairing("after-answer-registered"):
        session.cut()
        return
    if armed.closes_pairing("after-515"):
        armed.cut_login(account.number, registration.device)
    await session.end(Node("stream:error", {"code": "515"}))


def _parts(code: str) -> list[str]:
    _, _, fragment = code.rpartition("#")
    parts = unquote(fragment).split(",")
    if len(parts) < _CODE_PARTS:
        message = "this is no WhatsApp linking code"
        raise ScanError(message)
    return parts


def _secret(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        message = "this is no WhatsApp linking code: its secret is not base64"
        raise ScanError(message) from None
