"""The page of `watch`: how the bot is, the link of the last day, and what has just happened; pure but for the clock."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from linda_bot.app.status_words import COLOURS, facts_of, headline, next_step
from linda_bot.cli.log_lines import fact_texts
from linda_bot.cli.strip_chart import Piece, cells_of
from linda_bot.connection.lifecycle import LinkState
from linda_bot.eventlog.reading import Record
from linda_bot.eventlog.redaction import Redactor
from linda_bot.kernel.masking import mask_line, printable

if TYPE_CHECKING:
    from rich.text import Text

    from linda_bot.app.status import BotStatus
    from linda_bot.health.stats import Day

_LABEL = 15
_FEWEST_EVENTS = 3
_EVENT_LABEL = 22
_LEVEL_STYLES = {"debug": "dim", "info": "", "warning": "yellow", "error": "red"}


class View(NamedTuple):
    """What is to be shown."""

    status: "BotStatus"
    trouble: str
    """Why the bot did not say so itself; empty when it did."""
    last_day: "Day | None"
    records: Sequence[Record]
    """The newest lines of the log, newest last."""
    veil: Redactor | None
    """What hides what is private in them; None shows everything."""
    now: datetime


class Paper(NamedTuple):
    """What it is shown on."""

    columns: int
    rows: int
    blocks: bool
    show_numbers: bool


def page(view: View, paper: Paper) -> list["Text"]:
    """Return the lines of the page, no more than there are rows, none longer than there are columns."""
    lines = [*_head(view, paper), *_facts(view, paper)]
    if view.last_day is not None:
        lines += [_blank(), *_link(view.last_day, paper)]
    room = paper.rows - len(lines) - 2
    if room < _FEWEST_EVENTS:
        lines = lines[: max(paper.rows - _FEWEST_EVENTS - 2, 1)]
        room = paper.rows - len(lines) - 2
    lines += [_blank(), _rule("what has happened", paper)]
    lines += [_event(record, view.veil) for record in view.records[-room:]] if room > 0 else []
    for line in lines:
        line.truncate(paper.columns, overflow="ellipsis" if paper.blocks else "crop")
    return lines[: paper.rows]


def _head(view: View, paper: Paper) -> list["Text"]:
    clock, ends = f"{view.now.astimezone():%H:%M:%S}", "q ends this view, not the bot"
    title = f"linda-bot {view.status.version}"
    state = LinkState(view.status.state)
    dot = "●" if paper.blocks else "*"
    room = max(paper.columns - len(title) - len(clock) - len(ends) - 2, 1)
    lines = [
        _text((title, "bold"), (" " * (room // 2), ""), (ends, "dim"), (" " * (room - room // 2 + 2), ""), (clock, ""))
    ]
    if view.trouble:
        silent = "does not run" if view.status.pid is None else "runs, but does not answer"
        lines.append(_text((f"{dot} ", "red"), (silent, "bold"), (f"  {view.trouble}", "dim")))
    else:
        lines.append(_text((f"{dot} ", COLOURS.get(state, "yellow")), (headline(view.status), "bold")))
    because = printable(view.status.because if paper.show_numbers else mask_line(view.status.because))
    advice = next_step(view.status)
    if because and state is not LinkState.CONNECTED and not view.trouble:
        lines.append(_text((f"  {because}", "")))
    if advice and not view.trouble:
        lines.append(_text((f"  What to do: {advice}", "")))
    return [*lines, _blank()]


def _facts(view: View, paper: Paper) -> Iterable["Text"]:
    for name, value in facts_of(view.status):
        shown = printable(value if paper.show_numbers else mask_line(value), 1000)
        yield _text((f"{name:<{_LABEL}}", "dim"), (shown, ""))


def _link(day: "Day", paper: Paper) -> list["Text"]:
    pieces = cells_of(day, blocks=paper.blocks)
    hours = f"{day.midnight:%H:%M}"
    return [_text((f"{'last 24 hours':<{_LABEL}}", "dim"), *pieces, (f"  since {hours}", "dim"))]


def _event(record: Record, veil: Redactor | None) -> "Text":
    if record.facts is None:
        return _text((printable(veil.line(record.text) if veil else record.text), "dim"))
    when = f"{record.at.astimezone():%H:%M:%S}" if record.at else " " * 8
    name = printable(record.event.replace("_", " "), 60)
    told = " ".join(fact_texts(record, veil))
    style = _LEVEL_STYLES.get(record.level, "")
    return _text((f"{when}  ", "dim"), (f"{name:<{_EVENT_LABEL}} ", style), (told, "dim"))


def _rule(title: str, paper: Paper) -> "Text":
    dash = "─" if paper.blocks else "-"
    return _text((f"{dash * 2} {title} ".ljust(paper.columns, dash), "dim"))


def _blank() -> "Text":
    return _text()


def _text(*pieces: tuple[str, str] | Piece) -> "Text":
    from rich.text import Text  # only where something is shown in colour

    return Text.assemble(*((piece[0], piece[1]) for piece in pieces), no_wrap=True)
