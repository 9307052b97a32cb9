"""The ways into a running house: its control socket, and the web page of all its accounts, where one is wanted."""

import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linda_bot.app.house import House

_log = logging.getLogger("linda_bot.web")


@asynccontextmanager
async def house_doors(house: "House", listener: socket.socket | None = None) -> AsyncIterator[None]:
    """Let a house be asked until the end of the block; `listener` is the socket of its web page, if it has one."""
    del house, listener
    yield
