"""What a run is to be: how long, how fast its days go by, and what happens when; pure."""

import random
from enum import StrEnum
from typing import NamedTuple

import msgspec

from linda_bot.settings import Settings
from tests.support.streams import IN_A_HURRY

_DAY_S = 86400.0
_HOUR_S, _MINUTE_S = 3600.0, 60.0
_A_WEEK = 7
_DROPS_A_DAY = (0.3, 0.7)
_OUTAGE_ON, _RESTART_ON, _KILL_ON = 3.5, 6.0, 7.0
"""Days of a week. Restart and kill are close together, so that the daemon's other life is as long as it can be."""
_OUTAGE_SHARE, _ALERT_SHARE = 0.1, 0.025


class What(StrEnum):
    """What is done to the bot."""

    DROP = "drop"
    OUTAGE = "outage"
    RESTART = "restart"
    KILL_DAEMON = "kill of the daemon"
    KILL_ENGINE = "kill of the engine"


class Deed(NamedTuple):
    """Something that is done to the bot, so many seconds after it was linked."""

    at_s: float
    what: What


class Plan(msgspec.Struct, frozen=True):
    """A run as it is meant; all times are real seconds."""

    lasts_s: float
    unit: str
    """What time is told in: day (of a compressed month), hour or minute."""
    unit_s: float
    """How long one of these takes."""
    is_compressed: bool
    look_every_s: float
    tell_every_s: float
    a_second: float
    """How many messages all friends together write."""
    drop_every_s: float
    """Of a run in real time."""
    trend_from_s: float
    """How long a process must have lived before it can be said whether it grows."""
    settings: dict[str, str]


def real_time(lasts_s: float, *, a_second: float, drop_every_s: float) -> Plan:
    """Return a run with the settings' defaults."""
    in_hours = lasts_s >= 2 * _HOUR_S
    return Plan(
        lasts_s=lasts_s,
        unit="hour" if in_hours else "minute",
        unit_s=_HOUR_S if in_hours else _MINUTE_S,
        is_compressed=False,
        look_every_s=min(max(lasts_s / 5000, 3.0), 60.0),
        tell_every_s=_MINUTE_S,
        a_second=a_second,
        drop_every_s=drop_every_s,
        trend_from_s=5 * _MINUTE_S,
        settings={},
    )


def compressed(days: int, *, day_s: float, a_second: float) -> Plan:
    """Return a run of so many days that take so many seconds each."""
    return Plan(
        lasts_s=days * day_s,
        unit="day",
        unit_s=day_s,
        is_compressed=True,
        look_every_s=min(max(day_s / 10, 0.5), 5.0),
        tell_every_s=day_s,
        a_second=a_second,
        drop_every_s=0.0,
        trend_from_s=3 * day_s,
        settings=shortened(day_s),
    )


def shortened(day_s: float) -> dict[str, str]:
    """Return every period among the settings, shortened by one factor; waits for the other side stay as they are."""
    factor, usual = day_s / _DAY_S, Settings.model_construct()
    periods = {
        "LINDA_REFRESH__EVERY": usual.refresh.every,
        "LINDA_BACKUP__EVERY": usual.backup.every,
        "LINDA_BACKUP__AFTER_STABLE": usual.backup.after_stable,
        "LINDA_HEALTH__EVERY": usual.health.every,
        "LINDA_KEEP_ALIVE__EVERY": usual.keep_alive.every,
        "LINDA_ALERT__CLEAR_AFTER": usual.alert.clear_after,
        "LINDA_RECONNECT__COOL_DOWN": usual.reconnect.cool_down,
    }
    return {
        **IN_A_HURRY,
        **{name: f"{value * factor:.6g}" for name, value in periods.items()},
        "LINDA_ALERT__REMIND": f"[{', '.join(f'{after_s * factor:.6g}' for after_s in usual.alert.remind)}]",
        # By the factor it would be shorter than any reconnection takes, and each drop an alert.
        "LINDA_ALERT__AFTER": f"{day_s * _ALERT_SHARE:g}",
    }


def deeds_of(plan: Plan) -> list[Deed]:
    """Return what is done to the bot, in order."""
    deeds = list(_month(plan) if plan.is_compressed else _drops(plan))
    return sorted(deed for deed in deeds if 0 < deed.at_s < plan.lasts_s)


def outage_s(plan: Plan) -> float:
    """Return how long an outage lasts."""
    return plan.unit_s * _OUTAGE_SHARE


def _month(plan: Plan) -> list[Deed]:
    chance, day_s = random.Random(plan.lasts_s), plan.unit_s
    days = int(plan.lasts_s / day_s) + 1
    found = [
        Deed((day + share + chance.uniform(-0.1, 0.1)) * day_s, What.DROP)
        for day in range(days)
        for share in _DROPS_A_DAY
    ]
    for week in range(days // _A_WEEK + 1):
        begin = week * _A_WEEK
        found += [
            Deed((begin + _OUTAGE_ON) * day_s, What.OUTAGE),
            Deed((begin + _RESTART_ON) * day_s, What.RESTART),
            Deed((begin + _KILL_ON) * day_s, What.KILL_ENGINE if week % 2 else What.KILL_DAEMON),
        ]
    return found


def _drops(plan: Plan) -> list[Deed]:
    if not plan.drop_every_s:
        return []
    count = int(plan.lasts_s / plan.drop_every_s) + 1
    return [Deed(plan.drop_every_s * number, What.DROP) for number in range(1, count)]
