"""The sandbox as a whole: the server, its phones and its contacts."""

import asyncio
import itertools
import os
import sys
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Self

from aiohttp import web

from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.files import make_private_dir, write_atomic
from linda_bot.kernel.flock import hold_lock
from linda_bot.sandbox import pairing, post, refusals
from linda_bot.sandbox.armed import EVERYBODY, Armed
from linda_bot.sandbox.certificates import false_tls_context, noise_chain, tls_context
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.front import LOOPBACK, Front
from linda_bot.sandbox.keys import KeyPair
from linda_bot.sandbox.lasting import LastingFaults
from linda_bot.sandbox.media import Media
from linda_bot.sandbox.nodes import Codec
from linda_bot.sandbox.pairing_code import CodeRequest
from linda_bot.sandbox.phone import Phone
from linda_bot.sandbox.registry import Registry
from linda_bot.sandbox.session import Session
from linda_bot.sandbox.tokens import load_tokens

ENGINE_COMMAND = (sys.executable, "-P", "-m", "linda_bot.sandbox.engine")
ENVIRONMENT_FILE = "engine.env"
_KEPT_NOTES = 10_000


class NoteTaken(NamedTuple):
    """Something that happened on the server."""

    at: float
    what: str
    facts: Mapping[str, object]


class Overlap(NamedTuple):
    """Two logins of one device at the same time."""

    number: str
    seconds: float


class Sandbox:
    """A loopback WhatsApp server; an async context manager."""

    def __init__(self, directory: Path, *, port: int = 0) -> None:
        """Describe a server that keeps its memory in a directory; without a port it takes the one it had there."""
        self.directory: Path = directory.absolute()
        self._port = port
        self.notes: deque[NoteTaken] = deque(maxlen=_KEPT_NOTES)
        self.counts: Counter[str] = Counter()
        self._ids = itertools.count(1)
        self._sessions: set[Session] = set()
        self._held: set[str] = set()
        self.keeps_both: bool = False
        """Whether a second login of a device leaves the first one alone, which WhatsApp would end."""
        self.overlaps: list[Overlap] = []
        """Two logins of one device at the same time, those that are over."""
        self._overlapping: dict[Session, float] = {}
        self.armed: Armed = Armed()
        """Faults that wait for a client to come."""
        self.lasting: LastingFaults = LastingFaults()
        """Faults that last for a while."""

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as closing:
            await self._open(closing)
            self._closing = closing.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._closing.aclose()

    async def _open(self, closing: AsyncExitStack) -> None:
        make_private_dir(self.directory)
        closing.callback(os.close, _hold(self.directory))
        self.codec: Codec = Codec(await asyncio.to_thread(load_tokens, self.directory))
        self.registry: Registry = Registry(self.directory / "server.db")
        closing.callback(self.registry.close)
        self._root = self.registry.secret("root")
        self.static_key: KeyPair = self.registry.secret("static")
        intermediate = self.registry.secret("intermediate")
        self._noise_chain = noise_chain(self._root, intermediate, self.static_key)
        self._false_noise_chain = noise_chain(KeyPair.new(), intermediate, self.static_key)
        self._ca_file = self.directory / "ca.pem"
        self._tls, self._false_tls = tls_context(self._ca_file), false_tls_context()
        self.media: Media = Media(self.directory / "media", self.static_key.private, self.note)
        self.front: Front = Front(self._tls, self._serve, self.media.answer)
        self.front.pick_context = lambda: self._false_tls if self.armed.false_tls.take() else self._tls
        closing.push_async_callback(self.front.close)
        closing.push_async_callback(self.lasting.clear)
        await self.front.open(self._port or _port_before(self.directory))
        closing.callback((self.directory / ENVIRONMENT_FILE).unlink, missing_ok=True)
        self._write_environment()

    @property
    def environment(self) -> dict[str, str]:
        """What an engine of the sandbox must have in its environment."""
        proxy, direct = f"http://{LOOPBACK}:{self.front.port}", "127.0.0.1,localhost"
        return {
            "HTTPS_PROXY": proxy,
            "https_proxy": proxy,  # so that a proxy of the user's, in either spelling, does not count
            "NO_PROXY": direct,
            "no_proxy": direct,
            "SSL_CERT_FILE": str(self._ca_file),
            "LINDA_SANDBOX_ROOT": self._root.public.hex(),
        }

    def phone(self, number: str) -> Phone:
        """Return the phone of a number; there is one for every number."""
        self.registry.open_account(number)
        return Phone(self, number)

    @asynccontextmanager
    async def contact(self, number: str, name: str = "") -> AsyncIterator[Contact]:
        """Yield a person who writes and reads through a real client; linked on first use."""
        account = self.registry.open_account(number, name)
        contact = Contact(account.number, self.directory / "contacts" / number, ENGINE_COMMAND, self.environment)
        await contact.open(self.phone(number).scan)
        try:
            yield contact
        finally:
            await contact.close()

    def queued(self, number: str) -> int:
        """Return how many messages wait for an account's devices."""
        devices = self.registry.device_ids(number)[1:]
        return sum(stanza.kind == "message" for device in devices for stanza in self.registry.waiting(number, device))

    def online(self, number: str) -> bool:
        """Return whether a device of the account is logged in and active."""
        return any(session.active and session.name[0] == number for session in self._sessions if session.account)

    # Faults.

    def drop(self, number: str) -> None:
        """Cut the lines of an account's devices without a word."""
        for session in self.sessions_of(number):
            session.cut()

    def freeze(self, number: str) -> None:
        """Stop answering on the open lines of an account's devices; a new line works."""
        for session in self.sessions_of(number):
            session.freeze()

    def half_open(self, number: str) -> None:
        """Forget the sessions of an account's devices while their lines stay open without a word.

        Messages wait as for devices that are offline, and a new login replaces nobody.
        """
        for session in self.sessions_of(number):
            session.freeze()
            self._sessions.discard(session)

    def fail_next_login(self, code: int, /, *, count: int = 1, number: str = EVERYBODY, **attrs: str) -> None:
        """Refuse the next logins, of a number or of anybody; see `refusals.login_failure`."""
        self.armed.refusals.add(refusals.login_failure(code, attrs), count=count, number=number)

    async def stream_error(self, number: str, kind: str) -> None:
        """End the streams of an account's devices; see `refusals.stream_error`."""
        last_word = refusals.stream_error(kind)
        for session in self.sessions_of(number):
            await session.end(last_word)

    async def remove_device(self, number: str) -> None:
        """Remove an account's devices, as a person does on the phone."""
        for device in self.registry.device_ids(number)[1:]:
            self.registry.remove_device(number, device)
        await self.stream_error(number, "device_removed")

    @asynccontextmanager
    async def holding(self, number: str) -> AsyncIterator[None]:
        """Keep what comes for an account's devices, and deliver it at the end, in order.

        A client whose sending is not raced by its own receiving sends without reusing a counter.
        """
        sessions = self.sessions_of(number)
        marks = [self.registry.last_place() for _ in sessions]
        self._held.add(number)
        try:
            yield
        finally:
            for session, mark in zip(sessions, marks, strict=True):
                await post.send_waiting(session, after=mark, offline=False)
            self._held.discard(number)

    async def restart(self, *, down_for_s: float = 0) -> None:
        """Stop listening, drop everybody, and listen again on the same port; connections are refused meanwhile."""
        await self.front.close()
        await asyncio.sleep(down_for_s)
        await self.listen()

    async def listen(self) -> None:
        """Listen again, on the same port; harmless when it does."""
        await self.front.open(self.front.port)
        self._write_environment()

    # For the sessions.

    def note(self, what: str, **facts: object) -> None:
        """Note that something happened."""
        self.counts[what] += 1
        self.notes.append(NoteTaken(asyncio.get_running_loop().time(), what, facts))

    def new_id(self) -> str:
        """Return an id for a request of the server's."""
        return f"sandbox-{next(self._ids)}"

    def noise_chain(self) -> bytes:
        """Return the certificates that the next client is shown."""
        return self._false_noise_chain if self.armed.false_noise.take() else self._noise_chain

    def forget(self, session: Session) -> None:
        """Note that a client is gone."""
        self._sessions.discard(session)
        since = self._overlapping.pop(session, None)
        if since is not None:
            lasted_s = asyncio.get_running_loop().time() - since
            self.overlaps.append(Overlap(session.name[0], lasted_s))

    async def welcome(self, session: Session) -> None:
        """Note a login; an earlier login of the same device is replaced, unless both are kept."""
        for other in [other for other in self._sessions if other is not session and other.account]:
            if other.name != session.name:
                continue
            if self.keeps_both:
                self._overlapping.setdefault(other, asyncio.get_running_loop().time())
            else:
                self._sessions.discard(other)
                await other.end(refusals.stream_error("replaced"))
                self.note("replaced", number=session.name[0])
        self.note("login", number=session.name[0])

    def active_session(self, number: str, device: int) -> Session | None:
        """Return the session of a device that takes messages now."""
        if number in self._held:
            return None
        wanted = (number, device)
        there = [each for each in self._sessions if each.active and each.account and each.name == wanted]
        return next((each for each in there if each not in self._overlapping), None)

    def waiting_session(self, ref: str) -> Session:
        """Return the session that waits to be linked by a code; raises pairing.ScanError."""
        for session in self._sessions:
            if session.registration is not None and ref in session.registration.refs:
                return session
        message = "the code is not valid any more"
        raise pairing.ScanError(message)

    def unlinked_sessions(self) -> list[Session]:
        """Return the sessions that wait to be linked."""
        return [session for session in self._sessions if session.registration is not None]

    def code_requests(self) -> list[CodeRequest]:
        """Return what asks for a code to be typed, the latest last."""
        asked = [session.code_request for session in self._sessions if session.code_request is not None]
        return sorted(asked, key=lambda request: request.asked_at)

    def sessions_of(self, number: str) -> list[Session]:
        """Return the sessions of an account's devices; all that are logged in for EVERYBODY."""
        return [each for each in self._sessions if each.account and number in (EVERYBODY, each.name[0])]

    async def _serve(self, socket: web.WebSocketResponse) -> None:
        session = Session(self, socket)
        self._sessions.add(session)
        await session.run()

    def _write_environment(self) -> None:
        lines = "".join(f"{name}={value}\n" for name, value in self.environment.items())
        write_atomic(self.directory / ENVIRONMENT_FILE, lines.encode())
        write_atomic(self.directory / "port", str(self.front.port).encode())


def _port_before(directory: Path) -> int:
    """Return the port that the sandbox in this directory had, so that its clients find it again."""
    with suppress(OSError, ValueError):
        port = int((directory / "port").read_text())
        return port if port in range(1024, 65536) else 0
    return 0


def _hold(directory: Path) -> int:
    """Keep a second server out of a directory; return the descriptor to close at the end."""
    try:
        return hold_lock(directory / "server.lock")
    except BlockingIOError:
        message = f"another sandbox runs in {directory}; stop it or choose another directory"
        raise UsageError(message) from None
