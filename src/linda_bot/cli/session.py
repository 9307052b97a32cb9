"""`linda-bot info`, `backups`, `backup`, `restore`, `clear`, `export` and `import`."""

import argparse
import socket
import sqlite3
from datetime import UTC, datetime

import msgspec

from linda_bot.app.answers import BackupMade
from linda_bot.cli.control_client import BotHangsError, BotRefusedError, NoBotError, bot_of
from linda_bot.cli.output import asked, print_facts, print_json, print_table, say
from linda_bot.cli.places import Place, place_for
from linda_bot.cli.story_line import span
from linda_bot.kernel.amounts import size_text
from linda_bot.kernel.errors import ExitCode, UsageError
from linda_bot.messaging.review import NO_MAIL, reviewing
from linda_bot.messaging.store import Counts
from linda_bot.sessions.catalogue import fault_of
from linda_bot.sessions.device_status import moment
from linda_bot.sessions.guard import look_at_guard
from linda_bot.sessions.information import SessionInfo
from linda_bot.sessions.lock import Holder
from linda_bot.sessions.manager import NoBackupError, Restored, SessionManager
from linda_bot.sessions.manifest import Backup
from linda_bot.sessions.moving import export_session, import_session
from linda_bot.sessions.validation import Verdict
from linda_bot.sessions.vault import make_key_file, open_vault

_SHOWN_QUARANTINES = 3
_BACKUP_WITHIN_S = 330.0


def manager_for(options: argparse.Namespace) -> SessionManager:
    """Return the session manager that the settings and options describe; raises what `place_for` raises."""
    return manager_of(place_for(options, with_copies=True))


def manager_of(place: Place) -> SessionManager:
    """Return the manager of the session that is there; raises UsageError."""
    backup = place.settings.backup
    vault = open_vault(backup.key_file, backup.key.get_secret_value() if backup.key else None)
    if place.shared is None:
        return SessionManager(place.paths.data_dir, place.paths.account, vault=vault, keep=backup.keep)
    from linda_bot.cli.shared_manager import SharedManager

    return SharedManager(place.shared, place.paths, vault=vault, keep=backup.keep)


def info(options: argparse.Namespace) -> int:
    """Tell what is known of the session; exit code 0 whatever its state is."""
    place = place_for(options, with_copies=True)
    found = manager_of(place).get_session_info()
    with reviewing(place.mailbox) as review:
        mail = review.counts() if review else NO_MAIL
    caught = _caught(place)
    directory = place.shown if place.is_elsewhere else str(found.directory)
    if options.json:
        said = {
            **_info_json(found),
            "directory": directory,
            "messages": mail._asdict(),
            "lost_answers_prevented": caught,
        }
        print_json(said, show_numbers=options.show_numbers)
    else:
        lines = [
            *_info_lines(found, directory),
            ("messages", _mail_line(mail)),
            ("answers", f"{caught} saved by the guard"),
        ]
        print_facts(lines, show_numbers=options.show_numbers)
    return ExitCode.OK


def backups(options: argparse.Namespace) -> int:
    """List the backups, each compared with its checksum."""
    place = place_for(options, with_copies=True)
    manager = manager_of(place)
    found = manager.backups()
    if options.json:
        print_json([_backup_json(backup) for backup in found], show_numbers=options.show_numbers)
    elif not found:
        say(f"There is no backup of the session {manager.paths.account} in {place.shown_cache} yet.")
    else:
        rows = [
            (
                backup.name,
                f"{_age(backup)} ago",
                backup.manifest.reason.replace("_", " "),
                size_text(backup.manifest.size),
                backup.manifest.linked_number,
                _state(backup),
            )
            for backup in found
        ]
        heads = ("backup", "made", "because", "size", "number", "state")
        print_table(heads, rows, show_numbers=options.show_numbers)
    return ExitCode.OK


def backup(options: argparse.Namespace) -> int:
    """Make a backup now, also while the bot runs; or a key for encrypted ones."""
    if options.new_key is not None:
        make_key_file(options.new_key)
        say(f"{options.new_key} holds a new key. Set LINDA_BACKUP__KEY_FILE={options.new_key.absolute()} to use it,")
        say("and keep a copy of it in another place: without it no encrypted backup can be opened.")
        return ExitCode.OK
    made = _make_backup(manager_for(options))
    if options.json:
        print_json(_backup_json(made), show_numbers=options.show_numbers)
    else:
        sealed = ", encrypted" if made.manifest.sealed_with else ""
        say(f"{made.name} is made and verified ({size_text(made.manifest.size)}{sealed}).")
    return ExitCode.OK


def _make_backup(manager: SessionManager) -> Backup:
    """Have the running bot make a backup, so that it counts for its schedule; else make it here."""
    try:
        bot = bot_of(manager.paths)
        name = bot.ask("POST", "/api/v1/backup", BackupMade, {}, within_s=_BACKUP_WITHIN_S).backup
    except (NoBotError, BotHangsError):  # also beside a bot that cannot be asked
        return manager.backup_session()
    except BotRefusedError as error:
        raise NoBackupError(str(error)) from error
    found = next((backup for backup in manager.backups() if backup.name == name), None)
    if found is None:
        raise NoBackupError(f"{name} was made, and is gone already: LINDA_BACKUP__KEEP is small")
    return found


def restore(options: argparse.Namespace) -> int:
    """Put a backup back."""
    manager = manager_for(options)
    manager.require_free()
    if manager.can_restore_session():
        question = "The session is whole; a backup is older, and messages sent since then are not in it. Replace it?"
        if not asked(question, yes=options.yes or options.force):
            say("Nothing was changed.")
            return ExitCode.OK
    done = manager.restore_from_backup(options.backup, force=options.force)
    return _tell_restored(done, options)


def clear(options: argparse.Namespace) -> int:
    """Set the session aside, so that the next start shows a QR code."""
    place = place_for(options, with_copies=True)
    if not place.has_session():
        say(f"There is no session {place.paths.account} in {place.shown}.")
        return ExitCode.OK
    manager = manager_of(place)
    manager.require_free()
    if not asked("The bot will have to be linked anew with a QR code. Clear the session?", yes=options.yes):
        say("Nothing was changed.")
        return ExitCode.OK
    aside = manager.clear_session()
    if options.json:
        print_json({"quarantine": str(aside) if aside else None}, show_numbers=options.show_numbers)
    elif aside is None:
        say("There was no session any more; the next `linda-bot run` shows a QR code.")
    else:
        say(f"The session is set aside, not deleted: {aside}")
        say("The next `linda-bot run` shows a QR code. To go back: linda-bot restore")
        say("The phone still lists the old device; remove it there if you do not want it back.")
    return ExitCode.OK


def export(options: argparse.Namespace) -> int:
    """Write the session into a file for another machine."""
    manager = manager_for(options)
    running = manager.get_session_info().running
    made = export_session(manager, options.file)
    if options.json:
        exported = {"file": str(options.file.absolute()), **_backup_json(made)}
        print_json(exported, show_numbers=options.show_numbers)
        return ExitCode.OK
    sealed = "encrypted" if made.manifest.sealed_with else "NOT encrypted: whoever has the file is the bot"
    say(f"{options.file} holds the session ({size_text(made.manifest.size)}, {sealed}).")
    say(f"On the other machine: linda-bot import {options.file.name}")
    if running is not None:
        say(f"The bot here still runs (pid {running.pid}): stop it before the other one starts, or they fight.")
    return ExitCode.OK


def import_(options: argparse.Namespace) -> int:
    """Take a session out of a file that another machine wrote."""
    place = place_for(options)
    if place.shared is not None:
        raise UsageError(
            "a session can only be imported into files: import it without LINDA_STORE, then `linda-bot migrate`"
        )
    done = import_session(manager_of(place), options.file, force=options.force)
    return _tell_restored(done, options)


def _tell_restored(done: Restored, options: argparse.Namespace) -> int:
    well = done.backup is not None and done.validation.verdict is Verdict.RESTORABLE
    if options.json:
        document = {
            "restored": _backup_json(done.backup) if done.backup else None,
            "quarantine": str(done.quarantined) if done.quarantined else None,
            "kept": done.kept.name if done.kept else None,
            "passed_over": done.passed_over,
        }
        print_json(document, show_numbers=options.show_numbers)
        return ExitCode.OK if well else ExitCode.UNWELL
    for line in done.passed_over:
        if done.kept is None or not line.startswith(f"{done.kept.name}:"):
            say(f"Not used: {line}")
    if done.backup is None:
        raise NoBackupError("no backup can be used; nothing was changed")
    if done.kept is not None:
        say(f"The session that was there is kept as {done.kept.name}.")
    if done.quarantined is not None:
        say(f"Its files are set aside, not deleted: {done.quarantined}")
    say(f"{done.backup.name} is in place; it was made {_age(done.backup)} ago.")
    say("Start the bot with `linda-bot run`: no QR code, new Signal sessions, answers wait until what waited is in.")
    return ExitCode.OK


def _info_lines(found: SessionInfo, directory: str) -> list[tuple[str, str]]:
    status, validation = found.status, found.validation
    whole = "whole: it comes back without a QR code"
    verdict = whole if validation.verdict is Verdict.RESTORABLE else f"{validation.verdict}: {validation.why}"
    newest = found.backups[0] if found.backups else None
    last = found.history[-1] if found.history else {}
    lines = [
        ("account", found.account),
        ("directory", directory),
        ("session", verdict),
        ("linked number", found.linked_number or "none"),
        ("bot", _running(found.running)),
        ("store", size_text(found.store_bytes)),
        ("backups", f"{len(found.backups)}, the newest {newest.name}, {_age(newest)} ago" if newest else "none"),
        ("set aside", ", ".join(place.name for place in found.quarantines[:_SHOWN_QUARANTINES]) or "nothing"),
        ("history", f"{len(found.history)} entries" + (f", the last {last.get('eventType')}" if last else "")),
    ]
    if status is not None:
        lines[4:4] = [
            ("last status", status.restore_status),
            ("linked at", status.linked_at or "unknown"),
            ("last connected", _when(status.last_connected)),
            ("restores", f"{status.restore_count}, the last {_when(status.last_restore_time)}"),
        ]
    if found.restored_from:
        lines.append(("watched", f"{found.restored_from} was put back; the verdict is due"))
    if found.sandbox:
        lines.append(("sandbox", "this session belongs to a sandbox, not to WhatsApp"))
    return lines


def _running(holder: Holder | None) -> str:
    if holder is None:
        return "does not run"
    where = f" on {holder.host}" if holder.host not in ("", socket.gethostname()) else ""
    return f"runs{where} (pid {holder.pid}, since {holder.since})"


def _mail_line(mail: Counts) -> str:
    words = {
        "waiting": "to be handled",
        "set_aside": "set aside (linda-bot inbox)",
        "pending": "to be sent",
        "sending": "being sent",
        "unknown": "of which nobody knows (linda-bot outbox)",
        "failed": "not sent (linda-bot outbox)",
    }
    return ", ".join(f"{count} {words[name]}" for name, count in mail._asdict().items() if count) or "all done"


def _caught(place: Place) -> int:
    """Return how many answers the guard has saved; 0 where the store cannot be read, which is told elsewhere."""
    if place.shared is not None:
        guard = place.shared.guard()
        return guard.caught if guard is not None else 0
    store = place.paths.store
    try:
        return look_at_guard(store).caught if store.is_file() else 0
    except (sqlite3.Error, UnicodeDecodeError):
        return 0


def _info_json(found: SessionInfo) -> dict[str, object]:
    return {
        "account": found.account,
        "verdict": str(found.validation.verdict),
        "points": [point._asdict() for point in found.validation.points],
        "linked_number": found.linked_number,
        "status": msgspec.to_builtins(found.status) if found.status else None,
        "running": found.running._asdict() if found.running else None,
        "store_bytes": found.store_bytes,
        "backups": [_backup_json(backup) for backup in found.backups],
        "unreadable_backups": found.unreadable_backups,
        "quarantines": [str(place) for place in found.quarantines],
        "history": len(found.history),
        "restored_from": found.restored_from,
        "sandbox": found.sandbox,
    }


def _backup_json(backup: Backup) -> dict[str, object]:
    manifest = backup.manifest
    return {
        "name": backup.name,
        "directory": str(backup.directory),
        "created_at": manifest.created_at,
        "age_s": round((datetime.now(UTC) - manifest.created).total_seconds()),
        "reason": manifest.reason,
        "size": manifest.size,
        "linked_number": manifest.linked_number,
        "encrypted": bool(manifest.sealed_with),
        "neonize_version": manifest.neonize_version,
        "fault": fault_of(backup),
        "retired": backup.retired.because if backup.retired else "",
    }


def _state(backup: Backup) -> str:
    if fault := fault_of(backup):
        return fault
    if backup.retired is not None:
        return f"retired: {backup.retired.because}"
    return "good, encrypted" if backup.manifest.sealed_with else "good"


def _age(backup: Backup) -> str:
    return span((datetime.now(UTC) - backup.manifest.created).total_seconds())


def _when(text: str | None) -> str:
    found = moment(text)
    return "never" if found is None else f"{span((datetime.now(UTC) - found).total_seconds())} ago"
