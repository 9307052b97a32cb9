"""Whoever waits for a database that answers no more gets an error in time."""

import time

import psycopg
import pytest

from linda_bot.database.connecting import Database, Place
from linda_bot.database.watching import Line, Watch
from tests.support.postgres import Server


def test_what_takes_too_long_is_cut(postgres: Server) -> None:
    """The connection is over; the next work has its own time, on its own connection."""
    watch, database = Watch(), Database(postgres.new_database())
    for _ in range(2):
        connection = database.connect(Place())
        watch.follow(Line(connection))
        started = time.monotonic()
        with pytest.raises(psycopg.OperationalError), watch.within(0.2):
            connection.execute("SELECT pg_sleep(20)")
        assert 0.15 < time.monotonic() - started < 5
        assert watch.has_cut
        connection.close()
    watch.follow(None)


def test_what_is_in_time_is_left_alone(postgres: Server) -> None:
    """Also much later, when nothing is under way."""
    watch, database = Watch(), Database(postgres.new_database())
    with database.connect(Place()) as connection:
        watch.follow(Line(connection))
        for _ in range(3):
            with watch.within(0.1):
                connection.execute("SELECT 1")
            time.sleep(0.15)
        assert not watch.has_cut
        assert connection.execute("SELECT 2").fetchone() == (2,)
        watch.follow(None)


def test_a_connection_that_comes_too_late_is_cut_at_once(postgres: Server) -> None:
    """It took all the time that there was."""
    watch, database = Watch(), Database(postgres.new_database())
    with watch.within(0.05):
        time.sleep(0.1)
        connection = database.connect(Place())
        watch.follow(Line(connection))
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    watch.follow(None)
    connection.close()
