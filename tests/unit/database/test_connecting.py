"""The address of a database, and connections by it."""

import pytest

from linda_bot.database.connecting import FENCE, Database, DatabaseTroubleError, Place
from linda_bot.kernel.errors import UsageError
from tests.support.postgres import Server


@pytest.mark.parametrize(
    "address", ["mysql://host/name", "postgresql://host", "postgresql://host/", "linda", "postgresql://h/a/b"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    """With one line that says what would be right."""
    with pytest.raises(UsageError, match="must be like postgresql://"):
        Database(address)


def test_the_password_is_not_shown() -> None:
    """Neither in a repr, nor in the name for people, nor in an error."""
    database = Database("postgresql://linda:s3cret@127.0.0.1:1/bots")

    with pytest.raises(DatabaseTroubleError) as caught:
        database.connect(Place())

    assert "s3cret" in database.address
    assert "s3cret" not in f"{database!r} {database.shown} {caught.value}"


@pytest.mark.parametrize(
    ("address", "mode"),
    [
        ("postgresql://127.0.0.1/bots", "disable"),
        ("postgresql:///bots?host=/run/postgresql", "disable"),
        ("postgresql://db.example/bots", "require"),
        ("postgresql://db.example/bots?sslmode=verify-full", "verify-full"),
    ],
)
def test_keys_travel_encrypted_between_machines(address: str, mode: str) -> None:
    """Unless the address says otherwise; the two drivers' own defaults are not the same."""
    assert f"sslmode={mode}" in Database(address).address
    assert f"sslmode={mode}" in Database(address).library_source(Place())


def test_a_connection_says_who_it_is(postgres: Server) -> None:
    """Its name, where it works, and by which lease."""
    database = Database(postgres.new_database())
    with database.connect(Place()) as connection:
        connection.execute("CREATE SCHEMA here")

    with database.connect(Place(schema="here", who="somebody", fence=7)) as connection:
        asked = connection.execute(
            "SELECT current_schema(), current_setting('application_name'), current_setting(%s)", (FENCE,)
        )
        assert asked.fetchone() == ("here", "somebody", "7")
