"""What is said of a run: whether everything was as it should be; pure."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from linda_bot.kernel.amounts import size_text
from tests.support.streams import Tally
from trials.soak.places import KINDS, bounds
from trials.soak.plan import Plan, What
from trials.soak.record import AnyEntry, Began, Bug, Done, Ended, Load, Over, Seen
from trials.soak.trend import Limit, Point, growth

MOST_LOST_A_KILL = 3
"""What the death of an engine may cost: the library confirms messages before anybody could write them down."""
_MB = 1024 * 1024
_HOUR_S = 3600.0
_SHORT_LIFE = 0.5
"""Of an engine that lived for less than that of a day no peak is taken."""
_A_DAY_AT_LEAST = 0.5
"""So much of what a day has must have happened: kills and restarts put some of it off."""

MEMORY, COUNT = Limit(a_unit=1.0, at_least=4.0), Limit(a_unit=0.5, at_least=3.0)
"""MB, and descriptors, threads or tasks: in a day of the month, in an hour of real time, or from engine to engine.

What is bounded fills up in the beginning, and is some MB: the pages that SQLite keeps, texts of the log, the history.
"""


class Check(NamedTuple):
    """One thing that is looked at."""

    name: str
    passed: bool
    says: str


class Life(NamedTuple):
    """What was seen of one process."""

    pid: int
    points: Sequence[tuple[float, Load]]

    @property
    def lasted_s(self) -> float:
        """From the first look to the last."""
        return self.points[-1][0] - self.points[0][0]

    def of(self, value: Callable[[Load], float]) -> list[Point]:
        """Return one of its figures over time."""
        return [(at, value(load)) for at, load in self.points]


def uss_mb(load: Load) -> float:
    """Return what a process has for itself alone, in MB."""
    return load.uss / _MB


_FIGURES: tuple[tuple[str, str, Callable[[Load], float], Limit], ...] = (
    ("memory", " MB", uss_mb, MEMORY),
    ("descriptors", "", lambda load: float(load.descriptors), COUNT),
    ("threads", "", lambda load: float(load.threads), COUNT),
)


def checks_of(entries: Sequence[AnyEntry]) -> list[Check]:
    """Return everything that is looked at; nothing for a run that never began."""
    began = next((entry for entry in entries if isinstance(entry, Began)), None)
    if began is None:
        return []
    return [*_course(entries, began.plan), *_growth(entries, began.plan), *_files(entries)]


def lives(entries: Sequence[AnyEntry], whose: Callable[[Seen], Load | None]) -> list[Life]:
    """Return the processes that there were, one after the other."""
    found: dict[int, list[tuple[float, Load]]] = defaultdict(list)
    for seen in entries:
        if isinstance(seen, Seen) and (load := whose(seen)) is not None:
            found[load.pid].append((seen.at, load))
    return [Life(pid, points) for pid, points in found.items()]


# How it went.


def _course(entries: Sequence[AnyEntry], plan: Plan) -> Iterator[Check]:
    over = next((entry for entry in entries if isinstance(entry, Over)), None)
    kills = sum(isinstance(entry, Done) and entry.what is What.KILL_ENGINE for entry in entries)
    if over is None:
        yield Check("came to its end", passed=False, says="the run was killed; what became of its messages is unknown")
    else:
        yield _messages(over.tally, over.queued, kills)
        yield Check("linked once", passed=over.pairings == 1, says=f"the phone has linked it {_times(over.pairings)}")
        if plan.is_compressed and not over.interrupted:
            yield _days(over, plan)
    ends = [entry for entry in entries if isinstance(entry, Ended)]
    words = f"code {ends[0].code}: {ends[0].last_words}" if ends else "it ended only when it was asked to, or killed"
    yield Check("never ended by itself", passed=not ends, says=words)
    bugs = [entry for entry in entries if isinstance(entry, Bug)]
    words = f"{len(bugs)}, the first: {bugs[0].text}" if bugs else "no traceback in the log or on the screen"
    yield Check("no bugs", passed=not bugs, says=words)


def _messages(tally: Tally, queued: int, kills: int) -> Check:
    wrong = []
    if tally.doubled:
        wrong.append(f"answered twice: {', '.join(tally.doubled[:5])}")
    if tally.unexplained:
        wrong.append(f"not answered: {', '.join(tally.unexplained[:5])}")
    if len(tally.unknown) > kills:
        wrong.append(f"{len(tally.unknown)} answers in doubt after {_times(kills)} that an engine was killed")
    if len(tally.lost) > kills * MOST_LOST_A_KILL:
        wrong.append(f"{len(tally.lost)} confirmed by the library and never written down")
    if tally.dropped:
        wrong.append(f"{tally.dropped} dropped for a counter that was used before")
    if queued:
        wrong.append(f"{queued} wait on the server")
    says = f"{tally.answered:,} of {tally.sent:,}"
    if tally.unknown or tally.lost:
        says += f"; {len(tally.unknown)} in doubt and {len(tally.lost)} lost with {_times(kills)} an engine killed"
    return Check("each message answered exactly once", passed=not wrong, says="; ".join([says, *wrong]))


def _days(over: Over, plan: Plan) -> Check:
    days = plan.lasts_s / plan.unit_s
    found = {name: over.events.get(name, 0) for name in ("refresh_started", "session_backed_up")}
    wanted = {"refresh_started": days - 1, "session_backed_up": days * 4}
    passed = all(found[name] >= wanted[name] * _A_DAY_AT_LEAST for name in wanted)
    says = f"{found['refresh_started']} refreshes and {found['session_backed_up']} backups in {days:g} days"
    return Check("days as they should be", passed=passed, says=says)


# Growth.


def _growth(entries: Sequence[AnyEntry], plan: Plan) -> Iterator[Check]:
    daemons, engines = lives(entries, lambda seen: seen.daemon), lives(entries, lambda seen: seen.engine)
    time = _Time("a day", plan.unit_s) if plan.is_compressed else _Time("an hour", _HOUR_S)
    for name, what, value, limit in _FIGURES:
        series = [life.of(value) for life in daemons if life.lasted_s >= plan.trend_from_s]
        yield _steady(f"{name} of the daemon", what, series, limit, time)
    series = [_tasks_of(entries, life) for life in daemons if life.lasted_s >= plan.trend_from_s]
    yield _steady("tasks of the daemon", "", series, COUNT, time)
    for name, what, value, limit in _FIGURES:
        if plan.is_compressed:
            peaks = [max(found for _, found in life.of(value)) for life in engines if _is_whole(life, plan)]
            series = [[(float(nth), peak) for nth, peak in enumerate(peaks)]]
            yield _steady(f"{name} from engine to engine", what, series, limit, _Time("an engine", 1.0))
        else:
            series = [life.of(value) for life in engines if life.lasted_s >= plan.trend_from_s]
            yield _steady(f"{name} of the engine", what, series, limit, time)


class _Time(NamedTuple):
    unit: str
    unit_s: float


def _tasks_of(entries: Sequence[AnyEntry], life: Life) -> list[Point]:
    looks = (entry for entry in entries if isinstance(entry, Seen) and entry.daemon and entry.daemon.pid == life.pid)
    # The first answer after a restart may be one of the process before.
    return [(look.at, float(look.tasks)) for look in looks if look.tasks is not None][2:]


def _is_whole(life: Life, plan: Plan) -> bool:
    """Return whether an engine was there for long enough to have grown to its size."""
    return life.lasted_s >= plan.unit_s * _SHORT_LIFE


def _steady(name: str, what: str, series: Sequence[Sequence[Point]], limit: Limit, time: _Time) -> Check:
    found = [growth([(at / time.unit_s, value) for at, value in points], limit) for points in series]
    grown = [each for each in found if each is not None]
    if not grown:
        return Check(name, passed=True, says="too short a time to say")
    worst = max(grown, key=lambda each: each.a_unit)
    highest = max(value for points in series for _, value in points)
    says = f"{worst.a_unit:+.2f}{what} {time.unit}"
    if len(grown) > 1:
        says += f" in the worst of {len(grown)} lives"
    says += f", would be found from {worst.sensitivity:.2g}{what} on; {highest:.3g}{what} at the most"
    return Check(name, passed=not any(each.exceeds(limit) for each in grown), says=says)


# Files.


def largest_files(entries: Sequence[AnyEntry]) -> dict[str, int]:
    """Return how large the files of each kind were at most."""
    looks = [entry.files for entry in entries if isinstance(entry, Seen)]
    return {kind: max((files.get(kind, 0) for files in looks), default=0) for kind in KINDS}


def _files(entries: Sequence[AnyEntry]) -> Iterator[Check]:
    largest = largest_files(entries)
    sent = max((entry.sent for entry in entries if isinstance(entry, Seen)), default=0)
    for kind, bound in bounds(sent, largest).items():
        says = f"{size_text(largest[kind])} at the most, of {size_text(bound.size)} ({bound.because})"
        yield Check(f"files: {kind}", passed=largest[kind] <= bound.size, says=says)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
