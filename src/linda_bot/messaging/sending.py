"""Sending through whichever client is up."""

import asyncio
from collections.abc import Awaitable, Callable

from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.errors import LindaError
from linda_bot.messaging.events import MessageSent, SendFailed
from linda_bot.whatsapp.port import ClientError, NoAnswerError, NotSentError, WhatsAppClient

_TRIES = 5
_PAUSE_S = 1.0


class SendError(LindaError):
    """A message was not sent, or nobody knows whether it was."""


class Sender:
    """Sends texts; waits while the link is down, and repeats only what provably did not leave."""

    def __init__(self, client: Callable[[], Awaitable[WhatsAppClient]], bus: EventBus) -> None:
        self._client = client
        self._bus = bus
        self.sent = 0

    async def send_text(self, chat: str, text: str) -> str:
        """Send a text to a JID and return its id; raises SendError."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        for left in reversed(range(_TRIES)):
            client = await self._client()
            try:
                sent = await client.send_text(chat, text)
            except NotSentError as error:
                if left:
                    await asyncio.sleep(_PAUSE_S)
                    continue
                raise self._failed(chat, "failed", error) from error
            except NoAnswerError as error:
                raise self._failed(chat, "unknown", error) from error
            except ClientError as error:
                raise self._failed(chat, "failed", error) from error
            self.sent += 1
            self._bus.publish(MessageSent(id=sent.id, chat=chat, duration_ms=round((loop.time() - started) * 1000)))
            return sent.id
        raise AssertionError  # the last try returns or raises

    def _failed(self, chat: str, outcome: str, error: ClientError) -> SendError:
        self._bus.publish(SendFailed(chat=chat, outcome=outcome, error=str(error)))
        return SendError(f"message {outcome}: {error}")
