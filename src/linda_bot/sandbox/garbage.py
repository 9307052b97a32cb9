"""What is no proper frame: bytes that a broken server, or a broken proxy on the way, might send."""

import os
import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from linda_bot.sandbox.session import Session

_SIZE = 64
_NO_NODE = b"\x00\x00\x00"
"""A flag byte, then an empty list where a node should begin."""


class Garbage(NamedTuple):
    """A kind of it."""

    summary: str
    send: "Callable[[Session], None]"


def _framed(body: bytes) -> bytes:
    return len(body).to_bytes(3) + body


GARBAGE: Mapping[str, Garbage] = {
    "random": Garbage("a message of random bytes", lambda session: session.send_raw(os.urandom(_SIZE))),
    "undecryptable": Garbage(
        "a frame that was sealed with another key", lambda session: session.send_raw(_framed(os.urandom(_SIZE)))
    ),
    "no-node": Garbage("a sealed frame that is no node", lambda session: session.send_sealed(_NO_NODE)),
    "noise": Garbage(
        "a sealed frame of random bytes", lambda session: session.send_sealed(b"\x00" + os.urandom(_SIZE))
    ),
    "bad-zlib": Garbage(
        "a sealed frame whose compression is broken",
        lambda session: session.send_sealed(b"\x02" + zlib.compress(bytes(_SIZE))[:-5]),
    ),
    "empty-body": Garbage("a sealed frame with nothing in it", lambda session: session.send_sealed(b"")),
    "empty-frame": Garbage("a frame of length 0", lambda session: session.send_raw(bytes(3))),
    "text": Garbage("a text message", lambda session: session.send_raw("this is no frame")),
    "truncated": Garbage(
        "a frame that is much shorter than its length says",
        lambda session: session.send_raw((1000).to_bytes(3) + os.urandom(_SIZE)),
    ),
    "one-byte-short": Garbage(
        "a frame that is one byte shorter than its length says",
        lambda session: session.send_raw((_SIZE + 1).to_bytes(3) + os.urandom(_SIZE)),
    ),
    "half-length": Garbage("two of the three bytes of a length", lambda session: session.send_raw(bytes(2))),
}
