"""Keys that the bot makes itself, each in a file of its own that nobody else can read."""

import os
import secrets
import threading
from contextlib import suppress
from pathlib import Path

from linda_bot.kernel.files import sync_directory, write_atomic

KEY_BYTES = 32
_PRIVATE_DIR = 0o700


def read_key(path: Path) -> bytes | None:
    """Return the key in a file; None where there is none, or something else."""
    with suppress(OSError):
        if path.is_file() and path.stat().st_size == KEY_BYTES:
            return path.read_bytes()
    return None


def make_key(path: Path) -> bytes:
    """Return the key in a file, made at the first time. Raises OSError where none can be kept."""
    known = read_key(path)
    if known is not None:
        return known
    path.parent.mkdir(mode=_PRIVATE_DIR, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_native_id()}.new")
    key = secrets.token_bytes(KEY_BYTES)
    write_atomic(fresh, key)
    try:
        # Another bot may make the same one at this moment: who comes first has made it, and both have that.
        os.link(fresh, path)
    except FileExistsError:
        return read_key(path) or replace_key(path)  # a file that holds no key is of use to nobody
    except OSError:  # a file system without links
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
        sync_directory(path.parent)
    return read_key(path) or key


def replace_key(path: Path) -> bytes:
    """Put a new key in the place of an old one, and return it. Raises OSError; the old one stays then."""
    path.parent.mkdir(mode=_PRIVATE_DIR, parents=True, exist_ok=True)
    key = secrets.token_bytes(KEY_BYTES)
    write_atomic(path, key)
    return key
