"""Where an account lives, by what the files and the database say; pure."""

from enum import StrEnum
from typing import NamedTuple

import msgspec


class Home(StrEnum):
    """Where an account's session and messages are."""

    FILES = "files"
    """In this data directory."""
    DATABASE = "database"
    ELSEWHERE = "elsewhere"
    """Neither here nor in this database."""
    NOWHERE = "nowhere"
    """It was never linked: it may begin on either side."""


class Marker(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The content of `moved-to.json`: these files alone do not decide any more."""

    move: str
    """Which move; the row in the database has the same."""
    to: str
    """`database` or `files`: where the account was going when this was written."""
    database: str
    """Which one, for people; no secret."""
    at: str
    done: bool = False
    """Whether the move came to its end; only one to a database leaves a marker behind."""


class Row(NamedTuple):
    """What the database says."""

    place: str
    """`files` or `database`: it decides."""
    move: str
    files: str
    """Whose files, for people."""
    is_copied: bool
    """Whether what the database has of the account was ever whole."""


class Traces(NamedTuple):
    """All that is known."""

    marker: Marker | None = None
    row: Row | None = None
    in_files: bool = False
    """Whether there is a session in the files."""
    in_database: bool = False
    """Whether there is one in the database."""


def home_of(traces: Traces) -> Home:
    """Return where an account lives."""
    marker, row = traces.marker, traces.row
    if row is None:
        if marker is not None:
            return Home.ELSEWHERE
        if traces.in_files:
            return Home.FILES
        return Home.DATABASE if traces.in_database else Home.NOWHERE
    if row.place == Home.DATABASE:
        return Home.DATABASE
    is_here = traces.in_files if marker is None else marker.move == row.move
    return Home.FILES if is_here else Home.ELSEWHERE


def why_not_in_files(marker: Marker) -> str:
    """Say why a bot does not begin on files that carry a marker, without asking the database."""
    if marker.done:
        return (
            f"this account was moved to {marker.database} (at {marker.at}): run it with LINDA_STORE, "
            "or bring it back with `linda-bot migrate --to files`"
        )
    return (
        f"moving this account to {'its files' if marker.to == Home.FILES else marker.database} was interrupted: "
        f"finish it with `linda-bot migrate --to {marker.to}`"
    )


def why_not_in_database(traces: Traces, database: str, directory: str) -> str:
    """Say why a bot does not begin in the database; empty when it may."""
    home, marker, row = home_of(traces), traces.marker, traces.row
    if home in (Home.DATABASE, Home.NOWHERE):
        return ""
    if home is Home.FILES:
        if marker is not None:
            return why_not_in_files(marker)
        return (
            f"this account is in the files of {directory}, not in {database}: move it with "
            "`linda-bot migrate --to database`, or run it without LINDA_STORE"
        )
    if row is not None:
        return f"this account is in the files of {row.files}, not in {database}: run it there, or move it from there"
    return f"this account was moved to {marker.database if marker else 'another database'}, which is not {database}"
