"""The fence: whoever's lease has passed on to another host can write nothing any more.

A connection that works by a lease says by which (`linda_bot.fence`). A trigger of each table compares it with the
account's lease, before each statement that changes something. What was under way when the lease was granted anew is
ended by whoever got it. Connections that name no lease are a person's, and pass.

An engine that is fenced off can still read, and still has its connection to WhatsApp: what it sends nobody can decrypt,
since the client library encrypts nothing that it cannot store, but what it is sent it may confirm. So the fence keeps
the store whole, and the engine's own end (`whatsapp.engine.deadline`) keeps messages from being lost.
"""

import re
import time
from typing import TYPE_CHECKING, Any

from linda_bot.database.connecting import FENCE, FENCED_OFF, DatabaseTroubleError, FencedOffError
from linda_bot.database.places import HOUSE, worker

if TYPE_CHECKING:
    import psycopg

_SAID = "linda-bot: this host''s lease has passed on"
_NAME = "linda_bot_fence"
_STATEMENT_BEFORE_ANY_CHANGE = 2 | 4 | 8 | 16 | 32
"""BEFORE, INSERT, DELETE, UPDATE, TRUNCATE; for each statement (pg_trigger.tgtype)."""
_BODY = """
DECLARE
    mine text := current_setting('{setting}', true);
    newest bigint;
BEGIN
    IF coalesce(mine, '') = '' OR to_regclass('{house}.leases') IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT fence INTO newest FROM {house}.leases WHERE account = '{account}';
    IF newest > mine::bigint THEN
        RAISE EXCEPTION USING ERRCODE = '{refused}', MESSAGE = '{said}';
    END IF;
    RETURN NULL;
END
"""
_FUNCTION = """
CREATE OR REPLACE FUNCTION {schema}.{name}() RETURNS trigger LANGUAGE plpgsql AS $fence${body}$fence$
"""
_TRIGGER = """
CREATE TRIGGER {name} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {schema}.{table}
FOR EACH STATEMENT EXECUTE FUNCTION {schema}.{name}()
"""
_WRITTEN = """
SELECT prosrc FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace WHERE nspname = %s AND proname = %s
"""
_UNFENCED = """
SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = %(schema)s AND relkind IN ('r', 'p') AND NOT EXISTS (
    SELECT FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
    WHERE tgrelid = pg_class.oid AND tgname = %(name)s AND tgenabled = 'O' AND tgtype = %(kind)s
        AND proname = %(name)s AND pronamespace = relnamespace)
ORDER BY relname
"""
_WORKERS = """
SELECT pid, application_name FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'linda-bot %'
"""
_LOOK_EVERY_S = 0.02


def check_lease(connection: "psycopg.Connection[Any]", account: str, fence: int) -> None:
    """Look whether a lease is still the newest; raises FencedOffError, psycopg.Error.

    For what no trigger sees: making, renaming and dropping. Whoever is granted the lease afterwards ends this
    connection before anything else, so the answer holds for as long as it lives.
    """
    if not connection.execute("SELECT to_regclass(%s)", (f"{HOUSE}.leases",)).fetchall()[0][0]:
        return
    found = connection.execute(f"SELECT fence FROM {HOUSE}.leases WHERE account = %s", (account,)).fetchone()  # noqa: S608 (a name of ours)
    if found is not None and found[0] > fence:
        raise FencedOffError(_SAID.replace("''", "'"))


def set_fences(connection: "psycopg.Connection[Any]", schema: str, account: str) -> None:
    """Fence every table of a schema in; where that is done already nothing is changed. Raises psycopg.Error."""
    body = _BODY.format(setting=FENCE, house=HOUSE, account=account, refused=FENCED_OFF, said=_SAID)
    written = connection.execute(_WRITTEN, (schema, _NAME)).fetchone()
    missing = unfenced(connection, schema)
    if written == (body,) and not missing:
        return
    with connection.transaction():
        connection.execute(_FUNCTION.format(schema=schema, name=_NAME, body=body))
        for table in missing:
            connection.execute(f"DROP TRIGGER IF EXISTS {_NAME} ON {schema}.{table}")
            connection.execute(_TRIGGER.format(schema=schema, name=_NAME, table=table))


def unfenced(connection: "psycopg.Connection[Any]", schema: str) -> list[str]:
    """Name the tables of a schema that have no fence, or one that is switched off; raises psycopg.Error."""
    asked = {"schema": schema, "name": _NAME, "kind": _STATEMENT_BEFORE_ANY_CHANGE}
    return [row[0] for row in connection.execute(_UNFENCED, asked)]


def end_older(connection: "psycopg.Connection[Any]", account: str, fence: int, *, within_s: float = 10.0) -> int:
    """End whatever works on an account by an older lease, and wait until it is gone; return how many there were.

    Raises DatabaseTroubleError when some are still there after `within_s` seconds, psycopg.Error.
    """
    return _end(connection, re.escape(account), range(fence), within_s=within_s)


def end_leftovers(
    connection: "psycopg.Connection[Any]", account: str, what: str, fence: int | None, *, within_s: float = 5.0
) -> int:
    """End what a process that is gone left running at the server, as `end_older`: its last statement may still be.

    `what` is what it did; only while nobody does it by this lease.
    """
    if fence is not None:
        return _end(connection, re.escape(account), range(fence + 1), what=what, within_s=within_s)
    return _end(connection, re.escape(account), None, what=what, within_s=within_s)


def _end(
    connection: "psycopg.Connection[Any]", account: str, fences: range | None, *, what: str = r"\S+", within_s: float
) -> int:
    pattern = re.compile(worker(account, what, None) + (r" #(\d+)" if fences is not None else ""))
    give_up_at = time.monotonic() + within_s
    ended: set[int] = set()
    while True:
        left = set()
        for pid, name in connection.execute(_WORKERS):
            found = pattern.fullmatch(name)
            if found is not None and (fences is None or int(found[1]) in fences):
                left.add(pid)
        if not left:
            return len(ended)
        if time.monotonic() > give_up_at:
            message = f"connections of an older lease are still there after {within_s:g} s"
            raise DatabaseTroubleError(message)
        for pid in left:
            connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
        ended |= left
        time.sleep(_LOOK_EVERY_S)
