"""A person's pause: nothing is handled and nothing is sent while it lasts; what comes is kept."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from linda_bot.kernel.errors import reason_of
from linda_bot.kernel.events import utc_now
from linda_bot.kernel.files import UnreadableFileError, read_json, write_json


class Pause:
    """Whether the bot is paused, and since when; a file remembers it, so that it outlives the bot."""

    def __init__(self, path: Path) -> None:
        """Look whether a pause was begun before; a file that cannot be read counts as one."""
        self._path = path
        self._since = pause_in(path)
        self._one_at_a_time = asyncio.Lock()

    @property
    def is_on(self) -> bool:
        """Whether nothing may be begun."""
        return self._since is not None

    @property
    def since(self) -> datetime | None:
        """When it began; None while there is none."""
        return self._since

    async def begin(self) -> str:
        """Begin a pause, unless there is one; return why it does not outlive the bot, or nothing."""
        if self._since is None:
            self._since = utc_now()  # whatever the disk says: a person may be in a hurry
        said = {"since": self._since.isoformat(timespec="milliseconds")}
        return await self._on_disk(lambda: write_json(self._path, said))

    async def end(self) -> str:
        """End the pause; return why it comes again with the next start, or nothing."""
        self._since = None
        return await self._on_disk(lambda: self._path.unlink(missing_ok=True))

    async def _on_disk(self, work: Callable[[], None]) -> str:
        async with self._one_at_a_time:
            try:
                await asyncio.to_thread(work)
            except OSError as error:
                return f"{self._path}: {reason_of(error)}"
        return ""


def pause_in(path: Path) -> datetime | None:
    """Return since when a file says that the bot is paused; None for not at all."""
    try:
        changed_at = datetime.fromtimestamp(path.lstat().st_mtime, UTC)
    except OSError:
        return None
    try:
        said = read_json(path)
        text = said.get("since") if isinstance(said, dict) else None
        found = datetime.fromisoformat(text) if isinstance(text, str) else changed_at
    except (UnreadableFileError, ValueError):
        return changed_at
    return found if found.tzinfo else found.replace(tzinfo=UTC)
