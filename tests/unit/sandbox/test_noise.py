"""The Noise handshake, against a client that was written for this test."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot.sandbox.keys import KeyPair
from linda_bot.sandbox.noise import BadFrameError, Cipher, ServerHandshake, Transport
from tests.unit.sandbox.wire_client import ClientHandshake

STATIC, NOISE = KeyPair.of(b"\x01" * 32), KeyPair.of(b"\x02" * 32)


def shake_hands(payload: bytes = b"payload") -> tuple[Transport, Transport, bytes, bytes]:
    """Return the server's and the client's ciphers, and what the server learned."""
    client, server = ClientHandshake(NOISE), ServerHandshake(STATIC)
    hello = server.hello(client.ephemeral.public, b"certificate")
    static, certificate = client.read_hello(*hello)
    assert (static, certificate) == (STATIC.public, b"certificate")
    noise_key, plain, transport = server.finish(*client.finish(payload))
    return transport, client.transport(), noise_key, plain


def test_both_sides_learn_who_the_other_is() -> None:
    """The client sees the server's key and certificate, the server the client's key and payload."""
    _, _, noise_key, plain = shake_hands()

    assert noise_key == NOISE.public
    assert plain == b"payload"


@given(st.lists(st.binary(max_size=50), max_size=10))
def test_frames_in_order_are_opened(frames: list[bytes]) -> None:
    """Both directions, any number of frames, independent counters."""
    server, client, _, _ = shake_hands()

    for frame in frames:
        assert server.receive.open(client.send.seal(frame)) == frame
        assert client.receive.open(server.send.seal(frame[::-1])) == frame[::-1]


def test_a_changed_frame_is_refused() -> None:
    """One bit is enough."""
    server, client, _, _ = shake_hands()
    sealed = bytearray(client.send.seal(b"hello"))
    sealed[0] ^= 1

    with pytest.raises(BadFrameError):
        server.receive.open(bytes(sealed))


def test_a_repeated_frame_is_refused() -> None:
    """The counter is part of the seal."""
    server, client, _, _ = shake_hands()
    sealed = client.send.seal(b"hello")
    server.receive.open(sealed)

    with pytest.raises(BadFrameError):
        server.receive.open(sealed)


def test_a_frame_shorter_than_a_seal_is_refused() -> None:
    """It is no crash."""
    with pytest.raises(BadFrameError):
        Cipher(b"\x00" * 32).open(b"short")


@pytest.mark.parametrize("key", [b"", b"short", b"\x00" * 32])
def test_what_is_no_key_is_refused(key: bytes) -> None:
    """Also the point that makes every secret zero."""
    with pytest.raises(BadFrameError):
        ServerHandshake(STATIC).hello(key, b"")


def test_a_stranger_in_the_middle_is_refused() -> None:
    """A finish made for another server's hello does not open."""
    client, other = ClientHandshake(NOISE), ServerHandshake(STATIC)
    client.read_hello(*other.hello(client.ephemeral.public, b""))
    server = ServerHandshake(STATIC)
    server.hello(client.ephemeral.public, b"")

    with pytest.raises(BadFrameError):
        server.finish(*client.finish(b"payload"))
