"""The key of a log's pseudonyms. Who has it can find a number by trying: it lies beside the sessions, not the log."""

import secrets
from pathlib import Path

from linda_bot.kernel import key_files

KEY_FILE = ".pseudonym-key"


def key_of(logs: Path) -> bytes:
    """Return the key of a log directory; one for this process alone where there is none. Writes nothing."""
    return key_files.read_key(_path(logs)) or secrets.token_bytes(key_files.KEY_BYTES)


def make_key(logs: Path) -> bytes:
    """Return the key of a log directory, made at the first time; one for this run where none can be kept."""
    try:
        return key_files.make_key(_path(logs))
    except OSError:
        return key_of(logs)


def _path(logs: Path) -> Path:
    """Return where the key is: people send their logs to each other, but no session."""
    return logs.parent / "sessions" / KEY_FILE
