"""The raw form of made messages: a protobuf as the client library's, with nothing in it but the id, and the file."""

from collections.abc import Iterator

_INFO, _ID = 1, 2
"""Numbers of `Message.Info` and `MessageInfo.ID` in Neonize.proto."""
_FILE = 2047
"""A number that its `Message` does not have; parsers pass over it."""
_BYTES = 2
_MORE, _LOW = 0x80, 0x7F


def raw_of(message_id: str, data: bytes | None = None) -> bytes:
    """Return the raw form of a message with a file, or without one."""
    info = _field(_INFO, _field(_ID, message_id.encode()))
    return info if data is None else info + _field(_FILE, data)


def data_in(raw: bytes) -> bytes | None:
    """Return the file that is in a raw form; None when there is none."""
    return dict(_fields(raw)).get(_FILE)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > _LOW:
        written.append(value & _LOW | _MORE)
        value >>= 7
    written.append(value)
    return bytes(written)


def _fields(raw: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place < len(raw):
        tag, place = _read_varint(raw, place)
        length, place = _read_varint(raw, place)
        yield tag >> 3, raw[place : place + length]
        place += length


def _read_varint(raw: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[place]
        value |= (byte & _LOW) << shift
        place, shift = place + 1, shift + 7
        if byte < _MORE:
            return value, place
