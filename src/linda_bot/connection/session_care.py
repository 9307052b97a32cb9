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

    async def find(self, *, may_recover: bool) -> SessionLook:
        """Look, and where there is no session any more put backups back, if that may be; as `look`."""
        while True:
            look = await self.look()
            if look.linked or look.damaged or not may_recover or not await self.recover(look.why):
                return look

    async def set_aside(self, because: str) -> None:
        """Move the session out of the way; raises SessionInaccessibleError."""
        place = await self._files.set_aside(because)
        if place is not None:
            self._bus.publish(SessionQuarantined(to=str(place), because=because))

    async def replace(self, because: str, *, was_linked: bool) -> None:
        """Put a backup in a damaged store's place, or set it aside where none can be used; as `recover`."""
        if not await self.recover(because, is_lost=was_linked):
            await self.set_aside(because)

    async def recover(self, because: str, *, is_lost: bool = False) -> bool:
        """Put a backup back; return whether there was one that can be used. Raises SessionInaccessibleError.

        With `is_lost` the session is lost otherwise, which is told even where there are no backups at all.
        """
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
        if found.passed_over or is_lost:
            self._bus.publish(RestoreGaveUp(because=because, passed_over=found.passed_over))
        return False

    async def retire(self, because: str) -> None:
        """Have no backup of this linking be put back any more; raises SessionInaccessibleError."""
        await self._files.retire(because)
