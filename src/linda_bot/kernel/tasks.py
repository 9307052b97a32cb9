"""Every task has a name and an owner."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")


class ServiceEndedError(RuntimeError):
    """A service that should run for ever returned."""


async def for_ever(name: str, run: Callable[[], Awaitable[None]]) -> NoReturn:
    """Run a service that must not return."""
    await run()
    raise ServiceEndedError(name)


def spawn_task(work: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
    """Start a task whose caller keeps it and awaits or cancels it."""
    return asyncio.get_running_loop().create_task(work, name=name)
