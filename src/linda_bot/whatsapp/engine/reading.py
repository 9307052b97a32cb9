"""What a message is about: the wrappers taken off, the content read, and what it says of other messages; pure.

Whatsmeow takes off some wrappers, each once and in one order (types/events/events.go, UnwrapRaw), and says so by flags
of its event. Here all are taken off, in any order.
"""

from typing import Any, NamedTuple

from linda_bot.whatsapp.content import Quoted
from linda_bot.whatsapp.engine.kinds import LONGEST_NAME, MESSAGE_EDIT, READERS, Fields, bare_address, clean

_MOST_MENTIONS = 2_048
_MOST_LAYERS = 16
"""How many wrappers are taken off; clients use up to three."""

_WRAPPERS = frozenset({"FutureProofMessage", "DeviceSentMessage", "CommentMessage"})
"""The types whose field `message` is the message proper. More than thirty fields have the first of them."""

_BESIDE = frozenset(
    {
        "senderKeyDistributionMessage",
        "fastRatchetKeySenderKeyDistributionMessage",
        "messageContextInfo",
    }
)
"""What may stand beside the content without being it."""

_PROTOCOL = "protocolMessage"
_OF_EVERY_PROTOCOL = frozenset({"key", "type", "timestampMS"})


class _Core(NamedTuple):
    """What is left of a message when all wrappers are off."""

    field: str
    value: Any
    wrappers: tuple[str, ...]
    edited: str
    """The id of the message that it is an edit of, if that was said."""

    @property
    def is_edit(self) -> bool:
        return _PROTOCOL in self.wrappers or "editedMessage" in self.wrappers


def read_content(content: Any) -> Fields:
    """Return the fields of an `IncomingMessage` that a `Message` protobuf tells."""
    core = _core(content)
    fields = _said(core)
    if fields or core.field != _PROTOCOL:
        fields["field"] = core.field or "".join(core.wrappers[-1:])
    else:
        fields["field"] = _inner_name(core.value)
    if any(wrapper.startswith("viewOnce") for wrapper in core.wrappers):
        fields["is_view_once"] = True
    context = getattr(core.value, "contextInfo", None)
    if context is not None:
        fields.update(_read_context(context))
    return fields


def _core(content: Any) -> _Core:
    """Take the wrappers off a message; what says that it is an edit is one, too."""
    wrappers: tuple[str, ...] = ()
    edited = ""
    while True:
        field, value = _main_field(content)
        if len(wrappers) == _MOST_LAYERS:
            break
        if field == _PROTOCOL and value.type == MESSAGE_EDIT and value.HasField("editedMessage"):
            edited = edited or clean(value.key.ID, LONGEST_NAME)
            content = value.editedMessage
        elif field not in READERS and _is_wrapper(value):
            content = value.message
        else:
            break
        wrappers = (*wrappers, field)
    return _Core(field, value, wrappers, edited)


def _main_field(content: Any) -> tuple[str, Any]:
    """Return the name and the value of the field that says what a message is; nothing for an empty message."""
    found = content.ListFields()
    for descriptor, value in found:
        field = descriptor.name
        if field in READERS or _is_wrapper(value):
            return field, value
    descriptor, value = min(found, key=lambda pair: pair[0].name in _BESIDE, default=(None, None))
    return (descriptor.name, value) if descriptor else ("", None)


def _is_wrapper(value: Any) -> bool:
    descriptor = getattr(value, "DESCRIPTOR", None)
    return descriptor is not None and descriptor.name in _WRAPPERS and value.HasField("message")


def _said(core: _Core) -> Fields:
    """Return kind and content; nothing for what is no message to a person."""
    reader = READERS.get(core.field)
    fields = reader(core.value) if reader else {}
    if fields and core.is_edit and fields["kind"] != "delete":
        fields.update(kind="edit", target=core.edited)
    return fields


def _inner_name(protocol: Any) -> str:
    """Return what a message among clients is about, for example `appStateSyncKeyShare`."""
    names = (descriptor.name for descriptor, _ in protocol.ListFields())
    return next((name for name in names if name not in _OF_EVERY_PROTOCOL), _PROTOCOL)


def _read_context(context: Any) -> Fields:
    """Return what a `ContextInfo` tells."""
    fields: Fields = {}
    if context.isForwarded:
        fields["is_forwarded"] = True
    if context.expiration:
        fields["expires_in_s"] = context.expiration
    if context.mentionedJID:
        fields["mentions"] = tuple(bare_address(jid) for jid in context.mentionedJID[:_MOST_MENTIONS])
    if context.stanzaID:
        said = _said(_core(context.quotedMessage))  # without what that one quotes in turn
        fields["quoted"] = Quoted(
            id=clean(context.stanzaID, LONGEST_NAME),
            sender=bare_address(context.participant),
            kind=said.get("kind", "unknown"),
            text=said.get("text", ""),
        )
    return fields
