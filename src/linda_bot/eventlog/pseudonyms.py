"""The key of a log's pseudonyms. Who has it can find a number by trying: it lies beside the sessions, not the log."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

KEY_FILE = ".pseudonym-key"
_KEY_BYTES = 32


def key_of(logs: Path) -> bytes:
    """Return the key of a log directory; one for this process alone where there is none. Writes nothing."""
    with suppress(OSError):
        key = _path(logs).read_bytes()
        if len(key) == _KEY_BYTES:
            return key
    return secrets.token_bytes(_KEY_BYTES)


def make_key(logs: Path) -> bytes:
    """Return the key of a log directory, made at the first time; one for this run where none can be kept."""
    key, path = key_of(logs), _path(logs)
    with suppress(OSError):
        if path.is_file() and path.read_bytes() == key:
            return key
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f"{KEY_FILE}.{os.getpid()}.new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
        draft.replace(path)
    return key


def _path(logs: Path) -> Path:
    """Return where the key is: people send their logs to each other, but no session."""
    return logs.parent / "sessions" / KEY_FILE
