"""`python -m trials.soak`: run, draw, and say how it was with the exit code."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import msgspec

from linda_bot.kernel.errors import ExitCode, LindaError
from linda_bot.kernel.files import write_atomic
from trials.durations import seconds_of
from trials.soak.course import soak
from trials.soak.plan import Plan, compressed, real_time
from trials.soak.record import FILE_NAME, read_entries
from trials.soak.report import pictures, summary
from trials.soak.verdict import checks_of

SUMMARY = "summary.md"
_MONTH_A_SECOND, _REAL_A_SECOND = 15.0, 0.5
_DAYS, _DAY_S = 30, 20.0
_SHORTEST_DAY_S, _LONGEST_DAY_S = 2.0, 86400.0
_SHORTEST_S = 10.0
_MOST_A_SECOND = 50.0


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        self.exit(ExitCode.USAGE, f"{self.prog}: {message} (try: {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say; return 0 when everything was as it should be, 1 when not."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    try:
        if asked.draw is not None:
            return draw(asked.draw)
        plan = _plan(asked)
    except ValueError as error:
        parser.error(str(error))
    directory = (asked.dir or Path("build", f"soak-{datetime.now(UTC):%Y%m%d-%H%M%S}")).absolute()
    if (directory / FILE_NAME).exists():
        parser.error(f"{directory} has a run in it; choose another with --dir")
    _say(f"what is seen goes to {directory}; Ctrl+C ends the run in order")
    try:
        asyncio.run(_run(plan, directory))
    except LindaError as error:
        _say(f"the run could not go on: {error}")
        return ExitCode.UNWELL
    return draw(directory)


def draw(directory: Path) -> int:
    """Write the pictures and the page of a run, also of one that was killed; return its verdict as an exit code.

    Raises ValueError where there is no run.
    """
    try:
        entries = read_entries(directory)
    except (OSError, msgspec.DecodeError) as error:
        message = f"there is no run in {directory}: {error}"
        raise ValueError(message) from None
    checks, drawn = checks_of(entries), pictures(entries)
    for name, picture in drawn.items():
        write_atomic(directory / name, picture.encode(), mode=0o644)
    write_atomic(directory / SUMMARY, summary(entries, checks, list(drawn)).encode(), mode=0o644)
    for check in checks:
        _say(f"{'ok    ' if check.passed else 'FAILED'}  {check.name}: {check.says}")
    passed = bool(checks) and all(check.passed for check in checks)
    _say(f"{'passed' if passed else 'FAILED'}; {directory / SUMMARY}")
    return ExitCode.OK if passed else ExitCode.UNWELL


async def _run(plan: Plan, directory: Path) -> None:
    asked, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)
    await soak(plan, directory, asked, _say)


def _plan(asked: argparse.Namespace) -> Plan:
    """Return what is to be run; raises ValueError, one line."""
    if not asked.month and (asked.days is not None or asked.day_takes is not None):
        raise ValueError("--days and --day-takes belong to --month")
    if asked.month and asked.drop_every is not None:
        raise ValueError("--drop-every belongs to --for; a day of --month has its drops")
    a_second = _or(asked.a_second, _MONTH_A_SECOND if asked.month else _REAL_A_SECOND)
    if not 0 < a_second <= _MOST_A_SECOND:
        raise ValueError(f"--a-second {a_second:g} cannot be: more than 0, up to {_MOST_A_SECOND:g}")
    if asked.month:
        days, day_s = int(_or(asked.days, _DAYS)), _or(asked.day_takes, _DAY_S)
        if days < 1 or not _SHORTEST_DAY_S <= day_s <= _LONGEST_DAY_S:
            raise ValueError(f"--days takes 1 or more, --day-takes {_SHORTEST_DAY_S:g} to {_LONGEST_DAY_S:g} seconds")
        return compressed(days, day_s=day_s, a_second=a_second)
    lasts_s = seconds_of(asked.lasts)
    if lasts_s < _SHORTEST_S:
        raise ValueError(f"--for {asked.lasts} is too short; {_SHORTEST_S:g}s at least")
    return real_time(lasts_s, a_second=a_second, drop_every_s=seconds_of(asked.drop_every or "10m"))


def _or(asked: float | None, usual: float) -> float:
    return usual if asked is None else asked


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m trials.soak", description="Have a bot live for long on the embedded sandbox, and look at it."
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--for", dest="lasts", metavar="TIME", help="in real time: 90s, 30m, 12h, 3d")
    what.add_argument("--month", action="store_true", help="30 days that take 20 s each")
    what.add_argument("--draw", type=Path, metavar="DIR", help="only draw what was seen in a run, also in a killed one")
    parser.add_argument("--days", type=int, metavar="N", help=f"with --month: how many days (default: {_DAYS})")
    parser.add_argument("--day-takes", type=float, metavar="S", help=f"with --month: seconds (default: {_DAY_S:g})")
    parser.add_argument("--drop-every", metavar="TIME", help="with --for: how often the line is lost (default: 10m)")
    parser.add_argument(
        "--a-second",
        type=float,
        metavar="N",
        help=f"messages a second of all friends (default: {_REAL_A_SECOND:g}; {_MONTH_A_SECOND:g} with --month)",
    )
    parser.add_argument("--dir", type=Path, metavar="DIR", help="where to (default: build/soak-DATE)")
    return parser


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
