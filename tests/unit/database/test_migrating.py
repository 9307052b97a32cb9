"""The tables of a shared database: made once, whoever comes first, and left alone when they are a newer version's."""

import subprocess
import sys
from threading import Thread
from typing import Any

import pytest

from linda_bot.database.connecting import Database, DatabaseTroubleError, Place
from linda_bot.database.migrating import bring_account_up_to_date, bring_up_to_date, revisions
from linda_bot.database.places import HOUSE, account_schema
from linda_bot.kernel.errors import UsageError
from tests.support.postgres import Server

_LINES = ("house", "account")
_AGAIN = """
import sys
from linda_bot.database.connecting import Database
from linda_bot.database.migrating import bring_account_up_to_date, bring_up_to_date
database = Database(sys.argv[1])
bring_up_to_date(database)
bring_account_up_to_date(database, "1")
print([name for name in ("alembic", "sqlalchemy") if name in sys.modules])
"""


@pytest.fixture
def database(postgres: Server) -> Database:
    """Return an empty one."""
    return Database(postgres.new_database())


def ask(database: Database, statement: str) -> list[Any]:
    """Return what a statement finds."""
    with database.connect(Place()) as connection:
        return connection.execute(statement).fetchall()


def version(database: Database, schema: str) -> str:
    """Return the revision that a schema has."""
    return str(ask(database, f"SELECT version_num FROM {schema}.alembic_version")[0][0])


def test_the_tables_are_made(database: Database) -> None:
    """Those of the house and those of each account, by themselves; a second time is no harm."""
    for _ in range(2):
        bring_up_to_date(database)
        for account in ("1", "default"):
            bring_account_up_to_date(database, account)

    assert version(database, HOUSE) == revisions("house")[-1]
    for account in ("1", "default"):
        assert version(database, account_schema(account)) == revisions("account")[-1]
    assert ask(database, f"SELECT count(*) FROM {account_schema('default')}.inbox") == [(0,)]


@pytest.mark.parametrize("line", _LINES)
def test_a_revisions_number_is_its_name(line: str) -> None:
    """What is known without Alembic is what Alembic knows; the line has no branches."""
    from alembic.script import ScriptDirectory

    from linda_bot.database.migrating import _LINES as ROOM

    script = ScriptDirectory(str(ROOM), version_locations=[str(ROOM / line / "versions")])
    known = [each.revision for each in script.walk_revisions()]
    assert tuple(reversed(known)) == revisions(line)
    assert script.get_heads() == [revisions(line)[-1]]


def test_a_start_that_finds_all_as_it_should_be_imports_nothing(database: Database) -> None:
    """Alembic takes long."""
    bring_up_to_date(database)
    bring_account_up_to_date(database, "1")
    ran = subprocess.run(
        [sys.executable, "-c", _AGAIN, database.address], capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout == "[]\n"


def test_several_hosts_at_once(database: Database) -> None:
    """One makes the tables, the others wait and find them."""
    failures: list[Exception] = []

    def begin() -> None:
        try:
            bring_up_to_date(database)
            bring_account_up_to_date(database, "1")
        except Exception as error:  # noqa: BLE001 (whatever it is)
            failures.append(error)

    threads = [Thread(target=begin) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not failures
    assert version(database, account_schema("1")) == revisions("account")[-1]


@pytest.mark.parametrize("schema", [HOUSE, account_schema("1")])
def test_a_newer_version_is_left_alone(database: Database, schema: str) -> None:
    """It is said what to do."""
    bring_up_to_date(database)
    bring_account_up_to_date(database, "1")
    with database.connect(Place(schema)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(UsageError, match="newer linda-bot; install that one"):
        bring_up_to_date(database) if schema == HOUSE else bring_account_up_to_date(database, "1")
    assert version(database, schema) == "9999"


def test_half_a_migration_is_none(database: Database) -> None:
    """A table in its way: the error is told without secrets, and nothing is left of what was begun."""
    schema = account_schema("1")
    with database.connect(Place()) as connection:
        connection.execute(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.memory (x int)")

    with pytest.raises(DatabaseTroubleError, match='relation "memory" already exists'):
        bring_account_up_to_date(database, "1")
    assert ask(database, f"SELECT tablename FROM pg_tables WHERE schemaname = '{schema}'") == [("memory",)]


def test_a_database_that_is_away() -> None:
    """It may come back."""
    with pytest.raises(DatabaseTroubleError):
        bring_up_to_date(Database("postgresql://linda@127.0.0.1:1/nowhere"))


def test_alembic_leaves_the_log_alone(database: Database) -> None:
    """Neither handlers nor levels are ours to lose."""
    import logging

    before = (logging.getLogger().handlers[:], logging.getLogger().level, logging.getLogger("alembic").level)
    bring_up_to_date(database)
    assert (logging.getLogger().handlers, logging.getLogger().level, logging.getLogger("alembic").level) == before
