"""Encrypted backups: Fernet (AES-128-CBC with HMAC-SHA256) of the cryptography library, one key or several.

The first key encrypts; the others still open what they once encrypted, so that keys can be changed.
"""

import hashlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from linda_bot.kernel.errors import UsageError, reason_of
from linda_bot.kernel.files import write_atomic

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

_HOW_TO_MAKE = "make one with: linda-bot backup --new-key FILE"


class Vault:
    """Seals and opens copies; the keys are in no repr."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take keys, the newest first; raises UsageError for one that is no key."""
        self._box = _box(keys)
        self.keys: tuple[str, ...] = tuple(keys)
        self.fingerprints: tuple[str, ...] = tuple(fingerprint(key) for key in keys)

    def seal(self, data: bytes) -> bytes:
        """Encrypt with the first key."""
        return self._box.encrypt(data)

    def open(self, data: bytes) -> bytes:
        """Decrypt with whichever key fits; raises UsageError when none does."""
        from cryptography.fernet import InvalidToken

        try:
            return self._box.decrypt(data)
        except InvalidToken:
            raise UsageError("none of the keys opens this backup; it was made with another key") from None


def fingerprint(key: str) -> str:
    """Return what a key is called in a manifest; it says nothing about the key."""
    return hashlib.sha256(b"linda-bot backup key " + key.encode()).hexdigest()[:12]


def open_vault(key_file: Path | None, key: str | None = None) -> Vault | None:
    """Return the vault that the settings ask for, if any; raises UsageError, one line that says what to do."""
    if key is not None:
        return Vault([key])
    return None if key_file is None else Vault(_read_keys(key_file))


def make_key_file(path: Path) -> None:
    """Make a file with a new key; raises UsageError when there is something already."""
    _need_library()
    from cryptography.fernet import Fernet

    if path.exists() or path.is_symlink():
        raise UsageError(f"{path} is there already; a key that is overwritten opens nothing any more")
    try:
        write_atomic(path, Fernet.generate_key() + b"\n")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def _read_keys(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            lines = file.read(64 * 1024).decode("ascii").split()
    except OSError as error:
        reason = reason_of(error)
        raise UsageError(f"the backup key file {path} cannot be read ({reason}); {_HOW_TO_MAKE}") from error
    except UnicodeDecodeError:
        raise UsageError(f"the backup key file {path} holds no key; {_HOW_TO_MAKE}") from None
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise UsageError(f"the backup key file {path} can be read by others; make it private: chmod 600 {path}")
    if not lines:
        raise UsageError(f"the backup key file {path} is empty; {_HOW_TO_MAKE}")
    return lines


def _box(keys: Sequence[str]) -> "MultiFernet":
    _need_library()
    from cryptography.fernet import Fernet, MultiFernet

    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise UsageError(f"the backup key is no key (44 characters of base64); {_HOW_TO_MAKE}") from None


def _need_library() -> None:
    try:
        import cryptography.fernet  # noqa: F401 (only to see whether it is there)
    except ImportError as error:
        message = "encrypted backups need the cryptography library: pip install 'linda-bot[encryption]'"
        raise UsageError(message) from error
