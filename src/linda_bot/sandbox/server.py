"""The sandbox as a whole: the server, its phones and its contacts."""

import asyncio
import itertools
import sys
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Self

from aiohttp import web

from linda_bot.kernel.files import make_private_dir, write_atomic
from linda_bot.sandbox import pairing
from linda_bot.sandbox.certificates import noise_chain, tls_context
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.front import LOOPBACK, Front
from linda_bot.sandbox.library import load_tokens
from linda_bot.sandbox.nodes import Codec, Node
from linda_bot.sandbox.registry import Registry
from linda_bot.sandbox.session import Session

ENGINE_COMMAND = (sys.executable, "-m", "linda_bot.sandbox.engine")
ENVIRONMENT_FILE = "engine.env"
_KEPT_NOTES = 10_000


class NoteTaken(NamedTuple):
    """Something that happened on the server."""

    at: float
    what: str
    facts: Mapping[str, object]


class Phone:
    """The phone of an account."""

    def __init__(self, server: "Sandbox", number: str) -> None:
        self.number = number
        self._server = server

    async def scan(self, code: str) -> None:
        """Scan the text of a QR code and link the device that shows it; raises pairing.ScanError."""
        account = self._server.registry.open_account(self.number)
        await pairing.scan(self._server.waiting_session(pairing.ref_of(code)), code, account)

    @property
    def pairings(self) -> int:
        """How many devices it has linked in all."""
        return self._server.registry.pairings(self.number)


class Sandbox:
    """A loopback WhatsApp server; an async context manager."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.notes: deque[NoteTaken] = deque(maxlen=_KEPT_NOTES)
        self.counts: Counter[str] = Counter()
        self._ids = itertools.count(1)
        self._sessions: set[Session] = set()
        self._refusals: deque[Node] = deque()

    async def __aenter__(self) -> Self:
        make_private_dir(self.directory)
        self.codec = Codec(await asyncio.to_thread(load_tokens, self.directory))
        self.registry = Registry(self.directory / "server.db")
        self._root = self.registry.secret("root")
        self.static_key = self.registry.secret("static")
        self.noise_chain = noise_chain(self._root, self.registry.secret("intermediate"), self.static_key)
        self._ca_file = self.directory / "ca.pem"
        self.front = Front(tls_context(self._ca_file), self._serve)
        await self.front.open(_port_before(self.directory))
        self._write_environment()
        return self

    async def __aexit__(self, *_: object) -> None:
        (self.directory / ENVIRONMENT_FILE).unlink(missing_ok=True)
        await self.front.close()
        self.registry.close()

    @property
    def environment(self) -> dict[str, str]:
        """What an engine of the sandbox must have in its environment."""
        return {
            "HTTPS_PROXY": f"http://{LOOPBACK}:{self.front.port}",
            "NO_PROXY": "127.0.0.1,localhost",
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
        for session in self._sessions_of(number):
            session.cut()

    def fail_next_login(self, code: int, **attrs: str) -> None:
        """Refuse the next login with a failure (whatsmeow connectionevents.go, handleConnectFailure)."""
        self._refusals.append(Node("failure", {"reason": str(code), "location": "sandbox", **attrs}))

    async def remove_device(self, number: str) -> None:
        """Remove an account's devices, as a person does on the phone."""
        for device in self.registry.device_ids(number)[1:]:
            self.registry.remove_device(number, device)
        conflict = Node("conflict", {"type": "device_removed"})
        for session in self._sessions_of(number):
            await session.end(Node("stream:error", {"code": "401"}, [conflict]))

    async def restart(self, *, down_for_s: float = 0) -> None:
        """Stop listening, drop everybody, and listen again on the same port."""
        port = self.front.port
        await self.front.close()
        await asyncio.sleep(down_for_s)
        await self.front.open(port)

    # For the sessions.

    def note(self, what: str, **facts: object) -> None:
        """Note that something happened."""
        self.counts[what] += 1
        self.notes.append(NoteTaken(asyncio.get_running_loop().time(), what, facts))

    def new_id(self) -> str:
        """Return an id for a request of the server's."""
        return f"sandbox-{next(self._ids)}"

    def next_refusal(self) -> Node | None:
        """Return how the next login is to be refused."""
        return self._refusals.popleft() if self._refusals else None

    def forget(self, session: Session) -> None:
        """Note that a client is gone."""
        self._sessions.discard(session)

    async def welcome(self, session: Session) -> None:
        """Note a login; an earlier login of the same device is replaced."""
        conflict = Node("conflict", {"type": "replaced"})
        for other in [other for other in self._sessions if other is not session and other.account]:
            if other.name == session.name:
                self._sessions.discard(other)
                await other.end(Node("stream:error", content=[conflict]))
        self.note("login", number=session.name[0])

    def active_session(self, number: str, device: int) -> Session | None:
        """Return the session of a device that takes messages."""
        wanted = (number, device)
        return next((each for each in self._sessions if each.active and each.account and each.name == wanted), None)

    def waiting_session(self, ref: str) -> Session:
        """Return the session that waits to be linked by a code; raises pairing.ScanError."""
        for session in self._sessions:
            if session.registration is not None and ref in session.registration.refs:
                return session
        message = "the code is not valid any more"
        raise pairing.ScanError(message)

    def _sessions_of(self, number: str) -> list[Session]:
        return [session for session in self._sessions if session.account and session.name[0] == number]

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
        return int((directory / "port").read_text())
    return 0
