"""One client on the server: handshake, login or pairing, then stanza after stanza."""

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from aiohttp import web

from linda_bot.sandbox import pairing, pairing_code, post, requests
from linda_bot.sandbox.armed import EVERYBODY
from linda_bot.sandbox.frames import Frames, HangUpError
from linda_bot.sandbox.library import BadMessageError, parse, protobufs
from linda_bot.sandbox.nodes import SERVER, BadNodeError, Jid, Node
from linda_bot.sandbox.noise import BadFrameError, ServerHandshake, Transport
from linda_bot.sandbox.registry import Account

if TYPE_CHECKING:
    from linda_bot.sandbox.server import Sandbox

_log = logging.getLogger("linda_bot.sandbox")
_HANDSHAKE_WITHIN_S = 20
_LAST_WORDS_WITHIN_S = 5
_AFTER_LAST_WORD_S = 0.15
"""A client handles the last node first when the line is cut a moment later."""


class Session:
    """A connected client; logged in once `account` is set."""

    def __init__(self, server: "Sandbox", socket: web.WebSocketResponse) -> None:
        self.server = server
        self.account: Account | None = None
        self.device: int = 0
        self.active = False
        """Whether it takes messages: after its login it is passive for a moment."""
        self.ended: bool = False
        """Whether the line was cut or closed."""
        self.registration: pairing.Registration | None = None
        self.code_request: pairing_code.CodeRequest | None = None
        self._socket = socket
        self._frames = Frames(socket, lambda: server.armed.delay_s(self.account.number if self.account else EVERYBODY))
        self._ciphers: Transport | None = None
        self._noise_key = b""

    @property
    def frozen(self) -> bool:
        """Whether it neither listens nor answers any more, as if the network had swallowed the line."""
        return self._frames.muted

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
        self._frames.open()
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
            self.ended = True
            self.server.forget(self)
            await self._frames.close()
            with contextlib.suppress(Exception):
                await self._socket.close()

    async def send(self, node: Node) -> None:
        """Send a stanza; in order, whoever calls."""
        if not self.ended:
            self.send_sealed(self.server.codec.encode(node))
            await asyncio.sleep(0)  # so that others, and the end of the line, have their turn in a long row of stanzas

    def send_sealed(self, body: bytes) -> None:
        """Send a sealed frame, whatever is in it; nothing happens before the handshake and after the end."""
        if self._ciphers is not None and not self.ended and not self.frozen:
            self._frames.send(self._ciphers.send.seal(body))

    def send_raw(self, message: bytes | str) -> None:
        """Send a WebSocket message that need be no frame."""
        if not self.ended:
            self._frames.send_raw(message)

    def freeze(self) -> None:
        """Neither listen nor answer from now on, and leave the line open."""
        self._frames.muted = True

    async def end(self, *last_words: Node) -> None:
        """Say the last words, then the end of the stream, and cut the line."""
        for node in last_words:
            await self.send(node)
        await self.send(Node("xmlstreamend"))
        await self._say_all()
        await asyncio.sleep(_AFTER_LAST_WORD_S)
        self.ended = True
        await self._socket.close()

    async def cut_after(self, pause_s: float = 0) -> None:
        """Cut the line a moment after what was said last is on its way."""
        await self._say_all()
        await asyncio.sleep(pause_s)
        self.cut()

    def cut(self) -> None:
        """Cut the line without a word."""
        self.ended = True
        if self._socket._req is not None and self._socket._req.transport is not None:  # noqa: SLF001 (aiohttp has no public way)
            self._socket._req.transport.abort()  # noqa: SLF001 (see above)

    async def _say_all(self) -> None:
        with contextlib.suppress(TimeoutError):  # a client that does not read is not waited for
            async with asyncio.timeout(_LAST_WORDS_WITHIN_S):
                await self._frames.sent()

    async def _shake_hands(self) -> bytes:
        pb = protobufs("waWa6.WAWebProtobufsWa6_pb2")
        first = await self._frames.next()
        if first is None:
            message = "no client hello"
            raise HangUpError(message)
        if self.server.armed.closes_pairing("before-hello"):
            self.cut()
        handshake = ServerHandshake(self.server.static_key)
        ephemeral, static, payload = handshake.hello(
            parse(pb.HandshakeMessage, first).clientHello.ephemeral, self.server.noise_chain()
        )
        hello = pb.HandshakeMessage.ServerHello(ephemeral=ephemeral, static=static, payload=payload)
        self._frames.send(pb.HandshakeMessage(serverHello=hello).SerializeToString())
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
        refusal = self.server.armed.refusals.take(str(client.username))
        found = self.server.registry.device_by_noise(self._noise_key)
        if refusal is None and found != (str(client.username), client.device):
            refusal = Node("failure", {"reason": "401", "location": "sandbox"})
        if refusal is not None:
            self.server.note("login_refused", number=str(client.username), reason=refusal.text("reason"))
            await self.end(refusal)
            return
        if self.server.armed.silent_logins.take(str(client.username)):
            self.freeze()
            return
        if self.server.armed.cuts_login(str(client.username), client.device):
            self.cut()
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
