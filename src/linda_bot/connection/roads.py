"""Choosing the road of an attempt: what is there is restored, what is not is linked; they never share a flow."""

from linda_bot.connection.course import Course
from linda_bot.connection.lifecycle import Finding, LinkState
from linda_bot.connection.linking import DeviceLinker
from linda_bot.connection.pairing_wish import PairingWish
from linda_bot.connection.plan import Plan
from linda_bot.connection.policy import Tally
from linda_bot.connection.restoring import RestoreHandler
from linda_bot.connection.road import Road
from linda_bot.connection.session import SessionFiles, SessionLook
from linda_bot.kernel.bus import EventBus


class Roads:
    """Makes the road for each attempt of a link, and says at its beginning what a person should know."""

    def __init__(self, plan: Plan, files: SessionFiles, bus: EventBus, course: Course) -> None:
        self._plan = plan
        self._files = files
        self._bus = bus
        self._course = course
        self._is_linking = False
        self._told_round = -1
        self.wish = PairingWish(plan.pair_phone)

    def choose(self, look: SessionLook, tally: Tally) -> Road:
        """Return the road from what was found, and move the link's course accordingly."""
        return self._restore(look, tally) if look.linked else self._link_anew(look, tally)

    def arrived(self) -> None:
        """Take note of a login: a linking that was under way is complete."""
        self._is_linking = False

    def _restore(self, look: SessionLook, tally: Tally) -> Road:
        self._course.move(Finding.SESSION_FOUND)
        is_restore = self._course.state is LinkState.RESTORING
        self._is_linking = self._is_linking and not is_restore
        handler = RestoreHandler(
            self._bus,
            self._files.still_linked,
            attempt=tally.damaged + 1,
            attempts=self._plan.rules.restore_attempts,
            authenticate_s=self._plan.patience.authenticate,
            completes_linking=self._is_linking,
        )
        if is_restore:  # else it is the next try of what was told before
            handler.announce(look)
        return handler

    def _link_anew(self, look: SessionLook, tally: Tally) -> Road:
        is_told = self._course.state is LinkState.LINKING and tally.qr_rounds == self._told_round
        self._told_round = tally.qr_rounds
        self._is_linking = True
        self._course.move(Finding.SESSION_MISSING, look.why)
        linker = DeviceLinker(
            self._bus,
            round_number=tally.qr_rounds + 1,
            rounds=self._plan.rules.qr_rounds,
            first_code_s=self._plan.patience.first_code,
            wish=self.wish,
        )
        if not is_told:  # a retry of the same round says nothing new
            linker.announce(look.why)
        return linker
