"""`linda-bot history`: the entries of a session's history."""

import argparse
from datetime import UTC, datetime

from linda_bot.cli.lookback import load_reading
from linda_bot.cli.moments import moment_of
from linda_bot.cli.output import print_json, print_table, say
from linda_bot.cli.places import place_for
from linda_bot.connection.ledger.chapters import local
from linda_bot.connection.ledger.entries import Entry
from linda_bot.kernel.errors import ExitCode, UsageError
from linda_bot.sessions.device_status import timestamp


def history(options: argparse.Namespace) -> int:
    """Print the entries, newest last."""
    if options.last < 0:
        raise UsageError(f"-n {options.last} is wrong: it must be how many of the newest entries, 1 or more")
    since = moment_of("--since", options.since, datetime.now(UTC)) if options.since else None
    reading = load_reading(place_for(options).paths)
    entries = [entry for entry in reading.entries if since is None or entry.until >= since]
    entries = entries[-options.last :] if options.last else entries
    if options.json:
        print_json([_json(entry) for entry in entries], show_numbers=options.show_numbers)
        return ExitCode.OK
    if entries:
        rows = [(_time(entry.at), entry.what, _facts(entry)) for entry in entries]
        print_table(("time", "what", "facts"), rows, show_numbers=options.show_numbers)
    else:
        say("The history has no entries from then on." if since else "The history has no entries yet.")
    if reading.unreadable:
        say(f"{reading.unreadable} entries cannot be read and are left out.")
    return ExitCode.OK


def _time(at: datetime) -> str:
    here = local(at, None)
    return f"{here:%Y-%m-%d %H:%M:%S}.{here.microsecond // 1000:03}"


def _facts(entry: Entry) -> str:
    return ", ".join(f"{name}: {_text(value)}" for name, value in entry.facts.items())


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return "; ".join(map(str, value))
    return str(value)


def _json(entry: Entry) -> dict[str, object]:
    return {"timestamp": timestamp(entry.at), "eventType": entry.what, **entry.facts}
