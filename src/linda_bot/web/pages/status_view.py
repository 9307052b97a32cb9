"""What stands on the status page, part by part: the facts of each template, from a look at the bot; pure."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from linda_bot.app import status_words
from linda_bot.app.looking import Look
from linda_bot.app.pairing import PairingView, Stage
from linda_bot.app.past_health import DAY, Curve, PastHealth
from linda_bot.app.recent_events import Happening
from linda_bot.app.status import UNKNOWN, BotStatus, masked
from linda_bot.connection.lifecycle import LinkState
from linda_bot.health.rules import advice_for
from linda_bot.health.stats import Cell, Day
from linda_bot.kernel.amounts import percent, size_text
from linda_bot.kernel.sentences import sentence
from linda_bot.kernel.spans import span
from linda_bot.sessions.device_status import moment
from linda_bot.web.pages.charts import Place, ceiling, curve, in_words, key, strip
from linda_bot.web.pages.texts import LONG, SHORT, USUAL, fit

Facts = dict[str, object]

_TONES = {"green": "good", "red": "bad", "dim": "off"}
"""How a state looks, by the name of its colour; any other is something that will pass: `wait`."""

_GRADES = {"healthy": "good", "degraded": "wait", "unhealthy": "bad"}
_ALERTS_AT_MOST, _REASONS_AT_MOST = 6, 8
_LATE = timedelta(minutes=20)
"""How old the record's last word may be before that is worth a word."""


class Line(NamedTuple):
    """A name, and what there is to say."""

    name: str
    text: str
    at: datetime | None = None
    """When that was."""


def view_of(look: Look, *, show_numbers: bool) -> dict[str, Facts]:
    """Return the facts of each part, by its name; every text is fit to be shown."""
    status = look.status.value
    if status is not None and not show_numbers:
        status = masked(status)
    seen = _View(look.at, show_numbers=show_numbers)
    return {
        "state": seen.state(status, look.status.trouble, look.pairing),
        "alerts": seen.alerts(status),
        "link": seen.link(look.past.value, look.past.trouble),
        "health": seen.health(status, look.past.value),
        "messages": seen.messages(status),
        "session": seen.session(status),
        "events": seen.events(look.events.value or (), look.events.trouble),
    }


class _View:
    def __init__(self, now: datetime, *, show_numbers: bool) -> None:
        self._now = now
        self._show_numbers = show_numbers

    def state(self, status: BotStatus | None, trouble: str, pairing: PairingView) -> Facts:
        """Return what is seen at one glance."""
        if status is None or trouble:
            return _NOTHING | {"because": self._sentence(trouble)}
        is_up = status.state == LinkState.CONNECTED
        colour = next((colour for state, colour in status_words.COLOURS.items() if state == status.state), "")
        tone = _TONES.get(colour, "wait")
        return {
            "tone": "pause" if is_up and status.paused_since else tone,
            "headline": self._fit(status_words.headline(status), SHORT),
            "word": self._fit(status.state.replace("_", " "), SHORT),
            "since": moment(status.since),
            "because": "" if is_up else self._sentence(status.because),
            "advice": self._sentence(status_words.next_step(status)),
            "last_connected": None if is_up else moment(status.last_connected),
            "paused_since": moment(status.paused_since),
            "is_paused": status.paused_since is not None,
            "in_sandbox": status.sandbox,
            "needs_phone": not is_up and pairing.stage in (Stage.ASKING, Stage.CODE, Stage.WAITING),
        }

    def alerts(self, status: BotStatus | None) -> Facts:
        """Return what a person was told of, and is not over."""
        found = status.alerts if status else ()
        shown = [
            {
                "text": self._sentence(alert.because or alert.kind.replace("_", " ")),
                "advice": self._sentence(alert.advice),
                "since": moment(alert.since),
                "age": status_words.age(alert.since),
            }
            for alert in found[:_ALERTS_AT_MOST]
        ]
        return {"alerts": shown, "more": max(len(found) - _ALERTS_AT_MOST, 0)}

    def link(self, past: PastHealth | None, trouble: str) -> Facts:
        """Return what the link was like in the last day and week."""
        legend = [(key(cell), words) for cell, words in status_words.CELLS.items()]
        facts = {"trouble": self._sentence(trouble), "legend": legend}
        if past is None:
            return facts | {"is_known": False}
        return facts | {
            "is_known": True,
            "day": _row(past.day, timedelta(minutes=30)),
            "day_share": percent(past.day_share),
            "day_ticks": [f"{past.day.midnight + timedelta(hours=hours):%H:%M}" for hours in (0, 6, 12, 18)],
            "week": [
                {"name": f"{day.midnight:%a %d %b}", "share": percent(day.up_share), **_row(day, timedelta(hours=1))}
                for day in reversed(past.week)
            ],
            "week_share": percent(past.week_share),
            "zone": _zone(past.day.midnight),
            "late_since": past.until if self._now - past.until > _LATE else None,
        }

    def health(self, status: BotStatus | None, past: PastHealth | None) -> Facts:
        """Return how well the bot is, and the curves of the last day."""
        grade = status.health if status else UNKNOWN
        reasons = [self._fit(text) for text in status.health_reasons] if status else []
        advice = {self._fit(reason.text): advice_for(reason.word) for reason in past.reasons} if past else {}
        shown = [(sentence(text), sentence(advice.get(text, ""))) for text in reasons]
        return {
            "tone": _GRADES.get(grade, "off"),
            "grade": "not looked at yet" if grade == UNKNOWN else self._fit(grade, SHORT),
            "at": moment(status.health_at) if status else None,
            "reasons": shown[:_REASONS_AT_MOST],
            "more": max(len(shown) - _REASONS_AT_MOST, 0),
            "curves": [
                drawn
                for drawn in (
                    _drawn("Round trip to WhatsApp", past.round_trip_ms, past.until, "ms") if past else None,
                    _drawn("Memory, bot and engine", past.memory_mb, past.until, "MB") if past else None,
                )
                if drawn
            ],
        }

    def messages(self, status: BotStatus | None) -> Facts:
        """Return how many messages are where."""
        if status is None:
            return {"is_known": False}
        counts = status.messages
        return {
            "is_known": True,
            "handled": counts.handled,
            "sent": counts.sent,
            "lines": status_words.mail(counts),
        }

    def session(self, status: BotStatus | None) -> Facts:
        """Return what else there is to know of the session and the process."""
        return {"lines": [] if status is None else [self._fitted(line) for line in _session_lines(status)]}

    def events(self, happenings: tuple[Happening, ...], trouble: str) -> Facts:
        """Return what has happened last, the newest first."""
        shown = [
            {
                "at": each.at,
                "level": self._fit(each.level, SHORT),
                "name": fit(each.name.replace("_", " "), SHORT),
                "facts": fit(each.facts, LONG),
            }
            for each in reversed(happenings)
        ]
        return {"events": shown, "trouble": self._sentence(trouble)}

    def _fitted(self, line: Line) -> Line:
        return line._replace(text=self._fit(line.text))

    def _fit(self, text: str, most: int = USUAL) -> str:
        return fit(text, most, show_numbers=self._show_numbers)

    def _sentence(self, text: str) -> str:
        return sentence(self._fit(text))


_NOTHING: Facts = {
    "tone": "bad",
    "headline": "the state cannot be read",
    "word": "no answer",
    "since": None,
    "advice": "",
    "last_connected": None,
    "paused_since": None,
    "is_paused": False,
    "in_sandbox": False,
    "needs_phone": False,
}


def _session_lines(status: BotStatus) -> list[Line]:
    newest = status.last_backup
    linked = f"linked to {status.linked_number}" if status.linked_number else "not linked"
    lines = [Line("Account", f"{status.account}, {linked}")]
    if newest is None:
        lines.append(Line("Backups", "none yet"))
    else:
        lines.append(Line("Backups", status_words.backups(status), moment(newest.time)))
        lines.append(Line("Newest backup", f"{newest.name}, {size_text(newest.size)}"))
    lines.append(Line("Restores", status_words.restores(status), moment(status.last_restore)))
    if status.phone_last_seen:
        lines.append(Line("Phone", status_words.phone(status), moment(status.phone_last_seen)))
    if status.guard is not None:
        lines.append(Line("Guard", status_words.guard(status.guard)))
    if status.pid is not None:
        up = f"up {span(status.uptime_s)}, " if status.uptime_s is not None else ""
        lines.append(Line("Process", f"{up}pid {status.pid}, linda-bot {status.version}"))
    return lines


def _row(day: Day, each: timedelta) -> dict[str, object]:
    words = in_words(day.cells, day.midnight, each)
    return {"strip": strip(day.cells, words), "is_all_up": set(day.cells) <= {Cell.UP, Cell.TO_COME}}


def _zone(at: datetime) -> str:
    """Return by how much the machine's clock differs from UTC: `UTC+04:00`."""
    shift = f"{at:%z}"
    return f"UTC{shift[:3]}:{shift[3:5]}"


def _drawn(title: str, found: Curve | None, until: datetime, unit: str) -> dict[str, object] | None:
    if found is None:
        return None
    words = f"median {_figure(found.usual)} {unit}, from {_figure(found.least)} to {_figure(found.most)} {unit}"
    top = ceiling(found.most)
    begin = until.astimezone(UTC) - DAY
    places = [Place((point.at - begin) / DAY, point.value) for point in found.points]
    picture = curve(places, top=top, title=f"{title}, last 24 hours", words=words)
    return {"title": title, "words": words, "picture": picture, "top": f"{_figure(top)} {unit}"}


def _figure(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"  # noqa: PLR2004 (two digits are enough)
