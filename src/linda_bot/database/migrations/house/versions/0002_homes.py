"""Where an account lives that was moved between files and this database; see `app.migrating`.

The row is what decides. The files that an account left, or comes to, name the same move (`moved-to.json`).
"""

from alembic import op

revision = "0002"
down_revision = "0001"

_TABLE = """
CREATE TABLE homes (
    account text PRIMARY KEY,
    place text NOT NULL CHECK (place IN ('files', 'database')),
    move text NOT NULL,                       -- the last one that was begun
    files text NOT NULL,                      -- whose files, for people
    is_copied boolean NOT NULL,               -- false: what this database has of it is half a copy, of no worth
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
"""


def upgrade() -> None:
    """Make the table."""
    op.execute(_TABLE)
