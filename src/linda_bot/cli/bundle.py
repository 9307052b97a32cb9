"""`linda-bot support-bundle`: an archive for whoever helps."""

import argparse
import io
import os
import tarfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from linda_bot.cli.bundle_parts import Material, members, secrets_of
from linda_bot.cli.bundle_redaction import BundleRedactor
from linda_bot.cli.output import print_json, print_table, say
from linda_bot.kernel.amounts import size_text
from linda_bot.kernel.errors import ExitCode, UsageError, reason_of
from linda_bot.sessions.paths import SessionPaths
from linda_bot.settings import load_settings

_FOLDER = "linda-bot-support"
_MOST_A_DAY = 100
_NEVER = "Not in it: the session and its keys, backups, messages, attachments, QR codes; numbers have pseudonyms."


def bundle(options: argparse.Namespace) -> int:
    """Write the archive, and say what is in it."""
    settings = load_settings({"data_dir": options.data_dir, "account": options.account})
    paths = SessionPaths(settings.data_dir.absolute(), settings.account)
    now = datetime.now(UTC)
    material = Material(settings, paths, BundleRedactor(paths, secrets_of(settings)), now)
    found = list(members(material))
    file = _write(options.file, found, now)
    rows = [(name, size_text(len(content.encode(errors="replace"))), about) for name, about, content in found]
    if options.json:
        listed = [{"name": name, "about": about} for name, about, _ in found]
        print_json({"file": str(file.absolute()), "members": listed}, show_numbers=options.show_numbers)
        return ExitCode.OK
    print_table(("file", "size", "what"), rows, show_numbers=options.show_numbers)
    say("")
    say(_NEVER)
    say(f"Look at it before you send it: tar -xzf {file}")
    return ExitCode.OK


def _write(wanted: Path | None, found: Iterable[tuple[str, str, str]], now: datetime) -> Path:
    """Write a new file that nobody else can read; raises UsageError when it is there or cannot be written."""
    data = _archive(found, now)
    for file in _candidates(wanted, now):
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            continue
        except OSError as error:
            raise _unwritable(file, error) from error
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
        except OSError as error:
            file.unlink(missing_ok=True)
            raise _unwritable(file, error) from error
        return file
    raise UsageError(f"{wanted or _FOLDER} is there already; name a new file")


def _unwritable(file: Path, error: OSError) -> UsageError:
    reason = reason_of(error)
    return UsageError(f"{file} cannot be written: {reason}; name a file in another place")


def _candidates(wanted: Path | None, now: datetime) -> Iterable[Path]:
    if wanted is not None:
        yield wanted
        return
    for number in range(1, _MOST_A_DAY):
        more = "" if number == 1 else f"-{number}"
        yield Path(f"{_FOLDER}-{now.astimezone():%Y-%m-%d}{more}.tar.gz")


def _archive(found: Iterable[tuple[str, str, str]], now: datetime) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for name, _, content in found:
            data = content.encode(errors="replace")
            member = tarfile.TarInfo(f"{_FOLDER}/{name}")
            member.size, member.mode, member.mtime = len(data), 0o600, int(now.timestamp())
            archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()
