"""An event loop on a thread of its own: the sandbox runs there, whatever loops the tests have."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_SOON_S = 120.0


class Background:
    """Runs coroutines for tests with and without a loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="linda-bot sandbox", daemon=True)
        self._thread.start()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Have something done there, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_SOON_S)

    async def ask(self, work: Coroutine[Any, Any, T]) -> T:
        """Have something done there, and await it."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def close(self) -> None:
        """End the loop and everything in it."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_SOON_S)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.get_loop().run_forever()
