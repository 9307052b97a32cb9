"""Moving one account, from where it is to where a person wants it; finishing what died on the way."""

import asyncio
import os
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from linda_bot.app.migrating.aside import drop_half_copies, messages_of, set_files_aside, set_schemas_aside
from linda_bot.app.migrating.lease import WHAT, MovingLease, leased
from linda_bot.app.migrating.mailbox import messages_to_database, messages_to_file
from linda_bot.app.migrating.records import (
    drop_marker,
    save_marker,
    shown_files,
    traces_of,
)
from linda_bot.app.migrating.whereabouts import Home, Marker, Row, Traces, home_of, why_not_in_database
from linda_bot.database.connecting import Database
from linda_bot.database.migrating import bring_account_up_to_date, bring_up_to_date
from linda_bot.database.places import account_schema
from linda_bot.kernel.errors import ExitCode, LindaError, UsageError, unwritable
from linda_bot.kernel.files import clear_drafts, make_private_dir, sync_directory, sync_file
from linda_bot.sessions.device_status import timestamp
from linda_bot.sessions.lock import acquire_lock
from linda_bot.sessions.mirror.pulling import pull
from linda_bot.sessions.mirror.pushing import push_once
from linda_bot.sessions.obstacles import clear_the_way
from linda_bot.sessions.opening import close_session, open_session
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.recovery import finish_interrupted
from linda_bot.sessions.rollback import RunMark, boot_id, load_run_mark, save_run_mark
from linda_bot.sessions.shared.copying import copy_to_file, copy_to_schema
from linda_bot.sessions.shared.making import Maker, TablesNotMadeError
from linda_bot.sessions.shared.schema import prepare
from linda_bot.sessions.store import DeviceBrokenError, StoreDamagedError, read_identity, side_files
from linda_bot.sessions.validation import Verdict
from linda_bot.whatsapp.mailbox_file import MailboxError

_MESSAGES_WITHIN_S = 600.0
_DRAFT = ".arriving"


class NotMovedError(LindaError):
    """An account could not be moved; it is where it was."""

    exit_code = ExitCode.UNWELL


class Moved(NamedTuple):
    """What came of it."""

    account: str
    home: Home
    """Where the account lives now."""
    was_there: bool = False
    """Whether there was nothing to do."""
    aside: tuple[str, ...] = ()
    """Where what it left is: directories, or schemas."""


class Move(NamedTuple):
    """One account that is to be moved."""

    paths: SessionPaths
    database: Database
    maker: Maker
    """Makes the client library's tables."""
    tell: Callable[[str], None] = lambda _: None
    """Is told of each step."""

    def to_database(self) -> Moved:
        """Move the account into the database; raises SessionHeldError while it runs anywhere, LindaError.

        Whatever is raised: it is where it was, or it has arrived and the next call finishes.
        """
        return asyncio.run(self._work(self._to_database))

    def to_files(self) -> Moved:
        """Move the account into the files; see `to_database`."""
        return asyncio.run(self._work(self._to_files))

    async def _work(self, move: Callable[[MovingLease, Traces], Moved]) -> Moved:
        async with self._held():
            bring_up_to_date(self.database)
            with leased(self.database, self.paths) as lease:
                return move(lease, traces_of(self.paths, self.database))

    @asynccontextmanager
    async def _held(self) -> AsyncIterator[None]:
        """Hold the session's lock: no bot runs on the files, and no other move."""
        try:
            make_private_dir(self.paths.directory)
            lock = await acquire_lock(self.paths)
            try:
                clear_drafts(self.paths.directory)
                clear_the_way(self.paths)
                yield
            finally:
                lock.release()
        except OSError as error:
            raise unwritable(error) from error
        except (sqlite3.Error, StoreDamagedError, DeviceBrokenError, MailboxError) as error:
            raise NotMovedError(f"the account was not moved: {error}") from error

    def _to_database(self, lease: MovingLease, traces: Traces) -> Moved:
        marker, home = traces.marker, home_of(traces)
        if home is Home.DATABASE:
            arrived = marker is not None and traces.row is not None and marker.move == traces.row.move
            if marker is not None and arrived and not marker.done:
                return self._finish_in_database(marker)
            if marker is not None and marker.to == Home.FILES and traces.row is not None:
                return self._give_up_coming(traces.row)
            if traces.in_files and not arrived:
                raise UsageError(
                    f"the account is in {self.database.shown} already, and there is another session in"
                    f" {self.paths.directory}: move that one away, or choose another --data-dir"
                )
            return Moved(self.paths.account, Home.DATABASE, was_there=True)
        if home is Home.NOWHERE:
            raise UsageError(f"there is no session {self.paths.account} in {self.paths.data_dir}")
        if home is Home.ELSEWHERE:
            raise UsageError(why_not_in_database(traces, self.database.shown, str(self.paths.data_dir)))
        if traces.row is None and traces.in_database:
            raise UsageError(
                f"there is another session in {self.database.shown}: clear it there, or bring it to another --data-dir"
            )
        if marker is not None and marker.to == Home.FILES:  # it had just arrived
            drop_marker(self.paths)
        self._check_source()
        is_resumed = marker is not None and marker.to == Home.DATABASE
        # The same one again: the row and the marker could not both be changed at once.
        move = marker if marker is not None and is_resumed else self._new_marker(Home.DATABASE)
        row = Row(Home.FILES, move.move, shown_files(self.paths), is_copied=False)
        if traces.row is not None and not traces.row.is_copied:
            drop_half_copies(lease)
        else:
            set_schemas_aside(lease)
        lease.decide(row)
        self._copy_to_database(lease)
        save_marker(self.paths, move)
        lease.decide(row._replace(place=Home.DATABASE, is_copied=True), state="active")
        return self._finish_in_database(move)

    def _give_up_coming(self, row: Row) -> Moved:
        """Have the files be as after a move to the database: what had begun to come from there was not decided."""
        self._delete_half_copies()
        save_marker(self.paths, msgspec.structs.replace(self._new_marker(Home.DATABASE), move=row.move, done=True))
        return Moved(self.paths.account, Home.DATABASE, was_there=True)

    def _check_source(self) -> None:
        """Have the store be as a bot would begin with it: cured, where it went back, and on the disk."""
        finish_interrupted(self.paths)
        found = open_session(self.paths).validation
        close_session(self.paths)
        if found.verdict is not Verdict.RESTORABLE:
            raise UsageError(f"the session cannot be moved as it is: {found.why}; see `linda-bot doctor`")

    def _copy_to_database(self, lease: MovingLease) -> None:
        paths, store = self.paths, lease.store
        self.tell("copying the session")
        try:
            prepare(store, self.maker)
        except TablesNotMadeError:  # the one that a dead move had begun may have come between
            drop_half_copies(lease)
            prepare(store, self.maker)
        copy_to_schema(paths.store, store)
        lease.renew()
        self.tell("copying the messages")
        bring_account_up_to_date(self.database, paths.account)
        with store.opened(WHAT, schema=account_schema(paths.account), within_s=_MESSAGES_WITHIN_S) as connection:
            messages_to_database(paths.mailbox, paths.attachments, connection)
        lease.renew()
        self.tell("copying state files and backups")
        for line in push_once(self.database, paths, store.fence):
            self.tell(line)
        lease.renew()

    def _finish_in_database(self, marker: Marker) -> Moved:
        self.tell("setting the files aside")
        aside = set_files_aside(self.paths, f"the account was moved to {marker.database}", move=marker.move)
        save_marker(self.paths, msgspec.structs.replace(marker, done=True))
        return Moved(self.paths.account, Home.DATABASE, aside=(str(aside),) if aside else ())

    def _to_files(self, lease: MovingLease, traces: Traces) -> Moved:
        marker, home, paths = traces.marker, home_of(traces), self.paths
        if home is Home.FILES:
            return self._finish_in_files(lease, traces)
        if home is Home.NOWHERE:
            raise UsageError(f"there is no account {paths.account} in {self.database.shown}")
        if home is Home.ELSEWHERE:
            raise UsageError(why_not_in_database(traces, self.database.shown, str(paths.data_dir)))
        if marker is None and traces.in_files:
            raise UsageError(f"there is a session in {paths.directory} too: move it away, or choose another --data-dir")
        if marker is not None and marker.to == Home.FILES:
            self._delete_half_copies()
        else:
            set_files_aside(paths, "the account came back from a database", move=marker.move if marker else _stamp())
        move = self._new_marker(Home.FILES)
        if traces.row is None:  # it was linked there: from here on the row says so
            lease.decide(Row(Home.DATABASE, move.move, "", is_copied=True))
            move = self._new_marker(Home.FILES)
        save_marker(paths, move)
        self._copy_to_files(lease)
        lease.decide(Row(Home.FILES, move.move, shown_files(paths), is_copied=True), state="removed")
        return self._finish_in_files(lease, traces_of(paths, self.database))

    def _copy_to_files(self, lease: MovingLease) -> None:
        paths, store = self.paths, lease.store
        self.tell("copying the session")
        draft = _draft_of(paths.store)
        copy_to_file(store, draft, self.maker)
        _check_identity(draft, paths)
        sync_file(draft)
        lease.renew()
        self.tell("copying the messages")
        make_private_dir(paths.mailbox.parent)
        bring_account_up_to_date(self.database, paths.account)
        messages = _draft_of(paths.mailbox)
        with store.opened(WHAT, schema=account_schema(paths.account), within_s=_MESSAGES_WITHIN_S) as connection:
            messages_to_file(connection, messages, paths.attachments)
        _lock_of(messages).unlink(missing_ok=True)
        lease.renew()
        self.tell("copying state files and backups")
        for path in pull(self.database, paths, store.fence).passed_over:
            self.tell(f"left in the database, because this linda-bot does not know it: {path}")
        mark = load_run_mark(paths.run_mark)
        save_run_mark(paths.run_mark, RunMark(boot_id=boot_id(), generation=mark.generation))
        for made, place in ((messages, paths.mailbox), (draft, paths.store)):
            made.replace(place)
            sync_directory(place.parent)

    def _finish_in_files(self, lease: MovingLease, traces: Traces) -> Moved:
        """Have the files decide alone, and set aside what the database still has."""
        marker, row = traces.marker, traces.row
        if marker is None and (row is None or row.is_copied) and not traces.in_database:
            return Moved(self.paths.account, Home.FILES, was_there=True)
        drop_marker(self.paths)
        if row is None:
            return Moved(self.paths.account, Home.FILES, was_there=True)
        self.tell("setting aside what the database has")
        if row.is_copied:
            return Moved(self.paths.account, Home.FILES, aside=tuple(set_schemas_aside(lease)))
        drop_half_copies(lease)
        return Moved(self.paths.account, Home.FILES, was_there=True)

    def _delete_half_copies(self) -> None:
        """Delete what came from the database and was never decided on: that has it still."""
        paths = self.paths
        drafts = [draft for file in (paths.store, paths.mailbox) for draft in file.parent.glob(f"{file.name}{_DRAFT}*")]
        for file in (paths.store, *side_files(paths.store), *messages_of(paths), *drafts):
            file.unlink(missing_ok=True)

    def _new_marker(self, to: Home) -> Marker:
        return Marker(move=_stamp(), to=to, database=self.database.shown, at=timestamp(datetime.now(UTC)))


def _stamp() -> str:
    """Name a move: in order of time, and no two are called the same."""
    return f"{datetime.now(UTC).strftime('%Y%m%dT%H%M%S.%fZ')}-{os.getpid():x}{secrets.token_hex(2)}"


def _draft_of(file: Path) -> Path:
    """Return what a file is called until it is whole: in each process something else, one may have left a child."""
    return file.with_name(f"{file.name}{_DRAFT}-{os.getpid()}")


def _lock_of(messages: Path) -> Path:
    return messages.with_name(f"{messages.name}.lock")


def _check_identity(file: Path, paths: SessionPaths) -> None:
    identity = read_identity(file, thorough=True)
    if identity is None:
        raise UsageError("the session in the database is not linked: there is nothing to move")
    if paths.number not in (None, identity.number):
        raise UsageError(f"the session in the database is linked to another account than {paths.account}")
