"""`linda-bot alerts`."""

import argparse
import asyncio
import secrets
from datetime import datetime
from typing import NamedTuple

import msgspec

from linda_bot.cli.output import print_json, print_table, say
from linda_bot.cli.places import place_for
from linda_bot.health.alerting.incident import Incident, Now
from linda_bot.health.alerting.memory import Delivery, Memory, Record, load_memory
from linda_bot.health.alerting.notice import Notice, Sender, trial_notice
from linda_bot.health.alerting.setup import prepare_alerting, sender_of
from linda_bot.health.alerting.sinks.sink import DEADLINE_S, Sink, SinkError
from linda_bot.kernel.errors import ExitCode, UsageError
from linda_bot.kernel.events import utc_now
from linda_bot.kernel.files import UnreadableFileError
from linda_bot.kernel.masking import mask_line
from linda_bot.kernel.spans import span
from linda_bot.sessions.paths import SessionPaths
from linda_bot.settings import AlertSettings


class Tried(NamedTuple):
    """What became of a test at one sink."""

    sink: str
    took_s: float
    error: str = ""


def alerts(options: argparse.Namespace) -> int:
    """List what is open and what was told, or send a test; exit code 0 unless a test fails."""
    if options.last < 1:
        raise UsageError(f"--last {options.last} is wrong: it must be at least 1")
    place = place_for(options)
    settings, paths = place.settings, place.paths
    if options.test:
        sender = sender_of(settings.account, mask=settings.log.mask)
        return _test(settings.alert, paths, sender, options)
    memory = _remembered(paths)
    now = utc_now()
    if options.json:
        document = {
            "open": [_incident_json(each, now) for each in _open(memory)],
            "notices": [msgspec.to_builtins(each) for each in memory.records[-options.last :]],
            "sinks": _names(settings.alert),
        }
        print_json(document, show_numbers=options.show_numbers)
        return ExitCode.OK
    _tell_open(memory, now, options)
    _tell_notices(memory.records[-options.last :], options)
    if not _names(settings.alert):
        say("Only the log and the screen are told; for other ways see docs/alerts.md.")
    return ExitCode.OK


def _remembered(paths: SessionPaths) -> Memory:
    try:
        return load_memory(paths.alerts)
    except UnreadableFileError as error:
        if paths.alerts.exists():
            raise UsageError(f"{paths.alerts} cannot be read ({error}); a running bot writes it anew") from None
        return Memory()


def _open(memory: Memory) -> list[Incident]:
    return [incident for incident in memory.incidents if incident.over_at is None]


def _names(settings: AlertSettings) -> list[str]:
    names = [name for name in ("command", "webhook") if getattr(settings, name) is not None]
    several = len(settings.apprise) > 1
    return [*names, *(f"apprise-{n}" if several else "apprise" for n in range(1, len(settings.apprise) + 1))]


def _tell_open(memory: Memory, now: datetime, options: argparse.Namespace) -> None:
    found = _open(memory)
    if not found:
        say("No incident is open.")
        return
    rows = [
        (each.topic, each.kind.replace("_", " "), _local(each.began_at), span(_open_s(each, now)), _told(each))
        for each in found
    ]
    print_table(("open", "what", "since", "for", "notices"), rows, show_numbers=options.show_numbers)
    for each in found:
        last = each.troubles[-1]
        line = f"{each.topic}: {last.because or last.kind}. What to do: {last.advice}."
        say(line if options.show_numbers else mask_line(line))


def _told(incident: Incident) -> str:
    if incident.told_troubles < len(incident.troubles):
        return f"{incident.told}, one waits (quiet hours)"
    return str(incident.told)


def _tell_notices(records: tuple[Record, ...], options: argparse.Namespace) -> None:
    if not records:
        say("No notice was needed so far.")
        return
    rows = [
        (_local(record.notice.at), record.notice.purpose, _what(record.notice), _fate(record.deliveries))
        for record in records
    ]
    print_table(("told", "why", "what", "by"), rows, show_numbers=options.show_numbers)


def _what(notice: Notice) -> str:
    return f"{notice.topic}: {notice.kind.replace('_', ' ')}"


def _fate(deliveries: tuple[Delivery, ...]) -> str:
    words = {"delivered": "ok", "failed": "FAILED", "pending": "not yet"}
    each = [
        f"{delivery.sink} {words[delivery.state]}" + (f" ({delivery.error})" if delivery.error else "")
        for delivery in deliveries
    ]
    return ", ".join(each) or "log"


def _incident_json(incident: Incident, now: datetime) -> dict[str, object]:
    return {
        "id": incident.id,
        "topic": incident.topic,
        "kind": incident.kind,
        "began_at": incident.began_at,
        "open_for_s": round(_open_s(incident, now)),
        "notices": incident.told,
        "troubles": [msgspec.to_builtins(trouble) for trouble in incident.troubles],
    }


def _open_s(incident: Incident, now: datetime) -> float:
    return max((now - incident.began_at).total_seconds(), 0.0)


def _local(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M")


def _test(settings: AlertSettings, paths: SessionPaths, sender: Sender, options: argparse.Namespace) -> int:
    makers = prepare_alerting(settings, paths.alerts).sinks
    if not makers:
        raise UsageError(
            "there is nothing to test: set LINDA_ALERT__COMMAND, LINDA_ALERT__WEBHOOK or LINDA_ALERT__APPRISE"
        )
    notice = trial_notice(sender, Now(utc_now(), 0.0), secrets.token_hex(8))
    tried = asyncio.run(_try_all([make() for make in makers], notice))
    if options.json:
        document = {"notice": notice.id, "sinks": [{**each._asdict(), "ok": not each.error} for each in tried]}
        print_json(document, show_numbers=options.show_numbers)
    else:
        rows = [
            (each.sink, "NOT WELL" if each.error else "ok", each.error or f"in {each.took_s:.1f} s") for each in tried
        ]
        print_table(("sink", "test", ""), rows, show_numbers=options.show_numbers)
    return ExitCode.UNWELL if any(each.error for each in tried) else ExitCode.OK


async def _try_all(sinks: list[Sink], notice: Notice) -> list[Tried]:
    return await asyncio.gather(*(_try(sink, notice) for sink in sinks))


async def _try(sink: Sink, notice: Notice) -> Tried:
    """Send it once; a person who waits can try again."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(DEADLINE_S):
            await sink.send(notice)
    except SinkError as error:
        return Tried(sink.name, round(loop.time() - began, 3), str(error))
    except TimeoutError:
        return Tried(sink.name, round(loop.time() - began, 3), f"no answer within {DEADLINE_S:g} s")
    return Tried(sink.name, round(loop.time() - began, 3))
