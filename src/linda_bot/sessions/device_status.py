"""device-status.json: what the link was like when it was last written."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec

from linda_bot.kernel.files import fit_json, read_json, write_json

_Number = Annotated[str, msgspec.Meta(pattern="^[0-9]{0,20}$")]
_Word = Annotated[str, msgspec.Meta(pattern="^[a-z_]{0,40}$")]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


ENDED_BY_A_PERSON = frozenset({"logged_out", "cleared"})
"""Words of `restore_status` after which no backup is put back by itself."""


class DeviceStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The file's content; the names there are in camel case, times in UTC with milliseconds and a Z."""

    number: _Number = ""
    device_linked: bool = False
    is_active: bool = False
    """Whether the link is up and logged in."""
    linked_at: str | None = None
    last_connected: str | None = None
    restore_count: _Count = 0
    last_restore_time: str | None = None
    restore_status: _Word = "never"
    restore_duration: _Count | None = None
    """Milliseconds."""
    phone_last_seen: str | None = None
    """When the account's phone last gave a sign of life."""


def load_status(path: Path) -> tuple[DeviceStatus, dict[str, object]]:
    """Return the status and the keys that this version does not know.

    Raises UnreadableFileError when the file is missing or is not a status.
    """
    content = read_json(path)
    status = fit_json(content, DeviceStatus)
    assert isinstance(content, dict)  # else it could not have been converted
    known = {field.encode_name for field in msgspec.structs.fields(DeviceStatus)}
    return status, {key: value for key, value in content.items() if key not in known}


def save_status(path: Path, status: DeviceStatus, unknown: dict[str, object]) -> None:
    """Write a status atomically, with what another version had put there."""
    write_json(path, {**msgspec.to_builtins(status), **unknown})


def timestamp(moment: datetime) -> str:
    """Return a moment as the state files write it: `2026-02-07T08:00:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str | None) -> datetime | None:
    """Return the moment that a state file's text means; None for none or an unreadable one."""
    try:
        found = datetime.fromisoformat(text) if text else None
        if found is None:
            return None
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # the first or last day there is, in another time zone
        return None
