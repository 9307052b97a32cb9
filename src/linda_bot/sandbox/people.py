"""The contacts of a running sandbox: each has a client that stays open from its first message to the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from linda_bot.kernel.errors import LindaError, UsageError
from linda_bot.kernel.masking import mask_number
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.control_api import NotDoneError
from linda_bot.sandbox.server import Sandbox

_MOST = 20
_BUSY_FOR_S = 30
_CLOSE_WITHIN_S = 1.0


class People:
    """Opens contacts when they are needed; each writes for one caller at a time."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._known: dict[str, _Person] = {}

    @asynccontextmanager
    async def contact(self, number: str) -> AsyncIterator[Contact]:
        """Yield an open contact; raises UsageError, ContactError or NotDoneError."""
        person = self._known.get(number)
        if person is None:
            if len(self._known) >= _MOST:
                raise UsageError(f"{_MOST} contacts are open, each a process; write from one of them with --from")
            self._sandbox.registry.open_account(number)  # refuses what is no number
            person = self._known[number] = _Person(self._sandbox, number)
        try:
            async with asyncio.timeout(_BUSY_FOR_S):
                await person.lock.acquire()
        except TimeoutError:
            raise NotDoneError(
                f"{mask_number(number)} still writes for another call; try later or --from another"
            ) from None
        try:
            yield await person.opened()
        finally:
            person.lock.release()

    async def close(self) -> None:
        """Disconnect all, at once; a client that takes too long is killed."""
        await asyncio.gather(*(person.close() for person in self._known.values()))


class _Person:
    def __init__(self, sandbox: Sandbox, number: str) -> None:
        self.lock = asyncio.Lock()
        self._sandbox = sandbox
        self._number = number
        self._contact: Contact | None = None
        self._closing = AsyncExitStack()

    async def opened(self) -> Contact:
        """Return the contact, with a client that runs."""
        # A client whose device the phone has removed stays up and sends nothing any more.
        linked = len(self._sandbox.registry.device_ids(self._number)) > 1
        if self._contact is None or not self._contact.online or not linked:
            await self._closing.aclose()
            self._contact = await self._closing.enter_async_context(self._sandbox.contact(self._number))
        return self._contact

    async def close(self) -> None:
        killing = asyncio.get_running_loop().call_later(_CLOSE_WITHIN_S, self._kill)
        with suppress(LindaError):
            await self._closing.aclose()
        killing.cancel()

    def _kill(self) -> None:
        if self._contact is not None:
            self._contact.kill()
