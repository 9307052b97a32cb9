"""Signatures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot.sandbox.certificates import noise_chain
from linda_bot.sandbox.keys import KeyPair, verifies
from linda_bot.sandbox.library import protobufs


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100))
def test_a_signature_is_right_for_its_message_only(private: bytes, message: bytes) -> None:
    """Any key, any message; the sign bit is clear."""
    pair = KeyPair.of(private)
    signature = pair.sign(message)

    assert signature[63] < 0x80
    assert verifies(pair.public, message, signature)
    assert not verifies(pair.public, message + b"!", signature)


@pytest.mark.parametrize("seed", range(8))
def test_a_signature_with_its_sign_bit_set(seed: int) -> None:
    """As the client library makes them: the Edwards sign of its key is in bit 7 (libsignal ecc/SignCurve25519)."""
    import xeddsa

    pair = KeyPair.of(bytes((seed,)) * 32)
    signature = bytearray(xeddsa.ed25519_priv_sign(xeddsa.priv_force_sign(pair.private, True), b"text"))  # noqa: FBT003
    signature[63] |= 0x80

    assert verifies(pair.public, b"text", bytes(signature))


def test_two_parties_agree() -> None:
    """Diffie and Hellman."""
    one, other = KeyPair.new(), KeyPair.new()

    assert one.agree(other.public) == other.agree(one.public)


def test_the_chain_leads_from_the_root_to_the_server() -> None:
    """As a client checks it (whatsmeow handshake.go, verifyServerCert)."""
    root, intermediate, static = KeyPair.new(), KeyPair.new(), KeyPair.new()
    pb = protobufs("waCert.WACert_pb2")
    chain = pb.CertChain.FromString(noise_chain(root, intermediate, static))
    middle = pb.CertChain.NoiseCertificate.Details.FromString(chain.intermediate.details)
    leaf = pb.CertChain.NoiseCertificate.Details.FromString(chain.leaf.details)

    assert verifies(root.public, chain.intermediate.details, chain.intermediate.signature)
    assert verifies(intermediate.public, chain.leaf.details, chain.leaf.signature)
    assert (middle.key, leaf.key) == (intermediate.public, static.public)
    assert leaf.issuerSerial == middle.serial
