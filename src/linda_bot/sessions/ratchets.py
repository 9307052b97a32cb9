"""Fresh Signal sessions for a store that is older than what was sent from it.

Deleting the sessions has the client library begin new ones: nothing is sent with a counter that was used before, and
what arrives on an old session comes again after a retry receipt. Others' sender keys stay: they are only read.
"""

import sqlite3
from pathlib import Path

from linda_bot.sessions.store import Identity, opened


def strip_ratchets(store: Path, identity: Identity) -> int:
    """Delete all sessions and our own sender keys; return how many rows went.

    Only while no engine has the store open. Raises sqlite3.Error.
    """
    with opened(store, "rw") as database, database:
        gone = _delete(database, "whatsmeow_sessions", "DELETE FROM whatsmeow_sessions", [()])
        _delete(database, "linda_bot_chains", "DELETE FROM linda_bot_chains", [()])
        ours = "DELETE FROM whatsmeow_sender_keys WHERE sender_id GLOB ?"
        return gone + _delete(database, "whatsmeow_sender_keys", ours, [(name,) for name in _own_names(identity)])


def own_users(identity: Identity) -> list[str]:
    """Return what our own account is called in the name of a sender."""
    return [identity.number, *([identity.lid.partition("@")[0].partition(":")[0]] if identity.lid else [])]


def _own_names(identity: Identity) -> list[str]:
    """Return what our own device is called as a sender, with and without an agent (whatsmeow types/jid.go)."""
    return [f"{user}{agent}:*" for user in own_users(identity) for agent in ("", "_*")]


def _delete(database: sqlite3.Connection, table: str, statement: str, arguments: list[tuple[str, ...]]) -> int:
    if not database.execute("SELECT count(*) FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]:
        return 0
    return sum(database.execute(statement, each).rowcount for each in arguments)
