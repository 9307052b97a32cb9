"""Has the store gone back by itself? A power loss, a snapshot put back, an old copy laid over it.

Old Signal ratchets are worse than none: what is sent with a counter that was used before is dropped by the receiver
without a word. So the store carries a number that only grows, and a file beside it remembers the number, the boot and
whether the bot came to an orderly end.
"""

import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec

from linda_bot.kernel.files import UnreadableFileError, fit_json, read_json, sync_file, write_json
from linda_bot.sessions.store import opened, seal_device, side_files

_TABLE = "CREATE TABLE IF NOT EXISTS linda_bot (name TEXT PRIMARY KEY, value INTEGER NOT NULL)"
_READ = "SELECT value FROM linda_bot WHERE name = 'generation'"
_WRITE = "INSERT INTO linda_bot VALUES ('generation', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
_BUSY_S = 5.0
_LARGEST = 2**53

Generation = Annotated[int, msgspec.Meta(ge=0, le=_LARGEST)]
"""How often a store was marked."""


class RunMark(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The content of `run-mark.json`."""

    boot_id: str = ""
    running: bool = False
    """Whether an engine may have the store open; true after a death without an orderly end."""
    generation: Generation = 0


def load_run_mark(path: Path) -> RunMark:
    """Return the mark; an empty one when there is none that can be read."""
    try:
        return read_run_mark(path)
    except UnreadableFileError:
        return RunMark()


def read_run_mark(path: Path) -> RunMark:
    """Return the mark; raises UnreadableFileError."""
    return fit_json(read_json(path), RunMark)


def save_run_mark(path: Path, mark: RunMark) -> None:
    """Write the mark; raises OSError."""
    write_json(path, msgspec.to_builtins(mark))


def went_back(mark: RunMark, *, boot_id: str, generation: int) -> str:
    """Return why a store may be older than what was sent from it, or nothing."""
    if generation < mark.generation:
        return "the session's store is older than it was: a snapshot or an old copy was put in its place"
    if mark.running and mark.boot_id and boot_id and mark.boot_id != boot_id:
        return "the machine went down while the bot ran: the last writes to the session's store may be lost"
    return ""


def read_generation(store: Path) -> int:
    """Return the number that a store carries; 0 when it carries none that can be. Raises sqlite3.Error."""
    with opened(store) as database:
        return generation_in(database)


def generation_in(database: sqlite3.Connection) -> int:
    """Return the number that an opened store carries."""
    try:
        row = database.execute(_READ).fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return 0
        raise
    number = row[0] if row else 0
    return number if isinstance(number, int) and 0 <= number <= _LARGEST else 0


def set_generation(store: Path, generation: int, *, also: Callable[[sqlite3.Connection], None] | None = None) -> None:
    """Write the number into a store, and seal its device, also while an engine has it open; raises sqlite3.Error.

    `also` is done in the same transaction.
    """
    with opened(store, "rw", busy_s=_BUSY_S) as database, database:
        database.execute(_TABLE)
        if also is not None:
            also(database)
        database.execute(_WRITE, (generation,))
        seal_device(database)


def bring_to_disk(store: Path) -> None:
    """Have what was written to a store survive a power loss; for after an engine's end."""
    for file in (store, *side_files(store)):
        with contextlib.suppress(OSError):
            sync_file(file)


def boot_id() -> str:
    """Return what tells this boot of the machine from the one before; empty where that is not known."""
    if sys.platform == "darwin":
        try:
            asked = subprocess.run(
                ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"],
                capture_output=True,
                text=True,
                timeout=5,
                check=False,
            )
            return asked.stdout.strip()
        except (OSError, subprocess.SubprocessError):
            return ""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
