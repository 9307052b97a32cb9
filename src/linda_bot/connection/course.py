"""The course of a link: in which state it is, since when, and how it got there."""

import asyncio

from linda_bot.connection.events import LinkStateChanged
from linda_bot.connection.lifecycle import Finding, LinkState, next_state
from linda_bot.kernel.bus import EventBus


class Course:
    """The one place that changes the state, as the lifecycle says, and publishes each change."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self._state = LinkState.STARTING
        self._connected_at = 0.0

    @property
    def state(self) -> LinkState:
        """Where the link is."""
        return self._state

    @property
    def is_ending(self) -> bool:
        """Whether a stop was asked for."""
        return self._state in (LinkState.STOPPING, LinkState.STOPPED)

    def connected_for(self) -> float:
        """Return for how many seconds the link has been up; 0 when it is not."""
        if self._state is not LinkState.CONNECTED:
            return 0.0
        return asyncio.get_running_loop().time() - self._connected_at

    def move(self, finding: Finding, because: str = "") -> None:
        """Go where a finding leads; raises IllegalTransitionError for one that cannot be made in this state."""
        old, self._state = self._state, next_state(self._state, finding)
        if old is self._state:
            return
        if self._state is LinkState.CONNECTED:
            self._connected_at = asyncio.get_running_loop().time()
        change = LinkStateChanged(old=old, new=self._state, because=because or finding, finding=finding)
        self._bus.publish(change)
