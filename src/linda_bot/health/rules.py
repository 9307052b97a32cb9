"""What is wrong with a bot, from which value on it is, and what a person can do about it; pure."""

import math
from collections.abc import Callable

from linda_bot.health.rule import HEALTH, LINK, NOTHING, Look, Rule
from linda_bot.health.samples import Readings
from linda_bot.health.states import CONNECTED, DOWN, HARD, LINKING, STARTING
from linda_bot.kernel.spans import span

_DAY_S = 86400.0
_MB = 1024.0**2
_NEVER = math.inf
GRACE_S = 15.0
"""For how long a link may be down before anybody calls that a fault: renewals and short drops are none."""
LASTING_S = 180.0
"""From then on it is a grave one."""
_GUARDED_WITHIN_S = 60.0
_SHORTEST_BACKUP_EVERY_S = 1800.0
_UNLINKED_AFTER_DAYS = 15.0
"""When WhatsApp has not unlinked the device by then, the phone was online all the same."""


def _down(*states: str) -> Callable[[Look], float]:
    def value(look: Look) -> float:
        return look.readings.down_for_s or 0.0 if look.state in states else NOTHING

    return value


def _when_up(value: Callable[[Readings], float | None]) -> Callable[[Look], float]:
    """Have a value count only while the link is up."""

    def seen(look: Look) -> float:
        found = value(look.readings) if look.state == CONNECTED else None
        return NOTHING if found is None else found

    return seen


def _known(value: float | None, factor: float = 1.0) -> float:
    return NOTHING if value is None else value * factor


def _for(look: Look) -> str:
    return span(look.readings.down_for_s or 0.0)


def _share(part: int, rest: int, what: str) -> str:
    return f"{part} of {part + rest} {what} in the last hour"


def _without_backup(readings: Readings) -> float | None:
    return readings.session_age_s if readings.backups == 0 else None


def _backup_overdue(look: Look) -> float:
    """Return how many times the usual interval a backup is due; one that nobody could make is not missed."""
    readings = look.readings
    if look.state != CONNECTED or readings.backup_age_s is None or readings.session_age_s is None:
        return NOTHING
    waited_s = min(readings.backup_age_s, readings.session_age_s)
    return waited_s / max(look.limits.backup_every_s, _SHORTEST_BACKUP_EVERY_S)


def _unguarded(readings: Readings) -> float | None:
    return readings.session_age_s if readings.guard_active is False else None


def _phone_days(look: Look) -> float:
    days = _known(look.readings.phone_seen_s, 1 / _DAY_S)
    return days if days < _UNLINKED_AFTER_DAYS else NOTHING


_HARD_TEXTS = {
    "circuit_open": ("too many attempts to connect have failed in a row", "see whether this machine has a network"),
    "logged_out": ("WhatsApp has logged the device out", "link it again with the QR code that `linda-bot run` shows"),
    "replaced": ("another client uses the same device", "stop the other program that uses this linked device"),
    "banned": ("WhatsApp has banned the account for a while", "wait; then write less, and only to who expects it"),
    "outdated": ("WhatsApp does not accept this version of the client library", "upgrade neonize, restart the bot"),
}


def _hard_rule(state: str) -> Rule:
    text, advice = _HARD_TEXTS[state]
    return Rule(
        state,
        LINK,
        lambda look: 1.0 if look.state == state else NOTHING,
        (1, 1),
        (1, 1),
        lambda look: f"{text} ({_for(look)} without a link)",
        advice,
    )


RULES = (
    *(_hard_rule(state) for state in sorted(HARD)),
    Rule(
        "link_down",
        LINK,
        _down(STARTING, *DOWN),
        (GRACE_S, LASTING_S),
        (GRACE_S / 2, LASTING_S / 2),
        lambda look: f"the link has been down for {_for(look)}",
        "see whether this machine has a network; the bot goes on trying by itself",
    ),
    Rule(
        "not_linked",
        LINK,
        _down(LINKING),
        (GRACE_S, 600),
        (GRACE_S / 2, 300),
        lambda look: f"it has waited to be linked for {_for(look)}",
        "scan the QR code that `linda-bot run` shows, or type its pairing code",
    ),
    Rule(
        "unstable",
        LINK,
        lambda look: look.recent.reconnects,
        (6, 60),
        (3, 30),
        lambda look: f"the link was lost and came back {look.recent.reconnects} times in the last hour",
        "see whether this machine's network is stable; `linda-bot why` tells what happened",
    ),
    Rule(
        "handler_errors",
        HEALTH,
        lambda look: look.recent.error_share,
        (0.1, 0.5),
        (0.05, 0.3),
        lambda look: f"handlers failed at {_share(look.recent.handler_errors, look.recent.handled, 'tries')}",
        "read the errors: linda-bot logs --event handler_failed",
    ),
    Rule(
        "send_failures",
        HEALTH,
        lambda look: look.recent.failure_share,
        (0.1, 0.5),
        (0.05, 0.3),
        lambda look: f"{_share(look.recent.send_failures, look.recent.sent, 'messages')} were not sent",
        "see what they were and why: linda-bot outbox",
    ),
    Rule(
        "set_aside",
        HEALTH,
        lambda look: _known(look.readings.inbox_aside),
        (1, _NEVER),
        (1, _NEVER),
        lambda look: f"messages that could not be handled: {look.readings.inbox_aside}",
        "decide on them: linda-bot inbox",
    ),
    Rule(
        "inbox_queue",
        HEALTH,
        lambda look: look.inbox_floor,
        (100, 5000),
        (20, 1000),
        lambda look: f"{look.readings.inbox_waiting} messages wait to be handled, and it does not get better",
        "see which handler is slow: `linda-bot logs --event message_handled` has how long each took",
    ),
    Rule(
        "outbox_queue",
        HEALTH,
        lambda look: look.outbox_floor,
        (100, 5000),
        (20, 1000),
        lambda look: f"{look.readings.outbox_pending} messages wait to be sent, and it does not get better",
        "send less, or see what holds them up: linda-bot outbox",
    ),
    Rule(
        "memory",
        HEALTH,
        lambda look: _known(look.readings.memory_mb, 1 / look.limits.memory_mb),
        (1, 1.5),
        (0.9, 1.35),
        lambda look: f"it uses {look.readings.memory_mb:.0f} MB of memory, more than {look.limits.memory_mb:g}",
        "restart the bot; if that is its normal size, raise LINDA_HEALTH__MEMORY_MB",
        patient=True,
    ),
    Rule(
        "memory_growing",
        HEALTH,
        lambda look: _known(look.full_in_h, -1),
        (-48, _NEVER),
        (-96, _NEVER),
        lambda look: f"its memory only grows, and is {look.limits.memory_mb:g} MB in {_hours(look)} at this rate",
        "see whether a handler keeps what it should forget; a restart gives the memory back",
    ),
    Rule(
        "no_backup",
        HEALTH,
        _when_up(_without_backup),
        (3600, 43200),
        (3000, 36000),
        lambda look: f"there is no backup, after {span(look.readings.session_age_s or 0)} with a link",
        "see why: linda-bot why; make one: linda-bot backup",
    ),
    Rule(
        "backup_old",
        HEALTH,
        _backup_overdue,
        (2, 8),
        (1.5, 6),
        lambda look: f"the newest backup is {span(look.readings.backup_age_s or 0)} old",
        "see why: linda-bot why; make one: linda-bot backup",
    ),
    Rule(
        "disk",
        HEALTH,
        lambda look: _known(look.readings.disk_free_bytes, -1 / _MB),
        (-200, -50),
        (-300, -80),
        lambda look: f"the disk has only {(look.readings.disk_free_bytes or 0) / _MB:.0f} MB left",
        "make room on the disk that the data directory is on",
    ),
    Rule(
        "guard",
        HEALTH,
        _when_up(_unguarded),
        (_GUARDED_WITHIN_S, _NEVER),
        (_GUARDED_WITHIN_S / 2, _NEVER),
        lambda _: "the guard against lost answers does not hold, so answers are sent slowly",
        "see why: linda-bot doctor",
    ),
    Rule(
        "phone",
        HEALTH,
        _phone_days,
        (10, _NEVER),
        (9, _NEVER),
        lambda look: f"nothing has come from the account's phone for {span(look.readings.phone_seen_s or 0)}",
        "open WhatsApp on the phone, else WhatsApp may unlink this device after about 14 days",
    ),
    Rule(
        "log_lost",
        HEALTH,
        lambda look: float(look.lines_lost),
        (1, _NEVER),
        (1, _NEVER),
        lambda look: f"lines that the event log could not write: {look.lines_lost}",
        "see whether the disk that the data directory is on is full or slow",
    ),
    Rule(
        "loop_lag",
        HEALTH,
        lambda look: _known(look.readings.loop_lag_ms),
        (1000, 10_000),
        (500, 5000),
        lambda look: f"everything had to wait for up to {(look.readings.loop_lag_ms or 0) / 1000:.1f} s",
        "a handler does something slow without `await`: linda-bot logs --event handler_blocked; or the machine is busy",
        patient=True,
    ),
)
"""All of them, the link's first."""

_ADVICE = {rule.word: rule.advice for rule in RULES}


def advice_for(word: str) -> str:
    """Return what a person can do about a reason; empty for a word that this version does not know."""
    return _ADVICE.get(word, "")


def _hours(look: Look) -> str:
    return span((look.full_in_h or 0.0) * 3600)
