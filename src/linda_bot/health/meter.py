"""The course of the link measured: how long in which state, how long without a link; pure."""

from linda_bot.health.samples import Period
from linda_bot.health.states import CONNECTED, ENDING, OUTAGE_S


class LinkMeter:
    """Follows the link's states; all times are seconds of one clock that only goes forward."""

    def __init__(self, state: str, now: float) -> None:
        self.state = state
        self.states: dict[str, float] = {}
        """For how many seconds the link was in each state since the start, up to the last look or change."""
        self._since = now
        self._up_since = now if state == CONNECTED else None
        self._down_since = None if state == CONNECTED else now
        self._told: dict[str, float] = {}
        self._outages = 0
        self._outage_s = 0.0
        self._longest_s = 0.0

    def move(self, state: str, now: float) -> None:
        """Take note of a change."""
        self._advance(now)
        self.state = state
        if state == CONNECTED:
            self._end_outage(now)
            self._up_since = self._up_since if self._up_since is not None else now
        elif self._down_since is None:
            self._up_since, self._down_since = None, now

    def up_for(self, now: float) -> float | None:
        """Return for how long the link has been up; None when it is not."""
        return None if self._up_since is None else now - self._up_since

    def down_for(self, now: float) -> float:
        """Return for how long the link has been down; 0 when it is not."""
        return 0.0 if self._down_since is None else now - self._down_since

    def look(self, now: float) -> Period:
        """Return what there was since the last `take`; the time goes on."""
        self._advance(now)
        new = {state: round(total - self._told.get(state, 0.0), 3) for state, total in self.states.items()}
        goes_on_s = 0.0 if self.state in ENDING else self.down_for(now)
        longest_s = max(self._longest_s, goes_on_s if goes_on_s >= OUTAGE_S else 0.0)
        return Period(
            states={state: spent for state, spent in new.items() if spent > 0 and state not in ENDING},
            outages=self._outages,
            outage_s=round(self._outage_s, 3),
            longest_outage_s=round(longest_s, 3),
        )

    def take(self, now: float) -> Period:
        """Return what there was since the last `take`, and begin anew."""
        period = self.look(now)
        self._told = dict(self.states)
        self._outages, self._outage_s, self._longest_s = 0, 0.0, 0.0
        return period

    def _advance(self, now: float) -> None:
        self.states[self.state] = self.states.get(self.state, 0.0) + max(now - self._since, 0.0)
        self._since = now

    def _end_outage(self, now: float) -> None:
        lasted_s, self._down_since = self.down_for(now), None
        if lasted_s >= OUTAGE_S:
            self._outages += 1
            self._outage_s += lasted_s
            self._longest_s = max(self._longest_s, lasted_s)
