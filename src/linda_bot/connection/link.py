"""The link: looks at the session, runs one attempt after the other, and is the one place that knows the state."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from linda_bot.connection.attempt import Attempt
from linda_bot.connection.circuit import after_login, after_wait
from linda_bot.connection.events import (
    AttemptFailed,
    HintTaken,
    LinkGaveUp,
    LinkStateChanged,
    LoginPutOff,
    RetryScheduled,
)
from linda_bot.connection.handover import Handover
from linda_bot.connection.lifecycle import Finding, LinkState, next_state
from linda_bot.connection.linking import DeviceLinker
from linda_bot.connection.plan import Plan
from linda_bot.connection.policy import Ending, GiveUp, Recover, Retry, StartOver, Tally, decide
from linda_bot.connection.restoring import RestoreHandler
from linda_bot.connection.retry_wait import RetryWait, may_hasten
from linda_bot.connection.road import Road
from linda_bot.connection.session import SessionFiles, SessionLook
from linda_bot.connection.session_care import SessionCare
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.errors import ExitCode, SessionInaccessibleError
from linda_bot.whatsapp.events import MessageReceived
from linda_bot.whatsapp.port import ClientFactory, LinkRequest, WhatsAppClient

STABLE_AFTER_S = 60.0
"""A link that has lasted this long has forgotten its earlier failures."""

_FILES_WITHIN_S = 300.0
"""How long work on the session's files may take before the link counts as stuck."""


class Link:
    """Keeps one session linked and connected; `run` is its life."""

    def __init__(
        self,
        plan: Plan,
        files: SessionFiles,
        make_client: ClientFactory,
        bus: EventBus,
        take_message: Callable[[MessageReceived], Awaitable[None]],
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._plan = plan
        self._files = files
        self._care = SessionCare(files, bus)
        self._make_client = make_client
        self._bus = bus
        self._chance = chance
        self._state = LinkState.STARTING
        self._since = 0.0
        self._tally = Tally()
        self._attempt: Attempt | None = None
        self._client: WhatsAppClient | None = None
        self._online = asyncio.Event()
        self._settled = asyncio.Event()
        self._waiting = RetryWait()
        self._busy_until: float | None = None
        self._handover = Handover(take_message)
        self._has_looked = False
        self._number = ""
        self._round = -1

    @property
    def state(self) -> LinkState:
        """Where the link is."""
        return self._state

    @property
    def number(self) -> str:
        """The linked number; empty until the first login."""
        return self._number

    def connected_for(self) -> float:
        """Return for how many seconds the link has been up; 0 when it is not."""
        return asyncio.get_running_loop().time() - self._since if self._state is LinkState.CONNECTED else 0.0

    def responds(self) -> bool:
        """Return whether the state machine moves as it should: no step has taken far longer than it may."""
        now = asyncio.get_running_loop().time()
        if self._attempt is not None and not self._attempt.responds():
            return False
        return self._busy_until is None or now < self._busy_until

    async def client(self) -> WhatsAppClient:
        """Return the client of a link that is up; wait until it is."""
        while self._client is None or not self._online.is_set():
            await self._online.wait()
        return self._client

    def hint(self, because: str, *, insist: bool = False) -> bool:
        """Say that now is a better time than later: a wait ends early, a link that seems up is tested.

        With `insist`, because a person asked, a link that is up is renewed, and waits that are not the network's fault
        end as well. While an attempt is under way nothing is begun: its result is what was asked for. Returns whether
        anything comes of it.
        """
        if self._waiting.ends_at is not None:
            taken = may_hasten(self._state, insist=insist)
            if taken:
                self._waiting.cut(because, insist=insist)
        elif self._attempt is None:
            taken = False
        elif insist:
            taken = self.renew(because)
        else:
            self._attempt.test_now()
            taken = self._online.is_set()
        if taken and insist:
            self._settled.clear()
        self._bus.publish(HintTaken(because=because, taken=taken, insisted=insist, state=self._state))
        return taken

    def renew(self, because: str) -> bool:
        """Give a link that is up a new engine in good order; return whether there is one."""
        return self._attempt is not None and self._attempt.renew(because)

    async def outcome(self) -> LinkState:
        """Wait until the attempt that is under way or comes next has a result; return the state that it led to."""
        await self._settled.wait()
        return self._state

    def stop_asked(self) -> None:
        """Say that the end is near; cancelling `run` is what brings it."""
        self._move(Finding.STOP_ASKED, "")

    async def run(self) -> ExitCode:
        """Look, connect, and begin again, until no retry can help; returns the exit code for that."""
        try:
            while True:
                ending = await self._next_attempt()
                if ending.finding is not Finding.RENEWAL_DUE:
                    self._settled.set()
                code = await self._follow_up(ending)
                if code is not None:
                    return code
        finally:
            self._handover.cancel()
            self.stop_asked()
            self._move(Finding.STOPPED, "")

    async def _next_attempt(self) -> Ending:
        self._settled.clear()
        self._allow(_FILES_WITHIN_S)
        try:
            look = await self._care.look()
            if look.damaged:
                return Ending(Finding.SESSION_DAMAGED, look.why, beyond_doubt=True)
            # After a logout no backup helps, and while a code is shown none is wanted.
            wanted = not look.linked and self._state not in (LinkState.LOGGED_OUT, LinkState.LINKING)
            if wanted and await self._care.recover(look.why):
                return await self._next_attempt()
        except SessionInaccessibleError as error:
            if not self._has_looked:
                raise  # a person is there to mend it; later the bot waits until it mends itself
            return Ending(Finding.UNREACHABLE, str(error))
        self._has_looked = True
        if not look.linked and not self._plan.rules.can_show_qr:
            return Ending(Finding.SESSION_MISSING, look.why)
        road = self._restore(look) if look.linked else self._link_anew(look)
        if look.login_in_s > 0:
            self._bus.publish(LoginPutOff(in_s=look.login_in_s))
            await self._wait(look.login_in_s)
        return await self._take(road)

    def _restore(self, look: SessionLook) -> Road:
        self._move(Finding.SESSION_FOUND, "")
        handler = RestoreHandler(
            self._bus,
            self._files.still_linked,
            attempt=self._tally.damaged + 1,
            attempts=self._plan.rules.restore_attempts,
            authenticate_s=self._plan.patience.authenticate,
            completes_linking=self._state is LinkState.LINKING,
        )
        if self._state is LinkState.RESTORING:
            handler.announce(look)
        return handler

    def _link_anew(self, look: SessionLook) -> Road:
        begun = self._state is LinkState.LINKING and self._tally.qr_rounds == self._round
        self._round = self._tally.qr_rounds
        self._move(Finding.SESSION_MISSING, look.why)
        linker = DeviceLinker(
            self._bus,
            round_number=self._round + 1,
            rounds=self._plan.rules.qr_rounds,
            first_code_s=self._plan.patience.first_code,
            pair_phone=self._plan.pair_phone,
        )
        if not begun:  # a retry of the same round says nothing new
            linker.announce(look.why)
        return linker

    async def _take(self, road: Road) -> Ending:
        """Go one of the two roads, with an engine of its own, until it ends."""
        client = self._client = self._make_client()
        attempt = self._attempt = Attempt(
            client, self._plan.patience, road, self, self._bus.publish, expected_number=self._plan.account
        )
        self._handover.begin(client, attempt.heard)
        self._busy_until = None
        request = LinkRequest(
            store=self._files.store, device_name=self._plan.device_name, log_level=self._plan.log_level
        )
        try:
            return await attempt.run(request)
        finally:
            self._attempt = self._client = None

    # What the attempt tells.

    def on_connected(self, number: str) -> None:
        """Take note that the link is up."""
        if self._state is LinkState.LINKING:
            self._tally = Tally()
        self._tally = self._tally._replace(circuit=after_login(self._tally.circuit))
        self._files.proved()
        self._number = number or self._number
        self._move(Finding.CONNECTED, "")
        self._online.set()
        self._settled.set()

    def on_socket_lost(self) -> None:
        """Take note that the library has lost its socket."""
        self._forgive_if_stable()
        self._online.clear()
        self._move(Finding.SOCKET_LOST, "the connection was lost; the client library tries again")

    def on_leaving(self) -> None:
        """Ask nothing more of this client."""
        self._online.clear()

    async def _follow_up(self, ending: Ending) -> ExitCode | None:
        """Carry out what the policy says of an ending; return an exit code if it is to give up."""
        if ending.finding is not Finding.RENEWAL_DUE:
            self._bus.publish(AttemptFailed(finding=ending.finding, because=ending.because))
        self._allow(_FILES_WITHIN_S)
        self._forgive_if_stable()
        decision = decide(ending, self._tally, self._plan.rules, self._chance())
        if ending.finding is not Finding.SESSION_MISSING:
            self._move(ending.finding, ending.because)
        try:
            if ending.finding is Finding.LOGGED_OUT:
                await self._care.retire(ending.because)
            match decision:
                case GiveUp():
                    self._bus.publish(
                        LinkGaveUp(exit_code=decision.code, because=ending.because, advice=decision.advice)
                    )
                    return decision.code
                case StartOver():
                    await self._care.set_aside(ending.because)
                case Recover():
                    if not await self._care.recover(ending.because):
                        await self._care.set_aside(ending.because)
        except SessionInaccessibleError as error:
            return await self._follow_up(Ending(Finding.UNREACHABLE, str(error)))  # it is looked at anew after a wait
        self._tally = decision.tally
        if isinstance(decision, Retry):
            await self._wait_for_retry(decision, ending.because)
        return None

    def _forgive_if_stable(self) -> None:
        if self.connected_for() >= STABLE_AFTER_S:
            self._tally = Tally()

    async def _wait_for_retry(self, retry: Retry, because: str) -> None:
        if retry.finding is not None:
            self._move(retry.finding, because)
        if retry.wait_s > 0:
            self._bus.publish(
                RetryScheduled(
                    in_s=retry.wait_s,
                    attempt=retry.tally.circuit.failures,
                    attempts=self._plan.rules.reconnect.attempts,
                    because=because,
                )
            )
            await self._wait(retry.wait_s)
        self._tally = self._tally._replace(circuit=after_wait(self._tally.circuit))
        self._move(Finding.RETRY_DUE, "")

    async def _wait(self, seconds: float) -> None:
        self._allow(seconds + _FILES_WITHIN_S)
        await self._waiting.wait(seconds)

    def _allow(self, seconds: float) -> None:
        """Say how long the next step may take before the link counts as stuck."""
        self._busy_until = asyncio.get_running_loop().time() + seconds

    def _move(self, finding: Finding, because: str) -> None:
        """Change the state as the lifecycle says, and publish the change; the only place that does."""
        old, self._state = self._state, next_state(self._state, finding)
        if old is self._state:
            return
        if self._state is LinkState.CONNECTED:
            self._since = asyncio.get_running_loop().time()
        self._bus.publish(LinkStateChanged(old=old, new=self._state, because=because or finding))
