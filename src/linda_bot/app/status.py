"""How a bot is, in one value: what `status` prints and the control API answers; pure."""

from datetime import datetime, timedelta

import msgspec

from linda_bot import __version__
from linda_bot.connection.phone_watch import UNLINKED_AFTER_DAYS
from linda_bot.kernel.masking import mask_line, mask_number
from linda_bot.sessions.device_status import DeviceStatus, moment, timestamp
from linda_bot.sessions.manifest import Backup
from linda_bot.sessions.summary import LastBackup

UNKNOWN = "unknown"


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the whole."""


class MailCounts(_Part, frozen=True, kw_only=True):
    """How many messages are where."""

    waiting: int = 0
    """To be handled."""
    set_aside: int = 0
    pending: int = 0
    """To be sent."""
    sending: int = 0
    unknown: int = 0
    """Sent or not: nobody knows."""
    failed: int = 0
    handled: int | None = None
    """Since the start; None when the bot does not tell."""
    sent: int | None = None


class GuardStatus(_Part, frozen=True, kw_only=True):
    """Whether answers are kept from being lost."""

    active: bool
    caught: int = 0
    """How many were saved in the life of the session's store."""
    why: str = ""
    """Why it is not active."""


class OpenAlert(_Part, frozen=True, kw_only=True):
    """What a person was told of, and is not over."""

    topic: str
    kind: str
    because: str
    advice: str
    since: str


class HealthReport(_Part, frozen=True, kw_only=True):
    """How the bot's health was found, and when."""

    grade: str = UNKNOWN
    """`healthy`, `degraded`, `unhealthy`, or `unknown`."""
    reasons: tuple[str, ...] = ()
    at: str | None = None


class BotStatus(_Part, frozen=True, kw_only=True):
    """The whole; times in UTC with milliseconds and a Z."""

    account: str
    live: bool
    """Whether the running bot says so itself, or its files do."""
    state: str
    """A word of `connection.lifecycle.LinkState`."""
    since: str | None
    because: str
    linked_number: str
    """Empty for none."""
    last_connected: str | None
    """The last moment at which the link was known to be up, or when it came up."""
    restore_count: int
    last_restore: str | None
    last_restore_ms: int | None
    backups: int
    last_backup: LastBackup | None
    health: str
    health_reasons: tuple[str, ...] = ()
    health_at: str | None = None
    messages: MailCounts = MailCounts()
    guard: GuardStatus | None = None
    """None when that is not known."""
    phone_last_seen: str | None = None
    phone_days_left: int | None = None
    """Until WhatsApp may unlink the device, if the phone stays away; None when it was never seen."""
    paused_since: str | None = None
    alerts: tuple[OpenAlert, ...] = ()
    sandbox: bool = False
    uptime_s: int | None = None
    """None when it does not run."""
    pid: int | None = None
    version: str = __version__


def session_facts(status: DeviceStatus, backups: list[Backup], now: datetime) -> dict[str, object]:
    """Return what the session's files say of a bot, as fields of its status."""
    newest = backups[0] if backups else None
    seen = status.phone_last_seen or status.linked_at
    return {
        "linked_number": status.number if status.device_linked else "",
        "last_connected": status.last_connected,
        "restore_count": status.restore_count,
        "last_restore": status.last_restore_time,
        "last_restore_ms": status.restore_duration,
        "backups": len(backups),
        "last_backup": newest
        and LastBackup(name=newest.name, time=newest.manifest.created_at, size=newest.manifest.size),
        "phone_last_seen": seen if status.device_linked else None,
        "phone_days_left": days_left(moment(seen), now) if status.device_linked else None,
    }


def days_left(seen: datetime | None, now: datetime) -> int | None:
    """Return for how many days a phone may stay away that was seen at a moment; None when it never was."""
    if seen is None:
        return None
    left = timedelta(days=UNLINKED_AFTER_DAYS) - (now - seen)
    return min(max(left.days + (left.seconds > 0), 0), UNLINKED_AFTER_DAYS)


def masked(status: BotStatus) -> BotStatus:
    """Return a status without phone numbers."""
    return msgspec.structs.replace(
        status,
        account=mask_line(status.account),
        linked_number=mask_number(status.linked_number),
        because=mask_line(status.because),
        health_reasons=tuple(map(mask_line, status.health_reasons)),
        alerts=tuple(msgspec.structs.replace(alert, because=mask_line(alert.because)) for alert in status.alerts),
    )


def time_of(moment: datetime | None) -> str | None:
    """Return a moment as a status has it."""
    return None if moment is None else timestamp(moment)
