"""What `status` and `watch` say of a bot, in words; pure but for the clock that ages are counted with."""

from collections.abc import Iterator
from datetime import UTC, datetime

from linda_bot.app.status import UNKNOWN, BotStatus
from linda_bot.cli.output import size_text
from linda_bot.connection.lifecycle import LinkState
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

_NEXT = {
    LinkState.LINKING: "scan the QR code that it shows, or type its pairing code",
    LinkState.LOGGED_OUT: "link it anew: linda-bot run",
    LinkState.REPLACED: "stop the other program that uses this linked device",
    LinkState.OUTDATED: "upgrade the client library: pip install --upgrade neonize",
    LinkState.STOPPED: "start it: linda-bot run",
}


def headline(found: BotStatus) -> str:
    """Return the state, and for how long it has been so."""
    for_how_long = f" for {_age(found.since)}" if found.since else ""
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
    yield "last connected", _last_connected(found)
    yield "restores", _restores(found)
    yield "backups", _backups(found)
    yield "messages", _messages(found)
    if found.guard is not None:
        saved = f"{found.guard.caught} lost answers prevented" if found.guard.caught else "no answer was in danger yet"
        yield "guard", f"active, {saved}" if found.guard.active else f"not active: {found.guard.why}"
    if found.phone_last_seen:
        yield "phone", _phone(found)
    yield from (("alert", f"{alert.because or alert.kind}, for {_age(alert.since)}") for alert in found.alerts)
    if found.pid is None:
        yield "process", "does not run"
    else:
        up = f", up {span(found.uptime_s)}" if found.uptime_s is not None else ""
        yield "process", f"pid {found.pid}{up}, linda-bot {found.version}"


def _health(found: BotStatus) -> str:
    if found.health == UNKNOWN:
        return "not looked at yet"
    when = f" ({_age(found.health_at)} ago)" if found.health_at else ""
    return f"{found.health}{when}" + (f": {'; '.join(found.health_reasons)}" if found.health_reasons else "")


def _last_connected(found: BotStatus) -> str:
    if found.live and found.state == LinkState.CONNECTED:
        return "now"
    return f"{_age(found.last_connected)} ago" if found.last_connected else "never"


def _restores(found: BotStatus) -> str:
    if not found.restore_count:
        return "none yet"
    took = f", in {found.last_restore_ms / 1000:.2f} s" if found.last_restore_ms is not None else ""
    return f"{found.restore_count}, the last {_age(found.last_restore)} ago{took}"


def _backups(found: BotStatus) -> str:
    newest = found.last_backup
    if newest is None:
        return "none yet"
    return f"{found.backups}, the newest {_age(newest.time)} ago ({size_text(newest.size)})"


def _messages(found: BotStatus) -> str:
    counts = found.messages
    parts = [
        f"{count} {words}"
        for count, words in (
            (counts.waiting, "to be handled"),
            (counts.pending + counts.sending, "to be sent"),
            (counts.set_aside, "set aside (linda-bot inbox)"),
            (counts.unknown, "sent or not, nobody knows (linda-bot outbox)"),
            (counts.failed, "not sent (linda-bot outbox)"),
        )
        if count
    ] or ["none waits"]
    if counts.handled is not None:
        parts.append(f"{counts.handled} handled and {counts.sent} sent since the start")
    return ", ".join(parts)


def _phone(found: BotStatus) -> str:
    days = found.phone_days_left
    seen = f"last seen {_age(found.phone_last_seen)} ago"
    if days is None:
        return seen
    left = (
        f"{days} day{'' if days == 1 else 's'} until WhatsApp may unlink it"
        if days
        else "WhatsApp may unlink it any day"
    )
    return f"{seen}, {left}"


def _age(text: str | None) -> str:
    found = moment(text)
    return "an unknown time" if found is None else span((datetime.now(UTC) - found).total_seconds())


def _clock(text: str) -> str:
    found = moment(text)
    return "an unknown time" if found is None else found.astimezone().strftime("%Y-%m-%d %H:%M")
