"""How a bot is, from the files that it has left or that it writes; changes nothing."""

import json
import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from linda_bot.app.status import BotStatus, GuardStatus, HealthReport, MailCounts, session_facts, time_of
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.events import utc_now
from linda_bot.kernel.files import UnreadableFileError
from linda_bot.messaging.pause import pause_in
from linda_bot.messaging.review import NO_MAIL, reviewing
from linda_bot.sessions.catalogue import all_backups
from linda_bot.sessions.device_status import DeviceStatus, load_status
from linda_bot.sessions.guard import look_at_guard
from linda_bot.sessions.information import load_history
from linda_bot.sessions.paths import SessionPaths

_TAIL = 64 * 1024
_LONGEST_LIST = 20
_LASTING = (LinkState.LOGGED_OUT, LinkState.REPLACED, LinkState.OUTDATED)
"""What a bot ends with by itself, and what is still so when it has ended."""

_ENDS = (LinkState.STOPPING, LinkState.STOPPED)
_STATES = frozenset(LinkState)
_KILLED = "it ended without a word: it was killed, or the machine went down"


def status_from_files(paths: SessionPaths, now: datetime | None = None, *, pid: int | None = None) -> BotStatus:
    """Return how a bot is that does not run; or, as far as its files tell, one that does not answer: `pid`."""
    status = _device_status(paths)
    states = [entry for entry in load_history(paths) if entry.get("eventType") in _STATES]
    state, since, because = _state(status, states) if pid is None else _last_word(states)
    health = last_health(paths.logs / f"health-{paths.account}.jsonl")
    facts = session_facts(status, all_backups(paths), now or utc_now())
    known: dict[str, object] = {
        "account": paths.account,
        "live": False,
        "state": state,
        "since": since,
        "because": because,
        "health": health.grade,
        "health_reasons": health.reasons,
        "health_at": health.at,
        "messages": _mail(paths.mailbox),
        "guard": _guard(paths.store),
        "paused_since": time_of(pause_in(paths.pause)),
        "sandbox": paths.sandbox_mark.exists(),
        "pid": pid,
    }
    return msgspec.convert({**known, **facts}, BotStatus, from_attributes=True)


def last_health(path: Path) -> HealthReport:
    """Return the newest sample of a health log that can be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(os.fstat(file.fileno()).st_size - _TAIL, 0))
            lines = file.read(_TAIL).splitlines()
    except OSError:
        return HealthReport()
    for line in reversed(lines):
        with suppress(ValueError, RecursionError):
            said = json.loads(line)
            if isinstance(said, dict) and isinstance(said.get("grade"), str):
                reasons = said.get("reasons")
                listed = [_in_words(each) for each in reasons[:_LONGEST_LIST]] if isinstance(reasons, list) else []
                at = said.get("at")
                return HealthReport(grade=said["grade"], reasons=tuple(listed), at=at if isinstance(at, str) else None)
    return HealthReport()


def _in_words(reason: object) -> str:
    return str(reason["text"]) if isinstance(reason, dict) and "text" in reason else str(reason)


def _last_word(states: Sequence[dict[str, object]]) -> tuple[str, str | None, str]:
    """Return what a bot that is still there said last."""
    newest = states[-1] if states else {}
    state = str(newest.get("eventType", LinkState.STARTING))
    return state, _text(newest, "timestamp"), "the bot runs, and does not answer"


def _state(status: DeviceStatus, states: Sequence[dict[str, object]]) -> tuple[str, str | None, str]:
    """Return the state that lasts, since when, and why."""
    newest = states[-1] if states else {}
    if status.restore_status == LinkState.LOGGED_OUT:
        entry = _newest(states, LinkState.LOGGED_OUT)
        return LinkState.LOGGED_OUT, _text(entry, "timestamp"), _text(entry, "because") or ""
    if not newest:
        return LinkState.STOPPED, None, "it was never started here"
    last = next((entry for entry in reversed(states) if entry["eventType"] not in (*_ENDS, LinkState.STARTING)), {})
    if last.get("eventType") in _LASTING[1:]:
        return str(last["eventType"]), _text(last, "timestamp"), _text(last, "because") or ""
    ended = newest["eventType"] == LinkState.STOPPED
    return LinkState.STOPPED, _text(newest, "timestamp"), "it was asked to stop" if ended else _KILLED


def _newest(states: Sequence[dict[str, object]], word: str) -> dict[str, object]:
    return next((entry for entry in reversed(states) if entry["eventType"] == word), {})


def _text(entry: dict[str, object], name: str) -> str | None:
    found = entry.get(name)
    return found if isinstance(found, str) else None


def _device_status(paths: SessionPaths) -> DeviceStatus:
    try:
        return load_status(paths.device_status)[0]
    except UnreadableFileError:
        return DeviceStatus()


def _mail(path: Path) -> MailCounts:
    try:
        with reviewing(path) as review:
            return MailCounts(**(review.counts() if review else NO_MAIL)._asdict())
    except UsageError:  # it is damaged or a newer version's, which `info` and `doctor` tell
        return MailCounts()


def _guard(store: Path) -> GuardStatus | None:
    try:
        found = look_at_guard(store) if store.is_file() else None
    except (sqlite3.Error, UnicodeDecodeError):
        return None
    return found and GuardStatus(active=found.active, caught=found.caught, why=found.why)
