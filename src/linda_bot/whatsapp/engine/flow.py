"""Messages through the engine: what arrives is written down before it is told, what is sent before and after."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import msgspec

from linda_bot.whatsapp.events import (
    ClientEvent,
    InboxBlocked,
    InboxUnblocked,
    IncomingMessage,
    MessageReceived,
    MessageRepeated,
)
from linda_bot.whatsapp.mailbox import Dispatch, Intake, MailboxError, Outbound
from linda_bot.whatsapp.outcomes import NOT_BEGUN, NOT_PENDING, OUTBOX_UNWRITABLE, request_error
from linda_bot.whatsapp.port import NoAnswerError, NotSentError
from linda_bot.whatsapp.wire import Connect, Failed, Send, Sent

if TYPE_CHECKING:
    from linda_bot.whatsapp.engine.library import Library

_TRY_AGAIN_S = 0.25
_UNUSABLE = (sqlite3.Error, MailboxError, OSError)

Tell = Callable[[ClientEvent], None]


class _Blockade:
    """Tells that the mailbox cannot be used, and that it can again; once each."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._stands = False

    def begin(self, because: str) -> None:
        """Tell it, if it is new."""
        if not self._stands:
            self._stands = True
            self._tell(InboxBlocked(because=because))

    def end(self) -> None:
        """Tell it, if it was not so before."""
        if self._stands:
            self._stands = False
            self._tell(InboxUnblocked())


class Arrivals:
    """Takes messages off the library's hands, on its thread; it is held back while they cannot be written down."""

    def __init__(self, request: Connect, tell: Tell) -> None:
        self._tell = tell
        self._intake = Intake(Path(request.mailbox), most_waiting=request.most_waiting) if request.mailbox else None
        self._blockade = _Blockade(tell)

    def take(self, message: IncomingMessage, owner: str) -> None:
        """Write a message down, however long that takes, then tell of it."""
        intake = self._intake
        if intake is None:
            self._tell(MessageReceived(message=message))
            return
        seq, conversation = self._write(intake, message, owner)
        if seq:
            told = msgspec.structs.replace(message, raw=b"")
            self._tell(MessageReceived(message=told, seq=seq, conversation=conversation))
        else:
            self._tell(MessageRepeated(id=message.id, chat=message.chat))
        while self._is_full(intake, owner):
            self._blockade.begin("too many messages wait to be handled")
            time.sleep(_TRY_AGAIN_S)
        self._blockade.end()

    def _write(self, intake: Intake, message: IncomingMessage, owner: str) -> tuple[int, str]:
        while True:
            try:
                return intake.take_in(owner, message)
            except _UNUSABLE as error:
                self._blockade.begin(f"the mailbox cannot be written: {error}")
                time.sleep(_TRY_AGAIN_S)

    @staticmethod
    def _is_full(intake: Intake, owner: str) -> bool:
        try:
            return intake.is_full(owner)
        except _UNUSABLE:
            return False


class Departures:
    """Gives messages to the library, on one thread, and writes down what becomes of them."""

    def __init__(self, request: Connect, library: "Library", tell: Tell) -> None:
        self._library = library
        self._blockade = _Blockade(tell)
        self._dispatch = Dispatch(Path(request.mailbox)) if request.mailbox else None
        self._gate = Lock()
        self._closed = False
        self._under_way = False

    @property
    def under_way(self) -> bool:
        """Whether the library has a message that it has not answered for, or its answer is not written down yet."""
        return self._under_way

    def close(self) -> None:
        """Begin nothing more; what is not begun stays pending."""
        with self._gate:
            self._closed = True

    def send(self, request: Send) -> Sent | Failed:
        """Send a message and return what to answer."""
        with self._gate:
            if self._closed:
                return Failed(id=request.id, error=NOT_BEGUN)
            self._under_way = True
        try:
            return self._send(request)
        finally:
            self._under_way = False

    def _send(self, request: Send) -> Sent | Failed:
        dispatch = self._dispatch if request.rows else None
        try:
            if dispatch is not None and not dispatch.begin(request.rows):
                return Failed(id=request.id, error=NOT_PENDING)
        except _UNUSABLE as error:
            self._blockade.begin(f"the mailbox cannot be written: {error}")
            return Failed(id=request.id, error=f"{OUTBOX_UNWRITABLE}: {error}")
        try:
            message_id, sent_at = self._library.send(request.chat, request.content)
        except Exception as error:  # noqa: BLE001 (the daemon decides what an error means)
            text = plain(error)
            self._note(dispatch, request, _state_after(text), error=text)
            return Failed(id=request.id, error=text)
        self._note(dispatch, request, Outbound.SENT, message_id=message_id)
        return Sent(id=request.id, message_id=message_id, sent_at=sent_at)

    def _note(
        self, dispatch: Dispatch | None, request: Send, state: Outbound, *, message_id: str = "", error: str = ""
    ) -> None:
        """Write down what became of a message, however long that takes: nothing else can be begun meanwhile."""
        while dispatch is not None:
            try:
                dispatch.end(request.rows, state, message_id=message_id, error=error)
            except _UNUSABLE as trouble:
                self._blockade.begin(f"the mailbox cannot be written: {trouble}")
                dispatch.close()
                if self._closed:
                    return  # it stays as it was begun, which counts as unknown
                time.sleep(_TRY_AGAIN_S)
            else:
                self._blockade.end()
                return


def plain(error: Exception) -> str:
    """Return the library's own words; some of its errors carry bytes."""
    first = error.args[0] if error.args else ""
    return first.decode(errors="replace") if isinstance(first, bytes) else str(error) or type(error).__name__


def _state_after(error: str) -> Outbound:
    match request_error(error):
        case NotSentError():
            return Outbound.PENDING
        case NoAnswerError():
            return Outbound.UNKNOWN
        case _:
            return Outbound.FAILED
