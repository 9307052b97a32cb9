"""An account in a shared database, for a command: which host has it, and what the database has of it."""

import asyncio
import atexit
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from linda_bot.app.migrating.records import refuse_if_elsewhere
from linda_bot.cli.control_client import NoBotError
from linda_bot.cli.output import say
from linda_bot.database.connecting import Database
from linda_bot.database.places import account_place, account_schema
from linda_bot.fleet.ledger import AccountSeen, AccountState, Host, Snapshot
from linda_bot.fleet.postgres_ledger import PostgresLedger
from linda_bot.kernel.errors import SessionHeldError, UsageError
from linda_bot.kernel.files import make_private_dir, write_atomic
from linda_bot.sessions.guard import Guard
from linda_bot.sessions.lock import holder_of
from linda_bot.sessions.manifest import COPY, SEALED_COPY
from linda_bot.sessions.mirror.following import follower
from linda_bot.sessions.mirror.table import files_of
from linda_bot.sessions.paths import HousePaths, SessionPaths
from linda_bot.sessions.shared.access import SharedStore
from linda_bot.sessions.shared.guard import look_at_guard
from linda_bot.sessions.shared.schema import is_made, set_aside_before
from linda_bot.sessions.shared.validation import validate
from linda_bot.sessions.validation import Validation
from linda_bot.whatsapp.mailbox import MailPlace

if TYPE_CHECKING:
    import psycopg

WITHIN_S = 5.0
"""How long the ledger is waited for."""
_WHAT = "person"
_NOBODY = Host(name="", place="", incarnation="", capacity=0)
_SIZE = """
SELECT pg_total_relation_size(pg_class.oid)
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = %s AND relkind = 'r'
"""
_COPIES = (f"/{COPY}", f"/{SEALED_COPY}")


class SharedAccount(NamedTuple):
    """What is known of an account; what asks the database raises DatabaseTroubleError."""

    database: Database
    account: str
    is_here: bool
    """Whether a process on this host's files has it."""
    seen: AccountSeen | None = None
    """Its entry among the accounts of the database; None for one that was never added."""
    pid: int = 0
    """Of the host that has it."""
    is_resting: bool = False
    """Whether that is the process on this host's files, and nothing of the account runs there just now."""

    @property
    def host(self) -> str:
        """Who has it; empty for nobody."""
        return self.seen.host if self.seen is not None and self.seen.is_held else ""

    @property
    def who_has_it(self) -> str:
        """Say who has it."""
        return f"the host {self.host} has it" if self.host else "no host has it"

    @property
    def mail(self) -> MailPlace:
        """Where its messages are, for a person, who needs no lease."""
        return MailPlace.of(self.database, account_place(self.account, _WHAT))

    @property
    def store(self) -> SharedStore:
        """Where its session is, for a person."""
        return SharedStore(self.database, self.account)

    def ask_elsewhere(self) -> NoBotError:
        """Return what to raise where it would have to run here: it says where to ask."""
        if self.is_resting:
            return NoBotError("this host has the account, but nothing of it runs: linda-bot accounts list says why")
        if self.host:
            return NoBotError(f"the host {self.host} has this account: ask there")
        if self.seen is not None and self.seen.state is AccountState.PAUSED:
            return NoBotError("no host runs this account, since it is paused: linda-bot accounts resume NUMBER")
        return NoBotError("no host has this account; start one with `linda-bot run`, and see `linda-bot fleet`")

    def require_free(self) -> None:
        """Raise SessionHeldError, which says what to do, while a host has it."""
        if self.is_here or self.host:
            who = f"the host {self.host}" if self.host else "this host"
            raise SessionHeldError(
                f"{who} has this account: pause it first (linda-bot accounts pause NUMBER), and resume it afterwards"
            )

    def has_session(self) -> bool:
        """Return whether there is a session, whatever is in it."""
        with self.looked_at() as connection:
            return is_made(connection, self.store.schema)

    def validation(self, paths: SessionPaths) -> Validation:
        """Check the points of its session, whoever has it."""
        with self.looked_at() as connection:
            return validate(connection, paths, is_new=not is_made(connection, self.store.schema))

    def set_aside_before(self) -> list[str]:
        """Name the schemas of sessions that were set aside, the newest first."""
        with self.looked_at() as connection:
            return set_aside_before(connection, self.store.schema)

    def store_bytes(self) -> int:
        """Return how large its session is."""
        with self.looked_at() as connection:
            return sum(row[0] for row in connection.execute(_SIZE, (self.store.schema,)))

    def guard(self) -> Guard | None:
        """Return how the guard of its session is; None where there is no session."""
        with self.looked_at() as connection:
            schema = self.store.schema
            return look_at_guard(connection, schema) if is_made(connection, schema) else None

    @contextmanager
    def looked_at(self) -> "Iterator[psycopg.Connection[Any]]":
        """Yield a connection that can change nothing, whose names are the session's."""
        with self.store.opened(_WHAT) as connection:
            connection.execute("SET default_transaction_read_only = on")
            yield connection


def shared_account(address: str, paths: SessionPaths) -> SharedAccount:
    """Return what is known of the account of this host's files.

    Raises UsageError for one that is in another place, or nowhere, DatabaseTroubleError, and NoBotError when its files
    are another user's.
    """
    database = Database(address)
    try:
        is_here, house = holder_of(paths) is not None, holder_of(HousePaths(paths.data_dir))
        refuse_if_elsewhere(paths, database)
    except PermissionError:
        raise NoBotError(f"the account's files in {paths.directory} are another user's; ask as that user") from None
    snapshot = asyncio.run(_see(database))
    seen = next((each for each in snapshot.accounts if each.account == paths.account), None)
    if seen is None and not is_here:
        raise UsageError(
            f"{database.shown} has no account {paths.account}: name one with --account, see `linda-bot fleet`"
        )
    pid = next((each.pid for each in snapshot.hosts if seen is not None and each.name == seen.host), 0)
    is_resting = not is_here and house is not None and house.pid == pid
    return SharedAccount(database, paths.account, is_here, seen, pid, is_resting)


async def _see(database: Database) -> Snapshot:
    ledger = PostgresLedger(database, _NOBODY, within_s=WITHIN_S)
    try:
        return await ledger.see()
    finally:
        await ledger.close()


def lay_down(shared: SharedAccount, *, with_copies: bool) -> SessionPaths:
    """Lay the account's small files down in a directory that is gone when this process ends; return where.

    It looks like that of the host that has it: its lock is held, in the name of that host. The copies in backups, which
    are as good as the session, are left out unless they are wanted.
    """
    place = tempfile.mkdtemp(prefix="linda-bot-as-in-the-database-")
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    paths = SessionPaths(Path(place), shared.account)
    for directory in (paths.directory, paths.cache, paths.logs):
        make_private_dir(directory)
    with shared.store.opened(_WHAT, schema=account_schema(shared.account)) as connection:
        has_files = connection.execute("SELECT to_regclass('files')").fetchone() != (None,)
    if has_files:
        with files_of(shared.database, shared.account, _WHAT, None) as table:
            for entry in table.entries():
                if follower(shared.account, entry.path) is None:
                    continue
                if not with_copies and entry.path.endswith(_COPIES):
                    continue
                content = table.content(entry)
                if content is not None:
                    make_private_dir((paths.data_dir / entry.path).parent)
                    write_atomic(paths.data_dir / entry.path, content)
    if shared.host:
        _hold(paths, shared)
    say(f"As the database has it; {shared.who_has_it}.")
    return paths


def _hold(paths: SessionPaths, shared: SharedAccount) -> None:
    """Hold the lock in the name of the host, for as long as this process lives."""
    assert shared.seen is not None
    since = datetime.now(UTC) - timedelta(seconds=shared.seen.granted_s)
    descriptor = os.open(paths.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    held = {"pid": shared.pid, "host": shared.host, "since": since.isoformat(timespec="milliseconds"), "phase": ""}
    os.write(descriptor, json.dumps(held).encode())
