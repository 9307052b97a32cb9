"""Every task has a name and an owner."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def spawn_task(work: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
    """Start a task whose caller keeps it and awaits or cancels it."""
    return asyncio.get_running_loop().create_task(work, name=name)
