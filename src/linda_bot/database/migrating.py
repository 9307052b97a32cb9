"""The tables of a shared database, brought to what this version of linda-bot works with.

There are two lines of revisions: `migrations/house` for what all hosts share, and `migrations/account` for each
account's schema. A revision is a file `<number>_<what>.py` whose number is its name; Alembic runs what is missing, in
one transaction. Alembic takes long to import, so it is left alone where nothing is missing.
"""

from functools import cache
from pathlib import Path
from typing import Any

from linda_bot.database.connecting import Database, Place, trouble_of
from linda_bot.database.places import HOUSE, account_place
from linda_bot.database.watching import answered_within
from linda_bot.kernel.errors import UsageError

_LINES = Path(__file__).with_name("migrations")
_VERSION_TABLE = "alembic_version"
_LOOK_WITHIN_S, _UPGRADE_WITHIN_S = 10.0, 60.0


def bring_up_to_date(database: Database) -> None:
    """See to the tables that all hosts share; several hosts may do so at once.

    Raises UsageError when a newer linda-bot has been there, DatabaseTroubleError when the database cannot be used.
    """
    _bring_up_to_date(database, Place(HOUSE, "linda-bot migrations"), "house")


def bring_account_up_to_date(database: Database, account: str) -> None:
    """See to the tables of an account's messages and files; raises what `bring_up_to_date` raises."""
    _bring_up_to_date(database, account_place(account, "migrations", None), "account")


def revisions(line: str) -> tuple[str, ...]:
    """Return the names of a line's revisions, the oldest first."""
    return _revisions(_LINES / line / "versions")


@cache
def _revisions(directory: Path) -> tuple[str, ...]:
    return tuple(sorted(path.name.partition("_")[0] for path in directory.glob("[0-9]*_*.py")))


def _bring_up_to_date(database: Database, place: Place, line: str) -> None:
    known = revisions(line)
    with database.connect(place) as connection:
        import psycopg  # it is there: else the connection would not be

        try:
            with answered_within(connection, _LOOK_WITHIN_S):
                found = _version(connection)
            if found in known[-1:]:
                return
            if found and found not in known:
                raise UsageError(f"{database.shown} was written by a newer linda-bot; install that one")
            connection.autocommit = False
            with answered_within(connection, _UPGRADE_WITHIN_S):
                _upgrade(connection, place.schema, line)
        except psycopg.Error as error:
            raise trouble_of(error, database) from None


def _version(connection: Any) -> str:
    """Return the revision that a schema has; empty for none."""
    import psycopg

    try:
        row = connection.execute(f"SELECT version_num FROM {_VERSION_TABLE}").fetchone()  # noqa: S608 (a name of ours)
    except psycopg.errors.UndefinedTable:
        return ""
    return str(row[0]) if row else ""


def _upgrade(connection: Any, schema: str, line: str) -> None:
    """Do what is missing, all of it or nothing; whoever comes second waits, and finds it done."""
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from sqlalchemy import create_engine
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import StaticPool

    lines = ScriptDirectory(str(_LINES), version_locations=[str(_LINES / line / "versions")])
    engine = create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=StaticPool)
    try:
        with engine.begin() as work:
            work.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtextextended('linda-bot migrations', 0))")
            work.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
            context = MigrationContext.configure(
                work,
                opts={
                    "fn": lambda current, _: lines._upgrade_revs("heads", current),  # noqa: SLF001 (as Alembic's own upgrade)
                    "version_table": _VERSION_TABLE,
                    "version_table_schema": schema,
                    "script": lines,
                },
            )
            with Operations.context(context):
                context.run_migrations()
    except DBAPIError as error:
        raise (error.orig or error) from None
