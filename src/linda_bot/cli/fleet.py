"""`linda-bot fleet`: the hosts that share a database, which of them has which account, and how that came to be."""

import argparse
import asyncio
from collections.abc import Iterator

import msgspec

from linda_bot.cli.output import print_json, print_table, say
from linda_bot.database.connecting import Database
from linda_bot.database.migrating import bring_up_to_date
from linda_bot.fleet.ledger import AccountSeen, AccountState, Host, HostSeen, MoveSeen, Snapshot
from linda_bot.fleet.postgres_ledger import PostgresLedger
from linda_bot.kernel.errors import ExitCode, UsageError
from linda_bot.kernel.spans import span
from linda_bot.settings import load_settings

_WITHIN_S = 5.0
_NOBODY = Host(name="", place="", incarnation="", capacity=0)
_WHY = {
    "claimed": "nobody had it",
    "handed_over": "handed over",
    "taken_over": "taken over: the lease ran out",
    "released": "given back",
    "lost": "lost",
}


class _Found(msgspec.Struct, frozen=True):
    hosts: tuple[HostSeen, ...]
    accounts: tuple[AccountSeen, ...]
    moves: tuple[MoveSeen, ...]


def fleet(options: argparse.Namespace) -> int:
    """Tell how the fleet is; exit code 0 only if every account that is to run is held by a host."""
    if options.last < 0:
        raise UsageError(f"--last {options.last} is wrong: it must be 0 or more")
    settings = load_settings({})
    if settings.store is None:
        raise UsageError("LINDA_STORE is not set: accounts in files are on one host alone; see linda-bot accounts list")
    database = Database(settings.store.get_secret_value())
    found = asyncio.run(_look(database, options.last))
    if options.json:
        print_json(msgspec.to_builtins(found), show_numbers=options.show_numbers)
    else:
        _print_page(found, database, show_numbers=options.show_numbers)
    wanted = [each for each in found.accounts if each.state is AccountState.ACTIVE]
    free = [each for each in wanted if not each.is_held]
    if free:
        say(f"{len(free)} of {len(wanted)} accounts that are to run are held by no host.")
    return ExitCode.UNWELL if free else ExitCode.OK


async def _look(database: Database, most: int) -> _Found:
    await asyncio.to_thread(bring_up_to_date, database)
    ledger = PostgresLedger(database, _NOBODY, within_s=_WITHIN_S)
    try:
        snapshot: Snapshot = await ledger.see()
        moves = await ledger.moves(most=most) if most else ()
    finally:
        await ledger.close()
    there = tuple(each for each in snapshot.accounts if each.state is not AccountState.REMOVED)
    return _Found(snapshot.hosts, there, moves)


def _print_page(found: _Found, database: Database, *, show_numbers: bool) -> None:
    if not found.hosts and not found.accounts:
        say(f"Nobody has used {database.shown} yet: start `linda-bot run` with LINDA_STORE on any host.")
        return
    print_table(
        ("host", "accounts", "weight", "heard of", "up", "version", ""),
        [_host_row(host, found.accounts) for host in found.hosts],
        show_numbers=True,
    )
    print()
    rows = [_account_row(account) for account in found.accounts]
    print_table(("account", "wanted", "host", "lease", "for", "lease no."), rows, show_numbers=show_numbers)
    if found.moves:
        print()
        print_table(
            ("moved", "account", "from", "to", "without a host", "why"),
            list(_move_rows(found.moves)),
            show_numbers=show_numbers,
        )


def _host_row(host: HostSeen, accounts: tuple[AccountSeen, ...]) -> tuple[str, ...]:
    held = sum(account.is_held and account.host == host.name for account in accounts)
    trouble = "" if host.is_alive else "NOT WELL"
    return (
        host.name,
        f"{held} of {host.capacity}",
        f"{host.weight:g}",
        f"{span(host.seen_s)} ago",
        span(host.started_s),
        host.version,
        "leaving" if host.is_leaving else trouble,
    )


def _account_row(account: AccountSeen) -> tuple[str, ...]:
    if account.is_held:
        lease = (account.host, f"{account.left_s:.0f} s left", span(account.granted_s))
    else:
        lease = ("none", "free", span(account.free_s))
    return (account.account, account.state.value, *lease, str(account.fence))


def _move_rows(moves: tuple[MoveSeen, ...]) -> Iterator[tuple[str, ...]]:
    for move in moves:
        ways = (move.from_host or "nobody", move.to_host or "nobody")
        yield (
            f"{span(move.ago_s)} ago",
            move.account,
            *ways,
            span(move.free_s),
            _WHY[move.why.value],
        )
