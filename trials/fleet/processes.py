"""Processes that can be stopped and killed inside of one event loop: their tasks do not go on then, whatever is due."""

import asyncio
import types
from collections.abc import Coroutine, Generator
from contextvars import ContextVar
from typing import Any

CURRENT: ContextVar["Process | None"] = ContextVar("process", default=None)
"""Whose tasks are being made."""


class Process:
    """One process; what is begun inside of it belongs to it, and so does all that begins in turn."""

    def __init__(self) -> None:
        self.is_dead = False
        self._going = asyncio.Event()
        self._going.set()
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def is_stopped(self) -> bool:
        """Whether it stands still."""
        return not self._going.is_set()

    def run(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Begin something inside of the process."""
        token = CURRENT.set(self)
        try:
            return asyncio.get_running_loop().create_task(work, name=name)
        finally:
            CURRENT.reset(token)

    def stop(self) -> None:
        """Have it stand still, as SIGSTOP does."""
        self._going.clear()

    def go_on(self) -> None:
        """Have it go on, with everything that was due meanwhile."""
        self._going.set()

    def kill(self) -> None:
        """End it; whoever stands for the outside world sees `is_dead`, and does nothing for it any more."""
        self.is_dead = True
        self._going.set()
        for task in self._tasks:
            task.cancel()

    def own(self, task: asyncio.Task[Any]) -> None:
        """Take note of a task of the process."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @types.coroutine
    def paced(self, work: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """Take a task's steps, but none while the process stands still."""
        value, error = None, None
        while True:
            while self.is_stopped:
                try:
                    yield from self._going.wait().__await__()
                except asyncio.CancelledError as cancelled:  # a timeout, for example; it is noticed later
                    value, error = None, cancelled
            try:
                awaited = work.send(value) if error is None else work.throw(error)
            except StopIteration as end:
                return end.value
            value, error = None, None
            try:
                value = yield awaited
            except BaseException as raised:  # noqa: BLE001 (it is for the work)
                error = raised  # type: ignore[assignment]


def pace_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Have the loop's tasks belong to the processes that begin them."""

    def make(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        process = CURRENT.get()
        if process is None:
            return asyncio.Task(work, loop=loop, **options)
        task = asyncio.Task(_paced(process, work), loop=loop, **options)
        process.own(task)
        task.add_done_callback(lambda _: work.close())  # one that was killed before its first step
        return task

    loop.set_task_factory(make)


async def _paced(process: Process, work: Coroutine[Any, Any, Any]) -> Any:
    return await process.paced(work)
