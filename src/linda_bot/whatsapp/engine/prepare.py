"""`python -m linda_bot.whatsapp.engine.prepare`: have the client library make, or renew, the tables of a store.

What it opens is on stdin, never in the command line, which others on the machine can read: the address of a database,
or the path of a SQLite file.
"""

import os
import sys
from pathlib import Path
from urllib.parse import quote

from linda_bot.whatsapp.engine.late_imports import no_shells, put_off

_DATABASES = ("postgres://", "postgresql://")
_ONE_FILE = "_journal_mode=DELETE&_foreign_keys=on&_unused="
"""No log beside the file, which is copied and moved once it is made. The last option takes what the library appends."""


def main() -> int:
    """Open the store that stdin names; the library's complaint goes to stderr."""
    os.umask(0o077)
    asked = sys.stdin.read().strip()
    source = asked if asked.startswith(_DATABASES) else f"{quote(str(Path(asked).absolute()))}?{_ONE_FILE}"
    put_off()
    with no_shells():
        from linda_bot.whatsapp.engine import library  # after what it needs is put off

    complaint = library.make_tables(source)
    sys.stderr.write(complaint)
    sys.stderr.flush()
    return 1 if complaint else 0


if __name__ == "__main__":
    os._exit(main())  # the library's own threads end with the process
