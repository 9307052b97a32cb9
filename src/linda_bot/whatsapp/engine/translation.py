"""The client library's event codes and protobufs in our words; pure functions.

Codes: neonize `events.py` (EVENT_TO_INT). Reasons: whatsmeow `types/events/events.go` (ConnectFailureReason,
TempBanReason); neonize renumbers them, so they are translated by name.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from neonize.proto import Neonize_pb2 as pb

from linda_bot.kernel.events import utc_now
from linda_bot.whatsapp.engine.kinds import LONGEST_NAME, clean
from linda_bot.whatsapp.engine.reading import read_content
from linda_bot.whatsapp.events import (
    ClientEvent,
    ClientOutdated,
    ConnectFailed,
    Disconnected,
    EnginePrinted,
    IncomingMessage,
    KeepAliveRestored,
    KeepAliveTimedOut,
    LoggedOut,
    MessageReceived,
    MessageUndecryptable,
    OfflineSyncCompleted,
    OfflineSyncPreviewed,
    PairFailed,
    PairSucceeded,
    ReceiptReceived,
    SecretsRotated,
    StreamFailed,
    StreamReplaced,
    TemporarilyBanned,
)

DEVICE_CODE = 0
CONNECTED_CODE = 3
MESSAGE_CODE = 17
RECEIPT_CODE = 18

_FAILURE_CODES = {
    "GENERIC": 400,
    "LOGGED_OUT": 401,
    "TEMP_BANNED": 402,
    "MAIN_DEVICE_GONE": 403,
    "CLIENT_OUTDATED": 405,
    "UNKNOWN_LOGOUT": 406,
    "BAD_USER_AGENT": 409,
    "INTERNAL_SERVER_ERROR": 500,
    "EXPERIMENTAL": 501,
    "SERVICE_UNAVAILABLE": 503,
}
_BAN_CODES = {
    "SEND_TO_TOO_MANY_PEOPLE": 101,
    "BLOCKED_BY_USERS": 102,
    "CREATED_TOO_MANY_GROUPS": 103,
    "SENT_TOO_MANY_SAME_MESSAGE": 104,
    "BROADCAST_LIST": 106,
}
_FIRST_MOMENT = datetime(2009, 1, 1, tzinfo=UTC).timestamp()
"""WhatsApp's first year; what is said to be older was not dated."""
_LAST_MOMENT = datetime(2100, 1, 1, tzinfo=UTC).timestamp()

_LONGEST_RAW = 32 * 1024 * 1024
"""In bytes: twice what fits into one of WhatsApp's frames, because the library has the content in its event twice."""


def bare_jid(jid: pb.JID) -> str:
    """Return `user@server` without the device part, or nothing for an empty JID."""
    user = jid.User
    return f"{clean(user, LONGEST_NAME)}@{clean(jid.Server, LONGEST_NAME)}" if user else ""


def linked_number(payload: bytes) -> str:
    """Return the own phone number from a device event (code 0)."""
    return clean(pb.Device.FromString(payload).JID.User)


def translate(code: int, payload: bytes) -> ClientEvent | None:
    """Return our word for an event of the library, or None if nobody here cares."""
    translator = _TRANSLATORS.get(code)
    return translator(payload) if translator else None


def translate_log(payload: bytes) -> EnginePrinted:
    """Return a line of the library's own log."""
    entry = pb.LogEntry.FromString(payload)
    return EnginePrinted(
        line=f"{clean(entry.Name)}: {clean(entry.Message)}", level=clean(entry.Level).lower() or "info"
    )


def _pair_status(payload: bytes) -> ClientEvent:
    status = pb.PairStatus.FromString(payload)
    if status.Status == pb.PairStatus.SUCCESS:
        return PairSucceeded(number=clean(status.ID.User), platform=clean(status.Platform))
    return PairFailed(reason=clean(status.Error) or "no reason given")


def _keep_alive_timeout(payload: bytes) -> ClientEvent:
    timeout = pb.KeepAliveTimeout.FromString(payload)
    return KeepAliveTimedOut(errors=timeout.ErrorCount, last_success=_moment(timeout.LastSuccess))


def _logged_out(payload: bytes) -> ClientEvent:
    logged_out = pb.LoggedOut.FromString(payload)
    return LoggedOut(code=_failure_code(logged_out.Reason), on_connect=logged_out.OnConnect)


def _temporary_ban(payload: bytes) -> ClientEvent:
    ban = pb.TemporaryBan.FromString(payload)
    code = _BAN_CODES.get(pb.TemporaryBan.TempBanReason.Name(ban.Code), 0)
    return TemporarilyBanned(code=code, expires_in_s=float(ban.Expire))


def _connect_failure(payload: bytes) -> ClientEvent:
    failure = pb.ConnectFailure.FromString(payload)
    return ConnectFailed(code=_failure_code(failure.Reason), reason=clean(failure.Message))


def _stream_error(payload: bytes) -> ClientEvent:
    return StreamFailed(code=clean(pb.StreamError.FromString(payload).Code))


def _offline_preview(payload: bytes) -> ClientEvent:
    preview = pb.OfflineSyncPreview.FromString(payload)
    return OfflineSyncPreviewed(total=preview.Total, messages=preview.Message)


def _offline_completed(payload: bytes) -> ClientEvent:
    return OfflineSyncCompleted(count=pb.OfflineSyncCompleted.FromString(payload).Count)


def _raw(event: pb.Message, payload: bytes) -> bytes:
    """Return an event without neonize's second copy of its content; of a very large one nothing."""
    if event.HasField("Raw"):
        event.ClearField("Raw")
        payload = event.SerializePartialToString()
    return payload if len(payload) <= _LONGEST_RAW else b""


def _message(payload: bytes) -> ClientEvent:
    try:
        event = pb.Message.FromString(payload)
    except Exception:  # noqa: BLE001 (protobuf's own exception cannot be named without importing protobuf)
        # Anybody can send a message that is nested deeper than the parser of Python goes (100), but not Go's. Read as
        # another event that begins alike, it is at least known who sent it where: it has no content then.
        event = pb.Message(Info=pb.UndecryptableMessage.FromString(payload).Info)
    info = event.Info
    source = info.MessageSource
    sender_alt = bare_jid(source.SenderAlt)
    fields = read_content(event.Message)
    if event.IsEdit and fields.get("kind", "delete") != "delete":  # whatsmeow took off what says so
        fields["kind"] = "edit"
    if fields.get("kind") == "edit" and not fields.get("target"):
        fields["target"] = clean(info.ID, LONGEST_NAME)  # an edit that names no other message came as that one again
    if event.IsViewOnce:
        fields["is_view_once"] = True
    return MessageReceived(
        message=IncomingMessage(
            id=clean(info.ID, LONGEST_NAME),
            chat=bare_jid(source.Chat),
            sender=bare_jid(source.Sender),
            sender_alt=sender_alt,
            chat_alt=(bare_jid(source.RecipientAlt) if source.IsFromMe else sender_alt) if not source.IsGroup else "",
            sender_name=clean(info.Pushname, LONGEST_NAME),
            sent_at=_moment(info.Timestamp / 1000) or utc_now(),  # neonize gives milliseconds here
            from_me=source.IsFromMe,
            from_phone=source.IsFromMe and source.Sender.Device == 0,
            is_group=source.IsGroup,
            raw=_raw(event, payload),
            **fields,
        )
    )


def _call(event: type[Any], payload: bytes) -> ClientEvent:
    call = event.FromString(payload).basicCallMeta
    origin = getattr(call, "from")  # not a name that Python lets one write
    sender = bare_jid(call.callCreator) or bare_jid(origin)
    is_group = origin.Server == "g.us"
    return MessageReceived(
        message=IncomingMessage(
            id=clean(call.callID, LONGEST_NAME),
            chat=bare_jid(origin) or sender,
            sender=sender,
            sender_alt=bare_jid(call.callCreatorAlt),
            chat_alt="" if is_group else bare_jid(call.callCreatorAlt),
            kind="call",
            field=event.DESCRIPTOR.name,
            sent_at=_moment(call.timestamp) or utc_now(),
            is_group=is_group,
        )
    )


def _receipt(payload: bytes) -> ClientEvent:
    receipt = pb.Receipt.FromString(payload)
    source = receipt.MessageSource
    return ReceiptReceived(
        ids=tuple(clean(each, LONGEST_NAME) for each in receipt.MessageIDs),
        chat=bare_jid(source.Chat),
        sender=bare_jid(source.Sender),
        kind=pb.Receipt.ReceiptType.Name(receipt.Type).lower(),
    )


def _undecryptable(payload: bytes) -> ClientEvent:
    info = pb.UndecryptableMessage.FromString(payload).Info
    source = info.MessageSource
    return MessageUndecryptable(
        id=clean(info.ID, LONGEST_NAME), chat=bare_jid(source.Chat), sender=bare_jid(source.Sender)
    )


def _moment(seconds: float) -> datetime | None:
    """Return a moment that is plausible for WhatsApp, given in Unix time."""
    return datetime.fromtimestamp(seconds, UTC) if _FIRST_MOMENT <= seconds <= _LAST_MOMENT else None


def _failure_code(reason: "pb.ConnectFailureReason.ValueType") -> int:
    return _FAILURE_CODES.get(pb.ConnectFailureReason.Name(reason), 0)


_TRANSLATORS: dict[int, Callable[[bytes], ClientEvent]] = {
    2: _pair_status,
    4: _keep_alive_timeout,
    5: lambda _: KeepAliveRestored(),
    6: _logged_out,
    7: lambda _: StreamReplaced(),
    8: _temporary_ban,
    9: _connect_failure,
    10: lambda _: ClientOutdated(),
    11: _stream_error,
    12: lambda _: Disconnected(),
    MESSAGE_CODE: _message,
    RECEIPT_CODE: _receipt,
    26: _offline_preview,
    27: _offline_completed,
    36: partial(_call, pb.CallOffer),
    40: partial(_call, pb.CallOfferNotice),
    44: _undecryptable,
    45: lambda _: SecretsRotated(),
}

SUBSCRIBED = bytes(sorted({CONNECTED_CODE, *_TRANSLATORS} - {RECEIPT_CODE}))
"""The event codes that the library is asked for. Receipts are left out, unless somebody wants them: one of a type that
the library does not know ends its event pump while its socket stays open."""
