"""A companion device that is linked by a code, as whatsmeow's pair-code.go has it."""

import hashlib
import os
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from linda_bot.sandbox.keys import KeyPair
from linda_bot.sandbox.nodes import Jid, Node, Value
from tests.unit.sandbox.companion import Companion, request
from tests.unit.sandbox.wire_client import WireClient

REG = "link_code_companion_reg"


class Asked(NamedTuple):
    """A code that was asked for."""

    code: str
    ephemeral: KeyPair
    ref: bytes


def hello(
    device: Companion,
    number: str,
    *,
    code: str = "1234ABCD",
    ephemeral: KeyPair | None = None,
    display: str = "Chrome (Linux)",
) -> Node:
    """Return the request for a code."""
    salt, block = os.urandom(32), os.urandom(16)
    wrapped = salt + block + with_code(code, salt, block, (ephemeral or KeyPair.new()).public)
    content = [
        Node("link_code_pairing_wrapped_companion_ephemeral_pub", content=wrapped),
        Node("companion_server_auth_key_pub", content=device.noise.public),
        Node("companion_platform_id", content=b"1"),
        Node("companion_platform_display", content=display.encode()),
        Node("link_code_pairing_nonce", content=b"\x00"),
    ]
    attrs: dict[str, Value] = {"jid": Jid(number), "stage": "companion_hello", "should_show_push_notification": "true"}
    return request("md", "set", Node(REG, attrs, content), request_id="hello")


async def ask_for_code(client: WireClient, device: Companion, number: str, code: str = "1234ABCD") -> Asked:
    """Ask for a code as a device does: it makes it itself and the server gives it a reference."""
    ephemeral = KeyPair.new()
    answer = await client.ask(hello(device, number, code=code, ephemeral=ephemeral))
    ref = answer.child(REG, "link_code_pairing_ref")
    assert ref is not None
    return Asked(code, ephemeral, ref.data)


async def finish(client: WireClient, device: Companion, asked: Asked) -> bytes:
    """Answer the phone when it has the code; return the secret for the linking that follows."""
    notification = await client.hear_until("notification")
    assert notification.text("type") == REG
    wrapped = data(notification, "link_code_pairing_wrapped_primary_ephemeral_pub")
    identity = data(notification, "primary_identity_pub")
    assert data(notification, "link_code_pairing_ref") == asked.ref
    theirs = with_code(asked.code, wrapped[:32], wrapped[32:48], wrapped[48:80])
    shared, chance, salt, nonce = asked.ephemeral.agree(theirs), os.urandom(32), os.urandom(32), os.urandom(12)
    key = expand(shared, salt, b"link_code_pairing_key_bundle_encryption_key")
    sealed = AESGCM(key).encrypt(nonce, device.identity.public + identity + chance, None)
    content = [
        Node("link_code_pairing_wrapped_key_bundle", content=salt + nonce + sealed),
        Node("companion_identity_public", content=device.identity.public),
        Node("link_code_pairing_ref", content=asked.ref),
    ]
    attrs: dict[str, Value] = {"jid": Jid("4915112345678"), "stage": "companion_finish"}
    await client.say(request("md", "set", Node(REG, attrs, content), request_id="finish"))
    return expand(shared + device.identity.agree(identity) + chance, None, b"adv_secret")


def with_code(code: str, salt: bytes, block: bytes, key: bytes) -> bytes:
    """Encrypt or decrypt a key with a code."""
    derived = hashlib.pbkdf2_hmac("sha256", code.encode(), salt, 131_072, 32)
    return Cipher(AES(derived), CTR(block)).encryptor().update(key)


def expand(secret: bytes, salt: bytes | None, info: bytes) -> bytes:
    """Return a key of 32 bytes."""
    return HKDF(SHA256(), 32, salt, info).derive(secret)


def data(notification: Node, tag: str) -> bytes:
    """Return what a part of a notification holds."""
    part = notification.child(REG, tag)
    assert part is not None
    return part.data
