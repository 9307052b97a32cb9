"""The guard of `sessions.guard` for a session in a database: the same rules, as a trigger before the update.

Stores of one record at the same time wait for each other at its row, and each sees what the one before has left; the
client library's own form of storing (INSERT ... ON CONFLICT DO UPDATE) fires it like any other. Here, too, a record of
another form switches it off, and nothing that it does makes a statement fail. Every function takes a connection whose
names are the session's, and raises psycopg.Error.
"""

from typing import TYPE_CHECKING, Any

from linda_bot.database.connecting import FENCED_OFF
from linda_bot.sessions.guard import Guard
from linda_bot.sessions.shared.store import make_own_tables, number_named

if TYPE_CHECKING:
    import psycopg

_NAME, _READER = "linda_bot_guard", "linda_bot_sender_chain"
_LOOKED_AT = 3
_REMEMBERED = 5
"""So many replaced chains of each contact."""
_ROW_BEFORE_UPDATE = 1 | 2 | 16
"""pg_trigger.tgtype."""

_CHAIN_OF = """
DECLARE
    chain jsonb;
BEGIN
    chain := convert_from(session, 'UTF8')::jsonb #> '{SessionState,SenderChain}';
    IF jsonb_typeof(chain) = 'null' THEN
        RETURN chain;
    END IF;
    IF jsonb_typeof(chain -> 'SenderRatchetKeyPublic') = 'string' AND chain #>> '{ChainKey,Index}' ~ '^[0-9]{1,18}$'
        AND jsonb_typeof(chain #> '{ChainKey,Index}') = 'number' THEN
        RETURN chain;
    END IF;
    RETURN NULL;
EXCEPTION
    WHEN OTHERS THEN RETURN NULL;
END
"""
"""A record's sending chain; the JSON `null` where nothing was sent yet, NULL where the record is of another form."""

_BODY = """
DECLARE
    was jsonb;
    becomes jsonb;
    newer text;
BEGIN
    was := {schema}.{reader}(OLD.session);
    becomes := {schema}.{reader}(NEW.session);
    IF was ->> 'SenderRatchetKeyPublic' = becomes ->> 'SenderRatchetKeyPublic'
        AND (was #>> '{{ChainKey,Index}}')::bigint <= (becomes #>> '{{ChainKey,Index}}')::bigint THEN
        RETURN NEW;
    END IF;
    IF jsonb_typeof(was) = 'object' THEN
        INSERT INTO {schema}.linda_bot_chains AS known (key, their_id, number, chain)
        VALUES (was ->> 'SenderRatchetKeyPublic', NEW.their_id, (was #>> '{{ChainKey,Index}}')::bigint, was::text)
        ON CONFLICT (key) DO UPDATE SET number = excluded.number, chain = excluded.chain
        WHERE excluded.number > known.number;
    END IF;
    SELECT chain INTO newer FROM {schema}.linda_bot_chains
    WHERE key = becomes ->> 'SenderRatchetKeyPublic' AND number > (becomes #>> '{{ChainKey,Index}}')::bigint;
    IF FOUND THEN
        NEW.session := convert_to(jsonb_set(convert_from(NEW.session, 'UTF8')::jsonb,
            '{{SessionState,SenderChain}}', newer::jsonb)::text, 'UTF8');
        INSERT INTO {schema}.linda_bot_catches DEFAULT VALUES;
    END IF;
    DELETE FROM {schema}.linda_bot_chains WHERE their_id = NEW.their_id AND place NOT IN (
        SELECT place FROM {schema}.linda_bot_chains WHERE their_id = NEW.their_id
        ORDER BY place DESC LIMIT {remembered});
    RETURN NEW;
EXCEPTION
    WHEN SQLSTATE '{refused}' THEN RAISE;
    WHEN OTHERS THEN RETURN NEW;
END
"""
_READER_FUNCTION = """
CREATE OR REPLACE FUNCTION {schema}.{reader}(session bytea) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $guard${chain_of}$guard$
"""
_FUNCTION = "CREATE OR REPLACE FUNCTION {schema}.{name}() RETURNS trigger LANGUAGE plpgsql AS $guard${body}$guard$"
_TRIGGER = """
CREATE TRIGGER {name} BEFORE UPDATE OF session ON {schema}.whatsmeow_sessions
FOR EACH ROW EXECUTE FUNCTION {schema}.{name}()
"""
_FOUND = """
SELECT guard.prosrc, reader.prosrc FROM pg_trigger
JOIN pg_class ON pg_class.oid = tgrelid AND relname = 'whatsmeow_sessions'
JOIN pg_namespace ON pg_namespace.oid = relnamespace AND nspname = %(schema)s
JOIN pg_proc AS guard ON guard.oid = tgfoid AND guard.pronamespace = relnamespace
JOIN pg_proc AS reader ON reader.proname = %(reader)s AND reader.pronamespace = relnamespace
WHERE tgname = %(name)s AND tgenabled = 'O' AND tgtype = %(kind)s
"""
_MISFITS = """
SELECT count(*) FROM (SELECT session FROM whatsmeow_sessions ORDER BY age(xmin) LIMIT {looked_at}) AS newest
WHERE {schema}.{reader}(session) IS NULL
"""
_ADD_UP = """
WITH gone AS (DELETE FROM linda_bot_catches RETURNING 1), counted AS (SELECT count(*) AS caught FROM gone)
INSERT INTO linda_bot SELECT 'guard_caught', caught FROM counted WHERE caught > 0
ON CONFLICT (name) DO UPDATE SET value = linda_bot.value + excluded.value
"""


def set_guard(connection: "psycopg.Connection[Any]", schema: str) -> Guard:
    """Set the trigger, also while an engine works on the store, and verify it; see `sessions.guard.set_guard`."""
    make_own_tables(connection)
    if not _is_set(connection, schema):
        with connection.transaction():  # not for a moment without the old one
            connection.execute(f"DROP TRIGGER IF EXISTS {_NAME} ON {schema}.whatsmeow_sessions")
            connection.execute(_READER_FUNCTION.format(schema=schema, reader=_READER, chain_of=_reader_body()))
            connection.execute(_FUNCTION.format(schema=schema, name=_NAME, body=_body(schema)))
            connection.execute(_TRIGGER.format(schema=schema, name=_NAME))
    connection.execute(_ADD_UP)
    return look_at_guard(connection, schema)


def look_at_guard(connection: "psycopg.Connection[Any]", schema: str) -> Guard:
    """Look whether the trigger is there and fits the records, also while an engine works on the store."""
    caught = caught_in(connection)
    if not _is_set(connection, schema):
        return Guard(active=False, why="the trigger is not in the session's schema", caught=caught)
    misfits = connection.execute(_MISFITS.format(schema=schema, reader=_READER, looked_at=_LOOKED_AT)).fetchone()
    if misfits != (0,):
        why = "the client library keeps its Signal sessions in another form than this version of linda-bot knows"
        return Guard(active=False, why=why, caught=caught)
    return Guard(active=True, caught=caught)


def drop_guard(connection: "psycopg.Connection[Any]", schema: str) -> None:
    """Remove the trigger; before an engine opens the store, whose version may be another one."""
    connection.execute(f"DROP TRIGGER IF EXISTS {_NAME} ON {schema}.whatsmeow_sessions")


def caught_in(connection: "psycopg.Connection[Any]") -> int:
    """Return how often the guard did something in the life of a store."""
    if connection.execute("SELECT to_regclass('linda_bot_catches')").fetchone() == (None,):
        return 0
    found = connection.execute("SELECT count(*) FROM linda_bot_catches").fetchone()
    return (number_named(connection, "guard_caught") or 0) + (int(found[0]) if found else 0)


def _is_set(connection: "psycopg.Connection[Any]", schema: str) -> bool:
    asked = {"schema": schema, "name": _NAME, "reader": _READER, "kind": _ROW_BEFORE_UPDATE}
    return connection.execute(_FOUND, asked).fetchone() == (_body(schema), _reader_body())


def _body(schema: str) -> str:
    return _BODY.format(schema=schema, reader=_READER, remembered=_REMEMBERED, refused=FENCED_OFF)


def _reader_body() -> str:
    return _CHAIN_OF
