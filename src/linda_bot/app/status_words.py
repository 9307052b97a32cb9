"""How a bot is, in words, wherever that is shown; pure but for the clock that ages are counted with."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from linda_bot.app.status import UNKNOWN, BotStatus, GuardStatus, MailCounts
from linda_bot.connection.lifecycle import LinkState
from linda_bot.health.stats import Cell
from linda_bot.kernel.amounts import size_text
from linda_bot.kernel.spans import span
from linda_bot.sessions.device_status import moment

COLOURS = {
    LinkState.CONNECTED: "green",
    LinkState.STOPPED: "dim",
    LinkState.STOPPING: "dim",
    LinkState.LOGGED_OUT: "red",
    LinkState.REPLACED: "red",
    LinkState.BANNED: "red",
    LinkState.OUTDATED: "red",
}
"""How a state looks; those that are not named here, which will pass, are yellow."""

CELLS = {
    Cell.UP: "up",
    Cell.PARTLY: "up for a part of it",
    Cell.DOWN: "down",
    Cell.OFF: "the bot did not run",
}
"""What the cells of a chart mean."""

_NEXT = {
    LinkState.LINKING: "scan the QR code that it shows, or type its pairing code",
    LinkState.LOGGED_OUT: "link it anew: linda-bot run",
    LinkState.REPLACED: "stop the other program that uses this linked device",
    LinkState.OUTDATED: "upgrade the client library: pip install --upgrade neonize",
    LinkState.STOPPED: "start it: linda-bot run",
}


def headline(found: BotStatus) -> str:
    """Return the state, and for how long it has been so."""
    for_how_long = f" for {age(found.since)}" if found.since else ""
    paused = ", PAUSED" if found.paused_since and found.pid is not None else ""
    return f"{found.state.replace('_', ' ')}{for_how_long}{paused}"


def next_step(found: BotStatus) -> str:
    """Return what a person can do about the state; empty for nothing."""
    return next((advice for state, advice in _NEXT.items() if state == found.state), "")


def facts_of(found: BotStatus) -> Iterator[tuple[str, str]]:
    """Yield what there is to say, each with its name; numbers are not masked."""
    linked = f"linked to {found.linked_number}" if found.linked_number else "not linked"
    yield "account", f"{found.account}, {linked}{', in a sandbox' if found.sandbox else ''}"
    if found.paused_since:
        yield "paused", f"since {_clock(found.paused_since)}; nothing is handled or sent until linda-bot resume"
    yield "health", _health(found)
    yield "last connected", last_connected(found)
    yield "restores", restores(found)
    yield "backups", backups(found)
    yield "messages", _messages(found)
    if found.guard is not None:
        yield "guard", guard(found.guard)
    if found.phone_last_seen:
        yield "phone", phone(found)
    yield from (("alert", f"{alert.because or alert.kind}, for {age(alert.since)}") for alert in found.alerts)
    if found.pid is None:
        yield "process", "does not run"
    else:
        up = f", up {span(found.uptime_s)}" if found.uptime_s is not None else ""
        yield "process", f"pid {found.pid}{up}, linda-bot {found.version}"


def _health(found: BotStatus) -> str:
    if found.health == UNKNOWN:
        return "not looked at yet"
    when = f" ({age(found.health_at)} ago)" if found.health_at else ""
    return f"{found.health}{when}" + (f": {'; '.join(found.health_reasons)}" if found.health_reasons else "")


def last_connected(found: BotStatus) -> str:
    """Return how long ago the link was up."""
    if found.live and found.state == LinkState.CONNECTED:
        return "now"
    return f"{age(found.last_connected)} ago" if found.last_connected else "never"


def restores(found: BotStatus) -> str:
    """Return how often a session was brought back."""
    if not found.restore_count:
        return "none yet"
    took = f", in {found.last_restore_ms / 1000:.2f} s" if found.last_restore_ms is not None else ""
    return f"{found.restore_count}, the last {age(found.last_restore)} ago{took}"


def backups(found: BotStatus) -> str:
    """Return how many there are, and the newest one's age."""
    newest = found.last_backup
    if newest is None:
        return "none yet"
    return f"{found.backups}, the newest {age(newest.time)} ago ({size_text(newest.size)})"


def guard(found: GuardStatus) -> str:
    """Return whether answers are kept from being lost."""
    saved = f"{found.caught} lost answers prevented" if found.caught else "no answer was in danger yet"
    return f"active, {saved}" if found.active else f"not active: {found.why}"


class Mail(NamedTuple):
    """Messages that are somewhere."""

    number: int
    where: str
    command: str
    """Which tells more of them; empty for those that go their way by themselves."""


def mail(counts: MailCounts) -> tuple[Mail, ...]:
    """Return what is not done yet, and what was not done."""
    return (
        Mail(counts.waiting, "to be handled", ""),
        Mail(counts.pending + counts.sending, "to be sent", ""),
        Mail(counts.set_aside, "set aside", "linda-bot inbox"),
        Mail(counts.unknown, "sent or not, nobody knows", "linda-bot outbox"),
        Mail(counts.failed, "not sent", "linda-bot outbox"),
    )


def _messages(found: BotStatus) -> str:
    counts = found.messages
    parts = [
        f"{number} {where}{f' ({command})' if command else ''}" for number, where, command in mail(counts) if number
    ] or ["none waits"]
    if counts.handled is not None:
        parts.append(f"{counts.handled} handled and {counts.sent} sent since the start")
    return ", ".join(parts)


def phone(found: BotStatus) -> str:
    """Return when the account's phone was last seen, and how long it may stay away."""
    days = found.phone_days_left
    seen = f"last seen {age(found.phone_last_seen)} ago"
    if days is None:
        return seen
    left = (
        f"{days} day{'' if days == 1 else 's'} until WhatsApp may unlink it"
        if days
        else "WhatsApp may unlink it any day"
    )
    return f"{seen}, {left}"


def age(text: str | None) -> str:
    """Return how long ago a moment was."""
    found = moment(text)
    return "an unknown time" if found is None else span((datetime.now(UTC) - found).total_seconds())


def _clock(text: str) -> str:
    found = moment(text)
    return "an unknown time" if found is None else found.astimezone().strftime("%Y-%m-%d %H:%M")
