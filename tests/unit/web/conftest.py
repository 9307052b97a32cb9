"""A control socket over a bot that is not there, and somebody who asks it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from linda_bot.web.doors import doors
from linda_bot.web.place import socket_of
from tests.support.fake_front import FakeFront
from tests.support.quick_disk import quick_directory


@pytest.fixture
def home() -> Iterator[Path]:
    """A data directory with a short path."""
    with quick_directory() as directory:
        yield directory


@pytest.fixture
def front(home: Path) -> FakeFront:
    """The bot."""
    return FakeFront(home)


@pytest.fixture
async def place(front: FakeFront) -> AsyncIterator[Path]:
    """Its control socket."""
    async with doors(front.as_front):
        found = socket_of(front.job.paths)
        assert found is not None
        yield found


@pytest.fixture
async def asker(place: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """Somebody who asks on it."""
    connector = aiohttp.UnixConnector(str(place))
    async with aiohttp.ClientSession("http://localhost", connector=connector) as session:
        yield session
