"""`linda-bot stats`: what the last days were like."""

import argparse
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from linda_bot.cli.health_record import load_record
from linda_bot.cli.output import print_facts, print_json, say
from linda_bot.cli.paper import can_print, make_console
from linda_bot.cli.places import place_for
from linda_bot.cli.strip_chart import BLOCKS, HALF_HOURS_FROM, Piece, chart_lines
from linda_bot.health.samples import Sample
from linda_bot.health.states import OUTAGE_S
from linda_bot.health.stats import Span, Statistics, chart, days_back, statistics
from linda_bot.kernel.amounts import percent
from linda_bot.kernel.errors import ExitCode, UsageError
from linda_bot.kernel.spans import span
from linda_bot.sessions.lock import holder_of

if TYPE_CHECKING:
    from rich.text import Text

_MOST_DAYS = 30
_COLUMNS_OF_NO_TERMINAL = 80
_SOON_KNOWN = timedelta(minutes=10)


def stats(options: argparse.Namespace) -> int:
    """Tell what the last days were like; exit code 0 whatever that is."""
    if not 1 <= options.days <= _MOST_DAYS:
        raise UsageError(f"--days {options.days} is wrong: it must be from 1 to {_MOST_DAYS}, which are kept")
    paths = place_for(options).paths
    samples, now = load_record(paths).everything, datetime.now(UTC)
    runs = holder_of(paths) is not None
    # While the bot runs, what happened since its last word of itself is not known yet, but nothing is missing either.
    until = min(max((sample.at for sample in samples), default=now), now) if runs else now
    midnights = days_back(options.days, now)
    found = statistics(samples, Span(midnights[0].astimezone(UTC), until))
    if options.json:
        print_json(_document(paths.account, found, samples, until, midnights), show_numbers=options.show_numbers)
    elif found.since is None:
        say(f"Nothing is known of the last {_days(options.days)}: the bot has not run here, or not since then.")
    else:
        _print_chart(samples, midnights, until)
        print_facts(_lines(found, options.days), show_numbers=True)
    return ExitCode.OK


def _print_chart(samples: list[Sample], midnights: list[datetime], until: datetime) -> None:
    console = make_console(columns_of_no_terminal=_COLUMNS_OF_NO_TERMINAL)
    per_hour = 2 if console.width >= HALF_HOURS_FROM else 1
    days = chart(samples, midnights, until, per_hour=per_hour)
    for line in chart_lines(days, blocks=can_print(BLOCKS)):
        console.print(_text(line), no_wrap=True, crop=False, overflow="ignore")
    console.print()


def _text(pieces: list[Piece]) -> "Text":
    from rich.text import Text  # only where something is printed in colour

    return Text.assemble(*((piece.text, piece.style) for piece in pieces))


def _lines(found: Statistics, days: int) -> list[tuple[str, str]]:
    period = found.period
    lines = [
        ("time", _time(found, days)),
        ("up", f"{percent(found.up_share)} of {span(period.span_s)} in which the bot ran"),
        ("not running", f"{span(found.off_s)}" if found.off_s >= 1 else "never"),
        ("starts", f"{period.starts}, sessions brought back {period.restores}, QR codes shown {period.codes}"),
        ("reconnects", str(period.reconnects)),
        ("outages", _outages(found)),
        ("messages", f"came {period.received}, handled {period.handled}, sent {period.sent}"),
        ("errors", f"handlers {period.handler_errors}, sending {period.send_failures}, others {period.errors}"),
    ]
    if found.memory_mb is not None:
        lines.append(("memory", f"{found.memory_mb:.0f} MB at the most"))
    if found.round_trip_ms is not None:
        lines.append(("round trip", f"{found.round_trip_ms:.0f} ms at the worst"))
    if found.loop_lag_ms is not None:
        lines.append(("event loop", f"late by {found.loop_lag_ms:.0f} ms at the worst"))
    return lines


def _time(found: Statistics, days: int) -> str:
    assert found.since is not None
    text = "today until now" if days == 1 else f"the last {days} days until now"
    if found.since - found.span.since < _SOON_KNOWN:
        return text
    return f"{text}; the record begins {found.since.astimezone():%a %d %b %H:%M}"


def _outages(found: Statistics) -> str:
    period = found.period
    if not period.longest_outage_s:
        return f"none of {OUTAGE_S:g} s or longer"
    longest = f"the longest {span(period.longest_outage_s)}"
    if found.recovery_s is None:
        return f"one, which is not over: {span(period.longest_outage_s)} so far"
    return f"{period.outages} of {OUTAGE_S:g} s or longer, {span(found.recovery_s)} on average, {longest}"


def _document(
    account: str, found: Statistics, samples: list[Sample], until: datetime, midnights: list[datetime]
) -> dict[str, object]:
    period = found.period
    return {
        "account": account,
        "since": found.span.since.isoformat(),
        "until": found.span.until.isoformat(),
        "known_since": found.since.isoformat() if found.since else None,
        "up_share": found.up_share,
        "up_s": round(period.up_s, 3),
        "running_s": round(period.span_s, 3),
        "not_running_s": round(found.off_s, 3),
        "states_s": {state: round(seconds, 3) for state, seconds in period.states.items()},
        **{
            name: getattr(period, name)
            for name in (
                "starts",
                "restores",
                "codes",
                "reconnects",
                "outages",
                "longest_outage_s",
                "received",
                "handled",
                "sent",
                "handler_errors",
                "send_failures",
                "errors",
            )
        },
        "mean_recovery_s": found.recovery_s,
        "memory_mb": found.memory_mb,
        "round_trip_ms": found.round_trip_ms,
        "loop_lag_ms": found.loop_lag_ms,
        "days": [
            {
                "date": f"{day.midnight:%Y-%m-%d}",
                "up_share": day.up_share,
                "hours": [cell.value for cell in day.cells],
            }
            for day in chart(samples, midnights, until, per_hour=1)
        ],
    }


def _days(count: int) -> str:
    return "day" if count == 1 else f"{count} days"
