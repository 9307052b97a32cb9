"""`linda-bot logs`: the event log, read back or as it grows."""

import argparse
import difflib
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import chain

from linda_bot.cli.log_lines import LinePrinter
from linda_bot.cli.moments import moment_of
from linda_bot.cli.output import say
from linda_bot.cli.places import files_for
from linda_bot.eventlog.following import follow
from linda_bot.eventlog.pseudonyms import key_of
from linda_bot.eventlog.reading import CATEGORIES, LEVELS, Record, Wanted, parts_of, read_log, whole_lines
from linda_bot.eventlog.redaction import Redactor
from linda_bot.eventlog.veil import veil_over, veiled
from linda_bot.kernel.errors import ExitCode, LindaError, UsageError
from linda_bot.kernel.masking import printable
from linda_bot.sessions.device_status import timestamp
from linda_bot.sessions.paths import SessionPaths

_BEFORE_WHAT_COMES = 10
"""How many lines are shown before those that come, as `tail -f` does."""


class NoLogError(LindaError):
    """There is no event log to read."""

    exit_code = ExitCode.UNWELL


def logs(options: argparse.Namespace) -> int:
    """Print the lines that are wanted, oldest first; exit code 0 also when there are none."""
    if options.last < 0:
        raise UsageError(f"-n {options.last} is wrong: it must be how many of the newest lines, 1 or more")
    if options.follow and options.until:
        raise UsageError("--follow and --until exclude each other: choose one")
    paths = files_for(options).paths
    wanted = _wanted(options, paths)
    if options.follow:
        return _follow(options, wanted, paths)
    parts = parts_of(paths.logs)
    veil = veil_over(paths.logs, show_numbers=options.show_numbers)
    if not parts:
        raise NoLogError(f"there is no event log in {paths.logs} yet; it begins with the first `linda-bot run`")
    records = read_log(parts, wanted, newest=options.last)
    if options.json:
        _print_array(records, veil)
        return ExitCode.OK
    printer, count = LinePrinter(veil), 0
    for count, record in enumerate(records, 1):  # noqa: B007 (whether there was any is asked below)
        printer.show(record)
    if not count:
        say("The log has no such lines.")
    return ExitCode.OK


def as_json(record: Record, veil: Redactor | None) -> dict[str, object]:
    """Return a line for programs; one that is no event has only its text, in `line`."""
    if record.facts is None:
        return {"line": veiled("line", record.text, veil)}
    head = {"level": record.level, "category": record.category, "event": record.event, "account": record.account}
    whole = {"timestamp": timestamp(record.at) if record.at else None, **head, **record.facts}
    return {name: veiled(name, value, veil) for name, value in whole.items()}


def _follow(options: argparse.Namespace, wanted: Wanted, paths: SessionPaths) -> int:
    """Print the last lines there are, then those that come, until Ctrl+C."""
    parts = parts_of(paths.logs)
    parts = [*parts[:-1], *(whole_lines(part) for part in parts[-1:])]
    last = options.last or (0 if wanted.since is not None else _BEFORE_WHAT_COMES)
    veil = veil_over(paths.logs, show_numbers=options.show_numbers)
    printer = LinePrinter(veil)
    coming = follow(paths.logs, wanted, parts[-1] if parts else None)
    for record in chain(read_log(parts, wanted, newest=last), coming):
        if record is None:
            sys.stdout.flush()
        elif options.json:
            print(json.dumps(as_json(record, veil), ensure_ascii=False), flush=True)
        else:
            printer.show(record)
    return ExitCode.OK


def _print_array(records: Iterable[Record], veil: Redactor | None) -> None:
    """Print one JSON array, line by line, so that a log of any size goes through."""
    lead = "["
    for record in records:
        print(lead + json.dumps(as_json(record, veil), ensure_ascii=False), end="")
        lead = ",\n "
    print("[]" if lead == "[" else "]")


def _wanted(options: argparse.Namespace, paths: SessionPaths) -> Wanted:
    now = datetime.now(UTC)
    for word in options.category or ():
        _check("--category", word, CATEGORIES)
    level = options.level or "debug"
    _check("--level", level, LEVELS)
    for name in options.event or ():
        _check_event(name)
    return Wanted(
        categories=frozenset(word.lower() for word in options.category or ()),
        level=level.lower(),
        events=frozenset(options.event or ()),
        accounts=_names_of(paths) if options.account else frozenset(),
        since=moment_of("--since", options.since, now) if options.since else None,
        until=moment_of("--until", options.until, now) if options.until else None,
        text=options.grep or "",
    )


def _check(option: str, word: str, right: Sequence[str]) -> None:
    if word.lower() not in right:
        raise UsageError(f"{option} {printable(word, 40)} is wrong: it must be one of {', '.join(right)}")


def _check_event(name: str) -> None:
    known = _event_names()
    if name in known:
        return
    near = difflib.get_close_matches(name.lower().replace("-", "_").replace(" ", "_"), known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise UsageError(f"--event {printable(name, 40)} is no event; {hint}docs/events.md lists them")


def _event_names() -> list[str]:
    """Return the name of every kind of event."""
    import pkgutil
    from importlib import import_module

    import linda_bot
    from linda_bot.kernel.events import Event, log_name

    for module in pkgutil.walk_packages(linda_bot.__path__, "linda_bot."):
        room, file = module.name.split(".")[1], module.name.rpartition(".")[2]
        if file in ("events", "alerts") and room not in ("sandbox", "testing", "cli"):
            import_module(module.name)
    kinds, names = [Event], []
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        names.append(log_name(kind))
    return sorted(names)


def _names_of(paths: SessionPaths) -> frozenset[str]:
    """Return how the log names an account: a number has a pseudonym there, unless the log is not masked."""
    return frozenset({paths.account, Redactor(key_of(paths.logs)).field(paths.account)})
