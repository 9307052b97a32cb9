"""The client library's event codes and protobufs in our words; pure functions.

Codes: neonize `events.py` (EVENT_TO_INT). Reasons: whatsmeow `types/events/events.go` (ConnectFailureReason,
TempBanReason); neonize renumbers them, so they are translated by name.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from neonize.proto import Neonize_pb2 as pb
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message as Content

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
    SecretsRotated,
    StreamFailed,
    StreamReplaced,
    TemporarilyBanned,
)

DEVICE_CODE = 0
CONNECTED_CODE = 3
MESSAGE_CODE = 17

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
_NOT_CONTENT = frozenset({"messageContextInfo", "senderKeyDistributionMessage"})
_CAPTIONED = ("imageMessage", "videoMessage", "documentMessage")


def bare_jid(jid: pb.JID) -> str:
    """Return `user@server` without the device part, or nothing for an empty JID."""
    return f"{jid.User}@{jid.Server}" if jid.User else ""


def linked_number(payload: bytes) -> str:
    """Return the own phone number from a device event (code 0)."""
    return str(pb.Device.FromString(payload).JID.User)


def translate(code: int, payload: bytes) -> ClientEvent | None:
    """Return our word for an event of the library, or None if nobody here cares."""
    translator = _TRANSLATORS.get(code)
    return translator(payload) if translator else None


def translate_log(payload: bytes) -> EnginePrinted:
    """Return a line of the library's own log."""
    entry = pb.LogEntry.FromString(payload)
    return EnginePrinted(line=f"{entry.Name}: {entry.Message}", level=entry.Level.lower() or "info")


def _pair_status(payload: bytes) -> ClientEvent:
    status = pb.PairStatus.FromString(payload)
    if status.Status == pb.PairStatus.SUCCESS:
        return PairSucceeded(number=status.ID.User, platform=status.Platform)
    return PairFailed(reason=status.Error or "no reason given")


def _keep_alive_timeout(payload: bytes) -> ClientEvent:
    timeout = pb.KeepAliveTimeout.FromString(payload)
    last = datetime.fromtimestamp(timeout.LastSuccess, UTC) if timeout.LastSuccess > 0 else None
    return KeepAliveTimedOut(errors=timeout.ErrorCount, last_success=last)


def _logged_out(payload: bytes) -> ClientEvent:
    logged_out = pb.LoggedOut.FromString(payload)
    return LoggedOut(code=_failure_code(logged_out.Reason), on_connect=logged_out.OnConnect)


def _temporary_ban(payload: bytes) -> ClientEvent:
    ban = pb.TemporaryBan.FromString(payload)
    code = _BAN_CODES.get(pb.TemporaryBan.TempBanReason.Name(ban.Code), 0)
    return TemporarilyBanned(code=code, expires_in_s=float(ban.Expire))


def _connect_failure(payload: bytes) -> ClientEvent:
    failure = pb.ConnectFailure.FromString(payload)
    return ConnectFailed(code=_failure_code(failure.Reason), reason=failure.Message)


def _stream_error(payload: bytes) -> ClientEvent:
    return StreamFailed(code=pb.StreamError.FromString(payload).Code)


def _offline_preview(payload: bytes) -> ClientEvent:
    preview = pb.OfflineSyncPreview.FromString(payload)
    return OfflineSyncPreviewed(total=preview.Total, messages=preview.Message)


def _offline_completed(payload: bytes) -> ClientEvent:
    return OfflineSyncCompleted(count=pb.OfflineSyncCompleted.FromString(payload).Count)


def _message(payload: bytes) -> ClientEvent:
    event = pb.Message.FromString(payload)
    info = event.Info
    source = info.MessageSource
    kind, text = _content(event.Message)
    return MessageReceived(
        message=IncomingMessage(
            id=info.ID,
            chat=bare_jid(source.Chat),
            sender=bare_jid(source.Sender),
            sender_alt=bare_jid(source.SenderAlt),
            chat_alt=bare_jid(source.RecipientAlt if source.IsFromMe else source.SenderAlt)
            if not source.IsGroup
            else "",
            sender_name=info.Pushname,
            text=text,
            kind=kind,
            sent_at=datetime.fromtimestamp(info.Timestamp / 1000, UTC),  # neonize gives milliseconds here
            from_me=source.IsFromMe,
            from_phone=source.IsFromMe and source.Sender.Device == 0,
            is_group=source.IsGroup,
            raw=payload,
        )
    )


def _undecryptable(payload: bytes) -> ClientEvent:
    info = pb.UndecryptableMessage.FromString(payload).Info
    source = info.MessageSource
    return MessageUndecryptable(id=info.ID, chat=bare_jid(source.Chat), sender=bare_jid(source.Sender))


def _content(content: Content) -> tuple[str, str]:
    """Return the kind of a message and its text or caption."""
    kind = next((field.name for field, _ in content.ListFields() if field.name not in _NOT_CONTENT), "unknown")
    if kind == "conversation":
        return kind, content.conversation
    if kind == "extendedTextMessage":
        return kind, content.extendedTextMessage.text
    if kind in _CAPTIONED:
        return kind, getattr(content, kind).caption
    return kind, ""


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
    26: _offline_preview,
    27: _offline_completed,
    44: _undecryptable,
    45: lambda _: SecretsRotated(),
}

# Receipts (18) are left out: an unknown type of receipt ends the library's event pump while its socket stays open.
SUBSCRIBED = bytes(sorted({CONNECTED_CODE, *_TRANSLATORS}))
"""The event codes that the library is asked for."""
