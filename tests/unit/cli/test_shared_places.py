"""What commands find of an account in a database, and what they say of one that is elsewhere."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from linda_bot.app.migrating.records import LivesElsewhereError, save_marker
from linda_bot.app.migrating.whereabouts import Marker
from linda_bot.cli import session, status
from linda_bot.cli.control_client import NoBotError
from linda_bot.cli.places import mailbox_for, place_for
from linda_bot.cli.session import manager_of
from linda_bot.database.connecting import Database, FencedOffError
from linda_bot.database.connecting import Place as Where
from linda_bot.database.migrating import bring_account_up_to_date, bring_up_to_date
from linda_bot.fleet.ledger import AccountState, Grant, Host, Why
from linda_bot.fleet.postgres_ledger import PostgresLedger
from linda_bot.kernel.errors import ExitCode, SessionHeldError, UsageError
from linda_bot.sessions.lock import holder_of
from linda_bot.sessions.mirror.table import files_of
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.shared.access import SharedStore
from linda_bot.sessions.shared.schema import prepare
from linda_bot.sessions.validation import Verdict
from tests.support.commands import run_command
from tests.support.postgres import Server
from tests.support.shared_stores import MAKER, fill
from tests.support.stores import NUMBER

STATUS = f"sessions/session-{NUMBER}/device-status.json"
BACKUP = f".session-cache/backup-{NUMBER}-001"
T = TypeVar("T")


@pytest.fixture
def database(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A database that the settings name, with one account: added, linked, run by nobody."""
    address = postgres.new_database()
    monkeypatch.setenv("LINDA_STORE", address)
    found = Database(address)
    bring_up_to_date(found)
    bring_account_up_to_date(found, NUMBER)
    ask(found, lambda ledger: ledger.add(NUMBER))
    store = SharedStore(found, NUMBER)
    prepare(store, MAKER)
    fill(store)
    small = {STATUS: b"{}", f"{BACKUP}/session.db": b"keys", f"{BACKUP}/manifest.json": b"{}", "../../escaped": b"x"}
    with files_of(found, NUMBER, "test", None) as table:
        table.change(small)
    return found


def ask(database: Database, question: Callable[[PostgresLedger], Awaitable[T]]) -> T:
    """Ask the ledger as a host."""

    async def work() -> T:
        ledger = PostgresLedger(database, Host(name="far", place="p", incarnation="i", capacity=9, pid=7), within_s=5)
        try:
            await ledger.register()
            return await question(ledger)
        finally:
            await ledger.close()

    return asyncio.run(work())


def taken(database: Database) -> Grant:
    """Have a host take the account."""
    grant = ask(database, lambda ledger: ledger.claim(NUMBER))
    assert grant is not None
    return grant


def options(directory: Path, **more: object) -> argparse.Namespace:
    """Return what a command line says."""
    usual = {"data_dir": directory, "account": NUMBER, "json": False, "show_numbers": True, "yes": True}
    return argparse.Namespace(**{**usual, **more})


def test_what_another_host_has_is_laid_down_beside(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a directory of its own, in the name of that host; keys only where they are asked for."""
    taken(database)

    place = place_for(options(tmp_path))

    assert list(tmp_path.iterdir()) == []
    assert place.paths.data_dir != tmp_path
    assert place.paths.data_dir.stat().st_mode & 0o077 == 0
    laid = {str(file.relative_to(place.paths.data_dir)) for file in place.paths.data_dir.rglob("*") if file.is_file()}
    assert laid == {STATUS, f"{BACKUP}/manifest.json", f"sessions/session-{NUMBER}/session.lock"}
    assert not (place.paths.data_dir.parent.parent / "escaped").exists()
    holder = holder_of(place.paths)
    assert holder is not None
    assert (holder.host, holder.pid, holder.takes_hints) == ("far", 7, False)
    assert capsys.readouterr().err == "As the database has it; the host far has it.\n"
    with_copies = place_for(options(tmp_path), with_copies=True)
    assert (with_copies.paths.data_dir / BACKUP / "session.db").read_bytes() == b"keys"


def test_what_needs_the_bot_says_where_it_is(database: Database, tmp_path: Path) -> None:
    """On another host, on none, or paused."""
    with pytest.raises(NoBotError, match="no host has this account; start one"):
        place_for(options(tmp_path), here=True)
    grant = taken(database)
    with pytest.raises(NoBotError, match="the host far has this account: ask there"):
        place_for(options(tmp_path), here=True)
    with pytest.raises(SessionHeldError, match="the host far has this account: pause it first"):
        session.clear(options(tmp_path))
    assert ask(database, lambda ledger: ledger.release(NUMBER, grant.fence, Why.RELEASED))
    ask(database, lambda ledger: ledger.set_state(NUMBER, AccountState.PAUSED))
    with pytest.raises(NoBotError, match="it is paused"):
        place_for(options(tmp_path), here=True)


def test_an_account_that_is_not_there_is_named(database: Database, tmp_path: Path) -> None:
    """A slip of the pen shows nothing of another one, and no empty mailbox either."""
    for find in (place_for, mailbox_for):
        with pytest.raises(UsageError, match="has no account 4915112345678"):
            find(options(tmp_path, account="4915112345678"))
    assert database.shown


def test_while_nobody_has_it_a_command_does(database: Database, tmp_path: Path) -> None:
    """By a lease, which it gives back: no host can have the account meanwhile, and what it did is kept."""
    place = place_for(options(tmp_path), with_copies=True)
    assert place.shared is not None
    manager = manager_of(place)
    assert manager.validate_session().verdict is Verdict.RESTORABLE

    async def work() -> Grant | None:
        async with manager.held() as book:
            assert await asyncio.to_thread(ask, database, lambda ledger: ledger.claim(NUMBER)) is None
            book.change(restore_status="changed")
        return await asyncio.to_thread(taken, database)

    grant = asyncio.run(work())

    assert grant is not None
    assert grant.fence == 2
    with files_of(database, NUMBER, "test", None) as table:
        content = next(table.content(each) for each in table.entries() if each.path == STATUS)
    assert b"changed" in (content or b"")
    with pytest.raises(SessionHeldError, match="a host has just taken"):
        manager.clear_session()
    assert place.has_session()


def test_what_is_cut_off_in_between_changes_nothing(database: Database, tmp_path: Path) -> None:
    """An error leaves the files of the database as they were, and the account free."""
    manager = manager_of(place_for(options(tmp_path), with_copies=True))

    async def work() -> None:
        async with manager.held() as book:
            book.change(restore_status="changed")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(work())

    with files_of(database, NUMBER, "test", None) as table:
        content = next(table.content(each) for each in table.entries() if each.path == STATUS)
    assert content == b"{}"
    assert taken(database).fence == 2


def test_a_lease_that_has_passed_on_keeps_a_command_from_clearing(database: Database, tmp_path: Path) -> None:
    """Whatever took it so long: the session is another's by now."""
    place = place_for(options(tmp_path), with_copies=True)
    manager = manager_of(place)
    keep = manager.keep_present

    async def slow(reason: str) -> object:
        kept = await keep(reason)

        def expire() -> None:
            with database.connect(Where()) as connection:
                connection.execute("UPDATE linda_bot.leases SET expires_at = clock_timestamp() - interval '1 second'")
            taken(database)

        await asyncio.to_thread(expire)
        return kept

    manager.keep_present = slow  # type: ignore[method-assign, assignment]
    with pytest.raises(FencedOffError, match="lease has passed on"):
        manager.clear_session()
    assert place.has_session()


async def test_nothing_is_left_of_what_was_looked_at(database: Database, tmp_path: Path) -> None:
    """Whoever looks leaves no keys behind; and a database that is away is one line without a secret."""
    laid, data = tmp_path / "tmp", tmp_path / "data"
    laid.mkdir()
    command = ("backups", "--account", NUMBER, "--data-dir", data)
    looked = await run_command(*command, environment={"TMPDIR": str(laid), "LINDA_STORE": database.address})
    assert (looked.code, "As the database has it; no host has it." in looked.told) == (0, True)
    assert list(laid.iterdir()) == []
    away = {"LINDA_STORE": "postgresql://linda:secret@127.0.0.1:1/x"}
    for words in (("status",), ("inbox",), ("send", "4915112345678", "x"), ("clear", "--yes")):
        ran = await run_command(*words, "--account", NUMBER, "--data-dir", data, environment=away)
        assert (ran.code, len(ran.told.splitlines())) == (1, 1), ran.told
        assert "secret" not in ran.told


def test_files_that_were_left_say_where_the_account_is(tmp_path: Path) -> None:
    """Without LINDA_STORE nobody looks at what a move has left behind; the log is still there to be read."""
    paths = SessionPaths(tmp_path, NUMBER)
    paths.directory.mkdir(parents=True)
    save_marker(paths, Marker(move="m", to="database", database="the database x on y", at="then", done=True))

    for command in (status.status, session.info, session.clear):
        with pytest.raises(LivesElsewhereError, match="was moved to the database x on y"):
            command(options(tmp_path))
    assert LivesElsewhereError.exit_code == ExitCode.USAGE
