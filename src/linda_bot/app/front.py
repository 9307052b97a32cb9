"""What a door (a control socket, a web page) may ask of a running bot, and what it answers."""

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from linda_bot.app.answers import Lasting, LoggedOut, Reconnected, Sent
from linda_bot.app.chronicle import Chronicle
from linda_bot.app.job import Job
from linda_bot.app.messages import Messages
from linda_bot.app.pairing import Pairing, Stage
from linda_bot.app.reconnecting import reconnect
from linda_bot.app.status import BotStatus, GuardStatus, HealthReport, MailCounts, masked, session_facts, time_of
from linda_bot.connection.events import (
    LinkStateChanged,
    LogoutAsked,
    PairingCodeIssued,
    PairingCodeRefused,
    SessionBackedUp,
    SessionQuarantined,
)
from linda_bot.connection.guarding import GuardKeeper
from linda_bot.connection.keeper import BackupKeeper
from linda_bot.connection.lifecycle import LinkState
from linda_bot.connection.link import Link
from linda_bot.connection.unlinking import why_still_linked
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.errors import ExitCode, LindaError, UsageError
from linda_bot.kernel.events import Event, utc_now
from linda_bot.kernel.masking import printable
from linda_bot.kernel.tasks import spawn_task
from linda_bot.messaging.events import BotPaused, BotResumed
from linda_bot.messaging.identities import jid_of
from linda_bot.messaging.scene import SendError
from linda_bot.messaging.store import Draft
from linda_bot.sessions.book import SessionBook
from linda_bot.sessions.catalogue import all_backups
from linda_bot.sessions.paths import DEFAULT_ACCOUNT
from linda_bot.settings.values import phone_number
from linda_bot.whatsapp.content import AnyContent
from linda_bot.whatsapp.events import EngineExited
from linda_bot.whatsapp.mailbox import Outbound
from linda_bot.whatsapp.port import ClientError

if TYPE_CHECKING:  # nobody may ever ask for them
    from linda_bot.health.metrics import Facts

_LOGOUT_WITHIN_S = 20.0
_END_WITHIN_S = 10.0
_LOOK_WITHIN_S = 2.0
"""How long the mailbox may keep a status waiting: its disk may be full or slow."""
_LIVE_DEPTH = 500
_GATHER_S = 0.1
"""How long a live view lets events come together: while they happen the bot has better things to do."""

_PAIRING_CODE_WITHIN_S = 30.0
_NOBODY_TO_SEND_AS = frozenset({LinkState.LINKING, LinkState.LOGGED_OUT})


class NotNowError(LindaError):
    """What was asked is right and cannot be done as things are; the text says why."""

    exit_code = ExitCode.UNWELL


async def _no_facts() -> "Facts | None":
    return None


class Hooks(NamedTuple):
    """What other parts of the app tell, or do, where they are there."""

    health: Callable[[], HealthReport] = HealthReport
    metrics: Callable[[], bytes] = bytes
    facts: Callable[[], Awaitable["Facts | None"]] = _no_facts
    """What the metrics are made of, None before the first look."""
    set_log_level: Callable[[str], None] | None = None
    """Takes `debug`, `info`, `warning` or `error`."""


class Front(NamedTuple):
    """One running bot, as its doors see it; every method may be called at any time, from the bot's event loop."""

    job: Job
    bus: EventBus
    link: Link
    book: SessionBook
    keeper: BackupKeeper
    guard: GuardKeeper
    talk: Messages
    chronicle: Chronicle
    pairing: Pairing
    hooks: Hooks = Hooks()

    async def status(self, *, show_numbers: bool = False) -> BotStatus:
        """Return how the bot is, numbers masked unless asked for."""
        now, chronicle, health, guard = utc_now(), self.chronicle, self.hooks.health(), self.guard.guard
        backups = await asyncio.to_thread(all_backups, self.job.paths)
        known: dict[str, object] = {
            "account": self.job.settings.account,
            "live": True,
            "state": self.link.state.value,
            "since": time_of(chronicle.since),
            "because": chronicle.because,
            "health": health.grade,
            "health_reasons": health.reasons,
            "health_at": health.at,
            "messages": await self._mail(),
            "guard": GuardStatus(active=guard.active, caught=guard.caught, why=guard.why),
            "paused_since": time_of(self.talk.pause.since),
            "alerts": chronicle.alerts,
            "sandbox": self.job.in_sandbox,
            "uptime_s": round((now - chronicle.born_at).total_seconds()),
            "pid": os.getpid(),
        }
        facts = session_facts(self.book.status, backups, now)
        status = msgspec.convert({**known, **facts}, BotStatus, from_attributes=True)
        return status if show_numbers else masked(status)

    async def reconnect(self, because: str, *, within_s: float) -> Reconnected:
        """Have the link renewed or hastened, and say what came of it within so many seconds."""
        return await reconnect(self.link, self.bus, because, within_s=within_s)

    async def pair_phone(self, number: str) -> None:
        """Have a pairing code made for a phone; `pairing` shows it then.

        Raises UsageError for a number that is none or not the account's, NotNowError, with WhatsApp's words if it has
        refused.
        """
        wanted, account = phone_number(number), self.job.settings.account
        if account not in (wanted, DEFAULT_ACCOUNT):
            raise UsageError("this bot is for another number: type that of its account")
        now = self.pairing.view()
        if now.stage not in (Stage.ASKING, Stage.CODE):
            raise NotNowError("no code can be made now: linking is not under way")
        if now.pairing_code is not None and now.pairing_code.number == wanted:
            return
        if wait_s := self.pairing.ask():
            raise NotNowError(f"a code was asked for a moment ago: try again in {wait_s:.0f} s")
        with self.bus.subscribe((PairingCodeIssued, PairingCodeRefused, EngineExited), name="pairing code") as events:
            self.link.pair_phone(wanted)
            match await events.next_within(_PAIRING_CODE_WITHIN_S):
                case PairingCodeIssued():
                    return
                case PairingCodeRefused(error=error):
                    raise NotNowError(f"WhatsApp gave no pairing code ({printable(error)}); the QR code does it, too")
                case _:
                    raise NotNowError("WhatsApp gave no pairing code in time; the QR code does it, too")

    async def back_up(self) -> str:
        """Make a backup and return its name; raises NotNowError."""
        with self.bus.subscribe(SessionBackedUp, name="backup by hand") as made:
            error = await self.keeper.back_up("manual")
            if error:
                raise NotNowError(error)
            return [event.backup for event in made.pending()][-1]

    async def send(self, to: str, content: AnyContent, *, within_s: float) -> Sent:
        """Send something to a phone number or JID through the outbox, and wait for WhatsApp's word.

        It is on the disk when this returns. Raises UsageError for a wrong address, NotNowError when nobody is linked.
        """
        jid = jid_of(to)
        if self.link.state in _NOBODY_TO_SEND_AS:
            raise NotNowError("the bot is not linked to a phone: there is no account to send from")
        (key,) = await self.talk.outbox.put([Draft(jid, content, joinable=False)])
        if self.talk.pause.is_on:
            return Sent(outcome="queued", key=key, because="the bot is paused")
        try:
            async with asyncio.timeout(within_s):
                return Sent(outcome="sent", key=key, message_id=await self.talk.outbox.confirmed(key))
        except (TimeoutError, SendError):
            found = await self.talk.store.outcome(key)
        if found.state is Outbound.PENDING:
            return Sent(outcome="queued", key=key, because=self._why_it_waits())
        return Sent(outcome=found.state.name.lower(), key=key, message_id=found.message_id, because=found.error)

    async def pause(self) -> Lasting:
        """Have nothing handled and nothing sent until `resume`; what is being handled may come to its end."""
        pause, was_on = self.talk.pause, self.talk.pause.is_on
        not_kept = await pause.begin()
        if not was_on and pause.since is not None:
            self.bus.publish(BotPaused(since=pause.since))
            self.book.note("bot_paused", at=pause.since)
        return Lasting(changed=not was_on, paused_since=time_of(pause.since), not_kept=not_kept)

    async def resume(self) -> Lasting:
        """End a pause, if there is one."""
        pause, since = self.talk.pause, self.talk.pause.since
        not_kept = await pause.end()
        if since is not None and not pause.is_on:
            after_s = max((utc_now() - since).total_seconds(), 0.0)
            self.talk.outbox.resume(after_s)
            self.talk.inbox.resume()
            self.bus.publish(BotResumed(after_s=round(after_s, 1)))
            self.book.note("bot_resumed", seconds=round(after_s))
        return Lasting(changed=since is not None, paused_since=time_of(pause.since), not_kept=not_kept)

    async def logout(self) -> LoggedOut:
        """Take the device off the account; the bot ends then. Raises NotNowError, with the link as it was."""
        with self.bus.subscribe((LinkStateChanged, LogoutAsked, SessionQuarantined), name="logout") as events:
            try:
                await self.link.log_out(within_s=_LOGOUT_WITHIN_S)
            except ClientError as error:
                raise NotNowError(why_still_linked(error)) from error
            set_aside, asked = None, False
            while (event := await events.next_within(_END_WITHIN_S)) is not None:
                match event:
                    case LogoutAsked():
                        asked = True
                    case SessionQuarantined(to=to) if asked:
                        set_aside = to
                    case LinkStateChanged(new=LinkState.STOPPED):
                        break
                    case _:
                        pass
        return LoggedOut(set_aside=set_aside)

    def health(self) -> HealthReport:
        """Return how the bot's health was found at last."""
        return self.hooks.health()

    def metrics(self) -> bytes:
        """Return the metrics in the text format of Prometheus."""
        return self.hooks.metrics()

    def set_log_level(self, level: str) -> None:
        """Change how much is logged until the next start; raises NotNowError where that cannot be done."""
        if self.hooks.set_log_level is None:
            raise NotNowError("the log's level cannot be changed while the bot runs")
        self.hooks.set_log_level(level)

    async def events(self) -> AsyncGenerator[dict[str, object], None]:
        """Yield what happens from now on, as the log would tell it, masked; for ever.

        Whoever is slow misses events, the oldest first, and is told how many: `events_dropped`.
        """
        from linda_bot.app.live_lines import LiveLines  # nobody may ever ask, and the log is not open yet at the start

        lines = LiveLines(self.job.paths.logs, self.job.settings.account)
        told = 0
        with self.bus.subscribe(Event, name="live view", depth=_LIVE_DEPTH) as events:
            async for first in events:
                for event in chain((first,), events.pending()):
                    if events.dropped > told:
                        yield lines.dropped(events.dropped - told)
                        told = events.dropped
                    yield lines.of(event)
                await asyncio.sleep(_GATHER_S)

    async def _mail(self) -> MailCounts:
        handled, sent = self.talk.inbox.handled, self.talk.outbox.sent
        counting = spawn_task(self.talk.store.counts(), name="mailbox counts")
        await asyncio.wait({counting}, timeout=_LOOK_WITHIN_S)
        if not counting.done():
            counting.cancel()
            return MailCounts(handled=handled, sent=sent)
        return MailCounts(**counting.result()._asdict(), handled=handled, sent=sent)

    def _why_it_waits(self) -> str:
        if self.talk.pause.is_on:
            return "the bot is paused"
        if self.link.state is not LinkState.CONNECTED:
            return f"the link is down ({self.link.state.replace('_', ' ')})"
        return "other messages go first, or the bot waits for a good moment"
