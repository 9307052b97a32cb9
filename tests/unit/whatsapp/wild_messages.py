"""Messages that nobody should send, translated and brought over the pipe; a program, because it loads the library.

It prints as JSON what became of them.
"""

import json
import random
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

from linda_bot.whatsapp.engine.late_imports import put_off

put_off()

from google.protobuf.descriptor import FieldDescriptor  # noqa: E402 (after what the library needs is put off)
from neonize.proto import Neonize_pb2 as pb  # noqa: E402 (see above)
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message as Content  # noqa: E402 (see above)

from linda_bot.whatsapp.engine.translation import translate  # noqa: E402 (see above)
from linda_bot.whatsapp.events import ClientEvent, MessageReceived  # noqa: E402 (see above)
from linda_bot.whatsapp.wire import FRAME_HEADER, frame, notice_decoder  # noqa: E402 (see above)

MESSAGES = 5000
TEXTS = 1000
EVENTS_OF_EACH_KIND = 50

WRAPPERS = (37, 40, 53, 55, 58, 74, 93)
"""Numbers of fields around another message: view once, ephemeral and so on."""

EIGHT_BYTES = {FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FIXED64, FieldDescriptor.TYPE_SFIXED64}
FOUR_BYTES = {FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_FIXED32, FieldDescriptor.TYPE_SFIXED32}
STRINGS = {FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES}

NUMBERS = (0, 1, 14, 99, 2**31, 2**63, 2**64 - 1)
BYTES = (
    b"",
    b"A",
    b"1:2@lid",
    b"\xff\xfe",
    b"\xed\xa0\x80",  # half of a surrogate pair
    b"\xf0\x9f",
    "\u202e\0\x1b[2J".encode(),
    b"%s{0}" * 99,
)
PIECES = (
    "\x1b[2J\x1b]0;owned\x07",
    "\u202e\u2066gnp.exe",
    "\0",
    "%s%n%x",
    "{0.__class__}",
    "${jndi:ldap://x}",
    "<script>alert(1)</script>",
    "</b>&lt;",
    "\r\n.\r\n",
    "\u0301" * 200,
    "\ufeff\uffff",
    "'; DROP TABLE inbox; --",
    "../../etc/passwd",
    "a" * 65_536,
    "\U0001f468\u200d" * 9000,
)

EVENTS: dict[int, Any] = {
    2: pb.PairStatus,
    4: pb.KeepAliveTimeout,
    6: pb.LoggedOut,
    8: pb.TemporaryBan,
    9: pb.ConnectFailure,
    11: pb.StreamError,
    26: pb.OfflineSyncPreview,
    27: pb.OfflineSyncCompleted,
    36: pb.CallOffer,
    40: pb.CallOfferNotice,
    44: pb.UndecryptableMessage,
}

chance = random.Random(20261121)


def varint(number: int) -> bytes:
    """Return a number as protobuf writes it."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def field(number: int, content: bytes) -> bytes:
    """Return a field of bytes."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def wild(descriptor: Any, depth: int) -> bytes:
    """Return a protobuf with some of its fields, whatever may be in them.

    Written by hand, because the library writes no broken texts, no unknown values of enums and no field twice.
    """
    some = chance.sample(list(descriptor.fields), min(len(descriptor.fields), chance.choice((1, 1, 2, 2, 7))))
    return b"".join(wild_field(item, depth) for item in some for _ in range(chance.choice((1, 1, 1, 1, 2))))


def wild_field(item: Any, depth: int) -> bytes:
    """Return a field with whatever may be in it."""
    if item.message_type:
        return field(item.number, wild(item.message_type, depth - 1) if depth else b"")
    if item.type in STRINGS:
        return field(item.number, chance.choice(BYTES))
    if item.type in EIGHT_BYTES:
        return varint(item.number << 3 | 1) + chance.choice((b"\xff" * 8, b"\0" * 8, chance.randbytes(8)))
    if item.type in FOUR_BYTES:
        return varint(item.number << 3 | 5) + chance.choice((b"\xff" * 4, b"\0" * 4, chance.randbytes(4)))
    return varint(item.number << 3) + varint(chance.choice(NUMBERS))


def wild_message() -> bytes:
    """Return a message event with whatever may be in it, in wrappers or not."""
    content = wild(Content.DESCRIPTOR, 5)
    for _ in range(chance.choice((0, 0, 0, 1, 3))):
        content = field(chance.choice(WRAPPERS), field(1, content))
    return field(1, wild(pb.MessageInfo.DESCRIPTOR, 3)) + field(2, content) + wild(pb.Message.DESCRIPTOR, 0)


def over_the_pipe(event: ClientEvent) -> object:
    """Return what the daemon gets of an event."""
    return notice_decoder.decode(frame(event)[FRAME_HEADER.size :])


class Findings:
    """What became of the messages."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.texts = 0
        self.errors: list[str] = []

    def attempt(self, code: int, payload: bytes, look: Callable[[ClientEvent], None] = lambda _: None) -> None:
        """Translate an event and bring it over."""
        try:
            event = translate(code, payload)
            assert event is not None
            got = over_the_pipe(event)
            assert got == event or repr(got) == repr(event)  # NaN is not the same as itself
            look(event)
        except Exception as error:  # noqa: BLE001 (the finding)
            self.errors.append(f"{code} {payload.hex()[:400]}: {error!r}")

    def count(self, event: ClientEvent) -> None:
        """Note which kind it was."""
        assert isinstance(event, MessageReceived)
        self.kinds[event.message.kind] += 1

    def attempt_text(self, text: str) -> None:
        """Bring over a hostile text in one of several kinds of messages; at most its end may be missing."""
        content: dict[str, Any] = chance.choice(
            (
                {"conversation": text},
                {"extendedTextMessage": {"text": text, "contextInfo": {"stanzaID": text, "mentionedJID": [text]}}},
                {"documentMessage": {"caption": text, "fileName": text, "mimetype": text}},
                {"pollCreationMessageV3": {"name": text, "options": [{"optionName": text}] * 12}},
            )
        )

        def look(event: ClientEvent) -> None:
            assert isinstance(event, MessageReceived)
            message = event.message
            assert (message.poll.question if message.poll else message.text) == text[:65_536]
            assert message.sender_name == text[:1024]
            self.texts += 1

        event = pb.Message(Info={"ID": "A", "Pushname": text}, Message=content)
        self.attempt(17, event.SerializePartialToString(), look)


def main() -> None:
    """Try everything; at random, but the same every time."""
    findings = Findings()
    for _ in range(MESSAGES):
        findings.attempt(17, wild_message(), findings.count)
    for code, kind in EVENTS.items():
        for _ in range(EVENTS_OF_EACH_KIND):
            findings.attempt(code, wild(kind.DESCRIPTOR, 3))
    for _ in range(TEXTS):
        findings.attempt_text("".join(chance.choices(PIECES, k=chance.randrange(1, 6))))
    json.dump({"kinds": findings.kinds, "texts": findings.texts, "errors": findings.errors[:5]}, sys.stdout)


if __name__ == "__main__":
    main()
