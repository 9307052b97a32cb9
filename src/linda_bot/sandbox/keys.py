"""Curve25519 keys and their XEdDSA signatures, as Signal and WhatsApp use them."""

import os
from typing import NamedTuple

import xeddsa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

_SIGN_BIT = 0x80
KEY_TYPE = b"\x05"
"""Goes before a public key that is signed (libsignal ecc/DjbECPublicKey)."""


class KeyPair(NamedTuple):
    """A private key and its public key, 32 bytes each."""

    private: bytes
    public: bytes

    @classmethod
    def new(cls) -> "KeyPair":
        """Make a random one."""
        return cls.of(os.urandom(32))

    @classmethod
    def of(cls, private: bytes) -> "KeyPair":
        """Return the pair of a private key."""
        return cls(private, xeddsa.priv_to_curve25519_pub(private))

    def sign(self, message: bytes) -> bytes:
        """Return a signature of 64 bytes, with the sign bit cleared as libsignal's verifier expects."""
        return xeddsa.ed25519_priv_sign(xeddsa.priv_force_sign(self.private, False), message)  # noqa: FBT003

    def agree(self, public: bytes) -> bytes:
        """Return the shared secret with another public key."""
        return X25519PrivateKey.from_private_bytes(self.private).exchange(X25519PublicKey.from_public_bytes(public))


def verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether a signature of the client library is right; bit 7 of its last byte is the Edwards sign."""
    sign = bool(signature[63] & _SIGN_BIT)
    plain = signature[:63] + bytes((signature[63] & ~_SIGN_BIT & 0xFF,))
    return xeddsa.ed25519_verify(plain, xeddsa.curve25519_pub_to_ed25519_pub(public, sign), message)
