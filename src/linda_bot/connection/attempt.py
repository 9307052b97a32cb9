"""One connection attempt: one engine from its start to its end."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple, Protocol

from linda_bot.connection.keep_alive import KeepAlive
from linda_bot.connection.leaving import end_engine
from linda_bot.connection.lifecycle import Finding
from linda_bot.connection.line import Line
from linda_bot.connection.policy import Ending
from linda_bot.connection.reasons import (
    OUTDATED,
    how_engine_ended,
    judge_connect_error,
    why_logged_out,
    why_not_linked,
)
from linda_bot.connection.road import Expect, Road
from linda_bot.kernel.events import Event, utc_now
from linda_bot.kernel.tasks import spawn_task
from linda_bot.whatsapp.events import (
    ClientEvent,
    ClientOutdated,
    Connected,
    ConnectEnded,
    ConnectFailed,
    Disconnected,
    EngineExited,
    KeepAliveRestored,
    KeepAliveTimedOut,
    LoggedOut,
    MessageReceived,
    MessageUndecryptable,
    OfflineSyncCompleted,
    OfflineSyncPreviewed,
    PairFailed,
    StreamReplaced,
    TemporarilyBanned,
)
from linda_bot.whatsapp.port import ClientError, LinkRequest, WhatsAppClient

_SILENT_AFTER = 3
"""Keep-alive failures in a row (each takes about 30 s) after which a link counts as silent."""

_SIGNS_OF_LIFE = (
    Connected,
    KeepAliveRestored,
    MessageReceived,
    MessageUndecryptable,
    OfflineSyncCompleted,
    OfflineSyncPreviewed,
)
"""What cannot be told without a word from the server; the library's own log lines can."""

_STOP_S = 3.0
"""How long an engine may take to end when it is asked to."""

_DRAIN_S = 10.0
"""How long what is being sent may take to be confirmed before a link is renewed."""

_STUCK_AFTER_S = 60.0
"""How long after a deadline an attempt that has not acted on it counts as stuck: a bug of ours."""


class Patience(NamedTuple):
    """How long an attempt waits, in seconds."""

    authenticate: float
    """From the start of the engine to the login, for a linked session."""
    first_code: float
    """From the start of the engine to the first QR code, and from the scan to the login."""
    grace: float
    """From a lost socket until the library's own retries are given up."""
    ping_every: float
    ping_within: float


class Follower(Protocol):
    """Who is told how an attempt goes."""

    def on_connected(self, number: str) -> None:
        """The link is up, for the first time or again."""

    def on_socket_lost(self) -> None:
        """The library has lost its socket and tries again by itself."""

    def on_leaving(self) -> None:
        """The attempt is about to end its engine: nothing more shall be asked of it."""


class Attempt:
    """Runs a client, publishes what it tells, and finds out how it ended."""

    def __init__(
        self,
        client: WhatsAppClient,
        patience: Patience,
        road: Road,
        follower: Follower,
        tell: Callable[[Event], None],
        *,
        expected_number: str | None,
    ) -> None:
        self._client = client
        self._patience = patience
        self._road = road
        self._follower = follower
        self._tell = tell
        self._expected_number = expected_number
        self._keep_alive = KeepAlive(client, tell, every_s=patience.ping_every, within_s=patience.ping_within)
        self._was_connected = False
        self._line = Line()
        self._leaving = False
        self._started_at = 0.0
        self._deadline: float | None = None
        self._overdue = Ending(Finding.UNREACHABLE)
        self._found: asyncio.Queue[ClientEvent | Ending | BaseException] = asyncio.Queue()
        self._road_task: asyncio.Task[None] | None = None

    async def run(self, request: LinkRequest) -> Ending:
        """Start the client and stay with it until it ends or must be ended; the client is gone on return."""
        self._started_at = asyncio.get_running_loop().time()
        reading = spawn_task(self._read(), name="engine events")
        keeping_alive = spawn_task(self._keep_alive_until_silent(), name="keep-alive")
        self._road_task = spawn_task(self._watch_road(), name="until the login")
        for task in (reading, keeping_alive, self._road_task):
            task.add_done_callback(self._pass_on_failure)
        drain_s = 0.0
        try:
            ending = await self._stay(request)
            if ending.finding is Finding.RENEWAL_DUE and self._line.is_up:
                drain_s = _DRAIN_S
            return ending._replace(
                was_connected=self._was_connected, while_linking=self._road.linking and not self._was_connected
            )
        finally:
            self._leaving = True
            keeping_alive.cancel()
            self._road_task.cancel()
            self._follower.on_leaving()
            self._deadline = asyncio.get_running_loop().time() + drain_s + _STOP_S
            await end_engine(self._client, reading, drain_s=drain_s)

    def test_now(self) -> None:
        """Make sure that the link is alive, if it is up."""
        self._keep_alive.test_now()

    def renew(self, because: str) -> bool:
        """End a link that is up in good order, to be followed by another; return whether there was one."""
        possible = self._was_connected and not self._leaving
        if possible:
            self._found.put_nowait(Ending(Finding.RENEWAL_DUE, because))
        return possible

    def end(self, ending: Ending) -> None:
        """Have the attempt end like this, unless something else ends it before."""
        self._found.put_nowait(ending)

    def responds(self) -> bool:
        """Return whether the attempt has acted on its last deadline."""
        return self._deadline is None or asyncio.get_running_loop().time() < self._deadline + _STUCK_AFTER_S

    async def _stay(self, request: LinkRequest) -> Ending:
        """Judge what is found, in order, until something ends the attempt."""
        self._expect(self._road.begin())
        try:
            async with asyncio.timeout_at(self._deadline):
                await self._client.start(request)
        except ClientError as error:
            return Ending(Finding.ENGINE_LOST, str(error))
        except TimeoutError:
            return self._overdue
        while True:
            try:
                async with asyncio.timeout_at(self._deadline):
                    found = await self._found.get()
            except TimeoutError:
                return self._overdue
            if isinstance(found, BaseException):
                raise found
            ending = found if isinstance(found, Ending) else await self._judge(found)
            if ending is not None:
                return ending

    def _pass_on_failure(self, task: asyncio.Task[None]) -> None:
        """Have a bug in a task beside the attempt end it: nobody else would notice."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._found.put_nowait(error)

    async def _read(self) -> None:
        async for event in self._client.events():
            if isinstance(event, _SIGNS_OF_LIFE):
                # It may have waited in the pipe while the bot was busy, and says nothing about the link now.
                self._keep_alive.heard(age_s=(utc_now() - event.at).total_seconds())
            self._tell(event)
            if not isinstance(event, MessageReceived):
                self._found.put_nowait(event)

    async def _judge(self, event: ClientEvent) -> Ending | None:  # noqa: C901, PLR0911, PLR0912 (one case an event)
        match event:
            case Connected():
                return await self._connected(event)
            case Disconnected():
                return self._socket_lost()
            case KeepAliveTimedOut(errors=errors) if errors >= _SILENT_AFTER:
                return Ending(Finding.SILENT, f"{errors} keep-alives in a row were not answered")
            case KeepAliveTimedOut():
                self._keep_alive.test_now()  # two round trips find out sooner than two more of its kind
            case PairFailed(reason=reason) if self._was_connected or not self._road.linking:
                # The library closes its socket for good at a pairing that it did not ask for, and says nothing else.
                return Ending(Finding.ENGINE_LOST, f"the client library closed the connection ({reason})")
            case LoggedOut(code=code) if self._road.linking and not self._was_connected:
                return Ending(Finding.REFUSED, why_not_linked(code))
            case LoggedOut(code=code):
                return Ending(Finding.LOGGED_OUT, why_logged_out(code))
            case StreamReplaced():
                return Ending(Finding.REPLACED, "another client logged in with this device")
            case TemporarilyBanned(code=code, expires_in_s=seconds):
                because = f"WhatsApp has banned this account for {seconds:.0f} s (code {code})"
                return Ending(Finding.BANNED, because, lifts_in_s=seconds)
            case ClientOutdated():
                return Ending(Finding.OUTDATED, OUTDATED)
            case ConnectFailed(code=code, reason=reason):
                return Ending(Finding.REFUSED, f"WhatsApp refused the login (code {code}) {reason}".rstrip())
            case ConnectEnded(error=error):
                return judge_connect_error(error)
            case EngineExited(code=code):
                return Ending(Finding.ENGINE_LOST, how_engine_ended(code))
            case _ if not self._was_connected:  # the library may tell of a round's end after the login
                judgement = self._road.judge(event, asyncio.get_running_loop().time())
                if isinstance(judgement, Ending):
                    return judgement
                if judgement is not None:
                    self._expect(judgement)
        return None

    async def _connected(self, event: Connected) -> Ending | None:
        self._deadline = None
        if self._expected_number is not None and event.number and event.number != self._expected_number:
            return await self._refuse_account()
        first, self._was_connected = not self._was_connected, True
        self._line.up(asyncio.get_running_loop().time())
        if self._road_task is not None:
            self._road_task.cancel()
        self._keep_alive.link_up()
        self._follower.on_connected(event.number)
        if first:
            self._road.arrived(event.number, asyncio.get_running_loop().time() - self._started_at)
        return None

    def _socket_lost(self) -> Ending | None:
        """Leave it to the library for a while, counted from the first loss: it may lose one socket after the other."""
        now = asyncio.get_running_loop().time()
        too_often = self._line.lost(now)
        self._keep_alive.link_down()
        self._follower.on_socket_lost()
        if too_often:
            return Ending(Finding.GRACE_OVER, "the connection comes and goes")
        if self._deadline is None or now + self._patience.grace < self._deadline:
            because = "the connection was lost and did not come back"
            self._expect(Expect(self._patience.grace, Ending(Finding.GRACE_OVER, because)))
        return None

    async def _refuse_account(self) -> Ending:
        """Unlink a phone that is not the configured account's; a session that was good before is left alone."""
        if not self._road.new_device:
            return Ending(
                Finding.WRONG_ACCOUNT, "the session is another account's than LINDA_ACCOUNT", beyond_doubt=True
            )
        try:
            await self._client.logout()
        except ClientError as error:
            because = f"the phone belongs to another account than LINDA_ACCOUNT; it could not be unlinked ({error})"
        else:
            because = "the phone belongs to another account than LINDA_ACCOUNT and was unlinked again"
        return Ending(Finding.WRONG_ACCOUNT, because)

    async def _watch_road(self) -> None:
        ending = await self._road.beside(self._client)
        if not self._was_connected:
            self._found.put_nowait(ending)

    async def _keep_alive_until_silent(self) -> None:
        misses = await self._keep_alive.run()
        self._found.put_nowait(Ending(Finding.SILENT, f"WhatsApp did not answer {misses} pings in a row"))

    def _expect(self, expected: Expect) -> None:
        """Set by when the next good news must come, and what it means if it does not."""
        self._deadline = asyncio.get_running_loop().time() + expected.within_s
        self._overdue = expected.otherwise
