"""What a backup says of itself: the manifest beside the copy."""

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from linda_bot.kernel.files import UnreadableFileError, fit_json, read_json, write_json
from linda_bot.sessions.device_status import moment
from linda_bot.sessions.rollback import Generation

FORMAT_VERSION = 1
MANIFEST, COPY, SEALED_COPY, RETIRED = "manifest.json", "session.db", "session.db.sealed", "retired.json"
LARGEST_MANIFEST = 64 * 1024


class Manifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The content of a backup's `manifest.json`; times in UTC with milliseconds and a Z."""

    format_version: int = FORMAT_VERSION
    account: str
    linked_number: str
    device: int
    """Which of the account's linked devices this is."""
    registration_id: int
    fingerprint: str
    """Tells one linking from another."""
    created_at: str
    reason: str
    sha256: str
    """Of the file beside the manifest, as it is there."""
    size: int
    """Of that file, in bytes."""
    neonize_version: str
    sandbox: bool = False
    """Whether it is a sandbox's, which WhatsApp does not know."""
    sealed_with: str = ""
    """The fingerprint of the key that the copy is encrypted with; empty for a copy in the clear."""
    generation: Generation = 0
    """How often the store had been marked; see `rollback`."""

    @property
    def created(self) -> datetime:
        """When the copy was made."""
        found = moment(self.created_at)
        assert found is not None  # looked at when the manifest was loaded
        return found

    @property
    def file_name(self) -> str:
        """The name of the copy beside the manifest."""
        return SEALED_COPY if self.sealed_with else COPY


class Retirement(msgspec.Struct, frozen=True, kw_only=True):
    """Why a backup is not put back by itself any more."""

    kind: str
    """`logged_out`: the phone does not know the device any more; `cleared`: a person began anew."""
    because: str
    at: str


class Backup(NamedTuple):
    """A backup that is complete as far as its manifest tells."""

    directory: Path
    manifest: Manifest
    retired: Retirement | None = None

    @property
    def name(self) -> str:
        """The name that people use."""
        return self.directory.name

    @property
    def copy(self) -> Path:
        """The copy of the store."""
        return self.directory / self.manifest.file_name


def load_manifest(path: Path) -> Manifest:
    """Return a manifest; keys of a newer version are ignored. Raises UnreadableFileError."""
    try:
        too_large = path.is_file() and path.stat().st_size > LARGEST_MANIFEST
    except OSError as error:  # somebody else's directory
        raise UnreadableFileError(str(error)) from error
    if too_large:
        message = "it is far too large for a manifest"
        raise UnreadableFileError(message)
    return parse_manifest(read_json(path))


def parse_manifest(content: object) -> Manifest:
    """Return the manifest that a JSON value is; raises UnreadableFileError."""
    manifest = fit_json(content, Manifest)
    if manifest.format_version > FORMAT_VERSION:
        message = f"a newer linda-bot made it (format {manifest.format_version}, this one knows {FORMAT_VERSION})"
        raise UnreadableFileError(message)
    if moment(manifest.created_at) is None:
        message = "its time cannot be read"
        raise UnreadableFileError(message)
    return manifest


def save_manifest(path: Path, manifest: Manifest) -> None:
    """Write a manifest."""
    write_json(path, msgspec.to_builtins(manifest))


def load_retirement(directory: Path) -> Retirement | None:
    """Return whether and why a backup was retired; one that cannot be read still counts."""
    path = directory / RETIRED
    if not path.exists():
        return None
    try:
        return fit_json(read_json(path), Retirement)
    except UnreadableFileError:
        return Retirement(kind="logged_out", because="its mark cannot be read", at="")


def save_retirement(directory: Path, retirement: Retirement) -> None:
    """Mark a backup as retired."""
    write_json(directory / RETIRED, msgspec.to_builtins(retirement))
