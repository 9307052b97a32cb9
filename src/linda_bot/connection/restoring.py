"""The RestoreHandler: brings back a session that is there; it never shows a QR code."""

import asyncio
from collections.abc import Awaitable, Callable

from linda_bot.connection.events import LinkingCompleted, RestoreAuthenticated, RestoreCompleted, RestoreStarted
from linda_bot.connection.lifecycle import Finding
from linda_bot.connection.policy import Ending
from linda_bot.connection.reasons import why_logged_out
from linda_bot.connection.road import Expect
from linda_bot.connection.session import SessionLook
from linda_bot.kernel.bus import EventBus
from linda_bot.whatsapp.events import ClientEvent
from linda_bot.whatsapp.port import WhatsAppClient

_LOOK_FOR_DEVICE_EVERY_S = 1.0


class RestoreHandler:
    """One restore attempt: an engine's start with a linked session, up to its login."""

    linking = False

    def __init__(
        self,
        bus: EventBus,
        still_linked: Callable[[], Awaitable[bool]],
        *,
        attempt: int,
        attempts: int,
        authenticate_s: float,
        completes_linking: bool = False,
    ) -> None:
        """Take which of how many attempts this is, and how long WhatsApp may take to authenticate.

        With `completes_linking` it is the first login of a device that a phone has just linked.
        """
        self._bus = bus
        self._still_linked = still_linked
        self._attempt = attempt
        self._attempts = attempts
        self._authenticate_s = authenticate_s
        self.new_device = completes_linking

    def announce(self, look: SessionLook) -> None:
        """Say that an existing session is being brought back, and what is known of it."""
        self._bus.publish(
            RestoreStarted(
                attempt=self._attempt,
                attempts=self._attempts,
                previous_status=look.previous_status,
                last_activity=look.last_activity,
            )
        )

    def begin(self) -> Expect:
        """Expect the login."""
        because = f"WhatsApp did not answer within {self._authenticate_s:g} s"
        return Expect(self._authenticate_s, Ending(Finding.UNREACHABLE, because))

    def judge(self, _event: ClientEvent, _now: float) -> Ending | Expect | None:
        """Know no events of its own."""
        return None

    async def beside(self, _client: WhatsAppClient) -> Ending:
        """Notice a logout at the login of which the library tells nothing.

        It deletes the device row first; if that happens before its event pump has looked for the row, the pump waits
        for ever and hands over no event (goneonize main.go, FetchMe).
        """
        while True:
            await asyncio.sleep(_LOOK_FOR_DEVICE_EVERY_S)
            if not await self._still_linked():
                return Ending(Finding.LOGGED_OUT, why_logged_out(0))

    def arrived(self, number: str, took_s: float) -> None:
        """Say that the session is back."""
        if self.new_device:
            self._bus.publish(LinkingCompleted(number=number))
            return
        duration_ms = round(took_s * 1000)
        self._bus.publish(RestoreAuthenticated(attempt=self._attempt, duration_ms=duration_ms))
        self._bus.publish(RestoreCompleted(attempt=self._attempt, duration_ms=duration_ms, number=number))
