"""What is around the content of a made message: who says it where and when, and what it says of other messages."""

import itertools
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, TypedDict

from linda_bot.kernel.errors import UsageError
from linda_bot.messaging.identities import jid_of
from linda_bot.testing.answers import Sent
from linda_bot.testing.clock import now
from linda_bot.testing.people import ANN, ME, Contact
from linda_bot.testing.raw import raw_of
from linda_bot.whatsapp.content import Quoted
from linda_bot.whatsapp.events import IncomingMessage

_STATUS_CHAT = "status@broadcast"
_IN_CONTEXT = ("quoted", "mentions", "forwarded", "expires_in_s")
_WITHOUT_CONTEXT = frozenset({"reaction", "delete", "poll_vote", "call", "unknown"})
_SEEN_ONCE = frozenset({"image", "video", "voice"})
_numbers = itertools.count(1)


class Options(TypedDict, total=False):
    """What is around the content of a message; all may be left out."""

    sender: Contact
    """Who writes; ANN. With `from_me` it is whom the account writes to."""
    group: str
    """The JID of the group in which it is said."""
    status: bool
    """Whether it is a status update."""
    from_me: bool
    """Whether it was written on the bot's own account, on the phone."""
    quoted: IncomingMessage | Sent
    """The message that it answers."""
    mentions: Iterable[Contact | str]
    """Who is mentioned: people, phone numbers or JIDs."""
    forwarded: bool
    view_once: bool
    expires_in_s: int
    """After how many seconds it disappears."""
    backlog: bool
    """Whether it waited at WhatsApp while the bot was down."""
    age: timedelta
    """How long ago it was sent."""
    sent_at: datetime
    """When it was sent, with its time zone; now."""
    id: str
    """Its id; a new one."""


def has_context(options: Options) -> bool:
    """Return whether it says something of other messages, of people, or of itself."""
    return any(options.get(name) for name in _IN_CONTEXT)


def message(kind: str, field: str, options: Options, **content: Any) -> IncomingMessage:
    """Return a message with some content; raises UsageError for what no real message has."""
    _check(kind, options)
    identity = options.get("id") or new_id()
    facts: dict[str, Any] = {
        "id": identity,
        "sent_at": _moment(options),
        "kind": kind,
        "field": field,
        "raw": raw_of(identity),
        "is_forwarded": options.get("forwarded", False),
        "is_view_once": options.get("view_once", False),
        "expires_in_s": options.get("expires_in_s", 0),
        "was_waiting": options.get("backlog", False),
        "mentions": tuple(who.jid if isinstance(who, Contact) else jid_of(who) for who in options.get("mentions", ())),
        "quoted": _quotation(options.get("quoted")),
    }
    return IncomingMessage(**{**facts, **_addresses(options), **content})


def _check(kind: str, options: Options) -> None:
    """Refuse what no real message has."""
    wrong = [name for name in _IN_CONTEXT if options.get(name) and kind in _WITHOUT_CONTEXT]
    if options.get("view_once") and kind not in _SEEN_ONCE:
        wrong.append("view_once")
    if wrong:
        raise UsageError(f"WhatsApp has no {wrong[0]} for messages of the kind {kind}")
    if options.get("status") and (options.get("group") or options.get("from_me")):
        raise UsageError("a status update is neither in a group nor from_me")


def _addresses(options: Options) -> dict[str, Any]:
    """Return who says it where, as WhatsApp does: the own account's number is not in its messages to one person."""
    other, group = options.get("sender", ANN), options.get("group", "")
    author = ME if options.get("from_me") else other
    said = {"sender": author.jid, "sender_name": author.name}
    if options.get("status"):
        return {**said, "sender_alt": author.alt, "chat": _STATUS_CHAT, "is_group": True}
    mine = {"from_me": True, "from_phone": True} if author is ME else {}
    if group:
        return {**said, **mine, "sender_alt": author.alt, "chat": jid_of(group), "is_group": True}
    alt = "" if author is ME else author.alt
    return {**said, **mine, "sender_alt": alt, "chat": other.jid, "chat_alt": other.alt}


def _moment(options: Options) -> datetime:
    """Return when it was sent: WhatsApp's times are full seconds."""
    moment = options.get("sent_at") or now() - options.get("age", timedelta(0))
    if moment.tzinfo is None:
        raise UsageError("sent_at needs a time zone; write datetime(..., tzinfo=UTC)")
    return moment.replace(microsecond=0)


def _quotation(of: IncomingMessage | Sent | None) -> Quoted | None:
    if of is None:
        return None
    return Quoted(id=of.id, sender=of.sender if isinstance(of, IncomingMessage) else ME.jid, kind=of.kind, text=of.text)


def new_id() -> str:
    """Return an id as phones make them."""
    return f"3A{next(_numbers):018X}"
