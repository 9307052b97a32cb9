"""The link's view of a session in a database."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from linda_bot.connection.shared_session import SharedSession
from linda_bot.database.connecting import Database, DatabaseTroubleError
from linda_bot.kernel.errors import SessionInaccessibleError, SessionUnreachableError, UsageError
from linda_bot.sessions.aftercare import load_aftercare
from linda_bot.sessions.backup_process import BackupProcess
from linda_bot.sessions.book import SessionBook
from linda_bot.sessions.catalogue import all_backups
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.rollback import load_run_mark
from linda_bot.sessions.shared.access import SharedStore
from linda_bot.whatsapp.preparing import PREPARE_COMMAND
from tests.support.postgres import Server, find_binaries, running_server
from tests.support.shared_stores import ask, fill, grant, raw
from tests.support.stores import NUMBER


@pytest.fixture
def paths(tmp_path: Path) -> SessionPaths:
    """Where the small files are."""
    made = SessionPaths(tmp_path, NUMBER)
    made.directory.mkdir(parents=True, mode=0o700)
    return made


@pytest.fixture
def store(postgres: Server) -> SharedStore:
    """A session of the account in a database of this test's own."""
    return SharedStore(Database(postgres.new_database()), NUMBER)


@pytest.fixture
def session(store: SharedStore, paths: SessionPaths) -> SharedSession:
    """The session as the link has it, without a lease."""
    return SharedSession(store.database, paths, SessionBook(paths))


async def test_the_life_of_a_session(session: SharedSession, store: SharedStore, paths: SessionPaths) -> None:
    """Made, linked, backed up, damaged, put back, set aside."""
    look = await session.look()
    assert (look.linked, look.damaged, look.verdict) == (False, False, "missing")
    assert not await session.still_linked()
    fill(store)
    look = await session.look()
    assert (look.linked, look.verdict) == (True, "restorable")
    assert await session.still_linked()
    assert load_run_mark(paths.run_mark).running
    await session.close()
    assert not load_run_mark(paths.run_mark).running
    with raw(store) as connection:
        connection.execute("DELETE FROM whatsmeow_sessions")  # they are none that the guard would know
    assert (await session.set_guard()).active
    assert (await session.look_at_guard()).active

    process = BackupProcess(session.backup_job("test", keep=2))
    assert (await asyncio.to_thread(process.outcome)).error == ""
    with raw(store) as connection:
        connection.execute("DROP TABLE whatsmeow_identity_keys")
    assert (await session.look()).damaged
    put_back = await session.recover("it is damaged")
    assert put_back.backup == all_backups(paths)[0].name
    assert (await session.look()).linked
    assert not (await session.recover("it is damaged")).backup, "it was tried before, in vain"
    session.proved()
    assert (await session.recover("it is damaged")).backup

    await session.retire("the phone has removed the device")
    assert all_backups(paths)[0].retired is not None
    aside = await session.set_aside("a test")
    assert aside is not None
    assert ask(store, "SELECT count(*) FROM whatsmeow_device", schema=aside) == [1]
    assert load_aftercare(paths.aftercare) is None
    assert (await session.look()).verdict == "missing"
    assert not (await session.recover("there is none")).backup
    assert list(paths.directory.glob("*.db*")) == []


async def test_another_accounts_session_ends_the_bot(session: SharedSession, store: SharedStore) -> None:
    """A person must see to it."""
    await session.look()
    fill(store)
    with raw(store) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE whatsmeow_device SET jid = '15550001111:1@s.whatsapp.net'")

    with pytest.raises(UsageError, match="LINDA_ACCOUNT") as caught:
        await session.look()
    assert not isinstance(caught.value, SessionInaccessibleError)


async def test_a_lease_that_has_passed_on_is_told(store: SharedStore, paths: SessionPaths) -> None:
    """Wherever it is noticed; the link waits, and nothing is changed."""
    told: list[str] = []
    session = SharedSession(
        store.database, paths, SessionBook(paths), fence=lambda: 3, on_fenced=lambda: told.append("fenced")
    )
    await session.look()
    grant(store.database, NUMBER, 4)

    with pytest.raises(SessionUnreachableError, match="passed on"):
        await session.look()
    with pytest.raises(SessionUnreachableError, match="passed on"):
        await session.set_aside("a test")
    with pytest.raises(DatabaseTroubleError, match="passed on"):
        await session.set_guard()
    assert await session.still_linked()
    assert len(told) == 4  # the last of them by looking for the device


async def test_secrets_are_not_shown(session: SharedSession, store: SharedStore) -> None:
    """The address is in the job of a backup and in what the engine opens, in no repr."""
    assert store.database.address not in repr(session.backup_job("test", keep=2))
    assert session.backup_job("test", keep=2).shared is not None
    assert f"search_path={store.schema}" in session.source
    assert "linda@" not in " ".join(PREPARE_COMMAND)


@pytest.fixture
def frail(postgres: Server) -> Iterator[Server]:
    """A server of this test's own, which may be frozen and stopped."""
    binaries = find_binaries()
    assert binaries is not None
    with running_server(binaries) as server:
        yield server


async def test_a_database_that_comes_and_goes(frail: Server, paths: SessionPaths) -> None:
    """Frozen or down, nothing waits for ever, and it is the same session afterwards."""
    session = SharedSession(Database(frail.address()), paths, SessionBook(paths))
    await session.look()
    fill(SharedStore(Database(frail.address()), NUMBER))
    frail.freeze()
    async with asyncio.timeout(15):
        with pytest.raises(SessionUnreachableError):
            await session.look()
    frail.thaw()
    await asyncio.to_thread(frail.stop)
    with pytest.raises(SessionUnreachableError):
        await session.look()
    assert await session.still_linked()
    with pytest.raises(DatabaseTroubleError):
        await session.look_at_guard()
    await asyncio.to_thread(frail.start)

    assert (await session.look()).linked
