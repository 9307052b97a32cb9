"""The link: looks at the session, runs one attempt after the other, and does what follows from how each ended."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress

from linda_bot.connection.attempt import Attempt
from linda_bot.connection.circuit import after_login, after_wait
from linda_bot.connection.course import Course
from linda_bot.connection.events import AttemptFailed, HintTaken, LinkGaveUp, LoginPutOff, LogoutAsked, RetryScheduled
from linda_bot.connection.lifecycle import Finding, LinkState
from linda_bot.connection.plan import Plan
from linda_bot.connection.policy import Ending, GiveUp, Recover, Retry, StartOver, Tally, decide, forgiven
from linda_bot.connection.retry_wait import RetryWait, may_hasten
from linda_bot.connection.road import Road
from linda_bot.connection.roads import Roads
from linda_bot.connection.session import SessionFiles
from linda_bot.connection.session_care import SessionCare
from linda_bot.connection.unlinking import UNLINKED, Unlinking
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.errors import ExitCode, SessionInaccessibleError, SessionUnreachableError
from linda_bot.whatsapp.port import ClientFactory, LinkRequest, NotSentError, WhatsAppClient

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
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._plan = plan
        self._files = files
        self._care = SessionCare(files, bus)
        self._make_client = make_client
        self._bus = bus
        self._chance = chance
        self._course = Course(bus)
        self._roads = Roads(plan, files, bus, self._course)
        self._tally = Tally()
        self._attempt: Attempt | None = None
        self._client: WhatsAppClient | None = None
        self._online = asyncio.Event()
        self._settled = asyncio.Event()
        self._waiting = RetryWait()
        self._unlinking = Unlinking()
        self._busy_until: float | None = None
        self._has_begun = False
        self._number = ""

    @property
    def state(self) -> LinkState:
        """Where the link is."""
        return self._course.state

    @property
    def number(self) -> str:
        """The linked number; empty until the first login."""
        return self._number

    def connected_for(self) -> float:
        """Return for how many seconds the link has been up; 0 when it is not."""
        return self._course.connected_for()

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
        state = self._course.state
        is_waiting = self._waiting.ends_at is not None
        if self._course.is_ending:
            taken = False
        elif is_waiting:
            taken = may_hasten(state, insist=insist, out_of_manners=self._waiting.out_of_manners)
            if taken:
                self._waiting.cut(because, insist=insist)
        elif self._attempt is None:
            taken = False
        elif insist:
            taken = self._attempt.renew(because)
        else:
            self._attempt.test_now()
            taken = self._online.is_set()
        if insist and not self._course.is_ending and (taken or not is_waiting):
            self._settled.clear()  # what is under way or comes next is what counts now
        self._bus.publish(HintTaken(because=because, taken=taken, insisted=insist, state=state))
        return taken

    def renew(self, because: str) -> bool:
        """Give a link that is up a new engine in good order; return whether there is one."""
        return not self._course.is_ending and self._attempt is not None and self._attempt.renew(because)

    def pair_phone(self, number: str) -> None:
        """Have a pairing code made for the phone with this number, in the rounds of linking from here on.

        What comes of it is told: `PairingCodeIssued` or `PairingCodeRefused`.
        """
        self._roads.wish.want(number)

    async def log_out(self, *, within_s: float = 20) -> None:
        """Take the device off the account, because a person asked; the session is set aside then, and `run` ends.

        Raises NotSentError while the link is not up, NoAnswerError, ClientError; the link goes on then.
        """
        client, attempt = self._client, self._attempt
        if client is None or attempt is None or not self._online.is_set() or self._course.is_ending:
            raise NotSentError("the link is not up")
        await self._unlinking.ask(client, within_s=within_s)
        attempt.end(UNLINKED)

    async def outcome(self) -> LinkState:
        """Wait until the attempt that is under way or comes next has a result; return the state that it led to.

        The end of the link is a result, too.
        """
        await self._settled.wait()
        return self._course.state

    def stop_asked(self) -> None:
        """Say that the end is near: no attempt is begun any more. Cancelling `run` is what brings it."""
        if not self._course.is_ending:
            self._course.move(Finding.STOP_ASKED)

    async def run(self) -> ExitCode:
        """Look, connect, and begin again, until no retry can help; returns the exit code for that."""
        try:
            while True:
                ending = await self._next_attempt()
                if self._course.is_ending:
                    return ExitCode.OK
                if await self._unlinking.is_done():  # the library may have told of its end before
                    return await self._leave()
                if ending.finding is not Finding.RENEWAL_DUE:
                    self._settled.set()
                code = await self._follow_up(ending)
                if code is not None:
                    return code
        finally:
            self.stop_asked()
            self._course.move(Finding.STOPPED)
            self._settled.set()
            self._busy_until = None

    async def _next_attempt(self) -> Ending:
        self._settled.clear()
        self._allow(_FILES_WITHIN_S)
        # After a logout no backup helps, and while a code is shown none is wanted.
        may_recover = self._course.state not in (LinkState.LOGGED_OUT, LinkState.LINKING)
        try:
            look = await self._care.find(may_recover=may_recover)
        except SessionInaccessibleError as error:
            if self._is_for_a_person(error):
                raise
            return _out_of_reach(error)
        if look.damaged:
            return Ending(Finding.SESSION_DAMAGED, look.why, beyond_doubt=True)
        if not look.linked and not self._plan.rules.can_show_qr:
            return Ending(Finding.SESSION_MISSING, look.why)
        road = self._roads.choose(look, self._tally)
        if look.login_in_s > 0:
            self._bus.publish(LoginPutOff(in_s=look.login_in_s))
            await self._wait(look.login_in_s, out_of_manners=True)
        if self._course.is_ending:
            return Ending(Finding.STOP_ASKED)
        return await self._take(road)

    async def _take(self, road: Road) -> Ending:
        """Go one of the two roads, with an engine of its own, until it ends."""
        client = self._client = self._make_client()
        attempt = self._attempt = Attempt(
            client, self._plan.patience, road, self, self._bus.publish, expected_number=self._plan.account
        )
        self._busy_until = None
        self._has_begun = True
        request = LinkRequest(
            store=self._files.store,
            device_name=self._plan.device_name,
            log_level=self._plan.log_level,
            mailbox=self._plan.mailbox,
            most_waiting=self._plan.most_waiting,
            receipts=self._plan.receipts,
        )
        request = self._plan.complete(request)
        try:
            return await attempt.run(request)
        finally:
            self._attempt = self._client = None

    # What the attempt tells.

    def on_connected(self, number: str) -> None:
        """Take note that the link is up."""
        came_back = self._course.state in (LinkState.CONNECTED, LinkState.TRANSIENT_DISCONNECT)
        if self._course.state is LinkState.LINKING:
            self._tally = Tally()
        self._roads.arrived()
        self._tally = self._tally._replace(circuit=after_login(self._tally.circuit))
        self._files.proved()
        self._number = number or self._number
        self._course.move(Finding.CONNECTED)
        self._online.set()
        if not came_back:  # else a renewal may be under way, whose result this is not
            self._settled.set()

    def on_socket_lost(self) -> None:
        """Take note that the library has lost its socket."""
        self._forgive()
        self._online.clear()
        self._course.move(Finding.SOCKET_LOST, "the connection was lost; the client library tries again")

    def on_leaving(self) -> None:
        """Ask nothing more of this client."""
        self._online.clear()

    async def _follow_up(self, ending: Ending) -> ExitCode | None:
        """Carry out what the policy says of an ending; return an exit code if it is to give up."""
        if ending.finding is not Finding.RENEWAL_DUE:
            failed = AttemptFailed(finding=ending.finding, because=ending.because, is_local=ending.is_local)
            self._bus.publish(failed)
        self._allow(_FILES_WITHIN_S)
        self._forgive()
        decision = decide(ending, self._tally, self._plan.rules, self._chance())
        if isinstance(decision, GiveUp):  # told before the state is: what a person is to do depends on it
            self._bus.publish(LinkGaveUp(exit_code=decision.code, because=ending.because, advice=decision.advice))
        if ending.finding is not Finding.SESSION_MISSING:
            self._course.move(ending.finding, ending.because)
        if ending.finding is Finding.LOGGED_OUT:
            with suppress(SessionInaccessibleError):  # a backup that is not marked costs one login in vain, no more
                await self._care.retire(ending.because)
        if isinstance(decision, GiveUp):
            return decision.code
        try:
            if isinstance(decision, StartOver):
                await self._care.set_aside(ending.because)
            elif isinstance(decision, Recover) and self._course.state is LinkState.LOGGED_OUT:
                await self._care.set_aside(ending.because)  # a backup of that device would be refused, too
            elif isinstance(decision, Recover):
                await self._care.replace(ending.because, was_linked=not ending.while_linking)
        except SessionInaccessibleError as error:
            if self._is_for_a_person(error):
                raise
            # It is looked at anew after a wait.
            return await self._follow_up(_out_of_reach(error))
        self._tally = decision.tally
        if isinstance(decision, Retry):
            await self._wait_for_retry(decision, ending.because)
        return None

    async def _leave(self) -> ExitCode:
        """End because a person has had the device taken off the account: nobody is there to scan a code."""
        self._bus.publish(LogoutAsked())
        self._course.move(UNLINKED.finding, UNLINKED.because)
        with suppress(SessionInaccessibleError):  # it is known to be logged out in any case
            await self._care.retire(UNLINKED.because)
            await self._care.set_aside(UNLINKED.because)
        return ExitCode.OK

    def _is_for_a_person(self, error: SessionInaccessibleError) -> bool:
        """Return whether to end: at the start a person is there to mend it; later the bot waits until it is mended."""
        return not self._has_begun and not isinstance(error, SessionUnreachableError)

    def _forgive(self) -> None:
        self._tally = forgiven(self._tally, self._course.connected_for())

    async def _wait_for_retry(self, retry: Retry, because: str) -> None:
        if retry.finding is not None:
            self._course.move(retry.finding, because)
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
        self._course.move(Finding.RETRY_DUE)

    async def _wait(self, seconds: float, *, out_of_manners: bool = False) -> None:
        self._allow(seconds + _FILES_WITHIN_S)
        await self._waiting.wait(seconds, out_of_manners=out_of_manners)

    def _allow(self, seconds: float) -> None:
        """Say how long the next step may take before the link counts as stuck."""
        self._busy_until = asyncio.get_running_loop().time() + seconds


def _out_of_reach(error: SessionInaccessibleError) -> Ending:
    return Ending(Finding.UNREACHABLE, str(error), is_local=not isinstance(error, SessionUnreachableError))
