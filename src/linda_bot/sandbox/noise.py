"""The server's side of the Noise handshake and the encrypted frames after it (whatsmeow socket/noisehandshake.go)."""

import hashlib
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from linda_bot.sandbox.keys import KeyPair

PROLOGUE = b"WA\x06\x03"
"""What a client says first: the magic letters, 6, and the version of the token dictionary."""

_PATTERN = b"Noise_XX_25519_AESGCM_SHA256\x00\x00\x00\x00"


class BadFrameError(Exception):
    """A frame that was not sealed with our key."""


class Cipher:
    """AES-256-GCM with a counter as its nonce."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._counter = 0

    def seal(self, plain: bytes, extra: bytes = b"") -> bytes:
        """Encrypt; `extra` is authenticated with it."""
        return self._cipher.encrypt(self._nonce(), plain, extra)

    def open(self, sealed: bytes, extra: bytes = b"") -> bytes:
        """Decrypt; raises BadFrameError."""
        try:
            return self._cipher.decrypt(self._nonce(), sealed, extra)
        except InvalidTag as error:
            message = "a frame was not sealed with our key"
            raise BadFrameError(message) from error

    def _nonce(self) -> bytes:
        self._counter += 1
        return (self._counter - 1).to_bytes(12)


class Transport(NamedTuple):
    """The two ciphers after a handshake."""

    receive: Cipher
    send: Cipher


class ServerHandshake:
    """Noise XX, seen from the server: `hello`, then `finish`."""

    def __init__(self, static: KeyPair) -> None:
        self._static = static
        self._ephemeral = KeyPair.new()
        self._chain = _PATTERN
        self._hash = _PATTERN
        self._cipher = Cipher(_PATTERN)
        self._authenticate(PROLOGUE)

    def hello(self, client_ephemeral: bytes, certificate: bytes) -> tuple[bytes, bytes, bytes]:
        """Return our ephemeral key, our sealed static key and the sealed certificate chain; raises BadFrameError."""
        self._authenticate(client_ephemeral)
        self._authenticate(self._ephemeral.public)
        self._mix(_agree(self._ephemeral, client_ephemeral))
        static = self._seal(self._static.public)
        self._mix(_agree(self._static, client_ephemeral))
        return self._ephemeral.public, static, self._seal(certificate)

    def finish(self, sealed_static: bytes, sealed_payload: bytes) -> tuple[bytes, bytes, Transport]:
        """Return the client's static key, its payload, and the ciphers to go on with; raises BadFrameError."""
        static = self._open(sealed_static)
        self._mix(_agree(self._ephemeral, static))
        payload = self._open(sealed_payload)
        receive, send = _derive(self._chain, b"")
        return static, payload, Transport(Cipher(receive), Cipher(send))

    def _authenticate(self, data: bytes) -> None:
        self._hash = hashlib.sha256(self._hash + data).digest()

    def _mix(self, secret: bytes) -> None:
        self._chain, key = _derive(self._chain, secret)
        self._cipher = Cipher(key)

    def _seal(self, plain: bytes) -> bytes:
        sealed = self._cipher.seal(plain, self._hash)
        self._authenticate(sealed)
        return sealed

    def _open(self, sealed: bytes) -> bytes:
        plain = self._cipher.open(sealed, self._hash)
        self._authenticate(sealed)
        return plain


def _agree(ours: KeyPair, theirs: bytes) -> bytes:
    try:
        return ours.agree(theirs)
    except ValueError as error:  # another length than 32, or a point that would give the secret away
        message = "the client's key is no key"
        raise BadFrameError(message) from error


def _derive(salt: bytes, secret: bytes) -> tuple[bytes, bytes]:
    key = HKDF(algorithm=SHA256(), length=64, salt=salt, info=None).derive(secret)
    return key[:32], key[32:]
