"""The accounts, the hosts that share them, and who may run which one until when.

All times are the database's own (`clock_timestamp`), so that hosts need not agree on what time it is.
"""

from alembic import op

revision = "0001"
down_revision = None

_TABLES = """
CREATE TABLE accounts (
    account text PRIMARY KEY,
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'removed')),
    settings jsonb NOT NULL DEFAULT '{}',
    added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE hosts (
    host text PRIMARY KEY,
    place text NOT NULL,
    incarnation text NOT NULL,
    capacity integer NOT NULL,
    weight double precision NOT NULL,
    lease_s double precision NOT NULL,
    version text NOT NULL,
    pid integer NOT NULL,
    leaving boolean NOT NULL DEFAULT false,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- A row stays for ever, whatever becomes of its account: the fence only rises.
CREATE TABLE leases (
    account text PRIMARY KEY,
    host text NOT NULL DEFAULT '',           -- who has it; empty once it was given back
    place text NOT NULL DEFAULT '',          -- where that host's files are
    fence bigint NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    granted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    came_by text NOT NULL DEFAULT 'claimed', -- how whoever has it got it, as `why` in moves
    came_from text NOT NULL DEFAULT '',      -- who had it before
    was_free_s double precision NOT NULL DEFAULT 0,
    given_back text NOT NULL DEFAULT ''      -- why it was given back; empty while somebody has it
);
CREATE TABLE moves (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    account text NOT NULL,
    from_host text NOT NULL,
    to_host text NOT NULL,
    why text NOT NULL CHECK (why IN ('claimed', 'handed_over', 'taken_over', 'released', 'lost')),
    fence bigint NOT NULL,
    free_s double precision NOT NULL         -- for how long nobody had it
);
CREATE INDEX moves_of_account ON moves (account, id);
"""

_KEPT = 10_000
_CLEAN_EACH = 100

_BOUNDED = f"""
CREATE FUNCTION forget_old_moves() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM moves WHERE id <= NEW.id - {_KEPT};
    RETURN NULL;
END $$;
CREATE TRIGGER bounded AFTER INSERT ON moves FOR EACH ROW WHEN (NEW.id % {_CLEAN_EACH} = 0)
    EXECUTE FUNCTION forget_old_moves();
"""  # noqa: S608 (figures of ours)

_NEWS = """
CREATE FUNCTION tell_the_hosts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('linda_bot', TG_TABLE_NAME);
    RETURN NULL;
END $$;
CREATE TRIGGER news AFTER INSERT OR UPDATE OR DELETE ON accounts FOR EACH STATEMENT
    EXECUTE FUNCTION tell_the_hosts();
CREATE TRIGGER news AFTER UPDATE ON leases FOR EACH ROW WHEN (OLD.host <> '' AND NEW.host = '')
    EXECUTE FUNCTION tell_the_hosts();
CREATE TRIGGER news AFTER UPDATE ON hosts FOR EACH ROW
    WHEN (OLD.leaving <> NEW.leaving OR OLD.incarnation <> NEW.incarnation) EXECUTE FUNCTION tell_the_hosts();
CREATE TRIGGER came AFTER INSERT OR DELETE ON hosts FOR EACH ROW EXECUTE FUNCTION tell_the_hosts();
"""


def upgrade() -> None:
    """Make the tables, and have hosts woken when somebody changes what they go by."""
    op.execute(_TABLES)
    op.execute(_BOUNDED)
    op.execute(_NEWS)
