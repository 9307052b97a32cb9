"""`linda-bot rehearse`: the acceptance guide, carried out; the results go to stdout, the course to stderr."""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from linda_bot.cli.output import print_json, print_table, say
from linda_bot.cli.rehearse_course import Course
from linda_bot.kernel.errors import ExitCode, UsageError, reason_of
from linda_bot.kernel.files import make_private_dir
from linda_bot.kernel.signals import process_signals
from linda_bot.kernel.supervisor import VARIABLES
from linda_bot.kernel.tasks import spawn_task

if TYPE_CHECKING:
    from linda_bot.rehearsal.conditions import Conditions
    from linda_bot.rehearsal.values import Outcome, Rehearsal, Run

_NEEDED = ("aiohttp", "cryptography", "trustme", "xeddsa", "zxingcpp")


def rehearse(options: argparse.Namespace) -> int:
    """Carry the rehearsals out; exit code 0 only if all passed."""
    _require_libraries()
    from linda_bot.rehearsal.conditions import conditions
    from linda_bot.rehearsal.programme import pick

    rehearsals = pick(options.only)
    if options.list:
        _list(rehearsals, as_json=options.json)
        return ExitCode.OK
    _check_report(options.report)
    under = conditions(os.environ, options.handlers)
    if under.handlers:
        from linda_bot.messaging.loading import load_handlers

        load_handlers(under.handlers)  # whatever is wrong with them is told once, not by every bot
    for name in VARIABLES:
        os.environ.pop(name, None)  # the bots have nothing to tell a supervisor of ours
    with _directory(options.keep) as directory:
        run = asyncio.run(_run(rehearsals, under, directory))
    if options.keep is not None:
        say(f"What was rehearsed with is kept in {directory}.")
    if options.report is not None:
        from linda_bot.rehearsal.report import report

        _write_report(options.report, report(run))
    if options.json:
        print_json(msgspec.to_builtins(run), show_numbers=True)
    else:
        _set_apart()
        print_table(*_table(run.rehearsals), show_numbers=True)
    _conclude(run)
    return ExitCode.OK if run.passed else ExitCode.UNWELL


def _require_libraries() -> None:
    missing = next((name for name in _NEEDED if find_spec(name) is None), None)
    if missing:
        raise UsageError(
            f"a rehearsal needs the sandbox's libraries ({missing} is missing): pip install 'linda-bot[sandbox]'"
        )
    if not sys.platform.startswith("linux"):
        raise UsageError("a rehearsal needs the sandbox, which runs on Linux")


def _list(rehearsals: "Sequence[Rehearsal]", *, as_json: bool) -> None:
    if as_json:
        rows = [
            {"name": each.name, "title": each.title, "shows": each.shows, "target": each.target} for each in rehearsals
        ]
        print_json(rows, show_numbers=True)
        return
    print_table(
        ("name", "what", "target"), ((each.name, each.title, each.target) for each in rehearsals), show_numbers=True
    )


async def _run(rehearsals: "Sequence[Rehearsal]", under: "Conditions", directory: Path) -> "Run":
    from linda_bot.rehearsal.course import run_all, unfinished, until_asked
    from linda_bot.rehearsal.machine import this_machine
    from linda_bot.rehearsal.stage import open_stage
    from linda_bot.rehearsal.values import Run

    outcomes: list[Outcome] = []
    began, began_at = time.monotonic(), datetime.now(UTC)
    course = Course(sys.stderr, count=len(rehearsals))
    _say_conditions(under, len(rehearsals))

    def ended(outcome: "Outcome") -> None:
        outcomes.append(outcome)
        course.ended(outcome)

    async def work() -> None:
        async with open_stage(directory, under) as stage:
            await run_all(stage, rehearsals, begins=course.begins, ended=ended)

    async with process_signals(on_force=lambda: None, on_hint=lambda _: None) as asked, _renewed(course):
        interrupted = await until_asked(spawn_task(work(), name="rehearsals"), asked)
    return Run(
        began_at=began_at.isoformat(timespec="seconds"),
        took_s=round(time.monotonic() - began, 1),
        machine=this_machine(),
        own_settings=under.own,
        overridden=dict(under.overridden),
        handlers=under.handlers,
        rehearsals=(*outcomes, *map(unfinished, rehearsals[len(outcomes) :])),
        interrupted=interrupted,
    )


def _say_conditions(under: "Conditions", count: int) -> None:
    say(f"Rehearsing {count} of what a bot has to survive, on a WhatsApp of this machine's own. Ctrl+C ends it.")
    if under.own:
        say(f"  Your settings in force: {', '.join(under.own)}")
    for name, why in under.overridden.items():
        say(f"  Not in force: {name} ({why})")


@asynccontextmanager
async def _renewed(course: Course) -> AsyncIterator[None]:
    """Have the course's line renewed every second."""

    async def renew() -> None:
        while True:
            await asyncio.sleep(1)
            course.renew()

    renewing = spawn_task(renew(), name="course")
    try:
        yield
    finally:
        renewing.cancel()
        course.close()


def _table(outcomes: "Sequence[Outcome]") -> tuple[Sequence[str], Iterator[Sequence[str]]]:
    heads = ("name", "what", "figure", "target", "verdict")
    return heads, ((each.name, each.title, each.figure or "-", each.target, each.verdict.value) for each in outcomes)


def _set_apart() -> None:
    """Leave a line free around the table, where both are read on one screen."""
    if sys.stdout.isatty():
        say("")


def _conclude(run: "Run") -> None:
    from linda_bot.rehearsal.values import Verdict

    _set_apart()
    for each in run.rehearsals:
        if each.verdict is Verdict.FAILED:
            say(f"{each.name} failed: {each.reason}")
    passed = sum(each.verdict is Verdict.PASSED for each in run.rehearsals)
    ending = "Ended before the end: " if run.interrupted else ""
    say(f"{ending}{passed} of {len(run.rehearsals)} passed, in {run.took_s:.0f} s.")


@contextmanager
def _directory(keep: Path | None) -> Iterator[Path]:
    """Yield an empty directory: a temporary one, which is removed, or one that a person wants to look into."""
    if keep is None:
        directory = Path(tempfile.mkdtemp(prefix="linda-bot-rehearse-"))
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        return
    try:
        if keep.exists() and any(keep.iterdir()):
            raise UsageError(f"--keep: {keep} holds other things; name a new or an empty directory")
        make_private_dir(keep)
    except OSError as error:
        raise UsageError(f"--keep: {keep} cannot be used: {reason_of(error)}") from None
    yield keep.absolute()


def _check_report(file: Path | None) -> None:
    """Refuse a place in which no report can be written before minutes are spent."""
    if file is None:
        return
    if file.is_dir() or not file.absolute().parent.is_dir():
        raise UsageError(f"--report: {file} is no place for a file; name a file in a directory that there is")


def _write_report(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--report: {file} cannot be written: {reason_of(error)}") from None
    say(f"The report is in {file}.")
