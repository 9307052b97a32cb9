"""What an account in a shared database needs to be well, looked at one by one."""

import time
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from linda_bot.cli.shared_places import SharedAccount
from linda_bot.database.migrating import revisions
from linda_bot.database.places import HOUSE, account_schema
from linda_bot.fleet.ledger import AccountState
from linda_bot.kernel.spans import span
from linda_bot.sessions.doctor import Check

if TYPE_CHECKING:
    import psycopg

_OF_THE_HOST = ("lock", "permissions", "leftovers", "disk space")
"""What only the host that has the account can tell."""
_SLOW_S = 0.5
_LINE = "SELECT inet_server_addr()::text, current_setting('server_version')"


def examine_database(shared: SharedAccount, checks: Sequence[Check]) -> list[Check]:
    """Add what is to be said of the database to what was found of the session; changes nothing.

    Raises DatabaseTroubleError.
    """
    kept = [each for each in checks if shared.is_here or each.name not in _OF_THE_HOST]
    began_at = time.monotonic()
    with shared.looked_at() as connection:
        took_s = time.monotonic() - began_at
        return [
            *_server(shared, connection, took_s),
            *_tables(shared, connection),
            _lease(shared),
            *kept,
            _guard(shared),
        ]


def _server(shared: SharedAccount, connection: "psycopg.Connection[Any]", took_s: float) -> Iterator[Check]:
    address, version = connection.execute(_LINE).fetchone() or (None, "")
    found = f"{shared.database.shown} lets us in after {took_s * 1000:.0f} ms, PostgreSQL {version}"
    advice = "it is far away or busy; each message waits for it" if took_s > _SLOW_S else ""
    yield Check("database", ok=None if advice else True, found=found, advice=advice)
    if connection.pgconn.ssl_in_use:
        yield Check("line", ok=True, found="encrypted (TLS)")
    elif address is None or ip_address(address.partition("/")[0]).is_loopback:
        yield Check("line", ok=True, found="does not leave this machine")
    else:
        advice = (
            "have PostgreSQL use TLS, and set sslmode=verify-full in LINDA_STORE, unless the network is yours alone"
        )
        yield Check("line", ok=None, found="not encrypted: keys of sessions go over it in the clear", advice=advice)


def _tables(shared: SharedAccount, connection: "psycopg.Connection[Any]") -> Iterator[Check]:
    for name, schema, line in (
        ("tables of the fleet", HOUSE, "house"),
        ("tables of the account", account_schema(shared.account), "account"),
    ):
        known, found = revisions(line), _version(connection, schema)
        if found in known[-1:]:
            yield Check(name, ok=True, found=f"version {found}")
        elif found in known or not found:
            said = f"version {found}, this linda-bot works with {known[-1]}" if found else "are not made yet"
            yield Check(name, ok=None, found=said, advice="the next host that begins sees to it")
        else:
            said = f"version {found}, of a newer linda-bot"
            yield Check(name, ok=False, found=said, advice="install that one here")


def _version(connection: "psycopg.Connection[Any]", schema: str) -> str:
    table = f"{schema}.alembic_version"
    if connection.execute("SELECT to_regclass(%s)", (table,)).fetchone() == (None,):
        return ""
    row = connection.execute(f"SELECT version_num FROM {table}").fetchone()  # noqa: S608 (a name of ours)
    return str(row[0]) if row else ""


def _lease(shared: SharedAccount) -> Check:
    seen = shared.seen
    if seen is None:
        advice = "add it: linda-bot accounts add NUMBER"
        return Check("lease", ok=None, found="the fleet does not know this account", advice=advice)
    if seen.is_held:
        found = f"number {seen.fence}, of the host {seen.host} for {span(seen.granted_s)}, {seen.left_s:.0f} s left"
        return Check("lease", ok=True, found=found)
    if seen.state is AccountState.ACTIVE:
        advice = "start a host (linda-bot run), or see in `linda-bot fleet` why none takes it"
        return Check("lease", ok=False, found=f"no host has had it for {span(seen.free_s)}", advice=advice)
    return Check("lease", ok=None, found=f"no host has it: it is {seen.state.value}")


def _guard(shared: SharedAccount) -> Check:
    guard = shared.guard()
    if guard is None:
        return Check("guard", None, "there is no session")
    if guard.active:
        return Check("guard", ok=True, found=f"active, {guard.caught} lost answers prevented")
    return Check("guard", ok=None, found=f"not active: {guard.why}", advice="it is set when the bot is connected")
