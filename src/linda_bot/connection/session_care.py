"""What the link does with the session's files between two engines, each step told on the bus."""

from linda_bot.connection.events import (
    RestoreGaveUp,
    SessionQuarantined,
    SessionRestored,
    SessionValidated,
    SessionWentBack,
)
from linda_bot.connection.session import SessionFiles, SessionLook
from linda_bot.kernel.bus import EventBus


class SessionCare:
    """The session's files, with events; only while no engine runs."""

    def __init__(self, files: SessionFiles, bus: EventBus) -> None:
        self._files = files
        self._bus = bus

    async def look(self) -> SessionLook:
        """Check the session and make it ready for an engine; raises SessionInaccessibleError."""
        look = await self._files.look()
        self._bus.publish(SessionValidated(verdict=look.verdict, points=look.points))
        if look.went_back:
            self._bus.publish(SessionWentBack(because=look.went_back))
        return look

    async def set_aside(self, because: str) -> None:
        """Move the session out of the way; raises SessionInaccessibleError."""
        place = await self._files.set_aside(because)
        if place is not None:
            self._bus.publish(SessionQuarantined(to=str(place), because=because))

    async def recover(self, because: str) -> bool:
        """Put a backup back; return whether there was one that can be used. Raises SessionInaccessibleError."""
        found = await self._files.recover(because)
        if found.quarantined is not None:
            self._bus.publish(SessionQuarantined(to=str(found.quarantined), because=because))
        if found.made_at is not None:
            self._bus.publish(
                SessionRestored(
                    backup=found.backup, made_at=found.made_at, because=because, passed_over=found.passed_over
                )
            )
            return True
        if found.passed_over:
            self._bus.publish(RestoreGaveUp(because=because, passed_over=found.passed_over))
        return False

    async def retire(self, because: str) -> None:
        """Have no backup of this linking be put back any more; raises SessionInaccessibleError."""
        await self._files.retire(because)
