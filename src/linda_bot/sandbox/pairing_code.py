"""Linking a new device by a code that is typed: the server's and the phone's part (whatsmeow pair-code.go).

The device shows eight characters and sends an ephemeral key that is encrypted with them; the phone answers in kind.
What the two agree on protects the device's identity key and a secret, with which linking goes on as after a scan.
"""

import asyncio
import base64
import hashlib
import os
import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from linda_bot.sandbox import pairing
from linda_bot.sandbox.keys import KeyPair
from linda_bot.sandbox.nodes import PHONE_SERVER, SERVER, Node, Value
from linda_bot.sandbox.registry import Account

if TYPE_CHECKING:
    from linda_bot.sandbox.session import Session

STANZA = "link_code_companion_reg"
_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTVWXYZ"
_CODE = re.compile(f"[{_ALPHABET}]{{8}}")
_BROWSERS = "Chrome|Edge|Firefox|IE|Opera|Safari"
_SYSTEMS = "Linux|Ubuntu|Mac OS|macOS|Windows|Android|iOS|Chrome OS"
_DISPLAY_NAME = re.compile(rf"({_BROWSERS}) \(({_SYSTEMS})\)")
"""`Browser (OS)` with common names of both; WhatsApp answers others with 400. Which ones it knows is not known."""
_ROUNDS = 2 << 16
_SALT, _IV, _KEY, _NONCE = 32, 16, 32, 12
_BUNDLE_INFO = b"link_code_pairing_key_bundle_encryption_key"
_SECRET_INFO = b"adv_secret"
_ANSWER_WITHIN_S = 15


class CodeRequest(NamedTuple):
    """A device that has asked to be linked by code."""

    session: "Session"
    number: str
    asked_at: float
    """By the loop's clock."""
    ref: bytes
    wrapped_key: bytes
    """The device's ephemeral public key, encrypted with the code: salt, counter block, key."""
    server_auth_key: bytes
    """The device's static Noise key, as it names it to the phone."""
    finished: "asyncio.Future[bytes]"
    """The device's identity key, the phone's and a random secret, encrypted with what the two have agreed on."""


async def answer(session: "Session", request: Node) -> None:
    """Answer a device that begins or finishes linking by code."""
    asked = request.child(STANZA)
    assert asked is not None  # it led here
    if session.registration is None:  # a device that is linked has nothing to ask for
        await session.end(Node("stream:error", {"code": "503"}))
        return
    match asked.text("stage"):
        case "companion_hello":
            await _hello(session, request, asked)
        case "companion_finish":
            await _finish(session, request, asked)
        case _:
            await session.refuse(request, 400, "bad-request")


async def enter(waiting: Sequence[CodeRequest], code: str, account: Account) -> None:
    """Be the phone on which a code is typed; raises pairing.ScanError."""
    typed = code.upper().replace("-", "").replace(" ", "")
    if not _CODE.fullmatch(typed):
        message = "a linking code has eight letters and digits, like ABCD-EFGH (never 0, I, O or U)"
        raise pairing.ScanError(message)
    request = next((each for each in reversed(waiting) if each.number == account.number), None)
    if request is None:
        message = (
            "the code was made for another number"
            if waiting
            else "no device waits to be linked by a code; ask it for one"
        )
        raise pairing.ScanError(message)
    ours = KeyPair.new()
    theirs = await asyncio.to_thread(_unwrap, typed, request.wrapped_key)
    bundle = await _exchange(request, await asyncio.to_thread(_wrap, typed, ours.public), account)
    await pairing.link(request.session, account, _agree(bundle, ours, theirs, account, request.session))


async def _hello(session: "Session", request: Node, asked: Node) -> None:
    wrapped = _data(asked, "link_code_pairing_wrapped_companion_ephemeral_pub")
    auth_key = _data(asked, "companion_server_auth_key_pub")
    display_name = _data(asked, "companion_platform_display").decode(errors="replace")
    jid = asked.jid("jid")
    if (
        not _DISPLAY_NAME.fullmatch(display_name)
        or len(wrapped) != _SALT + _IV + _KEY
        or auth_key != session.noise_key
        or jid.server != PHONE_SERVER
    ):
        session.server.note("code_refused", number=jid.user, display_name=display_name)
        await session.refuse(request, 400, "bad-request")
        return
    ref = base64.b64encode(os.urandom(_KEY))
    loop = asyncio.get_running_loop()
    finished: asyncio.Future[bytes] = loop.create_future()
    session.code_request = CodeRequest(session, jid.user, loop.time(), ref, wrapped, auth_key, finished)
    session.server.note("code_asked", number=jid.user, ref=ref.decode())
    await session.reply(
        request, Node(STANZA, {"stage": "companion_hello"}, [Node("link_code_pairing_ref", content=ref)])
    )


async def _finish(session: "Session", request: Node, asked: Node) -> None:
    known = session.code_request
    if known is None or _data(asked, "link_code_pairing_ref") != known.ref:
        await session.refuse(request, 404, "item-not-found")
        return
    await session.reply(request)
    if not known.finished.done():
        known.finished.set_result(_data(asked, "link_code_pairing_wrapped_key_bundle"))


async def _exchange(request: CodeRequest, wrapped_key: bytes, account: Account) -> bytes:
    """Send the device the phone's keys and return its answer; raises pairing.ScanError."""
    session = request.session
    finished: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    session.code_request = request._replace(finished=finished)  # a code that is typed anew gets an answer of its own
    content = [
        Node("link_code_pairing_wrapped_primary_ephemeral_pub", content=wrapped_key),
        Node("primary_identity_pub", content=account.identity.public),
        Node("link_code_pairing_ref", content=request.ref),
    ]
    attrs: dict[str, Value] = {
        "from": SERVER,
        "type": STANZA,
        "id": session.server.new_id(),
        "t": str(int(time.time())),
    }
    await session.send(Node("notification", attrs, [Node(STANZA, {"stage": "primary_hello"}, content)]))
    try:
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            return await finished
    except TimeoutError:
        message = f"the device did not answer the phone within {_ANSWER_WITHIN_S} s; ask it for another code"
        raise pairing.ScanError(message) from None


def _agree(bundle: bytes, ours: KeyPair, theirs: bytes, account: Account, session: "Session") -> bytes:
    """Return the secret that the phone and the device have agreed on; raises pairing.ScanError."""
    registration = session.registration
    assert registration is not None  # it has asked for a code
    salt, nonce, sealed = bundle[:_SALT], bundle[_SALT : _SALT + _NONCE], bundle[_SALT + _NONCE :]
    try:
        shared = ours.agree(theirs)
        plain = AESGCM(_derive(shared, salt, _BUNDLE_INFO)).decrypt(nonce, sealed, None)
    except (InvalidTag, ValueError):
        message = "the code is wrong: the device shows another one"
        raise pairing.ScanError(message) from None
    identity, phone, chance = plain[:_KEY], plain[_KEY : 2 * _KEY], plain[2 * _KEY :]
    if identity != registration.identity or phone != account.identity.public:
        message = "the device that answers is not the one that waits"
        raise pairing.ScanError(message)
    return _derive(shared + account.identity.agree(identity) + chance, None, _SECRET_INFO)


def _unwrap(code: str, wrapped: bytes) -> bytes:
    """Return the ephemeral key that was encrypted with a code; another code gives another key. Takes a while."""
    salt, block, sealed = wrapped[:_SALT], wrapped[_SALT : _SALT + _IV], wrapped[_SALT + _IV :]
    return _encrypt(code, salt, block, sealed)


def _wrap(code: str, key: bytes) -> bytes:
    """Encrypt an ephemeral key with a code; takes a while."""
    salt, block = os.urandom(_SALT), os.urandom(_IV)
    return salt + block + _encrypt(code, salt, block, key)


def _encrypt(code: str, salt: bytes, block: bytes, data: bytes) -> bytes:
    """Encrypt or decrypt: in counter mode that is the same."""
    key = hashlib.pbkdf2_hmac("sha256", code.encode(), salt, _ROUNDS, _KEY)
    cipher = Cipher(AES(key), CTR(block)).encryptor()
    return cipher.update(data) + cipher.finalize()


def _derive(secret: bytes, salt: bytes | None, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY, salt=salt, info=info).derive(secret)


def _data(node: Node, tag: str) -> bytes:
    child = node.child(tag)
    return child.data if child else b""
