"""The link: looks at the session, runs one attempt after the other, and is the one place that knows the state."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import NamedTuple

from linda_bot.connection.attempt import Attempt, Patience
from linda_bot.connection.events import (
    AttemptFailed,
    LinkGaveUp,
    LinkingCompleted,
    LinkingStarted,
    LinkStateChanged,
    RestoreAuthenticated,
    RestoreCompleted,
    RestoreGaveUp,
    RestoreStarted,
    RetryScheduled,
    SessionQuarantined,
    SessionRestored,
    SessionValidated,
    SessionWentBack,
)
from linda_bot.connection.lifecycle import Finding, LinkState, next_state
from linda_bot.connection.policy import Ending, GiveUp, Recover, Retry, Rules, StartOver, Tally, decide
from linda_bot.connection.session import SessionFiles, SessionLook
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.errors import ExitCode, SessionInaccessibleError
from linda_bot.kernel.tasks import spawn_task
from linda_bot.whatsapp.events import Connected, MessageReceived
from linda_bot.whatsapp.port import ClientFactory, LinkRequest, WhatsAppClient

STABLE_AFTER_S = 60.0
"""A link that has lasted this long has forgotten its earlier failures."""


class Plan(NamedTuple):
    """The slice of the settings that the link lives by."""

    rules: Rules
    patience: Patience
    device_name: str
    account: str | None
    """The number that must be linked; None for whichever scans the code."""
    log_level: str = "warning"


class Link:
    """Keeps one session linked and connected; `run` is its life."""

    def __init__(
        self,
        plan: Plan,
        files: SessionFiles,
        make_client: ClientFactory,
        bus: EventBus,
        take_message: Callable[[MessageReceived], Awaitable[None]],
    ) -> None:
        self._plan = plan
        self._files = files
        self._make_client = make_client
        self._bus = bus
        self._take_message = take_message
        self._state = LinkState.STARTING
        self._since = 0.0
        self._tally = Tally()
        self._client: WhatsAppClient | None = None
        self._online = asyncio.Event()
        self._handing_over: set[asyncio.Task[None]] = set()
        self._look = SessionLook(linked=False)
        self._attempt_started = 0.0
        self._number = ""
        self._round = 0

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

    async def client(self) -> WhatsAppClient:
        """Return the client of a link that is up; wait until it is."""
        while self._client is None or not self._online.is_set():
            await self._online.wait()
        return self._client

    def stop_asked(self) -> None:
        """Say that the end is near; cancelling `run` is what brings it."""
        self._move(Finding.STOP_ASKED, "")

    async def run(self) -> ExitCode:
        """Look, connect, and begin again, until no retry can help; returns the exit code for that."""
        try:
            while True:
                ending = await self._next_attempt()
                code = await self._follow_up(ending)
                if code is not None:
                    return code
        finally:
            for task in self._handing_over:
                task.cancel()
            self.stop_asked()
            self._move(Finding.STOPPED, "")

    async def _next_attempt(self) -> Ending:
        try:
            self._look = look = await self._files.look()
        except SessionInaccessibleError as error:
            return self._inaccessible(error)
        self._bus.publish(SessionValidated(verdict=look.verdict, points=look.points))
        if look.went_back:
            self._bus.publish(SessionWentBack(because=look.went_back))
        if look.damaged:
            return Ending(Finding.SESSION_DAMAGED, look.why, beyond_doubt=True)
        if not look.linked and self._state not in (LinkState.LOGGED_OUT, LinkState.LINKING):  # no backup helps there
            try:
                if await self._recover(look.why):
                    return await self._next_attempt()
            except SessionInaccessibleError as error:
                return self._inaccessible(error)
        if not look.linked:
            if not self._plan.rules.can_show_qr:
                return Ending(Finding.SESSION_MISSING, look.why)
            self._announce_linking(look.why)
        else:
            self._move(Finding.SESSION_FOUND, "")
            if self._state is LinkState.RESTORING:
                self._announce_restore()
        return await self._attempt(linked=look.linked)

    def _inaccessible(self, error: SessionInaccessibleError) -> Ending:
        if self._state is LinkState.STARTING:
            raise error  # a person is there to mend it; later the bot waits until it mends itself
        return Ending(Finding.UNREACHABLE, str(error))

    def _announce_linking(self, why: str) -> None:
        """Say that a round begins; a retry of the same round says nothing new."""
        begun = self._state is LinkState.LINKING and self._tally.qr_rounds == self._round
        self._move(Finding.SESSION_MISSING, why)
        if not begun:
            self._round = self._tally.qr_rounds
            rounds = self._plan.rules.qr_rounds
            self._bus.publish(LinkingStarted(round=self._round + 1, rounds=rounds, why=why))

    def _announce_restore(self) -> None:
        self._bus.publish(
            RestoreStarted(
                attempt=self._tally.damaged + 1,
                attempts=self._plan.rules.restore_attempts,
                previous_status=self._look.previous_status,
                last_activity=self._look.last_activity,
            )
        )

    async def _attempt(self, *, linked: bool) -> Ending:
        client = self._client = self._make_client()
        self._attempt_started = asyncio.get_running_loop().time()
        attempt = Attempt(
            client,
            self._plan.patience,
            linked=linked,
            expected_number=self._plan.account,
            tell=self._bus.publish,
            on_connected=self._on_connected,
            on_socket_lost=self._on_socket_lost,
            still_linked=self._files.still_linked,
        )
        self._hand_over_messages_of(client)
        request = LinkRequest(
            store=self._files.store, device_name=self._plan.device_name, log_level=self._plan.log_level
        )
        try:
            return await attempt.run(request)
        finally:
            self._online.clear()
            self._client = None

    def _hand_over_messages_of(self, client: WhatsAppClient) -> None:
        """Begin to hand over a client's messages, behind those that an earlier client has left.

        Nobody waits for the end: a handler may be waiting for the link, which must not wait for the handler.
        """
        task = spawn_task(self._hand_over_messages(client, behind=tuple(self._handing_over)), name="messages")
        self._handing_over.add(task)
        task.add_done_callback(self._handing_over.discard)

    async def _hand_over_messages(self, client: WhatsAppClient, behind: Collection[asyncio.Task[None]]) -> None:
        if behind:
            await asyncio.wait(behind)
        async for message in client.messages():
            await self._take_message(message)

    def _on_connected(self, event: Connected) -> None:
        was = self._state
        self._files.proved()
        self._number = event.number or self._number
        self._move(Finding.CONNECTED, "")
        self._online.set()
        duration_ms = round((asyncio.get_running_loop().time() - self._attempt_started) * 1000)
        if was is LinkState.LINKING:
            self._tally = Tally()
            self._bus.publish(LinkingCompleted(number=self._number))
        elif was in (LinkState.RESTORING, LinkState.RECONNECTING):
            attempt = self._tally.damaged + 1
            self._bus.publish(RestoreAuthenticated(attempt=attempt, duration_ms=duration_ms))
            self._bus.publish(RestoreCompleted(attempt=attempt, duration_ms=duration_ms, number=self._number))

    def _on_socket_lost(self) -> None:
        self._forgive_if_stable()
        self._online.clear()
        self._move(Finding.SOCKET_LOST, "the connection was lost; the client library tries again")

    async def _follow_up(self, ending: Ending) -> ExitCode | None:
        """Carry out what the policy says of an ending; return an exit code if it is to give up."""
        self._bus.publish(AttemptFailed(finding=ending.finding, because=ending.because))
        if ending.finding is Finding.SESSION_MISSING:
            return self._give_up(GiveUp(ExitCode.LINKING_NEEDED, "run `linda-bot run` without --no-qr"), ending.because)
        if ending.finding is Finding.LOGGED_OUT:
            await self._files.retire(ending.because)
        self._forgive_if_stable()
        decision = decide(ending, self._tally, self._plan.rules)
        self._move(ending.finding, ending.because)
        match decision:
            case GiveUp():
                return self._give_up(decision, ending.because)
            case StartOver():
                self._tally = decision.tally
                await self._set_aside(ending.because)
            case Recover():
                self._tally = decision.tally
                if not await self._recover(ending.because):
                    await self._set_aside(ending.because)
            case Retry():
                self._tally = decision.tally
                await self._wait_for_retry(decision, ending.because)
        return None

    def _forgive_if_stable(self) -> None:
        if self.connected_for() >= STABLE_AFTER_S:
            self._tally = Tally()

    def _give_up(self, decision: GiveUp, because: str) -> ExitCode:
        self._bus.publish(LinkGaveUp(exit_code=decision.code, because=because, advice=decision.advice))
        return decision.code

    async def _set_aside(self, because: str) -> None:
        place = await self._files.set_aside(because)
        if place is not None:
            self._bus.publish(SessionQuarantined(to=str(place), because=because))

    async def _recover(self, because: str) -> bool:
        """Put a backup back; return whether there was one that can be used."""
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

    async def _wait_for_retry(self, retry: Retry, because: str) -> None:
        if retry.finding is not None:
            self._move(retry.finding, because)
        if retry.wait_s > 0:
            rules = self._plan.rules
            self._bus.publish(
                RetryScheduled(
                    in_s=retry.wait_s,
                    attempt=retry.tally.failures,
                    attempts=rules.reconnect_attempts,
                    because=because,
                )
            )
            await asyncio.sleep(retry.wait_s)
        if self._state is not LinkState.STARTING:
            self._move(Finding.RETRY_DUE, "")

    def _move(self, finding: Finding, because: str) -> None:
        """Change the state as the lifecycle says, and publish the change; the only place that does."""
        old, self._state = self._state, next_state(self._state, finding)
        if old is self._state:
            return
        if self._state is LinkState.CONNECTED:
            self._since = asyncio.get_running_loop().time()
        self._bus.publish(LinkStateChanged(old=old, new=self._state, because=because or finding))
