"""The book of a session: device-status.json, session-history.json and its part of session-state.json."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import msgspec

from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.events import utc_now
from linda_bot.kernel.files import UnreadableFileError, put_unreadable_aside, read_json, write_json
from linda_bot.kernel.tasks import spawn_task
from linda_bot.sessions.device_status import DeviceStatus, load_status, moment, save_status, timestamp
from linda_bot.sessions.history import AT_MOST as HISTORY_AT_MOST
from linda_bot.sessions.history import bounded, fit_facts, with_entry
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.summary import update_summary

__all__ = ["HISTORY_AT_MOST", "SessionBook"]
_log = logging.getLogger("linda_bot.sessions")


class SessionBook:
    """Remembers what happened and brings it to the disk, in order, without holding up the event loop."""

    def __init__(self, paths: SessionPaths) -> None:
        self._paths = paths
        self._unknown: dict[str, object] = {}
        self._history: list[object] | None = None
        self._entries: list[dict[str, object]] = []
        self._dirty = asyncio.Event()
        self._disk = asyncio.Lock()
        self._writing: asyncio.Task[None] | None = None
        self._told = False
        self._state = ""
        self._status_is_whole = True
        self._status = DeviceStatus()
        self.reload()

    def reload(self) -> None:
        """Take what is on the disk for true: somebody has put files there."""
        self._history = None
        try:
            self._status, self._unknown = load_status(self._paths.device_status)
            self._status_is_whole = True
        except UnreadableFileError:
            self._status_is_whole = False

    def remember(self) -> None:
        """Keep the history in mind: the files are about to go, and are written anew then."""
        if self._history is None:
            self._history = _load_history(self._paths)

    @property
    def status(self) -> DeviceStatus:
        """What the status file says, or will say in a moment."""
        return self._status

    @property
    def last_activity(self) -> datetime | None:
        """When the link was last known to be up."""
        return moment(self._status.last_connected)

    def change(self, **changes: object) -> None:
        """Change fields of the device status."""
        self._status = msgspec.structs.replace(self._status, **changes)
        self._touch()

    def state(self, word: str) -> None:
        """Remember the link's state for the summary of all accounts."""
        self._state = word
        self._touch()

    def backups_changed(self) -> None:
        """Have the summary tell of the backups that there are now."""
        self._touch()

    def note(self, event_type: str, *, at: datetime | None = None, **facts: object) -> None:
        """Add an entry to the history, or count the one before if it says the same."""
        self._entries.append({"timestamp": timestamp(at or utc_now()), "eventType": event_type, **fit_facts(facts)})
        self._touch()

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Write nothing meanwhile: somebody moves the files."""
        async with self._disk:
            yield

    async def close(self) -> None:
        """Bring what is left to the disk."""
        if self._writing is not None:
            await self._writing

    def _touch(self) -> None:
        self._dirty.set()
        if self._writing is None or self._writing.done():
            self._writing = spawn_task(self._write_all(), name="session book")

    async def _write_all(self) -> None:
        while self._dirty.is_set():
            self._dirty.clear()
            entries, self._entries = self._entries, []
            async with self._disk:
                await asyncio.to_thread(self._write, self._status, entries, self._state)

    def _write(self, status: DeviceStatus, entries: list[dict[str, object]], state: str) -> None:
        written = [
            self._guarded(lambda: self._save_status(status)),
            not entries or self._guarded(lambda: self._append(entries)),
            self._guarded(lambda: update_summary(self._paths, status, state)),
        ]
        self._told = not all(written)

    def _save_status(self, status: DeviceStatus) -> None:
        if not self._status_is_whole:
            put_unreadable_aside(self._paths.device_status)
            self._status_is_whole = True
        save_status(self._paths.device_status, status, self._unknown)

    def _append(self, entries: list[dict[str, object]]) -> None:
        if self._history is None:
            self._history = _load_history(self._paths)
        for entry in entries:
            self._history = with_entry(self._history, entry)
        self._history = bounded(self._history)
        write_json(self._paths.history, self._history)

    def _guarded(self, write: Callable[[], None]) -> bool:
        """Write, and return whether it could be done; a full or read-only disk is said once, the bot lives on."""
        try:
            write()
        except (OSError, UsageError) as error:
            if not self._told:
                _log.warning("the session's state cannot be written: %s", error)
            self._told = True
            return False
        return True


def _load_history(paths: SessionPaths) -> list[object]:
    """Return the entries on disk; what is no history is kept beside it under another name."""
    try:
        found = read_json(paths.history)
    except UnreadableFileError:
        found = None
    if isinstance(found, list):
        return found
    put_unreadable_aside(paths.history)
    return []
