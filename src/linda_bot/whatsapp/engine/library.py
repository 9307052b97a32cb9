"""The client library as the engine uses it: every call to neonize's Go side is in this file."""

import ctypes
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import IO, TYPE_CHECKING, NamedTuple, Protocol, TypeVar
from urllib.parse import quote

import neonize
from neonize._binder import Bytes, func_callback_bytes, func_callback_bytes2, func_string, gocode
from neonize.client import NewClient
from neonize.exc import DownloadError, MarkReadError, PairPhoneError, UploadError
from neonize.proto.Neonize_pb2 import (
    JID,
    DownloadReturnFunction,
    PairPhoneParams,
    PairPhoneReturnFunction,
    UploadReturnFunction,
)
from neonize.proto.Neonize_pb2 import Message as MessageEvent
from neonize.proto.waCompanionReg.WAWebProtobufsCompanionReg_pb2 import DeviceProps
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message
from neonize.utils.enum import ClientType

from linda_bot.whatsapp.content import AnyContent
from linda_bot.whatsapp.engine.translation import RECEIPT_CODE, SUBSCRIBED, bare_jid
from linda_bot.whatsapp.outcomes import NOT_SENT_YET

if TYPE_CHECKING:
    from linda_bot.whatsapp.engine.outgoing import Fields, Quotation

VERSION = neonize.__version__

_CONNECT_ARGUMENTS = 17
_CLIENT_ID = "linda-bot"
_READ = b"read"
_MEDIA_TYPES = {"image": 0, "video": 1, "audio": 2, "document": 3}
"""The library's numbers (goneonize utils.go)."""
_MEDIA_FIELDS = {
    **{f"{kind}Message": f"{kind}Message" for kind in ("image", "video", "audio", "document", "sticker")},
    "ptvMessage": "videoMessage",  # a round video, which the library does not look for
}
"""Where a message has its file, and where the library looks for it (whatsmeow download.go, DownloadAny)."""
_MOST_WRAPPERS = 16
_MOST_BYTES = 100_000_000
"""The longest file that is downloaded: the library has all of it in its memory, several times over."""
_GONE = ("status code 403", "status code 404", "status code 410")
_TRANSFER_WITHIN_S = 45.0
_LEAST_BYTES_PER_S = 200_000
"""How long the library may take for a file: it sets itself no limit, so on a dead line it would wait for ever."""
_FIRST_BYTES, _LONGEST_LENGTH = 0x0A, 10
"""The tag of a field that has number 1 and is bytes, and how many bytes a length may take (protobuf's encoding)."""
T = TypeVar("T")
_LOG_LEVELS = {"debug": b"DEBUG", "info": b"INFO", "warning": b"WARN", "error": b"ERROR"}


_download_any = gocode["DownloadAny"]
_download_any.argtypes, _download_any.restype = gocode.DownloadAny.argtypes, ctypes.POINTER(Bytes)
"""The library's call without neonize's check of its result, which would copy a whole file."""


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


def data_source(store: Path | str) -> str:
    """Return the library's name for a store: a database's address as it is, or a SQLite URI path with our options.

    The library puts `file:` before and `?_foreign_keys=on` behind it without escaping anything (goneonize main.go,
    getDB), so the path is percent-encoded here and a last, unused option takes what is put behind. WAL and
    immediate transactions keep its own parallel readers and writers from losing a message to a busy database.
    """
    if isinstance(store, str):
        return store
    options = "_journal_mode=WAL&_busy_timeout=15000&_txlock=immediate&_synchronous=NORMAL&_foreign_keys=on"
    return f"{quote(str(store))}?{options}&_unused="


def make_tables(source: str) -> str:
    """Have the library make, or renew, the tables of a store; return its complaint, or nothing.

    There is no call for this alone: listing the devices of a store begins with it, and connects to nobody.
    """
    listener = func_callback_bytes2(lambda _data, _size: None)
    answer: bytes = gocode.GetAllDevices(source.encode(), listener)
    return answer.decode(errors="replace") if answer.startswith(b"error") else ""


def to_jid(text: str) -> JID:
    """Return the library's form of `user@server`."""
    user, _, server = text.partition("@")
    return JID(User=user, Server=server, RawAgent=0, Device=0, Integrator=0, IsEmpty=False)


class Library:
    """One client of the library; connected once."""

    def __init__(self, store: Path | str, device_name: str, log_level: str, *, receipts: bool = False) -> None:
        props = DeviceProps(os=device_name, platformType=DeviceProps.CHROME, requireFullSync=False)
        self._props = props.SerializeToString()
        self._source = data_source(store).encode()
        self._log_level = _LOG_LEVELS.get(log_level, b"WARN")
        self._client = NewClient(_CLIENT_ID, props=props)
        self._subscribed = bytes({*SUBSCRIBED, RECEIPT_CODE}) if receipts else SUBSCRIBED
        self._callbacks: tuple[object, ...] = ()

    def connect(self, hooks: Hooks) -> str:
        """Connect and stay: return only when the connection is over for good, with the library's error text.

        This calls the Go side as neonize's own connect does, but hands over raw bytes, knows the end of a QR round,
        and neither polls nor looks for ffmpeg.
        """
        if len(gocode.Neonize.argtypes) != _CONNECT_ARGUMENTS:
            return f"neonize {VERSION} has another connect call than this version of linda-bot knows"
        events = bytearray(self._subscribed)
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

    def send(self, chat: str, content: AnyContent) -> SendResult:
        """Send something; raises neonize's SendMessageError, UnsendableError, or UploadError before it was sent."""
        # What only sending and files need is imported here: a start that is waited for does not pay for it.
        from linda_bot.whatsapp.engine.outgoing import message_fields

        message = Message(**message_fields(chat, content, upload=self._upload, quote=_quotation))
        response = self._client.send_message(to_jid(chat), message)
        return SendResult(response.ID, datetime.fromtimestamp(response.Timestamp, UTC))

    def mark_read(self, chat: str, sender: str, ids: Sequence[str]) -> None:
        """Tell the sender that messages were read, all of them written by the same person; raises MarkReadError."""
        if not ids or any(not each or " " in each for each in ids):  # the call takes them as words of one text
            raise MarkReadError("there is no message to mark as read")
        where, who = to_jid(chat).SerializeToString(), to_jid(sender).SerializeToString()
        error: bytes = gocode.MarkRead(
            self._client.uuid, " ".join(ids).encode(), int(time.time()), where, len(where), who, len(who), _READ
        )
        if error:
            raise MarkReadError(error.decode(errors="replace"))

    def download(self, raw: bytes, path: str) -> None:
        """Write the file of a message, given as the library's event, to a new file of ours alone.

        Raises DownloadError or OSError, FileExistsError among them; nothing is written then. The library takes a file
        into memory whole, and as much as the server has: the length that a sender announces is checked before, the
        true one can only be checked afterwards.
        """
        wanted, announced = _downloadable(raw)
        if announced > _MOST_BYTES:
            raise DownloadError(f"the file is too long: {announced // 1_000_000} MB; open it on the phone")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                _in_time(_allowed_s(announced or _MOST_BYTES), lambda: self._download(wanted, file))
        except TimeoutError:
            Path(path).unlink(missing_ok=True)
            raise DownloadError("WhatsApp's server for files does not answer; try again later") from None
        except BaseException:
            Path(path).unlink(missing_ok=True)
            raise

    def _download(self, wanted: bytes, file: IO[bytes]) -> None:
        """Download to a file; raises DownloadError. The bytes are written out of the library's own memory."""
        answer = _download_any(self._client.uuid, wanted, len(wanted))
        try:
            if not answer.contents.size:
                raise DownloadError("the library gave no answer; try again")
            view = memoryview((ctypes.c_ubyte * answer.contents.size).from_address(answer.contents.ptr)).cast("B")
            medium = _only_field(view)
            if medium is None:
                found = DownloadReturnFunction.FromString(bytes(view))
                if any(sign in found.Error for sign in _GONE):
                    raise DownloadError(f"WhatsApp does not keep this file any more ({found.Error}); ask for it again")
                raise DownloadError(found.Error or "the file is empty")
            if len(medium) > _MOST_BYTES:
                raise DownloadError("the file is longer than its sender said, and too long; open it on the phone")
            file.write(medium)
        finally:
            gocode.FreeBytesStruct(answer)

    def _upload(self, data: bytes, kind: str) -> "Fields":
        """Put a file, encrypted, where its receiver finds it; raises UploadError: its message has not been sent."""
        try:
            answer: bytes = _in_time(
                _allowed_s(len(data)), lambda: gocode.Upload(self._client.uuid, data, len(data), _MEDIA_TYPES[kind])
            )
        except TimeoutError:
            raise UploadError(f"{NOT_SENT_YET}WhatsApp's server for files does not answer") from None
        found = UploadReturnFunction.FromString(answer)
        if found.Error:
            raise UploadError(f"{NOT_SENT_YET}the file could not be uploaded: {found.Error}")
        put = found.UploadResponse
        return {
            "URL": put.url,
            "directPath": put.DirectPath,
            "mediaKey": put.MediaKey,
            "fileEncSHA256": put.FileEncSHA256,
            "fileSHA256": put.FileSHA256,
            "fileLength": put.FileLength,
        }

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


def _quotation(raw: bytes) -> "Quotation":
    """Return what is quoted; what it quotes itself, and the key of its votes, is left out."""
    from linda_bot.whatsapp.engine.outgoing import Quotation, UnsendableError

    event = _event(raw)
    if event is None:
        raise UnsendableError("the quoted message is not an event of the client library; quote the message as it came")
    source, message = event.Info.MessageSource, event.Message
    message.ClearField("messageContextInfo")
    message.ClearField("senderKeyDistributionMessage")
    for field, value in message.ListFields():
        if field.message_type is not None and "contextInfo" in field.message_type.fields_by_name:
            value.ClearField("contextInfo")
    return Quotation(event.Info.ID, bare_jid(source.Sender), bare_jid(source.Chat), message)


def _downloadable(raw: bytes) -> tuple[bytes, int]:
    """Return the part of a message that the library can download, and how long its file is said to be."""
    event = _event(raw)
    if event is None:
        raise DownloadError("this is not an event of the client library; give the message as it came")
    message = event.Message
    for _ in range(_MOST_WRAPPERS):
        for field, known_as in _MEDIA_FIELDS.items():
            if message.HasField(field):
                medium = getattr(message, field)
                return Message(**{known_as: medium}).SerializeToString(), int(medium.fileLength)
        # The library takes off the common wrappers only.
        wrappers = [value for field, value in message.ListFields() if field.message_type is not None]
        inner = next((each.message for each in wrappers if isinstance(getattr(each, "message", None), Message)), None)
        if inner is None:
            break
        message = inner
    raise DownloadError("there is no file in this message")


def _event(raw: bytes) -> MessageEvent | None:
    try:
        return MessageEvent.FromString(raw)
    except Exception:  # noqa: BLE001 (protobuf's own exception is not ours to import)
        return None


def _allowed_s(size: int) -> float:
    return _TRANSFER_WITHIN_S + size / _LEAST_BYTES_PER_S


def _in_time(seconds: float, call: Callable[[], T]) -> T:
    """Return what a call returns; raises TimeoutError when it takes too long: then it goes on, and nobody listens."""
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(call())
        except Exception as error:  # noqa: BLE001 (it is raised where it is waited for)
            done.set_exception(error)

    Thread(target=run, name="transfer", daemon=True).start()
    return done.result(seconds)


def _only_field(answer: memoryview) -> memoryview | None:
    """Return the first field of a protobuf message without copying it, if it is bytes and nothing follows it."""
    length = 0
    for place, byte in enumerate(answer[1 : _LONGEST_LENGTH + 1]):
        length |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            begin = place + 2
            return answer[begin:] if answer[0] == _FIRST_BYTES and len(answer) - begin == length else None
    return None


def _text_hook(receive: Callable[[str], None]) -> Callable[[int, int], None]:
    return lambda _, text: receive(ctypes.string_at(text).decode(errors="replace"))
