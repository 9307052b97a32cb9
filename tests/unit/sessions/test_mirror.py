"""The mirror: what follows an account from host to host, on a real PostgreSQL."""

import asyncio
import os
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot.database.connecting import Database, DatabaseTroubleError
from linda_bot.database.migrating import bring_account_up_to_date, bring_up_to_date
from linda_bot.database.places import account_place
from linda_bot.sessions.catalogue import all_backups, clean_up, fault_of
from linda_bot.sessions.mirror.following import follower, state_files
from linda_bot.sessions.mirror.local import look
from linda_bot.sessions.mirror.pulling import pull
from linda_bot.sessions.mirror.pushing import Mirror, push_once
from linda_bot.sessions.mirror.table import files_of
from linda_bot.sessions.paths import SessionPaths
from tests.support.postgres import Server, find_binaries, running_server
from tests.support.stores import back_up, make_session

ACCOUNT = "default"
ODD_NAMES = ("..", "x", ".session-cache", "backup-default-001", "session.db", "manifest.json", "sessions", "", "logs")


@pytest.fixture
def database(postgres: Server) -> Database:
    """An empty table for one account."""
    return made(postgres.new_database())


@pytest.fixture
def paths(tmp_path: Path) -> SessionPaths:
    """A host's directory with a session, every kind of small file and two backups."""
    return filled(tmp_path / "here")


@pytest.fixture
def there(tmp_path: Path) -> SessionPaths:
    """Another host's directory, empty."""
    return SessionPaths(tmp_path / "there", ACCOUNT)


def test_everything_that_follows_arrives_as_it_was(
    database: Database, paths: SessionPaths, there: SessionPaths
) -> None:
    """State files and backups, private, byte for byte, and nothing else."""
    push_once(database, paths, None)
    pulled = pull(database, there, None)
    assert pulled.laid_down == len(content(paths)) >= 13
    assert content(there) == content(paths)
    assert (pulled.aside, pulled.passed_over) == (None, ())
    assert [fault_of(backup) for backup in all_backups(there)] == ["", ""]
    for place in there.data_dir.rglob("*"):
        assert stat.S_IMODE(place.stat().st_mode) == (0o700 if place.is_dir() else 0o600), place
    assert not there.store.exists()
    assert not there.run_mark.exists()


def test_a_second_pull_changes_nothing(database: Database, paths: SessionPaths, there: SessionPaths) -> None:
    """What is here already is left as it is."""
    push_once(database, paths, None)
    pull(database, there, None)
    before = {path: found.stamp for path, found in look(there).items()}
    assert pull(database, there, None)[:2] == (0, None)
    assert {path: found.stamp for path, found in look(there).items()} == before


def test_what_the_database_does_not_know_is_moved_aside(
    database: Database, paths: SessionPaths, there: SessionPaths
) -> None:
    """A file and a backup that were never there, and a backup of the same name that is another one."""
    push_once(database, paths, None)
    filled(there.data_dir, text="of another life", backups=3)
    there.pause.write_text("{}")
    paths.pause.unlink()
    push_once(database, paths, None)
    theirs = content(there)
    pulled = pull(database, there, None)
    assert content(there) == content(paths)
    assert pulled.aside is not None
    for name in (f"sessions/session-{ACCOUNT}/paused.json", *(name for name in theirs if "backup-" in name)):
        assert (pulled.aside / name).read_bytes() == theirs[name], name
    assert there.store.exists()


def test_only_a_few_of_what_was_moved_aside_are_kept(
    database: Database, paths: SessionPaths, there: SessionPaths
) -> None:
    """A disk does not fill because an account comes and goes."""
    push_once(database, paths, None)
    for number in range(8):
        pull(database, there, None)
        aftercare = there.aftercare
        push_once(database, paths, None)
        with files_of(database, ACCOUNT, "test", None) as table:
            table.change({}, [f"sessions/session-{ACCOUNT}/after-restore.json"])
        aftercare.write_text(str(number))
        newest = pull(database, there, None).aside
    assert newest is not None
    kept = sorted(there.cache.glob("replaced-*"))
    assert len(kept) == 5
    assert kept[-1] == newest


def test_a_backup_that_is_retired_elsewhere_is_retired_here(
    database: Database, paths: SessionPaths, there: SessionPaths
) -> None:
    """And one that counts again counts again, without its copy being sent once more."""
    push_once(database, paths, None)
    pull(database, there, None)
    backup = all_backups(paths)[0]
    (backup.directory / "retired.json").write_text('{"kind": "cleared", "because": "a test", "at": "now"}')
    push_once(database, paths, None)
    copy = all_backups(there)[0].copy.stat()
    assert pull(database, there, None).laid_down == 1
    assert all_backups(there)[0].retired is not None
    (backup.directory / "retired.json").unlink()
    push_once(database, paths, None)
    pull(database, there, None)
    assert all_backups(there)[0].retired is None
    assert all_backups(there)[0].copy.stat().st_ino == copy.st_ino


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../sessions/session-default/paused.json",
        "sessions/session-default/../session-default/paused.json",
        "sessions/session-other/paused.json",
        "sessions/session-default/session.lock",
        "sessions/session-default/run-mark.json",
        "sessions/session-default/control.sock",
        "sessions/session-default/paused.json/x",
        "sessions/session-default/paused.json\n",
        ".session-cache/backup-default-001/../../x",
        ".session-cache/backup-default-001/x.json",
        ".session-cache/backup-default-001/session.db-wal",
        ".session-cache/backup-default-٣٣٣/session.db",
        ".session-cache/.backup-default-001.new/manifest.json",
        ".session-cache/quarantine-default-1/session.db",
        "logs/events.jsonl",
    ],
)
def test_a_hostile_row_is_never_laid_down(
    database: Database, paths: SessionPaths, there: SessionPaths, path: str
) -> None:
    """It is named, and the rest arrives."""
    push_once(database, paths, None)
    with files_of(database, ACCOUNT, "test", None) as table:
        table.change({path: b"hostile"})
    pulled = pull(database, there, None)
    assert pulled.passed_over == (path,)
    assert content(there) == content(paths)
    assert not [file for file in there.data_dir.parent.rglob("*") if file.is_file() and file.read_bytes() == b"hostile"]
    push_once(database, paths, None)
    assert path in rows(database)  # nor is it ours to delete


@given(st.lists(st.sampled_from(ODD_NAMES) | st.text(max_size=4), max_size=6).map("/".join))
def test_a_path_is_followed_only_as_it_is_written(path: str) -> None:
    """Whatever a row is called: what is followed is inside the directory, and has no second name."""
    found = follower(ACCOUNT, path)
    if found is not None:
        assert os.path.normpath(path) == path == found.path
        assert path.startswith((".session-cache/backup-default-", "sessions/session-default/", "logs/"))


def test_links_and_directories_do_not_follow_and_give_way(
    database: Database, paths: SessionPaths, there: SessionPaths
) -> None:
    """A link is not read through, nor written through."""
    secret = paths.data_dir.parent / "secret"
    secret.write_bytes(b"secret")
    push_once(database, paths, None)
    for link in (paths.pause, paths.logins):
        link.unlink()
        link.symlink_to(secret)
    push_once(database, paths, None)
    assert b"secret" not in rows(database).values()
    assert f"sessions/session-{ACCOUNT}/paused.json" not in rows(database)
    there.directory.mkdir(parents=True)
    there.cache.mkdir()
    there.history.mkdir()
    there.device_status.symlink_to(secret)
    elsewhere = there.data_dir / "elsewhere"
    elsewhere.mkdir()
    (there.cache / f"backup-{ACCOUNT}-001").symlink_to(elsewhere)
    pull(database, there, None)
    assert secret.read_bytes() == b"secret"
    assert not list(elsewhere.iterdir())
    assert content(there) == content(paths)


def test_a_host_that_lost_its_disk_deletes_nothing(database: Database, paths: SessionPaths) -> None:
    """A directory that is missing as a whole says nothing of its files."""
    push_once(database, paths, None)
    before = rows(database)
    paths.directory.rename(paths.data_dir / "away")
    paths.cache.rename(paths.data_dir / "away too")
    push_once(database, paths, None)
    assert rows(database) == before


async def test_changes_arrive_by_themselves(database: Database, paths: SessionPaths) -> None:
    """A change, a new backup, a deletion: within seconds, while the bot runs."""
    async with mirrored(database, paths) as mirror:
        await arrived(lambda: rows(database) == content(paths))
        paths.device_status.write_text("{}")
        paths.pause.unlink()
        await asyncio.to_thread(back_up, paths, keep=9)
        clean_up(paths, keep=2, good="")
        assert len(all_backups(paths)) == 2
        await arrived(lambda: rows(database) == content(paths))
        assert await mirror.flush()


async def test_what_changes_all_the_time_waits_and_comes_at_the_end(database: Database, paths: SessionPaths) -> None:
    """The health record is not sent anew each second, and not forgotten either."""
    record = f"logs/health-{ACCOUNT}.jsonl"
    async with mirrored(database, paths) as mirror:
        await arrived(lambda: rows(database) == content(paths))
        paths.health_log.write_text("longer than before")
        paths.history.write_text("[1]")
        await arrived(lambda: rows(database)[f"sessions/session-{ACCOUNT}/session-history.json"] == b"[1]")
        assert rows(database)[record] != b"longer than before"
        assert await mirror.flush()
    assert rows(database)[record] == b"longer than before"


async def test_an_older_lease_writes_nothing_and_the_mirror_ends(database: Database, paths: SessionPaths) -> None:
    """Another host has the account: what is changed here does not arrive, and that is told once."""
    bring_up_to_date(database)
    lease(database, 5)
    told: list[str] = []
    mirror = Mirror(database, paths, 5, on_fenced=lambda: told.append("fenced"))
    running = asyncio.create_task(mirror.run())
    await arrived(lambda: rows(database) == content(paths))
    before = rows(database)
    lease(database, 6)
    paths.device_status.write_text("{}")
    async with asyncio.timeout(10):
        await running
    assert not await mirror.flush()
    assert told == ["fenced"]
    assert rows(database) == before


async def test_the_database_goes_and_comes_back(paths: SessionPaths, server: Server) -> None:
    """It is told once, tried again, and all of it arrives."""
    database = made(server.address())
    told: list[str] = []
    async with mirrored(database, paths, trouble=told.append, recovered=lambda: told.append("back")) as mirror:
        await arrived(lambda: rows(database) == content(paths))
        await asyncio.to_thread(server.stop, "immediate")
        paths.device_status.write_text("{}")
        await arrived(lambda: len(told) == 1)
        await asyncio.sleep(3.5)
        await asyncio.to_thread(server.start)
        await arrived(lambda: told[1:] == ["back"])
        await arrived(lambda: rows(database) == content(paths))
        assert await mirror.flush()
    assert "cannot be used" in told[0]
    assert server.address() not in told[0]


async def test_a_frozen_database_holds_up_neither_the_loop_nor_the_end(paths: SessionPaths, server: Server) -> None:
    """The end comes when it is due, and says that not everything arrived."""
    database = made(server.address())
    async with mirrored(database, paths) as mirror:
        await arrived(lambda: rows(database) == content(paths))
        server.freeze()
        paths.device_status.write_text("{}")
        longest = 0.0
        for _ in range(30):
            begun = time.monotonic()
            await asyncio.sleep(0.05)
            longest = max(longest, time.monotonic() - begun)
        assert longest < 1
        begun = time.monotonic()
        assert not await mirror.flush(within_s=1)
        assert time.monotonic() - begun < 3
    server.thaw()
    assert rows(database) != content(paths)


def test_a_pull_from_a_frozen_database_ends(
    paths: SessionPaths, there: SessionPaths, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in the middle of an answer."""
    database = made(server.address())
    push_once(database, paths, None)
    monkeypatch.setattr("linda_bot.sessions.mirror.table._ANSWER_WITHIN_S", 0.5)
    with files_of(database, ACCOUNT, "test", None) as table:
        table.entries()
        server.freeze()
        begun = time.monotonic()
        with pytest.raises(DatabaseTroubleError):
            table.entries()
        assert time.monotonic() - begun < 3
    server.thaw()
    pull(database, there, None)
    assert content(there) == content(paths)


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that may be stopped."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("there is no PostgreSQL; scripts/postgres installs it")
    with running_server(binaries) as running:
        yield running


def made(address: str) -> Database:
    """Make an account's tables."""
    database = Database(address)
    bring_account_up_to_date(database, ACCOUNT)
    return database


def filled(data_dir: Path, *, text: str = "a test", backups: int = 2) -> SessionPaths:
    """Make a session with every file that follows."""
    paths = make_session(data_dir)
    paths.logs.mkdir(mode=0o700)
    for each in state_files(ACCOUNT):
        (data_dir / each.path).write_text(f"{text}: {each.path}")
    paths.run_mark.write_text("{}")
    for _ in range(backups):
        back_up(paths)
    return paths


def content(paths: SessionPaths) -> dict[str, bytes]:
    """Return what follows, as it is on a host."""
    return {path: (paths.data_dir / path).read_bytes() for path in look(paths)}


def rows(database: Database) -> dict[str, bytes]:
    """Return what follows, as the database has it."""
    with database.connect(account_place(ACCOUNT, "test")) as connection:
        found = connection.execute("SELECT path, content FROM files", binary=True).fetchall()
    return {path: bytes(data) for path, data in found}


def lease(database: Database, fence: int) -> None:
    """Grant the account to somebody."""
    with database.connect(account_place(ACCOUNT, "test")) as connection:
        connection.execute(
            "INSERT INTO linda_bot.leases (account, host, fence) VALUES (%s, 'a', %s)"
            " ON CONFLICT (account) DO UPDATE SET fence = excluded.fence",
            (ACCOUNT, fence),
        )


@asynccontextmanager
async def mirrored(
    database: Database,
    paths: SessionPaths,
    *,
    trouble: Callable[[str], None] = lambda _: None,
    recovered: Callable[[], None] = lambda: None,
) -> AsyncIterator[Mirror]:
    """Run a mirror."""
    mirror = Mirror(database, paths, None, trouble=trouble, recovered=recovered)
    running = asyncio.create_task(mirror.run())
    try:
        yield mirror
    finally:
        running.cancel()
        await asyncio.wait({running})


async def arrived(question: Callable[[], bool], *, within_s: float = 15) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(within_s):
        while not await asyncio.to_thread(question):
            await asyncio.sleep(0.1)
