"""One connection attempt: one engine from its start to its end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple, assert_never

from linda_bot.connection.lifecycle import Finding
from linda_bot.connection.policy import Ending
from linda_bot.connection.reasons import how_engine_ended, judge_connect_error, why_logged_out, why_round_ended
from linda_bot.kernel.tasks import spawn_task
from linda_bot.whatsapp.events import (
    ClientEvent,
    ClientOutdated,
    Connected,
    ConnectEnded,
    ConnectFailed,
    Disconnected,
    EngineExited,
    EnginePrinted,
    EngineStarted,
    KeepAliveRestored,
    KeepAliveTimedOut,
    LoggedOut,
    MessageReceived,
    MessageUndecryptable,
    OfflineSyncCompleted,
    OfflineSyncPreviewed,
    PairFailed,
    PairSucceeded,
    QrIssued,
    QrRoundEnded,
    SecretsRotated,
    StreamFailed,
    StreamReplaced,
    TemporarilyBanned,
)
from linda_bot.whatsapp.port import ClientError, LinkRequest, NoAnswerError, NotSentError, WhatsAppClient

_SILENT_AFTER = 3
"""Keep-alive failures in a row (each takes about 30 s) after which a link counts as silent."""

_PING_MISSES = 2
_LOOK_FOR_DEVICE_EVERY_S = 1.0
_QR_SLACK_S = 15.0


class Patience(NamedTuple):
    """How long an attempt waits, in seconds."""

    authenticate: float
    """From the start of the engine to the login, for a linked session."""
    first_code: float
    """From the start of the engine to the first QR code."""
    grace: float
    """From a lost socket until the library's own retries are given up."""
    ping_every: float
    ping_within: float


class Attempt:
    """Runs a client, publishes what it tells, and finds out how it ended."""

    def __init__(
        self,
        client: WhatsAppClient,
        patience: Patience,
        *,
        linked: bool,
        expected_number: str | None,
        tell: Callable[[ClientEvent], None],
        on_connected: Callable[[Connected], None],
        on_socket_lost: Callable[[], None],
        still_linked: Callable[[], Awaitable[bool]],
    ) -> None:
        self._client = client
        self._patience = patience
        self._linked = linked
        self._expected_number = expected_number
        self._tell = tell
        self._on_connected = on_connected
        self._on_socket_lost = on_socket_lost
        self._still_linked = still_linked
        self._was_connected = False
        self._heard_at = 0.0
        self._deadline: float | None = None
        self._overdue = Ending(Finding.UNREACHABLE)
        self._found: asyncio.Queue[ClientEvent | Ending] = asyncio.Queue()

    async def run(self, request: LinkRequest) -> Ending:
        """Start the client and stay with it until it ends or must be ended; the client is gone on return."""
        reading = spawn_task(self._read(), name="engine events")
        watching = [spawn_task(self._keep_alive(), name="keep-alive")]
        if self._linked:
            watching.append(spawn_task(self._watch_device(), name="device watch"))
        try:
            return await self._stay(request)
        finally:
            for task in watching:
                task.cancel()
            await self._client.stop()
            await reading

    async def _stay(self, request: LinkRequest) -> Ending:
        """Judge what is found, in order, until something ends the attempt."""
        wait = self._patience.authenticate if self._linked else self._patience.first_code
        self._expect(wait, Finding.UNREACHABLE, f"WhatsApp did not answer within {wait:g} s")
        try:
            await self._client.start(request)
        except ClientError as error:
            return self._ending(Finding.ENGINE_LOST, str(error))
        while True:
            try:
                async with asyncio.timeout_at(self._deadline):
                    found = await self._found.get()
            except TimeoutError:
                return self._overdue
            ending = found if isinstance(found, Ending) else await self._judge(found)
            if ending is not None:
                return ending

    async def _read(self) -> None:
        async for event in self._client.events():
            self._heard_at = asyncio.get_running_loop().time()
            self._tell(event)
            self._found.put_nowait(event)

    async def _judge(self, event: ClientEvent) -> Ending | None:  # noqa: C901, PLR0911, PLR0912 (one case an event)
        match event:
            case Connected():
                return await self._connected(event)
            case Disconnected():
                self._expect(self._patience.grace, Finding.GRACE_OVER, "the connection was lost and did not come back")
                self._on_socket_lost()
            case KeepAliveTimedOut(errors=errors) if errors >= _SILENT_AFTER:
                return self._ending(Finding.SILENT, f"{errors} keep-alives in a row were not answered")
            case LoggedOut(code=code):
                return self._ending(Finding.LOGGED_OUT, why_logged_out(code))
            case StreamReplaced():
                return self._ending(Finding.REPLACED, "another client logged in with this device")
            case TemporarilyBanned(code=code, expires_in_s=seconds):
                because = f"WhatsApp has banned this account for {seconds:.0f} s (code {code})"
                return self._ending(Finding.BANNED, because)._replace(lifts_in_s=seconds)
            case ClientOutdated():
                return self._ending(Finding.OUTDATED, "WhatsApp does not accept this version of neonize any more")
            case ConnectFailed(code=code, reason=reason):
                return self._ending(Finding.REFUSED, f"WhatsApp refused the login (code {code}) {reason}".rstrip())
            case ConnectEnded(error=error):
                return self._ending(*judge_connect_error(error))
            case EngineExited(code=code):
                return self._ending(Finding.ENGINE_LOST, how_engine_ended(code))
            case QrIssued(valid_s=valid_s):
                self._expect(valid_s + _QR_SLACK_S, Finding.QR_ROUND_OVER, "no new QR code came")
            case QrRoundEnded(outcome="success"):
                self._linked = True
                self._expect(self._patience.first_code, Finding.UNREACHABLE, "the login after linking did not come")
            case QrRoundEnded(outcome="err-client-outdated"):
                return self._ending(Finding.OUTDATED, "WhatsApp does not accept this version of neonize any more")
            case QrRoundEnded(outcome="err-scanned-without-multidevice"):
                pass  # not the end: the phone may be updated and scan again
            case QrRoundEnded(outcome=outcome):
                return self._ending(Finding.QR_ROUND_OVER, why_round_ended(outcome))
            case PairFailed(reason=reason):
                return self._ending(Finding.QR_ROUND_OVER, f"linking did not succeed: {reason}")
            case (
                EngineStarted()
                | EnginePrinted()
                | PairSucceeded()
                | StreamFailed()
                | KeepAliveTimedOut()
                | KeepAliveRestored()
                | OfflineSyncPreviewed()
                | OfflineSyncCompleted()
                | SecretsRotated()
                | MessageReceived()
                | MessageUndecryptable()
            ):
                pass
            case _:
                assert_never(event)
        return None

    async def _connected(self, event: Connected) -> Ending | None:
        self._expect(None)
        if self._expected_number is not None and event.number and event.number != self._expected_number:
            return await self._refuse_account()
        self._was_connected = True
        self._on_connected(event)
        return None

    async def _refuse_account(self) -> Ending:
        """Unlink a phone that is not the configured account's."""
        try:
            await self._client.logout()
        except ClientError as error:
            because = f"the phone belongs to another account than LINDA_ACCOUNT; it could not be unlinked ({error})"
        else:
            because = "the phone belongs to another account than LINDA_ACCOUNT and was unlinked again"
        return self._ending(Finding.WRONG_ACCOUNT, because)

    async def _watch_device(self) -> None:
        """Notice a logout at the login of which the library tells nothing.

        It deletes the device row first; if that happens before its event pump has looked for the row, the pump waits
        for ever and hands over no event (goneonize main.go, FetchMe).
        """
        linked = True
        while linked:
            await asyncio.sleep(_LOOK_FOR_DEVICE_EVERY_S)
            if self._was_connected:
                return
            linked = await self._still_linked()
        self._found.put_nowait(self._ending(Finding.LOGGED_OUT, why_logged_out(0)))

    async def _keep_alive(self) -> None:
        """Ping when nothing else was heard for a while; end the attempt after too many misses in a row."""
        loop = asyncio.get_running_loop()
        misses = 0
        self._heard_at = loop.time()
        while misses < _PING_MISSES:
            quiet_s = loop.time() - self._heard_at
            if quiet_s < self._patience.ping_every:
                await asyncio.sleep(self._patience.ping_every - quiet_s)
                continue
            self._heard_at = loop.time()
            if not self._was_connected or self._deadline is not None:
                continue  # there is no link to test
            try:
                await self._client.ping(within_s=self._patience.ping_within)
            except (NoAnswerError, NotSentError):
                misses += 1
            except ClientError:
                misses = 0  # an error from the server is an answer
            else:
                misses = 0
        self._found.put_nowait(self._ending(Finding.SILENT, f"WhatsApp did not answer {misses} pings in a row"))

    def _expect(self, within_s: float | None, overdue: Finding = Finding.UNREACHABLE, because: str = "") -> None:
        """Set by when the next good news must come, and what it means if it does not."""
        now = asyncio.get_running_loop().time()
        self._deadline = None if within_s is None else now + within_s
        self._overdue = self._ending(overdue, because)

    def _ending(self, finding: Finding, because: str) -> Ending:
        return Ending(finding, because, was_connected=self._was_connected)
