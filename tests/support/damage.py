"""Random damage to a session's files; the same seed does the same to the same files.

What it touches: the client library's store, the state files and locks beside it, the summary of all accounts, and at
most the newest backup, so that an older one is left.
"""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from random import Random

from linda_bot.sessions.paths import DEFAULT_ACCOUNT, SessionPaths
from tests.support import blows
from tests.support.blows import Blow


def damage(seed: int, data_dir: Path) -> str:
    """Do one to three kinds of damage to the default account of a data directory; return what was done."""
    chance = Random(seed)
    paths = SessionPaths(data_dir, DEFAULT_ACCOUNT)
    return "; ".join(_one(chance, paths) for _ in range(chance.choice((1, 1, 1, 2, 2, 3))))


def _one(chance: Random, paths: SessionPaths) -> str:
    while True:
        (kind,) = chance.choices(
            (_hurt_store, _hurt_json, _hurt_backup, _hurt_lock, _swap, _stray, _wrong_mode), (40, 28, 8, 4, 8, 8, 4)
        )
        with suppress(PermissionError):  # an earlier blow has closed the file to us, too
            if done := kind(chance, paths):
                return done


def _hurt_store(chance: Random, paths: SessionPaths) -> str:
    if chance.random() < 0.1:
        return _flip_in_the_device(chance, paths.store)
    (ending,) = chance.choices(("", "-wal", "-shm"), (6, 3, 1))
    return _strike(chance, paths.store.with_name(paths.store.name + ending), blows.ON_FILES)


def _flip_in_the_device(chance: Random, store: Path) -> str:
    """Flip a bit where SQLite does not notice it, and WhatsApp does."""
    column = chance.choice(("jid", "noise_key", "identity_key"))
    try:
        with closing(sqlite3.connect(f"file:{store}?mode=ro&immutable=1", uri=True)) as database:
            (value,) = database.execute(f"SELECT {column} FROM whatsmeow_device").fetchone()
    except (sqlite3.Error, TypeError):
        return ""
    found = value.encode() if isinstance(value, str) else bytes(value)
    changed = bytearray(found)
    changed[chance.randrange(len(changed) // 2)] ^= 1
    for file in (store, store.with_name(f"{store.name}-wal")):
        if file.is_file():
            file.write_bytes(file.read_bytes().replace(found, changed))
    return f"a flipped bit in the device's {column}"


def _hurt_json(chance: Random, paths: SessionPaths) -> str:
    path = chance.choice((paths.device_status, paths.history, paths.run_mark, paths.aftercare, paths.summary))
    return _strike(chance, path, blows.ON_FILES + blows.ON_JSON * 2)


def _hurt_backup(chance: Random, paths: SessionPaths) -> str:
    backups = sorted(paths.cache.glob(f"backup-{paths.account}-*"))
    if not backups:
        return ""
    if chance.random() < 0.5:
        return _strike(chance, backups[-1] / "session.db", blows.ON_FILES)
    return _strike(chance, backups[-1] / "manifest.json", blows.ON_FILES + blows.ON_JSON)


def _hurt_lock(chance: Random, paths: SessionPaths) -> str:
    return _strike(
        chance,
        chance.choice((paths.lock, paths.engine_lock)),
        (blows.empty, blows.remove, blows.put_directory, blows.junk),
    )


def _swap(chance: Random, paths: SessionPaths) -> str:
    found = sorted(
        path
        for path in (*paths.directory.iterdir(), *paths.cache.glob("backup-*/*"))
        if path.is_file() and path != paths.sandbox_mark
    )
    if len(found) < 2:
        return ""
    one, other = chance.sample(found, 2)
    if paths.directory not in {one.parent, other.parent}:
        other = paths.store if paths.store in found else other  # only the newest backup may suffer
    if not _is_expendable(one, paths) or not _is_expendable(other, paths):
        return ""
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)
    return f"{one.name} and {other.name} swapped"


def _is_expendable(path: Path, paths: SessionPaths) -> bool:
    newest = max(paths.cache.glob(f"backup-{paths.account}-*"), default=None)
    return path.parent in (paths.directory, newest)


def _stray(chance: Random, paths: SessionPaths) -> str:
    name = chance.choice(
        ("session.db.next", "session.db.next.draft", "session.db-journal", ".device-status.json.123.new", "half backup")
    )
    if name == "half backup":
        half = paths.cache / f".backup-{paths.account}-009.new"
        half.mkdir(parents=True, exist_ok=True)
        (half / "session.db").write_bytes(chance.randbytes(5000))
        return "half a backup left over"
    return _strike(chance, paths.directory / name, (blows.junk, blows.half_of_the_store, blows.put_directory))


def _wrong_mode(chance: Random, paths: SessionPaths) -> str:
    places = [path for path in (paths.directory, paths.cache, paths.store, paths.directory.parent) if path.exists()]
    return _strike(chance, chance.choice(places), (blows.set_mode,))


def _strike(chance: Random, path: Path, choice: tuple[Blow, ...]) -> str:
    if path.is_dir() and not path.is_symlink():
        choice = (blows.set_mode,)  # an earlier blow has put it there
    path.parent.mkdir(parents=True, exist_ok=True)
    done = chance.choice(choice)(chance, path)
    return f"{path.parent.name}/{path.name} {done}" if done else ""
