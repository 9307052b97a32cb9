"""A running bot as its doors see it, without the bot."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from linda_bot.app.answers import Lasting, LoggedOut, Reconnected, Sent
from linda_bot.app.front import Front, NotNowError
from linda_bot.app.live_lines import LiveLines
from linda_bot.app.pairing import Pairing
from linda_bot.app.status import BotStatus, HealthReport, masked
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.events import Event
from linda_bot.messaging.identities import jid_of
from linda_bot.sessions.paths import SessionPaths
from linda_bot.whatsapp.content import AnyContent, Text

NUMBER = "971505760056"


class FakeFront:
    """Does what a front does, as far as a door can tell."""

    def __init__(self, data_dir: Path) -> None:
        paths = SessionPaths(data_dir, "default")
        paths.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.job = SimpleNamespace(paths=paths, in_sandbox=False)
        self.bus = EventBus()
        self.link = SimpleNamespace(state=LinkState.CONNECTED)
        self.chronicle = SimpleNamespace(because="")
        self.pairing = Pairing()
        self.sent: list[tuple[str, str]] = []
        self.level = "info"
        self.paused_since: str | None = None
        self.failure: Exception | None = None
        """What everything raises."""
        self.hangs = False
        self.grade = "healthy"
        self.depth = 500
        """How many events wait for a viewer."""
        self.listeners = 0
        """How many are told the events."""

    @property
    def as_front(self) -> Front:
        """Itself, for those who ask for the real one."""
        return cast("Front", self)

    async def status(self, *, show_numbers: bool = False) -> BotStatus:
        await self._begin()
        state, because = self.link.state.value, self.chronicle.because
        known = {"account": "default", "live": True, "state": state, "since": None, "because": because}
        restores = {"restore_count": 1, "last_restore": None, "last_restore_ms": 2, "last_connected": None}
        facts = {**known, **restores, "linked_number": NUMBER, "backups": 0, "last_backup": None, "health": self.grade}
        status = BotStatus(**facts)
        return status if show_numbers else masked(status)

    async def reconnect(self, because: str, *, within_s: float) -> Reconnected:
        await self._begin()
        return Reconnected(connected=True, states=("reconnecting", "connected"))

    async def back_up(self) -> str:
        await self._begin()
        return "backup-default-001"

    async def send(self, to: str, content: AnyContent, *, within_s: float) -> Sent:
        await self._begin()
        assert isinstance(content, Text)
        self.sent.append((jid_of(to), content.text))
        return Sent(outcome="sent", key=len(self.sent), message_id="3EB0")

    async def pause(self) -> Lasting:
        await self._begin()
        changed, self.paused_since = self.paused_since is None, "2026-02-07T08:00:00.000Z"
        return Lasting(changed=changed, paused_since=self.paused_since)

    async def resume(self) -> Lasting:
        await self._begin()
        changed, self.paused_since = self.paused_since is not None, None
        return Lasting(changed=changed, paused_since=None)

    async def logout(self) -> LoggedOut:
        await self._begin()
        raise NotNowError("the link is not up")

    def health(self) -> HealthReport:
        return HealthReport(grade=self.grade, reasons=("because",))

    def metrics(self) -> bytes:
        return b"linda_up 1\n"

    def set_log_level(self, level: str) -> None:
        self.level = level

    async def events(self) -> AsyncGenerator[dict[str, object], None]:
        lines = LiveLines(self.job.paths.logs, "default")
        told = 0
        self.listeners += 1
        try:
            with self.bus.subscribe(Event, name="live view", depth=self.depth) as events:
                async for event in events:
                    if self.failure is not None:
                        raise self.failure
                    if events.dropped > told:
                        yield lines.dropped(events.dropped - told)
                        told = events.dropped
                    yield lines.of(event)
        finally:
            self.listeners -= 1

    async def _begin(self) -> None:
        if self.failure is not None:
            raise self.failure
        if self.hangs:
            await asyncio.Event().wait()
