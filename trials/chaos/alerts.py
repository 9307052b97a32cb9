"""What a person was told by the bot: each incident once, and its end once."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

_SCRIPT = """#!/bin/sh
cat > /dev/null
echo "$LINDA_ALERT_ID $LINDA_ALERT_INCIDENT $LINDA_ALERT_PURPOSE $LINDA_ALERT_TOPIC $LINDA_ALERT_KIND" >> "{file}"
"""
_MUST_END = "link"
"""Health looks back on the last hour, and the log has to be well for a minute: both may outlast a round."""


class Notice(NamedTuple):
    """What was told once."""

    id: str
    incident: str
    purpose: str
    topic: str
    kind: str


class Alerts:
    """The command that is told, and what it has heard."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "alerts"
        self._file.touch()
        self._forgiven: set[str] = set()
        script = directory / "tell"
        script.write_text(_SCRIPT.format(file=self._file))
        script.chmod(0o700)
        self.environment = {"LINDA_ALERT__COMMAND": str(script)}

    def told(self) -> list[Notice]:
        """Return everything, the oldest first; what came twice under the same id, as promised, once."""
        notices = [Notice(*line.split()) for line in self._file.read_text().splitlines()]
        return [notice for notice in dict.fromkeys(notices) if notice.incident not in self._forgiven]

    def forgive(self, notices: Iterable[Notice]) -> None:
        """Hear no more of some incidents."""
        self._forgiven |= {notice.incident for notice in notices}


def open_incidents(told: Iterable[Notice]) -> list[Notice]:
    """Return those of the link that began and are not over. Pure."""
    found: dict[str, Notice] = {}
    for notice in told:
        if notice.purpose in ("alert", "escalation") and notice.topic == _MUST_END:
            found[notice.incident] = notice
        elif notice.purpose in ("recovery", "missed"):
            found.pop(notice.incident, None)
    return list(found.values())


def mistakes(told: Iterable[Notice]) -> Iterator[str]:
    """Say which incidents were told twice, ended twice, or ended without having begun. Pure."""
    begun: set[str] = set()
    over: set[str] = set()
    for notice in told:
        name = f"{notice.topic}/{notice.kind} {notice.incident}"
        match notice.purpose:
            case "alert" if notice.incident in begun:
                yield f"the incident {name} was told twice"
            case "alert":
                begun.add(notice.incident)
            case "recovery" if notice.incident in over:
                yield f"the end of {name} was told twice"
            case "recovery" if notice.incident not in begun:
                yield f"the end of {name} was told, but not its beginning"
            case "recovery":
                over.add(notice.incident)
            case _:
                pass
