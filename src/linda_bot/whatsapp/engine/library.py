"""The client library as the engine uses it: every call to neonize's Go side is in this file."""

import ctypes
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import quote

import neonize
from neonize._binder import func_callback_bytes, func_callback_bytes2, func_string, gocode
from neonize.client import NewClient
from neonize.exc import PairPhoneError
from neonize.proto.Neonize_pb2 import JID, PairPhoneParams, PairPhoneReturnFunction
from neonize.proto.waCompanionReg.WAWebProtobufsCompanionReg_pb2 import DeviceProps
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message
from neonize.utils.enum import ClientType

from linda_bot.whatsapp.engine.translation import SUBSCRIBED

VERSION = neonize.__version__

_CONNECT_ARGUMENTS = 17
_CLIENT_ID = "linda-bot"
_LOG_LEVELS = {"debug": b"DEBUG", "info": b"INFO", "warning": b"WARN", "error": b"ERROR"}


class Hooks(Protocol):
    """What the library calls, each on a thread of its own choice; none of them may raise."""

    def on_qr(self, code: str) -> None:
        """Receive the text of a QR code."""

    def on_login_status(self, status: str) -> None:
        """Receive how a QR round went on: whatsmeow's word, for example `success` or `timeout`."""

    def on_event(self, code: int, payload: bytes) -> None:
        """Receive an event as a protobuf; blocking here holds back what comes next."""

    def on_log(self, payload: bytes) -> None:
        """Receive a log entry as a protobuf."""


class SendResult(NamedTuple):
    """What the server said of a message it took."""

    id: str
    at: datetime


def data_source(store: str) -> str:
    """Return the library's name for a store: a SQLite URI path with our options.

    The library puts `file:` before and `?_foreign_keys=on` behind it without escaping anything (goneonize main.go,
    getDB), so the path is percent-encoded here and a last, unused option takes what is put behind. WAL and
    immediate transactions keep its own parallel readers and writers from losing a message to a busy database.
    """
    options = "_journal_mode=WAL&_busy_timeout=15000&_txlock=immediate&_synchronous=NORMAL&_foreign_keys=on"
    return f"{quote(store)}?{options}&_unused="


def to_jid(text: str) -> JID:
    """Return the library's form of `user@server`."""
    user, _, server = text.partition("@")
    return JID(User=user, Server=server, RawAgent=0, Device=0, Integrator=0, IsEmpty=False)


class Library:
    """One client of the library; connected once."""

    def __init__(self, store: Path, device_name: str, log_level: str) -> None:
        props = DeviceProps(os=device_name, platformType=DeviceProps.CHROME, requireFullSync=False)
        self._props = props.SerializeToString()
        self._source = data_source(str(store)).encode()
        self._log_level = _LOG_LEVELS.get(log_level, b"WARN")
        self._client = NewClient(_CLIENT_ID, props=props)
        self._callbacks: tuple[object, ...] = ()

    def connect(self, hooks: Hooks) -> str:
        """Connect and stay: return only when the connection is over for good, with the library's error text.

        This calls the Go side as neonize's own connect does, but hands over raw bytes, knows the end of a QR round,
        and neither polls nor looks for ffmpeg.
        """
        if len(gocode.Neonize.argtypes) != _CONNECT_ARGUMENTS:
            return f"neonize {VERSION} has another connect call than this version of linda-bot knows"
        events = bytearray(SUBSCRIBED)
        event_buffer = (ctypes.c_char * len(events)).from_buffer(events)
        # The Go side keeps these pointers for as long as the process lives.
        self._callbacks = (
            func_string(_text_hook(hooks.on_qr)),
            func_string(_text_hook(hooks.on_login_status)),
            func_callback_bytes(lambda _, data, size, code: hooks.on_event(code, ctypes.string_at(data, size))),
            func_callback_bytes2(lambda data, size: hooks.on_log(ctypes.string_at(data, size))),
            event_buffer,
        )
        error: bytes = gocode.Neonize(
            self._source,
            self._client.uuid,
            b"",
            0,
            0,
            self._log_level,
            *self._callbacks,
            len(events),
            self._props,
            len(self._props),
            b"",
            0,
            None,
        )
        return error.decode(errors="replace")

    def send_text(self, chat: str, text: str) -> SendResult:
        """Send a text; raises neonize's SendMessageError."""
        # As a Message, because the library turns "@12345" in a plain string into a mention.
        response = self._client.send_message(to_jid(chat), Message(conversation=text))
        return SendResult(response.ID, datetime.fromtimestamp(response.Timestamp, UTC))

    def ping(self) -> None:
        """Ask the server for the block list: a true round trip that changes nothing; raises GetBlocklistError."""
        self._client.get_blocklist()

    def pair_phone(self, number: str) -> str:
        """Ask for a pairing code; raises PairPhoneError. Only once a QR code was issued.

        The server accepts a display name of the form `Browser (OS)` only (whatsmeow pair-code.go). Not by way of
        neonize's own method, which writes both in capitals and takes the platform's number for a type of its own.
        """
        asked = PairPhoneParams(
            phone=number,
            showPushNotification=True,
            clientType=ClientType.CHROME.value,
            clientDisplayName="Chrome (Linux)",
        ).SerializeToString()
        answer = PairPhoneReturnFunction.FromString(gocode.PairPhone(self._client.uuid, asked, len(asked)))
        if answer.Error:
            raise PairPhoneError(answer.Error)
        return str(answer.Code)

    def logout(self) -> None:
        """Unlink at the server and delete the device row; raises LogoutError and deletes nothing if that fails."""
        self._client.logout()

    def disconnect(self) -> None:
        """Close the socket; events that are on their way still come. Waits while a dial is under way."""
        self._client.disconnect()

    def stop(self) -> None:
        """End the client and its event pump."""
        self._client.stop()


def _text_hook(receive: Callable[[str], None]) -> Callable[[int, int], None]:
    return lambda _, text: receive(ctypes.string_at(text).decode(errors="replace"))
