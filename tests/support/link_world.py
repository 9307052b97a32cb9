"""A link with everything around it, in virtual time."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from linda_bot.connection.attempt import Patience
from linda_bot.connection.circuit import Schedule
from linda_bot.connection.events import LinkStateChanged
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

_TASKS = frozenset({"link", "engine events", "keep-alive", "until the login", "messages", "engine's end"})
"""The names of a link's tasks."""


class FakeFiles:
    """Session files that are as linked as the fake WhatsApp says."""

    def __init__(self, whatsapp: FakeWhatsApp) -> None:
        self._whatsapp = whatsapp
        self.damaged = False
        self.trouble: Exception | None = None
        self.fails_in: frozenset[str] = frozenset({"look"})
        """Which methods the trouble is raised in."""
        self.hangs = False
        """Whether looking takes for ever."""
        self.rows_looked_for = 0
        self.aside: list[str] = []
        self.backups: list[str] = []
        """The backups that can be put back, newest first; each is used once until a login."""
        self.retired: list[str] = []
        self.proofs = 0
        self.login_in_s = 0.0
        """How long the next login has to wait out of manners."""

    @property
    def store(self) -> Path:
        """Where the store would be."""
        return Path("session.db")

    async def look(self) -> SessionLook:
        """Look at the fake."""
        self._check("look")
        if self.hangs:
            await asyncio.Event().wait()
        return SessionLook(
            linked=self.store in self._whatsapp.linked,
            damaged=self.damaged,
            why="no session yet",
            login_in_s=self.login_in_s,
        )

    def _check(self, method: str) -> None:
        if self.trouble is not None and method in self.fails_in:
            raise self.trouble

    async def still_linked(self) -> bool:
        """Look at the fake."""
        self.rows_looked_for += 1
        return self.store in self._whatsapp.linked

    async def set_aside(self, because: str) -> Path | None:
        """Forget the session."""
        self._check("set_aside")
        self.aside.append(because)
        self._whatsapp.linked.pop(self.store, None)
        self.damaged = False
        return Path("quarantine")

    async def recover(self, because: str) -> PutBack:
        """Put the next backup back."""
        self._check("recover")
        if not self.backups:
            return PutBack(passed_over=("backup-default-001: its copy is damaged",) if self.retired else ())
        self.damaged = False
        self._whatsapp.linked[self.store] = NUMBER
        return PutBack(self.backups.pop(0), datetime.now(UTC), Path("quarantine"))

    async def retire(self, because: str) -> None:
        """Forget the backups."""
        self._check("retire")
        self.retired.append(because)
        self.backups.clear()

    def proved(self) -> None:
        """Count the logins."""
        self.proofs += 1


class LinkWorld:
    """A running link, its other side, and what it published."""

    def __init__(
        self,
        *,
        linked: bool = True,
        rules: Rules = RULES,
        account: str | None = None,
        pair_phone: str | None = None,
        chance: float = 0.0,
        remembers: int | None = None,
        mailbox: Path | None = None,
    ) -> None:
        """Take how many of the events it remembers; None for all."""
        self.whatsapp = FakeWhatsApp()
        self.files = FakeFiles(self.whatsapp)
        if linked:
            self.whatsapp.linked[self.files.store] = NUMBER
        self.bus = EventBus()
        plan = Plan(
            rules=rules,
            patience=PATIENCE,
            device_name="Test",
            account=account,
            pair_phone=pair_phone,
            mailbox=mailbox,
        )
        self.link = Link(plan, self.files, self.whatsapp.make_client, self.bus, chance=lambda: chance)
        self.log: deque[tuple[float, Event]] = deque(maxlen=remembers)
        """What was published, and when on the loop's clock."""
        self.exit_code: ExitCode | None = None
        self._running: asyncio.Task[None] | None = None

    @property
    def taken(self) -> list[MessageReceived]:
        """Return the messages that were told, in order."""
        return [event for _, event in self.log if isinstance(event, MessageReceived)]

    async def _record(self, subscription: Subscription[Event]) -> None:
        async for event in subscription:
            self.log.append((asyncio.get_running_loop().time(), event))

    async def until(self, state: LinkState, *, within_s: float = 100_000) -> None:
        """Wait until the link is in a state, and what led to it was recorded."""
        with self.bus.subscribe(LinkStateChanged, name="until", depth=1000) as changes:
            async with asyncio.timeout(within_s):
                while self.link.state is not state:
                    await changes.next()
        await asyncio.sleep(0.01)

    def told(self, *kinds: type[Event]) -> list[Event]:
        """Return what was published of these kinds."""
        return [event for _, event in self.log if isinstance(event, kinds)]

    def times(self, *kinds: type[Event]) -> list[float]:
        """Return when something of these kinds was published."""
        return [at for at, event in self.log if isinstance(event, kinds)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["LinkWorld"]:
        """Run the link; stop it at the end, which leaves nothing behind."""
        before = asyncio.all_tasks()
        with self.bus.subscribe(Event, name="test", depth=10_000) as subscription:
            recording = asyncio.create_task(self._record(subscription), name="recording")
            self._running = asyncio.create_task(self._run(), name="link")
            try:
                yield self
            finally:
                self._running.cancel()
                (result,) = await asyncio.gather(self._running, return_exceptions=True)
                await asyncio.sleep(0)
                recording.cancel()
                await asyncio.gather(recording, return_exceptions=True)
        if isinstance(result, Exception):
            raise result
        assert not self.whatsapp.running, "an engine was left behind"
        assert self.whatsapp.most_at_once <= 1, "two engines were alive at the same time"
        left = _TASKS & {task.get_name() for task in asyncio.all_tasks() - before if not task.done()}
        assert not left, f"tasks were left behind: {left}"

    def stop(self) -> None:
        """Cancel the link, as whoever runs it does; may be repeated."""
        assert self._running is not None
        self._running.cancel()

    async def _run(self) -> None:
        self.exit_code = await self.link.run()

    async def exited(self, *, within_s: float = 100_000) -> ExitCode:
        """Wait until the link gives up."""
        assert self._running is not None
        async with asyncio.timeout(within_s):
            await asyncio.shield(self._running)
        assert self.exit_code is not None
        return self.exit_code
