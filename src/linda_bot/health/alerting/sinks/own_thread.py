"""A blocking call in a thread of its own, which a process that ends does not wait for."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class OwnThread:
    """Runs one call at a time; the pool of the event loop would be joined at the end, and its few threads shared."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._running: threading.Thread | None = None

    @property
    def hangs(self) -> bool:
        """Whether an earlier call, for which nobody waits any more, has not come back yet."""
        return self._running is not None and self._running.is_alive()

    async def run(self, call: Callable[[], T]) -> T:
        """Return what a call returns, or raise what it raises."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def settle(result: T | None, error: BaseException | None) -> None:
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)  # type: ignore[arg-type]  # None only with an error

        def work() -> None:
            result, error = None, None
            try:
                result = call()
            except BaseException as raised:  # noqa: BLE001 (raised where it is awaited)
                error = raised
            try:
                loop.call_soon_threadsafe(settle, result, error)
            except RuntimeError:  # the loop has ended: nobody asks any more
                return

        self._running = threading.Thread(target=work, name=self._name, daemon=True)
        self._running.start()
        return await answer
