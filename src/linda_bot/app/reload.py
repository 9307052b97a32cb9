"""New handlers, same link: the author's files are looked at, and loaded anew when they change."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.errors import UsageError
from linda_bot.messaging.events import HandlersKept, HandlersReloaded
from linda_bot.messaging.loading import Loaded, load_handlers
from linda_bot.messaging.router import Router

_LOOK_EVERY_S = 0.5

Stamps = dict[Path, tuple[int, int]]


class Reloader:
    """Looks at the files of the handlers twice a second; for development."""

    def __init__(self, source: str, loaded: Loaded, exchange: Callable[[Router], None], bus: EventBus) -> None:
        self._source = source
        self._files = loaded.files
        self._exchange = exchange
        self._bus = bus

    async def run(self) -> None:
        """Look until cancelled."""
        seen = await asyncio.to_thread(_stamps, self._files)
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            now = await asyncio.to_thread(_stamps, self._files)
            if now == seen:
                continue
            self._load()
            seen = await asyncio.to_thread(_stamps, self._files)

    def _load(self) -> None:
        # Not on a thread: a handler that runs just now must not meet half of its modules.
        try:
            loaded = load_handlers(self._source)
        except UsageError as error:
            self._bus.publish(HandlersKept(source=self._source, error=str(error)))
            return
        self._files = loaded.files
        self._exchange(loaded.router)
        self._bus.publish(HandlersReloaded(source=self._source))


def _stamps(files: tuple[Path, ...]) -> Stamps:
    """Return what changes when a file does; an editor may have taken it away for a moment."""
    found: Stamps = {}
    for file in files:
        try:
            about = file.stat()
        except OSError:
            found[file] = (0, 0)
        else:
            found[file] = (about.st_mtime_ns, about.st_size)
    return found
