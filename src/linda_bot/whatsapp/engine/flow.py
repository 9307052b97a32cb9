"""Messages through the engine: what arrives is written down before it is told, what is sent before and after."""

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, NoReturn

import msgspec

from linda_bot.database.connecting import DatabaseTroubleError, FencedOffError
from linda_bot.whatsapp.events import (
    ClientEvent,
    EnginePrinted,
    InboxBlocked,
    InboxUnblocked,
    IncomingMessage,
    MessageReceived,
    MessageRepeated,
)
from linda_bot.whatsapp.mailbox import Dispatch, Intake, MailboxError, MailPlace, Outbound
from linda_bot.whatsapp.outcomes import NOT_BEGUN, NOT_PENDING, NOT_SENT_YET, OUTBOX_UNWRITABLE, request_error
from linda_bot.whatsapp.port import NoAnswerError, NotSentError
from linda_bot.whatsapp.wire import Connect, Failed, Send, Sent

if TYPE_CHECKING:
    from linda_bot.whatsapp.engine.library import Library

_TRY_AGAIN_S = 0.25
_UNUSABLE = (sqlite3.Error, MailboxError, DatabaseTroubleError, OSError)
_GONE_ELSEWHERE = 0
_TELL_WITHIN_S = 0.5

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


def mailbox_of(request: Connect) -> Path | MailPlace | None:
    """Return where messages are written down; None to hand them over only."""
    if request.mail:
        return MailPlace.decode(request.mail)
    return Path(request.mailbox) if request.mailbox else None


class Arrivals:
    """Takes messages off the library's hands, on its thread; it is held back while they cannot be written down."""

    def __init__(self, request: Connect, tell: Tell) -> None:
        self._tell = tell
        where = mailbox_of(request)
        self._intake = Intake(where, most_waiting=request.most_waiting) if where is not None else None
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
            except FencedOffError as error:
                _leave(self._tell, error)
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
        self._tell = tell
        self._blockade = _Blockade(tell)
        where = mailbox_of(request)
        self._dispatch = Dispatch(where) if where is not None else None
        self._gate = Lock()
        self._closed = False
        self._under_way = False
        self._lacked_store = False

    @property
    def under_way(self) -> bool:
        """Whether the library has a message that it has not answered for, or its answer is not written down yet."""
        return self._under_way

    def close(self) -> None:
        """Begin nothing more; what is not begun stays pending."""
        with self._gate:
            self._closed = True

    def lacked_store(self) -> None:
        """Take word that what is just being sent was not encrypted for somebody, because the store takes nothing."""
        self._lacked_store = True

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
        except FencedOffError as error:
            _leave(self._tell, error)
        except _UNUSABLE as error:
            self._blockade.begin(f"the mailbox cannot be written: {error}")
            return Failed(id=request.id, error=f"{OUTBOX_UNWRITABLE}: {error}")
        self._lacked_store = False
        try:
            message_id, sent_at = self._library.send(request.chat, request.content)
            self._check_store()
        except Exception as error:  # noqa: BLE001 (the daemon decides what an error means)
            text = plain(error)
            self._note(dispatch, request, _state_after(text), error=text)
            return Failed(id=request.id, error=text)
        self._note(dispatch, request, Outbound.SENT, message_id=message_id)
        return Sent(id=request.id, message_id=message_id, sent_at=sent_at)

    def _check_store(self) -> None:
        if self._lacked_store:
            raise NotSentError(f"{NOT_SENT_YET}the session's store takes nothing for now")

    def _note(
        self, dispatch: Dispatch | None, request: Send, state: Outbound, *, message_id: str = "", error: str = ""
    ) -> None:
        """Write down what became of a message, however long that takes: nothing else can be begun meanwhile."""
        while dispatch is not None:
            try:
                dispatch.end(request.rows, state, message_id=message_id, error=error)
            except FencedOffError as fence:
                _leave(self._tell, fence)
            except _UNUSABLE as trouble:
                self._blockade.begin(f"the mailbox cannot be written: {trouble}")
                dispatch.close()
                if self._closed:
                    return  # it stays as it was begun, which counts as unknown
                time.sleep(_TRY_AGAIN_S)
            else:
                self._blockade.end()
                return


def _leave(tell: Tell, because: FencedOffError) -> NoReturn:
    """End the process at once: another host has the account, and all that this one does is one too many."""
    telling = Thread(target=tell, args=(EnginePrinted(line=str(because), level="error"),), daemon=True)
    telling.start()
    telling.join(_TELL_WITHIN_S)  # a daemon that was stopped reads nothing
    os._exit(_GONE_ELSEWHERE)


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
