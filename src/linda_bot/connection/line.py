"""The line to the server as one engine has it: up or not, and whether it comes and goes; pure."""

from linda_bot.connection.policy import STABLE_AFTER_S

LOSSES_AT_MOST = 5
"""So often in a row may the library get a line back that does not last; each time costs WhatsApp a login."""


class Line:
    """Counts the losses of a line; times are seconds of one clock."""

    def __init__(self) -> None:
        self._up_since: float | None = None
        self._losses = 0

    @property
    def is_up(self) -> bool:
        """Whether there is a login and a socket."""
        return self._up_since is not None

    def up(self, now: float) -> None:
        """Note that the library has logged in."""
        if self._up_since is None:
            self._up_since = now

    def lost(self, now: float) -> bool:
        """Note that the socket is gone; return whether that happens too often to be left to the library."""
        if self._up_since is not None:
            self._losses = 1 if now - self._up_since >= STABLE_AFTER_S else self._losses + 1
            self._up_since = None
        return self._losses > LOSSES_AT_MOST
