"""One client on the server: handshake, login or pairing, then stanza after stanza."""

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from linda_bot.sandbox import pairing, post, requests
from linda_bot.sandbox.library import BadMessageError, parse, protobufs
from linda_bot.sandbox.nodes import SERVER, BadNodeError, Jid, Node
from linda_bot.sandbox.noise import PROLOGUE, BadFrameError, ServerHandshake, Transport
from linda_bot.sandbox.registry import Account

if TYPE_CHECKING:
    from linda_bot.sandbox.server import Sandbox

_log = logging.getLogger("linda_bot.sandbox")
_HANDSHAKE_WITHIN_S = 20
_AFTER_LAST_WORD_S = 0.15
"""A client handles the last node first when the line is cut a moment later."""


class HangUpError(Exception):
    """The client said something that no client says; the line is cut."""


class Frames:
    """Frames out of WebSocket messages: three bytes of length, then the body; the prologue comes once before."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._buffer = b""
        self._begun = False

    async def next(self) -> bytes | None:
        """Return the next frame's body; None when the line has ended."""
        while True:
            frame = self._cut()
            if frame is not None:
                return frame
            message = await self._socket.receive()
            if message.type is not WSMsgType.BINARY:
                return None
            self._buffer += message.data

    async def send(self, body: bytes) -> None:
        """Send a frame; nothing happens when the line has ended."""
        with contextlib.suppress(ConnectionError, RuntimeError):
            await self._socket.send_bytes(len(body).to_bytes(3) + body)

    def _cut(self) -> bytes | None:
        if not self._begun:
            if len(self._buffer) < len(PROLOGUE):
                return None
            if not self._buffer.startswith(PROLOGUE):
                message = "the client does not begin as WhatsApp clients do"
                raise HangUpError(message)
            self._buffer = self._buffer[len(PROLOGUE) :]
            self._begun = True
        length = int.from_bytes(self._buffer[:3])
        if len(self._buffer) < 3 + length:
            return None
        frame, self._buffer = self._buffer[3 : 3 + length], self._buffer[3 + length :]
        return frame


class Session:
    """A connected client; logged in once `account` is set."""

    def __init__(self, server: "Sandbox", socket: web.WebSocketResponse) -> None:
        self.server = server
        self.account: Account | None = None
        self.device = 0
        self.active = False
        """Whether it takes messages: after its login it is passive for a moment."""
        self.frozen = False
        """Whether it neither listens nor answers any more, as if the network had swallowed the line."""
        self.registration: pairing.Registration | None = None
        self._socket = socket
        self._frames = Frames(socket)
        self._ciphers: Transport | None = None
        self._noise_key = b""
        self._sending = asyncio.Lock()
        self._ended = False

    @property
    def jid(self) -> Jid:
        """The logged-in device's address, by LID."""
        assert self.account is not None
        return self.account.lid_jid(self.device)

    @property
    def name(self) -> tuple[str, int]:
        """Number and device id."""
        assert self.account is not None
        return self.account.number, self.device

    @property
    def noise_key(self) -> bytes:
        """The client's static Noise key: its credential."""
        return self._noise_key

    async def run(self) -> None:
        """Serve the client until one of the two hangs up."""
        try:
            async with asyncio.timeout(_HANDSHAKE_WITHIN_S):
                payload = await self._shake_hands()
            await self._greet(payload)
            while (frame := await self._frames.next()) is not None:
                if self.frozen:
                    continue
                assert self._ciphers is not None
                await self._handle(self.server.codec.decode(self._ciphers.receive.open(frame)))
        except (HangUpError, BadFrameError, BadMessageError, BadNodeError, TimeoutError) as error:
            self.server.note("hung_up", reason=str(error))
        except Exception as error:  # noqa: BLE001 (a client's nonsense, or a fault of ours: it must be seen)
            self.server.note("failed", reason=repr(error))
            _log.exception("a session of the sandbox failed")
        finally:
            self._ended = True
            self.server.forget(self)
            with contextlib.suppress(Exception):
                await self._socket.close()

    async def send(self, node: Node) -> None:
        """Send a stanza; in order, whoever calls."""
        if self._ciphers is None or self._ended or self.frozen:
            return
        async with self._sending:  # the counter of the cipher and the order on the wire must agree
            await self._frames.send(self._ciphers.send.seal(self.server.codec.encode(node)))
            await asyncio.sleep(0)  # so that a lost line is noticed before many more stanzas are written into it

    async def end(self, *last_words: Node) -> None:
        """Say the last words, then the end of the stream, and cut the line."""
        for node in last_words:
            await self.send(node)
        await self.send(Node("xmlstreamend"))
        await asyncio.sleep(_AFTER_LAST_WORD_S)
        self._ended = True
        await self._socket.close()

    def cut(self) -> None:
        """Cut the line without a word."""
        self._ended = True
        if self._socket._req is not None and self._socket._req.transport is not None:  # noqa: SLF001 (aiohttp has no public way)
            self._socket._req.transport.abort()  # noqa: SLF001 (see above)

    async def _shake_hands(self) -> bytes:
        pb = protobufs("waWa6.WAWebProtobufsWa6_pb2")
        first = await self._frames.next()
        if first is None:
            message = "no client hello"
            raise HangUpError(message)
        handshake = ServerHandshake(self.server.static_key)
        ephemeral, static, payload = handshake.hello(
            parse(pb.HandshakeMessage, first).clientHello.ephemeral, self.server.noise_chain
        )
        hello = pb.HandshakeMessage.ServerHello(ephemeral=ephemeral, static=static, payload=payload)
        await self._frames.send(pb.HandshakeMessage(serverHello=hello).SerializeToString())
        second = await self._frames.next()
        if second is None:
            message = "no client finish"
            raise HangUpError(message)
        finish = parse(pb.HandshakeMessage, second).clientFinish
        self._noise_key, plain, self._ciphers = handshake.finish(finish.static, finish.payload)
        return plain

    async def _greet(self, payload: bytes) -> None:
        """Log in a known device, or begin to pair a new one."""
        client = parse(protobufs("waWa6.WAWebProtobufsWa6_pb2").ClientPayload, payload)
        if not client.username:
            await pairing.offer(self, client.devicePairingData)
            return
        refusal = self.server.next_refusal()
        found = self.server.registry.device_by_noise(self._noise_key)
        if refusal is None and found != (str(client.username), client.device):
            refusal = Node("failure", {"reason": "401", "location": "sandbox"})
        if refusal is not None:
            self.server.note("login_refused", number=str(client.username), reason=refusal.text("reason"))
            await self.end(refusal)
            return
        account = self.server.registry.account(str(client.username))
        assert account is not None  # a device has an account
        self.account, self.device = account, client.device
        await self.server.welcome(self)
        await post.greet(self)

    async def _handle(self, node: Node) -> None:
        match node.tag:
            case "iq" if node.text("type") in ("result", "error"):
                await pairing.answered(self, node)
            case "iq":
                await requests.answer(self, node)
            case "message" if self.account is not None:
                await post.take_message(self, node)
            case "receipt" if self.account is not None:
                await post.take_receipt(self, node)
            case "ack" if self.account is not None:
                post.confirm(self, node.text("class"), node.text("id"))
            case "xmlstreamend":
                await self._socket.close()
            case _:
                pass  # presence, chat states, telemetry: nobody here needs them

    async def reply(self, request: Node, *children: Node) -> None:
        """Answer a request with success."""
        await self.send(
            Node("iq", {"from": SERVER, "id": request.text("id"), "type": "result"}, list(children) or None)
        )

    async def refuse(self, request: Node, code: int, text: str) -> None:
        """Answer a request with an error."""
        error = Node("error", {"code": str(code), "text": text})
        await self.send(Node("iq", {"from": SERVER, "id": request.text("id"), "type": "error"}, [error]))
