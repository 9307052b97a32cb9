"""A link with everything around it, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from linda_bot.connection.attempt import Patience
from linda_bot.connection.circuit import Schedule
from linda_bot.connection.lifecycle import LinkState
from linda_bot.connection.link import Link
from linda_bot.connection.plan import Plan
from linda_bot.connection.policy import Rules
from linda_bot.connection.session import PutBack, SessionLook
from linda_bot.kernel.bus import EventBus, Subscription
from linda_bot.kernel.errors import ExitCode
from linda_bot.kernel.events import Event
from linda_bot.whatsapp.events import MessageReceived
from tests.support.fake_client import NUMBER, FakeWhatsApp

RULES = Rules(
    reconnect=Schedule(delays=(3, 10, 30, 60, 120), attempts=10, cool_down=900),
    restore_attempts=3,
    restore_delay=5,
    replaced_wait=30,
    qr_rounds=3,
    can_show_qr=True,
)
PATIENCE = Patience(authenticate=30, first_code=60, grace=10, ping_every=300, ping_within=20)


class FakeFiles:
    """Session files that are as linked as the fake WhatsApp says."""

    def __init__(self, whatsapp: FakeWhatsApp) -> None:
        self._whatsapp = whatsapp
        self.damaged = False
        self.trouble: Exception | None = None
        self.aside: list[str] = []
        self.backups: list[str] = []
        """The backups that can be put back, newest first; each is used once until a login."""
        self.retired: list[str] = []
        self.proofs = 0

    @property
    def store(self) -> Path:
        """Where the store would be."""
        return Path("session.db")

    async def look(self) -> SessionLook:
        """Look at the fake."""
        if self.trouble is not None:
            raise self.trouble
        return SessionLook(linked=self.store in self._whatsapp.linked, damaged=self.damaged, why="no session yet")

    async def still_linked(self) -> bool:
        """Look at the fake."""
        return self.store in self._whatsapp.linked

    async def set_aside(self, because: str) -> Path | None:
        """Forget the session."""
        self.aside.append(because)
        self._whatsapp.linked.pop(self.store, None)
        self.damaged = False
        return Path("quarantine")

    async def recover(self, because: str) -> PutBack:
        """Put the next backup back."""
        if not self.backups:
            return PutBack(passed_over=("backup-default-001: its copy is damaged",) if self.retired else ())
        self.damaged = False
        self._whatsapp.linked[self.store] = NUMBER
        return PutBack(self.backups.pop(0), datetime.now(UTC), Path("quarantine"))

    async def retire(self, because: str) -> None:
        """Forget the backups."""
        self.retired.append(because)
        self.backups.clear()

    def proved(self) -> None:
        """Count the logins."""
        self.proofs += 1


class LinkWorld:
    """A running link, its other side, and what it published."""

    def __init__(self, *, linked: bool = True, rules: Rules = RULES, account: str | None = None) -> None:
        self.whatsapp = FakeWhatsApp()
        self.files = FakeFiles(self.whatsapp)
        if linked:
            self.whatsapp.linked[self.files.store] = NUMBER
        self.bus = EventBus()
        self.taken: list[MessageReceived] = []
        self.take: Callable[[MessageReceived], Awaitable[None]] = self._take
        plan = Plan(rules=rules, patience=PATIENCE, device_name="Test", account=account)
        self.link = Link(plan, self.files, self.whatsapp.make_client, self.bus, self._hand_to_taker, chance=lambda: 0.0)
        self.events: list[Event] = []
        self.exit_code: ExitCode | None = None

    async def _hand_to_taker(self, message: MessageReceived) -> None:
        await self.take(message)

    async def _take(self, message: MessageReceived) -> None:
        self.taken.append(message)

    async def _record(self, subscription: Subscription[Event]) -> None:
        async for event in subscription:
            self.events.append(event)

    async def until(self, state: LinkState, *, within_s: float = 100_000) -> None:
        """Wait until the link is in a state."""
        async with asyncio.timeout(within_s):
            while self.link.state is not state:
                await asyncio.sleep(0.1)

    def told(self, *kinds: type[Event]) -> list[Event]:
        """Return what was published of these kinds."""
        return [event for event in self.events if isinstance(event, kinds)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["LinkWorld"]:
        """Run the link; stop it at the end."""
        with self.bus.subscribe(Event, name="test", depth=10_000) as subscription:
            recording = asyncio.create_task(self._record(subscription), name="recording")
            running = asyncio.create_task(self._run(), name="link")
            try:
                yield self
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                await asyncio.sleep(0)
                recording.cancel()
                await asyncio.gather(recording, return_exceptions=True)
        assert not self.whatsapp.running, "an engine was left behind"

    async def _run(self) -> None:
        self.exit_code = await self.link.run()

    async def exited(self, *, within_s: float = 100_000) -> ExitCode:
        """Wait until the link gives up."""
        async with asyncio.timeout(within_s):
            while self.exit_code is None:
                await asyncio.sleep(0.1)
        return self.exit_code
