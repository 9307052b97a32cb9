"""`linda-bot health`: how the bot is, and how it was."""

import argparse
import shutil
import sys
import textwrap
from datetime import UTC, datetime

import msgspec

from linda_bot.cli.health_record import load_record
from linda_bot.cli.output import print_json, print_table, say
from linda_bot.cli.paper import make_console
from linda_bot.cli.places import place_for
from linda_bot.health.grades import Grade
from linda_bot.health.rules import advice_for
from linda_bot.health.samples import Sample, Why
from linda_bot.kernel.amounts import percent
from linda_bot.kernel.errors import ExitCode, UsageError
from linda_bot.kernel.masking import printable
from linda_bot.kernel.spans import span
from linda_bot.sessions.lock import Holder, holder_of

_STALE_AFTER = 2.5
_STALE_AFTER_S = 60.0
_MOST = 10_000
_UNBOUNDED = 10_000
_STYLES = {Grade.HEALTHY: "green", Grade.DEGRADED: "yellow", Grade.UNHEALTHY: "bold red"}


def health(options: argparse.Namespace) -> int:
    """Tell how the bot is and was; exit code 0 only if it runs and is healthy."""
    if not 0 <= options.last <= _MOST:
        raise UsageError(f"-n {options.last} is wrong: it must be how many samples to show, from 0 to {_MOST}")
    place = place_for(options)
    settings, paths = place.settings, place.paths
    record, holder = load_record(paths), holder_of(paths)
    samples = record.samples if holder else record.everything
    last = samples[-1] if samples else None
    now = datetime.now(UTC)
    silent_s = (now - last.at).total_seconds() if last else 0.0
    is_stale = silent_s > max(settings.health.every * _STALE_AFTER, settings.health.every + _STALE_AFTER_S)
    is_known = last is not None and holder is not None and last.why not in (Why.STOP, Why.INTERRUPTED) and not is_stale
    is_well = is_known and last is not None and last.grade is Grade.HEALTHY
    shown = samples[-options.last :] if options.last else []
    if options.json:
        print_json(
            _document(paths.account, holder, last if is_known else None, shown, now, healthy=is_well),
            show_numbers=options.show_numbers,
        )
        return ExitCode.OK if is_well else ExitCode.UNWELL
    _print_now(last, holder, now, is_stale=is_stale, is_known=is_known)
    if shown:
        _print_samples(shown, now)
    return ExitCode.OK if is_well else ExitCode.UNWELL


def _print_now(last: Sample | None, holder: Holder | None, now: datetime, *, is_stale: bool, is_known: bool) -> None:
    if last is None:
        starts = "; the bot has just started" if holder else ": the bot has not run here. Start it: linda-bot run"
        say(f"Nothing is known of the bot's health yet{starts}.")
        return
    ago = f"{span((now - last.at).total_seconds())} ago"
    if is_known:
        console = make_console()
        console.print(f"The bot is [{_STYLES[last.grade]}]{last.grade}[/] (looked at {ago}).")
        _print_reasons(last)
        return
    if holder is None:
        how = "it was stopped" if last.why is Why.STOP else "its run was cut short"
        say(f"The bot does not run; {how} {ago}. It was {last.grade}.")
        say("Start it: linda-bot run")
    elif is_stale:
        say(f"The bot runs (pid {holder.pid}) but has not looked at itself for {ago.removesuffix(' ago')}.")
        say("See whether it hangs: linda-bot status")
    else:
        say(f"The bot (pid {holder.pid}) has just started, and has not looked at itself yet.")
    _print_reasons(last)


def _print_reasons(last: Sample) -> None:
    for reason in last.reasons:
        text = printable(reason.text)
        _print_indented(f"{text[:1].upper()}{text[1:]}.", 2)
        advice = advice_for(reason.word)
        if advice:
            _print_indented(f"What to do: {advice}.", 4)
    if last.readings.paused:
        _print_indented("The bot is paused, nothing is handled or sent; go on with `linda-bot resume`.", 2)


def _print_indented(text: str, by: int) -> None:
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _UNBOUNDED
    margin = " " * by
    for line in textwrap.wrap(text, max(width, 2 * by + 1), initial_indent=margin, subsequent_indent=margin):
        print(line)


def _print_samples(samples: list[Sample], now: datetime) -> None:
    print()
    heads = ("when", "health", "link", "up", "came/sent", "errors", "memory", "trip")
    rows = [
        (
            _when(sample.at, now),
            sample.grade,
            printable(sample.state).replace("_", " "),
            percent(sample.period.up_s / sample.period.span_s) if sample.period.span_s else "-",
            f"{sample.period.received}/{sample.period.sent}",
            str(sample.period.handler_errors + sample.period.send_failures + sample.period.errors),
            "-" if sample.readings.memory_mb is None else f"{sample.readings.memory_mb:.0f} MB",
            "-" if sample.readings.round_trip_ms is None else f"{sample.readings.round_trip_ms:.0f} ms",
        )
        for sample in samples
    ]
    print_table(heads, rows, show_numbers=True)


def _when(at: datetime, now: datetime) -> str:
    local = at.astimezone()
    return f"{local:%H:%M:%S}" if local.date() == now.astimezone().date() else f"{local:%a %d %H:%M}"


def _document(
    account: str, holder: Holder | None, known: Sample | None, shown: list[Sample], now: datetime, *, healthy: bool
) -> dict[str, object]:
    return {
        "account": account,
        "running": holder is not None,
        "pid": holder.pid if holder else None,
        "healthy": healthy,
        "grade": known.grade if known else None,
        "state": known.state if known else None,
        "age_s": round((now - known.at).total_seconds(), 1) if known else None,
        "reasons": [
            {**msgspec.to_builtins(reason), "advice": advice_for(reason.word)}
            for reason in (known.reasons if known else ())
        ],
        "samples": [
            {
                **msgspec.to_builtins(sample),
                "span_s": round(sample.period.span_s, 3),
                "up_s": round(sample.period.up_s, 3),
            }
            for sample in shown
        ],
    }
