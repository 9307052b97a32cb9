"""How a fake engine sends: one message after the other, each step written into the mailbox, as the real one does."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from linda_bot.whatsapp.content import AnyContent
from linda_bot.whatsapp.mailbox import Dispatch, Outbound
from linda_bot.whatsapp.outcomes import NOT_PENDING, OUTBOX_UNWRITABLE
from linda_bot.whatsapp.port import ClientError, NoAnswerError, NotSentError, SentMessage

Exchange = Callable[[str, AnyContent], Awaitable[str]]
"""What the client library does with a message: returns its id, or raises a ClientError."""


class FakeSending:
    """The sends of one engine."""

    def __init__(self, exchange: Exchange, on_step: Callable[[str], None]) -> None:
        self._exchange = exchange
        self._on_step = on_step
        self._dispatch: Dispatch | None = None
        self._work: set[asyncio.Task[SentMessage]] = set()
        self._one_at_a_time = asyncio.Lock()

    @property
    def under_way(self) -> bool:
        """Whether something is being sent."""
        return bool(self._work)

    def begin(self, mailbox: Path | None) -> None:
        """Write into this mailbox."""
        self._dispatch = Dispatch(mailbox) if mailbox else None

    def end(self) -> None:
        """Be killed."""
        for work in self._work:
            work.cancel()
        if self._dispatch is not None:
            self._dispatch.close()

    async def send(self, chat: str, content: AnyContent, rows: Sequence[int], *, within_s: float) -> SentMessage:
        """Send; it goes on when nobody waits any more."""
        work = asyncio.create_task(self._carry_out(chat, content, rows), name="engine's send")
        self._work.add(work)
        work.add_done_callback(self._forget)
        await asyncio.wait({work}, timeout=within_s)
        if not work.done() or work.cancelled():
            message = "the engine ended before it answered" if work.done() else "no answer to send"
            raise NoAnswerError(message)
        return work.result()

    async def _carry_out(self, chat: str, content: AnyContent, rows: Sequence[int]) -> SentMessage:
        async with self._one_at_a_time:
            await self._step("asked")
            self._begin(rows)
            await self._step("begun")
            try:
                message_id = await self._exchange(chat, content)
            except ClientError as error:
                await self._note(rows, _state_after(error), error=str(error))
                await self._step("noted")
                raise
            await self._step("sent")
            await self._note(rows, Outbound.SENT, message_id=message_id)
            await self._step("noted")
            return SentMessage(id=message_id, at=datetime.now(UTC))

    async def _step(self, name: str) -> None:
        self._on_step(name)
        await asyncio.sleep(0)  # who was killed in it goes no further

    def _begin(self, rows: Sequence[int]) -> None:
        try:
            if rows and self._dispatch is not None and not self._dispatch.begin(rows):
                raise NotSentError(NOT_PENDING)
        except (sqlite3.Error, OSError) as error:
            raise NotSentError(OUTBOX_UNWRITABLE) from error

    async def _note(self, rows: Sequence[int], state: Outbound, *, message_id: str = "", error: str = "") -> None:
        while rows and self._dispatch is not None:
            try:
                self._dispatch.end(rows, state, message_id=message_id, error=error)
            except (sqlite3.Error, OSError):
                self._dispatch.close()
                await asyncio.sleep(0.25)
            else:
                return

    def _forget(self, work: asyncio.Task[SentMessage]) -> None:
        self._work.discard(work)
        if not work.cancelled():
            work.exception()  # nobody may be waiting any more


def _state_after(error: ClientError) -> Outbound:
    match error:
        case NotSentError():
            return Outbound.PENDING
        case NoAnswerError():
            return Outbound.UNKNOWN
        case _:
            return Outbound.FAILED
