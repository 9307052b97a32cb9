"""What is left of a run for people: pictures and a page of Markdown; pure."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from markupsafe import Markup

from trials.soak.places import KINDS
from trials.soak.plan import Plan, What
from trials.soak.plots import Line, Mark, Point, plot
from trials.soak.record import AnyEntry, Began, Done, Load, Over, Seen
from trials.soak.verdict import Check, lives, uss_mb

_KB = 1000
_MOST_MARKS = 20
_WORDS = {What.OUTAGE: "outage", What.RESTART: "restart", What.KILL_DAEMON: "kill", What.KILL_ENGINE: "kill"}
"""What is marked in a month; its drops are too many."""


def pictures(entries: Sequence[AnyEntry]) -> dict[str, Markup]:
    """Return pictures by the names of their files; none of a run that never began."""
    began = next((entry for entry in entries if isinstance(entry, Began)), None)
    if began is None:
        return {}
    return dict(_pictures(entries, began.plan))


def summary(entries: Sequence[AnyEntry], checks: Sequence[Check], names: Sequence[str]) -> str:
    """Return the page: the verdict, what happened, and the pictures of these names."""
    began = next((entry for entry in entries if isinstance(entry, Began)), None)
    if began is None:
        return "# Soak\n\nThe run never began: the bot could not be linked.\n"
    passed = bool(checks) and all(check.passed for check in checks)
    parts = [
        "# Soak",
        f"{length_of(entries)}, begun on {began.on} UTC: **{'passed' if passed else 'FAILED'}**.",
        _machine(began),
        "\n".join(_check_table(checks)),
        *(f"![{name}]({name})" for name in names),
        "## What happened",
        "\n".join(_happened(entries)),
        *_settings(began.plan),
    ]
    return "\n\n".join(parts) + "\n"


def length_of(entries: Sequence[AnyEntry]) -> str:
    """Say how long a run was, of how long it was meant to be."""
    plan = next(entry.plan for entry in entries if isinstance(entry, Began))
    lasted_s = min(max((entry.at for entry in entries), default=0.0), plan.lasts_s)
    lasted, meant = (f"{seconds / plan.unit_s:.3g}" for seconds in (lasted_s, plan.lasts_s))
    length = f"{meant} {plan.unit}{'' if meant == '1' else 's'}"
    if plan.is_compressed:
        length += f" of {plan.unit_s:g} s each"
    return length if lasted == meant else f"{lasted} of {length}"


def _pictures(entries: Sequence[AnyEntry], plan: Plan) -> Iterator[tuple[str, Markup]]:
    looks = [entry for entry in entries if isinstance(entry, Seen)]
    unit_s = plan.unit_s
    words = _WORDS if plan.is_compressed else {**_WORDS, What.DROP: "drop"}
    done = [entry for entry in entries if isinstance(entry, Done) and entry.what in words]
    marks = [Mark(entry.at / unit_s, words[entry.what]) for entry in done[:_MOST_MARKS]]
    until = max([plan.lasts_s, *(look.at for look in looks)]) / unit_s
    time = f"{plan.unit}s"
    if plan.is_compressed:
        time += f" of {unit_s:g} s each"

    def picture(
        title: str, *lines: Line, log_from: float = 0.0, tick: Callable[[float], str] = "{:,g}".format
    ) -> Markup:
        return plot(title, lines, time=time, until=until, marks=marks, log_from=log_from, tick=tick)

    def of(whose: Callable[[Seen], Load | None], value: Callable[[Load], float]) -> list[list[Point]]:
        return [[(at / unit_s, value(load)) for at, load in life.points] for life in lives(entries, whose)]

    def over_time(value: Callable[[Seen], float | None]) -> list[list[Point]]:
        return [[(look.at / unit_s, found) for look in looks if (found := value(look)) is not None]]

    yield (
        "soak-memory.svg",
        picture(
            "Memory that is the process's own (MB)",
            Line("daemon", of(_daemon, uss_mb)),
            Line("engine", of(_engine, uss_mb)),
        ),
    )
    yield (
        "soak-descriptors.svg",
        picture(
            "Open descriptors",
            Line("daemon", of(_daemon, lambda load: load.descriptors)),
            Line("engine", of(_engine, lambda load: load.descriptors)),
        ),
    )
    yield (
        "soak-threads.svg",
        picture(
            "Threads, asyncio tasks and processes",
            Line("threads of the daemon", of(_daemon, lambda load: load.threads)),
            Line("threads of the engine", of(_engine, lambda load: load.threads)),
            Line("tasks of the daemon", over_time(lambda look: look.tasks)),
            Line("processes", over_time(lambda look: look.processes)),
        ),
    )
    kinds = [kind for kind in KINDS if any(look.files.get(kind) for look in looks)]
    yield (
        "soak-disk.svg",
        picture(
            "Data directory, by kind of file",
            *(Line(kind, over_time(lambda look, kind=kind: look.files.get(kind, 0) / _KB)) for kind in kinds),  # type: ignore[misc]
            log_from=1.0,
            tick=_size,
        ),
    )
    yield (
        "soak-answers.svg",
        picture(
            "How long an answer took",
            Line("median", over_time(lambda look: look.latency_s)),
            Line("slowest", over_time(lambda look: look.slowest_s)),
            log_from=0.001,
            tick=lambda seconds: f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1000:g} ms",
        ),
    )


def _size(kilobytes: float) -> str:
    return f"{kilobytes:g} kB" if kilobytes < 1000 else f"{kilobytes / 1000:g} MB"


def _daemon(seen: Seen) -> Load | None:
    return seen.daemon


def _engine(seen: Seen) -> Load | None:
    return seen.engine


def _machine(began: Began) -> str:
    machine = began.machine
    programs = f"Python {machine.python}, linda-bot {machine.linda_bot}, neonize {machine.neonize}"
    return f"{machine.system}, {machine.processors} CPUs, {programs}."


def _check_table(checks: Sequence[Check]) -> Iterator[str]:
    yield "| | | |"
    yield "| --- | --- | --- |"
    for check in checks:
        yield f"| {'ok' if check.passed else '**FAILED**'} | {check.name} | {_cell(check.says)} |"


def _happened(entries: Sequence[AnyEntry]) -> Iterator[str]:
    yield "| what | how often |"
    yield "| --- | --- |"
    for what, count in Counter(entry.what for entry in entries if isinstance(entry, Done)).most_common():
        yield f"| {what} | {count:,} |"
    over = next((entry for entry in entries if isinstance(entry, Over)), None)
    for name, count in (over.events if over else {}).items():
        grave = f" ({over.warnings[name]:,} as warnings or errors)" if over and name in over.warnings else ""
        yield f"| `{_cell(name)}` in the log | {count:,}{grave} |"


def _settings(plan: Plan) -> Iterator[str]:
    if plan.settings:
        yield "## Settings"
        yield "```sh\n" + "\n".join(f"{name}={value}" for name, value in plan.settings.items()) + "\n```"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
