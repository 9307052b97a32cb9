"""What events mean for the bot's health."""

import asyncio
from collections.abc import Callable

from linda_bot.app.health import OF_THE_LINK, News
from linda_bot.connection.events import AttemptFailed, LinkStateChanged, PingAnswered, RestoreCompleted
from linda_bot.connection.lifecycle import Finding, LinkState
from linda_bot.health.counters import Counters
from linda_bot.kernel.alerts import AlertCleared, AlertRaised
from linda_bot.kernel.events import Event, Severity
from linda_bot.messaging.events import (
    HandlerFailed,
    MessageHandled,
    MessageSent,
    MessageSetAside,
    SendExpired,
    SendFailed,
)
from linda_bot.whatsapp.events import EngineExited, EngineStarted, MessageReceived, QrIssued


class HealthNews:
    """Has events counted, and remembers what the readings need to know."""

    def __init__(self, counters: Counters) -> None:
        self.engine_pid: int | None = None
        """None while no engine is there."""
        self.library_version = ""
        self._counters = counters
        self._link_changed: Callable[[str], None] = lambda _state: None
        self._was_up = False
        self._is_renewal = False

    def follow(self, link_changed: Callable[[str], None]) -> None:
        """Have the link's states told from here on."""
        self._link_changed = link_changed

    def catch_up(self, news: News) -> None:
        """Take everything that waits."""
        for event in news.link.pending():
            self.take(event)
        for event in news.rest.pending():
            self.take_rest(event)

    def take_rest(self, event: Event) -> None:
        """Take an event, unless it is one of those that come by themselves."""
        if not isinstance(event, OF_THE_LINK):
            self.take(event)

    def take(self, event: Event) -> None:  # noqa: C901, PLR0912 (one case an event)
        """Take an event."""
        counters, now = self._counters, asyncio.get_running_loop().time()
        match event:
            case MessageReceived():
                counters.message_received(now)
            case MessageHandled():
                counters.message_handled(event.duration_ms / 1000)
            case MessageSent():
                counters.message_sent(now, event.duration_ms / 1000)
            case LinkStateChanged():
                self._take_state(event)
            case EngineStarted():
                self.engine_pid, self.library_version = event.pid, event.library_version
            case EngineExited():
                self.engine_pid = None
            case PingAnswered():
                counters.answered(event.took_ms)
            case AttemptFailed(finding=finding) if finding != Finding.SESSION_MISSING:
                counters.attempt_failed()
            case RestoreCompleted():
                counters.restored()
            case QrIssued():
                counters.code_shown()
            case HandlerFailed():
                counters.handler_failed()
            case MessageSetAside():
                counters.message_set_aside()
            case SendFailed():
                counters.message_unsent(event.outcome)
            case SendExpired():
                counters.message_unsent("expired", event.count)
            case AlertRaised():
                counters.alert_raised(event.topic, event.kind)
            case AlertCleared():
                counters.alert_cleared(event.topic)
            case _ if event.weight >= Severity.ERROR:
                counters.error()
            case _:
                pass

    def _take_state(self, event: LinkStateChanged) -> None:
        if event.new == LinkState.CONNECTED:
            self._counters.connected(again=self._was_up, renewed=self._is_renewal)
            self._was_up, self._is_renewal = True, False
        elif event.old == LinkState.CONNECTED:
            self._is_renewal = event.finding == Finding.RENEWAL_DUE
        self._link_changed(event.new)
