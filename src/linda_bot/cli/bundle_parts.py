"""What a support bundle is made of, each part a text that has gone through the redactor."""

import io
import json
import os
import platform
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from linda_bot import __version__
from linda_bot.cli.bundle_redaction import BundleRedactor, fit_name
from linda_bot.cli.lookback import Page
from linda_bot.cli.places import Place, known
from linda_bot.cli.why import write_story
from linda_bot.connection.ledger.account import give_account
from linda_bot.connection.ledger.answer import answer
from linda_bot.connection.ledger.entries import read_entries
from linda_bot.eventlog.reading import Part, Wanted, parts_of, read_log
from linda_bot.kernel.errors import LindaError
from linda_bot.kernel.files import UnreadableFileError, read_json
from linda_bot.sessions.catalogue import fault_of
from linda_bot.sessions.doctor import examine
from linda_bot.sessions.lock import holder_of
from linda_bot.sessions.manager import SessionManager
from linda_bot.sessions.paths import SessionPaths
from linda_bot.settings import Settings

_LOG_BYTES = 2 * 1024 * 1024
_MOST_LINES = 20_000
_MOST_FILES = 2000
_SHORTEST_SECRET = 8
"""Shorter pieces of an address are words."""

_LIBRARIES = (
    "neonize",
    "msgspec",
    "pydantic",
    "pydantic-settings",
    "structlog",
    "aiohttp",
    "prometheus-client",
    "rich",
)
_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE")


class Material(NamedTuple):
    """What the parts are made from."""

    settings: Settings
    paths: SessionPaths
    redactor: BundleRedactor
    now: datetime


class Member(NamedTuple):
    """A file of the bundle."""

    name: str
    about: str
    make: Callable[[Material], str]


def secrets_of(settings: Settings) -> list[str]:
    """Return the secrets among the settings, so that none of them is passed on wherever it stands."""
    leaves = [each for value in _leaves(settings) for each in (value if isinstance(value, tuple) else (value,))]
    found = [each.get_secret_value() for each in leaves if isinstance(each, SecretStr)]
    if settings.alert.webhook:
        rest = urlsplit(settings.alert.webhook)
        found += [settings.alert.webhook, *(part for part in rest.path.split("/") if len(part) >= _SHORTEST_SECRET)]
        found += [rest.query, rest.password or "", rest.username or ""]
    if settings.alert.command:
        found.append(settings.alert.command)
    return found


def _leaves(group: BaseModel) -> Iterator[object]:
    for name in type(group).model_fields:
        value = getattr(group, name)
        if isinstance(value, BaseModel):
            yield from _leaves(value)
        else:
            yield value


def _versions(material: Material) -> str:
    libraries: dict[str, str | None] = {}
    for name in _LIBRARIES:
        try:
            libraries[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            libraries[name] = None
    import sqlite3

    holder = holder_of(material.paths)
    found = {
        "linda_bot": __version__,
        "python": sys.version,
        "platform": platform.platform(),
        "sqlite": sqlite3.sqlite_version,
        "cpus": os.cpu_count(),
        "libraries": libraries,
        "made_at": material.now.isoformat(),
        "bot_runs": holder is not None,
        "environment": {name: "set" for name in _PROXIES if os.environ.get(name)},
    }
    return _json(found)


def _settings(material: Material) -> str:
    return _json(_shown(material.settings, "", material.redactor))


def _shown(group: BaseModel, prefix: str, redactor: BundleRedactor) -> dict[str, object]:
    shown: dict[str, object] = {}
    for name in type(group).model_fields:
        value = getattr(group, name)
        if isinstance(value, BaseModel):
            shown[name] = _shown(value, f"{prefix}{name}.", redactor)
        else:
            shown[name] = _setting(f"{prefix}{name}", value, redactor)
    return shown


def _setting(name: str, value: Any, redactor: BundleRedactor) -> object:
    if value is None or value in ((), ""):
        return None
    if isinstance(value, SecretStr) or name in ("alert.command", "backup.key_file"):
        return "set"
    if name in ("owners", "alert.apprise"):
        return f"{len(value)} set"
    if name == "alert.webhook":
        address = urlsplit(value)
        value = f"{address.scheme}://{address.hostname}/..."
    if isinstance(value, tuple):
        return [_setting("", each, redactor) for each in value]
    return value if isinstance(value, bool | int | float) else redactor.line(str(value))


def _doctor(material: Material) -> str:
    checks = examine(_manager(known(Place(material.settings, material.paths))))
    found = [{"name": each.name, "ok": each.ok, "found": each.found, "advice": each.advice} for each in checks]
    return _json([{name: material.redactor.plain(each) for name, each in check.items()} for check in found])


def _manager(place: Place) -> SessionManager:
    if place.shared is None:
        return SessionManager(place.paths.data_dir, place.paths.account)
    from linda_bot.cli.shared_manager import SharedManager

    return SharedManager(place.shared, place.paths)


def _state_file(path: Callable[[SessionPaths], Path]) -> Callable[[Material], str]:
    def make(material: Material) -> str:
        return _json(material.redactor.value("", read_json(path(material.paths))))

    return make


def _why(material: Material) -> str:
    account = give_account(read_entries(read_json(material.paths.history)))
    running = holder_of(material.paths) is not None
    said = answer(account, now=material.now, running=running)
    told = io.StringIO()
    write_story(Page(show_numbers=False, stream=told), said, account.chapters, zone=None)
    return "\n".join(material.redactor.line(line) for line in told.getvalue().splitlines()) + "\n"


def _events(material: Material) -> str:
    return _log_lines(parts_of(material.paths.logs), material)


def _health(material: Material) -> str:
    found = sorted(material.paths.logs.glob("health*.jsonl"))
    parts = []
    for path in found:
        status = path.stat()
        parts.append(Part(path, (status.st_dev, status.st_ino), status.st_size, status.st_mtime))
    return _log_lines(parts, material)


def _log_lines(parts: list[Part], material: Material) -> str:
    """Return the newest lines, at most two megabytes of them."""
    lines: list[str] = []
    size = 0
    records = list(read_log(_tail(parts), Wanted(), newest=_MOST_LINES))
    redacted = [material.redactor.record(record) for record in records]  # oldest first: texts are known when quoted
    for found in reversed(redacted):
        line = json.dumps(found, ensure_ascii=False, default=str)
        size += len(line) + 1
        if size > _LOG_BYTES:
            break
        lines.append(line)
    return "".join(f"{line}\n" for line in reversed(lines))


def _tail(parts: list[Part]) -> list[Part]:
    """Return the newest files that hold as much as is wanted."""
    kept: list[Part] = []
    for part in reversed(parts):
        if sum(each.size for each in kept) >= _LOG_BYTES:
            break
        kept.insert(0, part)
    return kept


def _backups(material: Material) -> str:
    found = []
    for backup in SessionManager(material.paths.data_dir, material.paths.account).backups():
        manifest = backup.manifest
        found.append(
            {
                "backup": fit_name(backup.name),
                "created_at": manifest.created_at,
                "size": manifest.size,
                "reason": manifest.reason,
                "encrypted": bool(manifest.sealed_with),
                "neonize_version": manifest.neonize_version,
                "fault": fault_of(backup),
                "retired": backup.retired.because if backup.retired else "",
            }
        )
    return _json(material.redactor.value("backups", found))


def _files(material: Material) -> str:
    """List what lies where the bot keeps its things; of foreign names only that there is something."""
    data_dir = material.paths.data_dir
    rows = [_row(data_dir, "."), _row(material.paths.summary, "./session-state.json")]
    for name in ("sessions", ".session-cache", "logs", "messages"):
        rows += _tree(data_dir / name, f"./{name}")
    shown = [material.redactor.line(row) for row in rows if row][:_MOST_FILES]
    return "".join(f"{row}\n" for row in shown)


def _tree(place: Path, shown: str) -> Iterator[str]:
    yield _row(place, shown)
    if place.is_symlink() or not place.is_dir():
        return
    for entry in sorted(os.scandir(place), key=lambda entry: entry.name)[:_MOST_FILES]:
        name = f"{shown}/{fit_name(entry.name)}"
        if entry.is_dir(follow_symlinks=False):
            yield from _tree(Path(entry.path), name)
        else:
            yield _row(Path(entry.path), name)


def _row(path: Path, shown: str) -> str:
    try:
        found = path.lstat()
    except OSError:
        return ""
    changed = datetime.fromtimestamp(found.st_mtime, UTC).isoformat(timespec="seconds")
    return f"{stat.filemode(found.st_mode)} {found.st_size:>12} {changed} {shown}"


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n"


MEMBERS = (
    Member("versions.json", "versions of linda-bot, Python, the libraries and the system", _versions),
    Member("settings.json", "the settings: of secrets only whether they are set", _settings),
    Member("doctor.json", "what `linda-bot doctor --offline` finds", _doctor),
    Member("why.txt", "the story of `linda-bot why --all`", _why),
    Member("session-history.json", "the history of the session", _state_file(lambda paths: paths.history)),
    Member("device-status.json", "the status of the session", _state_file(lambda paths: paths.device_status)),
    Member("session-state.json", "the summary of all accounts", _state_file(lambda paths: paths.summary)),
    Member("run-mark.json", "whether the last run came to its end", _state_file(lambda paths: paths.run_mark)),
    Member("backups.json", "the list of backups, not what is in them", _backups),
    Member("files.txt", "names, sizes and modes of the bot's files", _files),
    Member("events.jsonl", "the newest lines of the event log", _events),
    Member("health.jsonl", "the newest lines of the health log", _health),
)


def members(material: Material) -> Iterable[tuple[str, str, str]]:
    """Yield the name of each file, what it is, and its content; what cannot be gathered says why instead."""
    for member in MEMBERS:
        try:
            content = member.make(material)
        except (LindaError, UnreadableFileError, OSError, ValueError) as error:
            content = f"could not be gathered: {material.redactor.line(str(error))}\n"
        if content.strip():
            yield member.name, member.about, content
