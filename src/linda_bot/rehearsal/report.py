"""The report of a run: one HTML file that needs nothing beside it. Pure."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from linda_bot.kernel.amounts import size_text
from linda_bot.rehearsal import targets
from linda_bot.rehearsal.charts import Bar, bars, curve
from linda_bot.rehearsal.figures import seconds_text
from linda_bot.rehearsal.values import Outcome, Run, Series, Verdict

_TEMPLATES = Path(__file__).with_name("templates")


def report(run: Run) -> str:
    """Return the page; whatever the texts of a run say, they stay texts."""
    passed = sum(each.verdict is Verdict.PASSED for each in run.rehearsals)
    began = f"{datetime.fromisoformat(run.began_at):%Y-%m-%d %H:%M} UTC"
    charts = list(_charts(run.rehearsals))
    return _template().render(run=run, passed=passed, began=began, charts=charts, classes=_CLASSES)


_CLASSES = {Verdict.PASSED: "good", Verdict.FAILED: "bad", Verdict.UNFINISHED: "off"}
_MB = 1024 * 1024


class _Shown(NamedTuple):
    """A series that is drawn as bars."""

    series: Series
    title: str
    words: str
    bound: float
    value: Callable[[float], str]


_SHOWN = (
    _Shown(
        Series.RESTART,
        "Restart times",
        f"from the start of the process until the bot listens; the target is under {targets.READY_S:g} s",
        targets.READY_S,
        seconds_text,
    ),
    _Shown(
        Series.RECOVERY,
        "Recovery times",
        f"from the blow until the bot listens again; the target is under {targets.READY_S:g} s, "
        f"after a lost network {targets.BACK_AFTER_LOSS_S:g} s",
        targets.READY_S,
        seconds_text,
    ),
    _Shown(
        Series.BACKUP_TIME,
        "Backup times",
        f"how long it took to make each; the target is under {targets.BACKUP_S:g} s",
        targets.BACKUP_S,
        seconds_text,
    ),
    _Shown(
        Series.BACKUP_SIZE,
        "Backup sizes",
        f"on the disk, the oldest first; the target is under {targets.BACKUP_MB:g} MB",
        targets.BACKUP_MB * _MB,
        lambda size: size_text(int(size)),
    ),
)


def _charts(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, str, Markup]]:
    """Yield titles, explanations and pictures of what was measured; nothing for what was not."""
    for shown in _SHOWN:
        if rows := _bars(outcomes, shown.series, shown.value):
            yield shown.title, shown.words, bars(rows, shown.title, bound=shown.bound)
    memory = [(s.at_s, s.value) for each in outcomes for s in each.samples if s.series is Series.MEMORY]
    if drawn := curve(memory, "Memory over time", unit="MB"):
        words = f"the bot and the client library's process while messages are answered; under {targets.MEMORY_MB:g} MB"
        yield "Memory over time", words, drawn


def _bars(outcomes: Sequence[Outcome], series: Series, words: Callable[[float], str]) -> list[Bar]:
    """Return the samples of a series, each named after its rehearsal and its place in it."""
    return [
        Bar(f"{each.name}, number {place}", sample.value, words(sample.value))
        for each in outcomes
        for place, sample in enumerate((s for s in each.samples if s.series is series), 1)
    ]


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")
