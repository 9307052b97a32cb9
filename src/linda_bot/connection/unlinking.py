"""Taking the device off the account at a person's request, while everything else goes on."""

import asyncio

from linda_bot.connection.lifecycle import Finding
from linda_bot.connection.policy import Ending
from linda_bot.kernel.tasks import spawn_task
from linda_bot.whatsapp.port import ClientError, NoAnswerError, NotSentError, WhatsAppClient

UNLINKED = Ending(Finding.UNLINKED, "a person asked for it")
NOT_TOLD = "WhatsApp was not told, and nothing was changed"
_PERHAPS_TOLD = "nobody knows whether WhatsApp was told; the session is kept"


class Unlinking:
    """At most one request at a time; what became of it is known even when nobody waits any more."""

    def __init__(self) -> None:
        self._request: asyncio.Task[None] | None = None

    async def ask(self, client: WhatsAppClient, *, within_s: float) -> None:
        """Ask WhatsApp; raises ClientError, NotSentError while an earlier request is under way."""
        if self._request is not None and not self._request.done():
            raise NotSentError("a logout is under way already")
        self._request = spawn_task(client.logout(within_s=within_s), name="logout")
        self._request.add_done_callback(_look_at_error)
        await asyncio.shield(self._request)

    async def is_done(self) -> bool:
        """Return whether the device was taken off; waits for a request under way."""
        if self._request is None:
            return False
        await asyncio.wait({self._request})
        return not self._request.cancelled() and self._request.exception() is None


def why_still_linked(error: ClientError) -> str:
    """Say what a logout that failed has changed."""
    return f"{_PERHAPS_TOLD if isinstance(error, NoAnswerError) else NOT_TOLD}: {error}"


def _look_at_error(request: asyncio.Task[None]) -> None:
    if not request.cancelled():
        request.exception()  # whoever asked may be gone
