"""The guard: a trigger in the session store that keeps a Signal counter from going back.

whatsmeow receives and sends in one Signal session without a lock around both. A message that arrives while an answer
is encrypted may store the session as it was before the answer, with the old sending counter; the next answer uses that
counter again, and the receiver drops it without a word (measured: 3 to 18 % of the answers in a burst). The trigger
runs within the statement that stores, so nothing can come between: where the sending chain is one that has gone on
since, the newer one takes its place. What was received is stored as it came.

A chain may also come back later: libsignal keeps former sessions in the record, and makes one the current one again
when somebody writes in it, as happens when both sides begin sessions at the same time. So the last few chains of each
contact that were replaced are remembered in a table of ours.

The record is JSON in a BLOB (libsignal's `SessionState`). A record of another form switches the trigger off, it never
makes a statement fail.
"""

import sqlite3
from pathlib import Path
from typing import NamedTuple

from linda_bot.sessions.store import opened

_NAME = "linda_bot_guard"
_BUSY_S = 5.0
_LOOKED_AT = 3
_KEY = "$.SessionState.SenderChain.SenderRatchetKeyPublic"
_INDEX = "$.SessionState.SenderChain.ChainKey.Index"
_CHAIN = "$.SessionState.SenderChain"

_REMEMBERED = 5
"""So many replaced chains of each contact."""


def _of(record: str, path: str, kind: str) -> str:
    """Return SQL for a part of a record; NULL where the record is of another form.

    As text: newer versions of SQLite take a BLOB for their own binary JSON.
    """
    text = f"CAST({record}.session AS TEXT)"
    typed = f"CASE json_type({text}, '{path}') WHEN '{kind}' THEN json_extract({text}, '{path}') END"
    return f"CASE WHEN json_valid({text}) THEN {typed} END"


_OLD_KEY, _OLD_INDEX, _OLD_CHAIN = _of("OLD", _KEY, "text"), _of("OLD", _INDEX, "integer"), _of("OLD", _CHAIN, "object")
_NEW_KEY, _NEW_INDEX = _of("NEW", _KEY, "text"), _of("NEW", _INDEX, "integer")
_NEWER = f"SELECT chain FROM linda_bot_chains WHERE key = {_NEW_KEY} AND number > {_NEW_INDEX}"  # noqa: S608
_TRIGGER = f"""
CREATE TRIGGER {_NAME} AFTER UPDATE OF session ON whatsmeow_sessions
WHEN NOT coalesce({_OLD_KEY} = {_NEW_KEY} AND {_OLD_INDEX} <= {_NEW_INDEX}, 0)
BEGIN
    INSERT INTO linda_bot_chains
    SELECT {_OLD_KEY}, NEW.their_id, {_OLD_INDEX}, {_OLD_CHAIN}
    WHERE {_OLD_KEY} IS NOT NULL AND {_OLD_INDEX} IS NOT NULL
    ON CONFLICT (key) DO UPDATE SET number = excluded.number, chain = excluded.chain WHERE excluded.number > number;
    INSERT INTO linda_bot SELECT 'guard_caught', 1 WHERE EXISTS ({_NEWER})
    ON CONFLICT (name) DO UPDATE SET value = value + 1;
    UPDATE whatsmeow_sessions
    SET session = CAST(json_set(CAST(NEW.session AS TEXT), '{_CHAIN}', json(({_NEWER}))) AS BLOB)
    WHERE our_jid = NEW.our_jid AND their_id = NEW.their_id AND EXISTS ({_NEWER});
    DELETE FROM linda_bot_chains WHERE their_id = NEW.their_id AND rowid NOT IN (
        SELECT rowid FROM linda_bot_chains WHERE their_id = NEW.their_id ORDER BY rowid DESC LIMIT {_REMEMBERED});
END
""".strip()  # noqa: S608 (nothing in it comes from outside)
CHAIN_TABLES = (
    (
        "CREATE TABLE IF NOT EXISTS linda_bot_chains"
        " (key TEXT PRIMARY KEY, their_id TEXT NOT NULL, number INTEGER NOT NULL, chain TEXT NOT NULL)"
    ),
    "CREATE INDEX IF NOT EXISTS linda_bot_chains_of ON linda_bot_chains (their_id)",
)
OWN_TABLE = "CREATE TABLE IF NOT EXISTS linda_bot (name TEXT PRIMARY KEY, value INTEGER NOT NULL)"
_RECORD = "CAST(session AS TEXT)"
_MISFITS = f"""
SELECT count(*) FROM (SELECT session FROM whatsmeow_sessions ORDER BY rowid DESC LIMIT {_LOOKED_AT})
WHERE NOT CASE WHEN json_valid({_RECORD})
    THEN json_type({_RECORD}, '{_CHAIN}') = 'null'
        OR json_type({_RECORD}, '{_KEY}') = 'text' AND json_type({_RECORD}, '{_INDEX}') = 'integer'
    ELSE 0 END IS TRUE
"""  # noqa: S608 (see above)
"""How many of the newest records the trigger would not understand; one without a sending chain has not sent yet."""


class Guard(NamedTuple):
    """How the guard of a store is."""

    active: bool
    why: str = ""
    """Why it is not active."""
    caught: int = 0
    """How often it kept a counter from going back, in the life of this store."""


def set_guard(store: Path) -> Guard:
    """Set the trigger, also while an engine has the store open, and verify it; raises sqlite3.Error.

    To be done anew for each engine, once it is connected: another version of the client library may rebuild its tables
    when it opens the store.
    """
    with opened(store, "rw", busy_s=_BUSY_S) as database:
        database.execute(OWN_TABLE)
        for statement in CHAIN_TABLES:
            database.execute(statement)
        if _found(database) != _TRIGGER:
            with database:
                database.execute("BEGIN IMMEDIATE")  # not for a moment without the old one
                database.execute(f"DROP TRIGGER IF EXISTS {_NAME}")
                database.execute(_TRIGGER)
    return look_at_guard(store)


def look_at_guard(store: Path) -> Guard:
    """Look whether the trigger is there and fits the records, also while an engine has the store open.

    Raises sqlite3.Error.
    """
    with opened(store, busy_s=_BUSY_S) as database:
        caught = _caught(database)
        if _found(database) != _TRIGGER:
            return Guard(active=False, why="the trigger is not in the session's store", caught=caught)
        misfits = database.execute(_MISFITS).fetchone()[0]
    if misfits:
        why = "the client library keeps its Signal sessions in another form than this version of linda-bot knows"
        return Guard(active=False, why=why, caught=caught)
    return Guard(active=True, caught=caught)


def drop_guard(store: Path) -> None:
    """Remove the trigger; only while no engine has the store open. Raises sqlite3.Error."""
    with opened(store, "rw") as database, database:
        take_guard_away(database)


def take_guard_away(database: sqlite3.Connection) -> None:
    """Remove the trigger; before an engine opens the store, whose version may be another one."""
    database.execute(f"DROP TRIGGER IF EXISTS {_NAME}")


def _found(database: sqlite3.Connection) -> str:
    row = database.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ?", (_NAME,)).fetchone()
    return str(row[0]) if row else ""


def _caught(database: sqlite3.Connection) -> int:
    try:
        row = database.execute("SELECT value FROM linda_bot WHERE name = 'guard_caught'").fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return 0
        raise
    return int(row[0]) if row else 0
