"""Nodes of the binary format: values, and their way to bytes and back (whatsmeow binary/encoder.go, decoder.go)."""

import zlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

from linda_bot.sandbox.tokens import Tokens

PHONE_SERVER = "s.whatsapp.net"
LID_SERVER = "lid"

_LIST_EMPTY, _LIST_8, _LIST_16 = 0, 248, 249
_DOUBLE_0 = 236
_AD_JID, _JID_PAIR = 247, 250
_HEX_8, _BINARY_8, _BINARY_20, _BINARY_32, _NIBBLE_8 = 251, 252, 253, 254, 255
_SERVERS = {0: PHONE_SERVER, 1: LID_SERVER}
_AGENTS = {server: agent for agent, server in _SERVERS.items()}
_NIBBLES = "0123456789-."
_HEX = "0123456789ABCDEF"
_PAD = 15
_COMPRESSED = 2
_INFLATED_AT_MOST = 64 * 1024 * 1024


class BadNodeError(Exception):
    """Bytes that are no node."""


class Jid(NamedTuple):
    """An address; device 0 is the phone, or nobody in particular."""

    user: str
    server: str = PHONE_SERVER
    device: int = 0

    def __str__(self) -> str:
        device = f":{self.device}" if self.device else ""
        return f"{self.user}{device}@{self.server}" if self.user else self.server

    @property
    def bare(self) -> Self:
        """The same without the device."""
        return self._replace(device=0)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the address that a text means."""
        user, at, server = text.rpartition("@")
        if not at:
            return cls("", text)
        name, _, device = user.partition(":")
        return cls(name, server, int(device) if device.isdecimal() else 0)


SERVER = Jid("", PHONE_SERVER)

Value = str | Jid


class Node(NamedTuple):
    """An element: a tag, attributes, and children or bytes."""

    tag: str
    attrs: Mapping[str, Value] = {}
    content: "Sequence[Node] | bytes | None" = None

    def text(self, name: str) -> str:
        """Return an attribute as a text; empty when it is not there."""
        return str(self.attrs.get(name, ""))

    def jid(self, name: str) -> Jid:
        """Return an attribute as an address; the server's when it is not there."""
        value = self.attrs.get(name, SERVER)
        return value if isinstance(value, Jid) else Jid.parse(value)

    @property
    def children(self) -> "Sequence[Node]":
        """The child nodes; none when there are bytes."""
        return () if self.content is None or isinstance(self.content, bytes) else self.content

    @property
    def data(self) -> bytes:
        """The bytes; none when there are children."""
        return self.content if isinstance(self.content, bytes) else b""

    def child(self, *path: str) -> "Node | None":
        """Return the first descendant along a path of tags."""
        node: Node | None = self
        for tag in path:
            node = next((child for child in node.children if child.tag == tag), None) if node else None
        return node

    def all(self, tag: str) -> "list[Node]":
        """Return the children with a tag."""
        return [child for child in self.children if child.tag == tag]


class Codec:
    """Turns nodes into the bytes of a frame and back, with the library's own dictionaries."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._single = {token: number for number, token in enumerate(tokens.single) if token}
        self._double = {
            token: bytes((_DOUBLE_0 + table, number))
            for table, words in enumerate(tokens.double)
            for number, token in enumerate(words)
            if token
        }

    def encode(self, node: Node) -> bytes:
        """Return a frame's body: a flag byte, then the node."""
        out = bytearray((0,))
        self._write_node(out, node)
        return bytes(out)

    def decode(self, body: bytes) -> Node:
        """Return the node in a frame's body; raises BadNodeError."""
        try:
            data = body[1:]
            if body[0] & _COMPRESSED:
                data = zlib.decompressobj().decompress(data, _INFLATED_AT_MOST)
            return _Reader(data, self._tokens).node()
        except (IndexError, ValueError, UnicodeDecodeError, zlib.error, RecursionError) as error:
            raise BadNodeError(str(error)) from error

    def _write_node(self, out: bytearray, node: Node) -> None:
        has_content = node.content is not None
        _write_list_size(out, 1 + 2 * len(node.attrs) + has_content)
        self._write_text(out, node.tag)
        for name, value in node.attrs.items():
            self._write_text(out, name)
            if isinstance(value, Jid):
                self._write_jid(out, value)
            else:
                self._write_text(out, value)
        if isinstance(node.content, bytes):
            _write_bytes(out, node.content)
        elif node.content is not None:
            _write_list_size(out, len(node.content))
            for child in node.content:
                self._write_node(out, child)

    def _write_text(self, out: bytearray, text: str) -> None:
        if text in self._single:
            out.append(self._single[text])
        elif text in self._double:
            out += self._double[text]
        else:
            _write_bytes(out, text.encode())

    def _write_jid(self, out: bytearray, jid: Jid) -> None:
        if jid.device:
            out += bytes((_AD_JID, _AGENTS[jid.server], jid.device))
            self._write_text(out, jid.user)
            return
        out.append(_JID_PAIR)
        if jid.user:
            self._write_text(out, jid.user)
        else:
            out.append(_LIST_EMPTY)
        self._write_text(out, jid.server)


def _write_list_size(out: bytearray, size: int) -> None:
    if size == 0:
        out.append(_LIST_EMPTY)
    elif size < 1 << 8:
        out += bytes((_LIST_8, size))
    else:
        out.append(_LIST_16)
        out += size.to_bytes(2)


def _write_bytes(out: bytearray, data: bytes) -> None:
    size = len(data)
    if size < 1 << 8:
        out += bytes((_BINARY_8, size))
    elif size < 1 << 20:
        out.append(_BINARY_20)
        out += size.to_bytes(3)
    else:
        out.append(_BINARY_32)
        out += size.to_bytes(4)
    out += data


class _Reader:
    """Reads one node from bytes; IndexError and ValueError mean that they are no node."""

    def __init__(self, data: bytes, tokens: Tokens) -> None:
        self._data = data
        self._at = 0
        self._tokens = tokens

    def node(self) -> Node:
        size = self._list_size(self._byte())
        if size == 0:
            message = "an empty list is no node"
            raise ValueError(message)
        tag = self._text(self._byte())
        attrs = {self._text(self._byte()): self._value(self._byte()) for _ in range((size - 1) // 2)}
        return Node(tag, attrs, None if size % 2 else self._content())

    def _content(self) -> "Sequence[Node] | bytes":
        tag = self._byte()
        if tag in (_LIST_EMPTY, _LIST_8, _LIST_16):
            return [self.node() for _ in range(self._list_size(tag))]
        if tag in (_BINARY_8, _BINARY_20, _BINARY_32):
            return self._take(self._length(tag))
        return self._text(tag).encode()

    def _value(self, tag: int) -> Value:
        if tag == _JID_PAIR:
            user_tag = self._byte()
            user = "" if user_tag == _LIST_EMPTY else self._text(user_tag)
            return Jid(user, self._text(self._byte()))
        if tag == _AD_JID:
            agent, device = self._byte(), self._byte()
            return Jid(self._text(self._byte()), _SERVERS.get(agent, f"agent-{agent}"), device)
        return self._text(tag)

    def _text(self, tag: int) -> str:
        if tag in (_BINARY_8, _BINARY_20, _BINARY_32):
            return self._take(self._length(tag)).decode()
        if tag in (_NIBBLE_8, _HEX_8):
            return self._packed(_NIBBLES if tag == _NIBBLE_8 else _HEX)
        if _DOUBLE_0 <= tag < _DOUBLE_0 + len(self._tokens.double):
            return self._tokens.double[tag - _DOUBLE_0][self._byte()]
        if 0 < tag < len(self._tokens.single):
            return self._tokens.single[tag]
        if tag == _LIST_EMPTY:
            return ""
        message = f"{tag} begins no text"
        raise ValueError(message)

    def _packed(self, alphabet: str) -> str:
        head = self._byte()
        digits = [half for byte in self._take(head & 127) for half in (byte >> 4, byte & 15)]
        if head >> 7 and digits:
            digits.pop()
        return "".join(alphabet[digit] for digit in digits if digit != _PAD or alphabet is _HEX)

    def _list_size(self, tag: int) -> int:
        if tag == _LIST_EMPTY:
            return 0
        if tag == _LIST_8:
            return self._byte()
        if tag == _LIST_16:
            return int.from_bytes(self._take(2))
        message = f"{tag} begins no list"
        raise ValueError(message)

    def _length(self, tag: int) -> int:
        return int.from_bytes(self._take({_BINARY_8: 1, _BINARY_20: 3, _BINARY_32: 4}[tag]))

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) < count:
            message = "the node ends too soon"
            raise ValueError(message)
        self._at += count
        return taken
