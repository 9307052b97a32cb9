"""The account's lease, for as long as it is moved: no host takes the account meanwhile, and no dead move goes on."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from linda_bot.app.migrating.records import save_row, shown_files
from linda_bot.app.migrating.whereabouts import Row
from linda_bot.database.connecting import Database, DatabaseTroubleError
from linda_bot.database.places import HOUSE
from linda_bot.kernel.errors import SessionHeldError, TransientError
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.shared.access import SharedStore
from linda_bot.sessions.shared.fencing import end_older

if TYPE_CHECKING:
    import psycopg

WHAT = "migrate"
"""What the connections of a move call themselves."""

_LEASE_S = 60.0
_THERE = "INSERT INTO leases (account) VALUES (%(account)s) ON CONFLICT DO NOTHING"
# What died in the same directory had the same name: only one at a time can hold that directory's session.
_TAKE = """
UPDATE leases SET came_from = host, host = %(me)s, place = '', fence = fence + 1, given_back = '',
    granted_at = clock_timestamp(), expires_at = clock_timestamp() + make_interval(secs => %(lease_s)s)
WHERE account = %(account)s AND (host IN ('', %(me)s) OR expires_at < clock_timestamp()) RETURNING fence
"""
_RENEW = """
UPDATE leases SET expires_at = clock_timestamp() + make_interval(secs => %(lease_s)s)
WHERE account = %(account)s AND host = %(me)s AND fence = %(fence)s RETURNING fence
"""
_GIVE_BACK = """
UPDATE leases SET came_from = host, host = '', given_back = 'released', expires_at = clock_timestamp()
WHERE account = %(account)s AND host = %(me)s AND fence = %(fence)s
"""
_STATE = """
INSERT INTO accounts (account, state) VALUES (%s, %s)
ON CONFLICT (account) DO UPDATE SET state = excluded.state, changed_at = clock_timestamp()
"""


class LeaseLostError(TransientError):
    """Somebody else has the account by now; the move has not been decided."""


class MovingLease:
    """The lease while it is held; all methods raise DatabaseTroubleError."""

    def __init__(self, store: SharedStore, me: str) -> None:
        self.store = store
        """The account's part of the database, as who has this lease sees it."""
        self._me = me

    def renew(self) -> None:
        """Keep it for longer; raises LeaseLostError."""
        with self._house() as connection:
            self._renew(connection)

    def decide(self, row: Row, *, state: str = "") -> None:
        """Say where the account lives, and what hosts are to do with it; raises LeaseLostError.

        All of it or nothing, and whoever takes the lease waits for this, or has it fail.
        """
        with self._house() as connection, connection.transaction():
            self._renew(connection)
            save_row(connection, self.store.account, row)
            if state:
                connection.execute(_STATE, (self.store.account, state))

    def give_back(self) -> None:
        """Let somebody else have it."""
        with self._house() as connection:
            connection.execute(_GIVE_BACK, self._asked)

    @property
    def _asked(self) -> dict[str, object]:
        return {
            "account": self.store.account,
            "me": self._me,
            "fence": self.store.fence,
            "lease_s": _LEASE_S,
        }

    def _renew(self, connection: "psycopg.Connection[Any]") -> None:
        if connection.execute(_RENEW, self._asked).fetchone() is None:
            raise LeaseLostError("another host has taken the account meanwhile; nothing was decided, see where it runs")

    @contextmanager
    def _house(self) -> "Iterator[psycopg.Connection[Any]]":
        with self.store.opened(WHAT, schema=HOUSE) as connection:
            yield connection


@contextmanager
def leased(database: Database, paths: SessionPaths) -> Iterator[MovingLease]:
    """Hold an account's lease; only with its session's lock held.

    Raises SessionHeldError, which names the host that runs the account, DatabaseTroubleError.
    """
    me = f"linda-bot migrate in {shown_files(paths)}"
    asked = {"account": paths.account, "me": me, "lease_s": _LEASE_S}
    with SharedStore(database, paths.account).opened(WHAT, schema=HOUSE) as connection:
        connection.execute(_THERE, asked)
        taken = connection.execute(_TAKE, asked).fetchone()
        if taken is None:
            held = connection.execute("SELECT host FROM leases WHERE account = %s", (paths.account,)).fetchone()
            raise SessionHeldError(f"{held[0] if held else 'another host'} runs this account; pause or stop it first")
        end_older(connection, paths.account, taken[0])
    lease = MovingLease(SharedStore(database, paths.account, taken[0]), me)
    try:
        yield lease
    finally:
        with suppress(DatabaseTroubleError):  # it runs out by itself
            lease.give_back()
