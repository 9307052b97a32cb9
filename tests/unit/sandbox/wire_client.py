"""A client written from the protocol and not from the server: it can say what no true client says."""

import hashlib
import ssl
from pathlib import Path
from typing import Self

import aiohttp
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from linda_bot.sandbox.keys import KeyPair
from linda_bot.sandbox.library import protobufs
from linda_bot.sandbox.nodes import Codec, Node
from linda_bot.sandbox.noise import Cipher, Transport

HEADER = b"WA\x06\x03"
PATTERN = b"Noise_XX_25519_AESGCM_SHA256".ljust(32, b"\x00")


def derive(salt: bytes, secret: bytes) -> tuple[bytes, bytes]:
    """Return two keys."""
    key = HKDF(SHA256(), 64, salt, None).derive(secret)
    return key[:32], key[32:]


class ClientHandshake:
    """Noise XX, seen from the client."""

    def __init__(self, noise: KeyPair) -> None:
        self.ephemeral = KeyPair.new()
        self._noise = noise
        self._chain = PATTERN
        self._hash = hashlib.sha256(PATTERN + HEADER).digest()
        self._hash = hashlib.sha256(self._hash + self.ephemeral.public).digest()
        self._server = b""
        self._cipher = Cipher(PATTERN)

    def read_hello(self, ephemeral: bytes, static: bytes, payload: bytes) -> tuple[bytes, bytes]:
        """Return the server's static key and its certificate chain."""
        self._server = ephemeral
        self._hash = hashlib.sha256(self._hash + ephemeral).digest()
        self._mix(self.ephemeral.agree(ephemeral))
        server_key = self._open(static)
        self._mix(self.ephemeral.agree(server_key))
        return server_key, self._open(payload)

    def finish(self, payload: bytes) -> tuple[bytes, bytes]:
        """Return our sealed static key and payload."""
        static = self._seal(self._noise.public)
        self._mix(self._noise.agree(self._server))
        return static, self._seal(payload)

    def transport(self) -> Transport:
        """Return the ciphers for what follows."""
        write, read = derive(self._chain, b"")
        return Transport(receive=Cipher(read), send=Cipher(write))

    def _mix(self, secret: bytes) -> None:
        self._chain, key = derive(self._chain, secret)
        self._cipher = Cipher(key)

    def _seal(self, plain: bytes) -> bytes:
        sealed = self._cipher.seal(plain, self._hash)
        self._hash = hashlib.sha256(self._hash + sealed).digest()
        return sealed

    def _open(self, sealed: bytes) -> bytes:
        plain = self._cipher.open(sealed, self._hash)
        self._hash = hashlib.sha256(self._hash + sealed).digest()
        return plain


class WireClient:
    """One connection to a sandbox; says and hears nodes."""

    def __init__(self, codec: Codec, environment: dict[str, str], noise: KeyPair) -> None:
        self._codec = codec
        self._environment = environment
        self._noise = noise
        self._buffer = b""

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        try:
            self.socket = await self._session.ws_connect(
                "https://web.whatsapp.com/ws/chat",
                proxy=self._environment["HTTPS_PROXY"],
                ssl=ssl.create_default_context(cafile=Path(self._environment["SSL_CERT_FILE"])),
            )
        except aiohttp.ClientError:
            await self._session.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()
        await self._session.close()

    async def greet(self, **payload: object) -> bytes:
        """Shake hands with a ClientPayload; return the certificate chain."""
        pb = protobufs("waWa6.WAWebProtobufsWa6_pb2")
        handshake = ClientHandshake(self._noise)
        hello = pb.HandshakeMessage.ClientHello(ephemeral=handshake.ephemeral.public)
        first = pb.HandshakeMessage(clientHello=hello).SerializeToString()
        await self.socket.send_bytes(HEADER + len(first).to_bytes(3) + first)
        answer = pb.HandshakeMessage.FromString(await self._frame()).serverHello
        _, chain = handshake.read_hello(answer.ephemeral, answer.static, answer.payload)
        static, sealed = handshake.finish(pb.ClientPayload(**payload).SerializeToString())
        finish = pb.HandshakeMessage.ClientFinish(static=static, payload=sealed)
        second = pb.HandshakeMessage(clientFinish=finish).SerializeToString()
        await self.socket.send_bytes(len(second).to_bytes(3) + second)
        self._ciphers = handshake.transport()
        return chain

    async def say(self, node: Node) -> None:
        """Send a node."""
        body = self._ciphers.send.seal(self._codec.encode(node))
        await self.socket.send_bytes(len(body).to_bytes(3) + body)

    async def hear(self) -> Node:
        """Return the next node; raises EOFError at the end of the line."""
        return self._codec.decode(self._ciphers.receive.open(await self._frame()))

    async def hear_until(self, tag: str) -> Node:
        """Return the next node with a tag."""
        while (node := await self.hear()).tag != tag:
            pass
        return node

    async def hear_until_child(self, tag: str) -> Node:
        """Return the next node with a child of a tag."""
        while (node := await self.hear()).child(tag) is None:
            pass
        return node

    async def ask(self, node: Node) -> Node:
        """Send a request and return its answer."""
        await self.say(node)
        while (answer := await self.hear_until("iq")).text("id") != node.text("id"):
            pass
        return answer

    async def _frame(self) -> bytes:
        while len(self._buffer) < 3 or len(self._buffer) < 3 + int.from_bytes(self._buffer[:3]):
            message = await self.socket.receive(timeout=5)
            if message.type is not aiohttp.WSMsgType.BINARY:
                raise EOFError
            self._buffer += message.data
        length = int.from_bytes(self._buffer[:3])
        frame, self._buffer = self._buffer[3 : 3 + length], self._buffer[3 + length :]
        return frame
