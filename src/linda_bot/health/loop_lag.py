"""How late the event loop is: everything that should happen now waits for so long."""

import asyncio

_LOOK_EVERY_S = 1.0


class LoopLag:
    """Sleeps a second at a time, and notes by how much each one was longer."""

    def __init__(self) -> None:
        self._worst_s = 0.0
        self.latest_s = 0.0

    async def run(self) -> None:
        """Look until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _LOOK_EVERY_S
            await asyncio.sleep(_LOOK_EVERY_S)
            self.latest_s = max(loop.time() - due, 0.0)
            self._worst_s = max(self._worst_s, self.latest_s)

    def look_ms(self) -> float:
        """Return the worst since the last `take_ms`, in milliseconds."""
        return round(self._worst_s * 1000, 1)

    def take_ms(self) -> float:
        """Return the worst since the last time that this was asked, and begin anew."""
        worst, self._worst_s = self.look_ms(), 0.0
        return worst
