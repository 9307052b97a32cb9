"""What is told of an incident, and when; pure.

The incidents are a tuple in the order in which they began: of each topic at most one that is open, and it comes last.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from msgspec.structs import replace

from linda_bot.health.alerting.incident import Incident, Now, Trouble

GRAVE = frozenset({"logged_out", "replaced", "gave_up", "session_lost", "banned", "outdated"})
"""Kinds that do not wait until quiet hours are over: the bot does nothing more until a person does something."""

_MOST_UNTOLD = 10
"""How many incidents that began and ended in quiet hours are told of afterwards; older ones are only in the log."""

_MOST_TROUBLES = 20
"""How many of one incident are told; whoever raises alerts raises only what is graver than before."""

Incidents = tuple[Incident, ...]


class Purpose(StrEnum):
    """Why a person gets a notice."""

    ALERT = "alert"
    ESCALATION = "escalation"
    """Something graver has come up in an incident that is open."""
    REMINDER = "reminder"
    RECOVERY = "recovery"
    """It is over, and had been told of."""
    MISSED = "missed"
    """It began and ended while nobody was to be told."""
    TEST = "test"


class Due(NamedTuple):
    """Something that is to be told now."""

    purpose: Purpose
    incident: Incident
    """As it is when that has been done."""
    rest: Incidents
    """All incidents then."""
    to_log: bool = False
    """Whether the log does not know yet."""
    to_person: bool = True


def raised(incidents: Incidents, topic: str, trouble: Trouble, now: Now, new_id: str) -> Incidents:
    """Return the incidents after something was found wrong; what is known already changes nothing."""
    found = open_incident(incidents, topic)
    if found is None:
        began = Incident(
            id=new_id,
            topic=topic,
            troubles=(trouble,),
            began_at=trouble.at,
            told_at=trouble.at,
            told_s=now.loop_s,
            began_s=now.loop_s,
        )
        return (*incidents, began)
    known = any((each.kind, each.because) == (trouble.kind, trouble.because) for each in found.troubles)
    if known or len(found.troubles) >= _MOST_TROUBLES:
        return incidents
    return _with(incidents, replace(found, troubles=(*found.troubles, trouble), reminders=0))


def cleared(incidents: Incidents, topic: str, lasted_s: float, now: Now) -> Incidents:
    """Return the incidents after a topic's trouble has ended."""
    found = open_incident(incidents, topic)
    if found is None:
        return incidents
    after = _with(incidents, replace(found, over_at=now.wall, lasted_s=lasted_s))
    untold = [incident.id for incident in after if incident.over_at is not None and not incident.told]
    dropped = set(untold[:-_MOST_UNTOLD])
    return tuple(incident for incident in after if incident.id not in dropped)


def open_incident(incidents: Incidents, topic: str) -> Incident | None:
    """Return the incident of a topic that is open."""
    return next((each for each in incidents if each.topic == topic and each.over_at is None), None)


def next_due(incidents: Incidents, now: Now, remind: Sequence[float], *, quiet: bool) -> Due | None:
    """Return what is to be told first of all that is to be told now; None when nothing is.

    `remind` says after how many seconds an open incident is told again; the last of them is repeated.
    """
    for incident in incidents:
        due = _due(incident, now, remind, quiet=quiet)
        if due is None:
            continue
        earlier = next(each for each in incidents if each.topic == incident.topic)
        if due[0] is not None and earlier is not incident:  # a topic's notices keep their order, whatever the hour
            incident, due = earlier, _due(earlier, now, remind, quiet=False) or due  # noqa: PLW2901 (told instead)
        purpose, to_log = due
        return _told(incidents, incident, purpose, now, to_log=to_log)
    return None


def next_in_s(incidents: Incidents, now: Now, remind: Sequence[float]) -> float | None:
    """Return in how many seconds the next reminder is due; None when none will be."""
    if not remind:
        return None
    times = [_reminder_at(incident, remind) for incident in incidents if incident.over_at is None]
    return max(min(times) - now.loop_s, 0.0) if times else None


def _due(incident: Incident, now: Now, remind: Sequence[float], *, quiet: bool) -> tuple[Purpose | None, bool] | None:
    """Return what a person is to be told, if anything, and whether the log is to be reminded."""
    untold = incident.troubles[incident.told_troubles :]
    if incident.over_at is not None:
        may = not quiet or any(trouble.kind in GRAVE for trouble in incident.troubles)
        return (Purpose.RECOVERY if incident.told else Purpose.MISSED, False) if may else None
    if untold and (not quiet or any(trouble.kind in GRAVE for trouble in untold)):
        return (Purpose.ESCALATION if incident.told else Purpose.ALERT, False)
    if remind and now.loop_s >= _reminder_at(incident, remind):
        return (None if quiet else Purpose.REMINDER, True)
    return (Purpose.REMINDER, False) if incident.owes_reminder and not quiet else None


def _reminder_at(incident: Incident, remind: Sequence[float]) -> float:
    return incident.told_s + remind[min(incident.reminders, len(remind) - 1)]


def _told(incidents: Incidents, incident: Incident, purpose: Purpose | None, now: Now, *, to_log: bool) -> Due:
    if purpose in (Purpose.RECOVERY, Purpose.MISSED):
        after = replace(incident, told=incident.told + 1)
        rest = tuple(each for each in incidents if each.id != incident.id)
        return Due(purpose, after, rest)
    after = replace(
        incident,
        told=incident.told + (purpose is not None),
        told_troubles=incident.told_troubles if purpose is None else len(incident.troubles),
        reminders=incident.reminders + to_log,
        owes_reminder=purpose is None,
        told_at=now.wall,
        told_s=now.loop_s,
    )
    return Due(
        purpose or Purpose.REMINDER, after, _with(incidents, after), to_log=to_log, to_person=purpose is not None
    )


def _with(incidents: Incidents, changed: Incident) -> Incidents:
    return tuple(changed if each.id == changed.id else each for each in incidents)
