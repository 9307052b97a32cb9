"""Ready-made conditions on messages; bot authors write `from linda_bot import filters`."""

import re
from collections.abc import Callable

from linda_bot.kernel.errors import UsageError
from linda_bot.messaging.filter_algebra import Condition, Filter
from linda_bot.messaging.identities import jid_of
from linda_bot.messaging.kinds import MEDIA, checked_kinds
from linda_bot.messaging.message import Message

__all__ = [
    "Filter",
    "backlog",
    "chat",
    "contains",
    "forwarded",
    "from_me",
    "group",
    "kind",
    "media",
    "mentioned",
    "owner",
    "private",
    "quoted",
    "regex",
    "sender",
    "startswith",
    "status",
    "text",
]

private: Filter = Condition(lambda message: not message.is_group and not message.is_status, "filters.private")
"""Said to the bot alone."""

group: Filter = Condition(lambda message: message.is_group, "filters.group")
"""Said in a group."""

status: Filter = Condition(lambda message: message.is_status, "filters.status", asks=frozenset({"status"}))
"""A status update; handlers get these only when they ask with this filter."""

from_me: Filter = Condition(lambda message: message.from_me, "filters.from_me", asks=frozenset({"from_me"}))
"""Typed on the bot's own account; handlers get these only when they ask with this filter."""

owner: Filter = Condition(lambda message: message.is_from_owner, "filters.owner")
"""From one of the bot's owners."""

forwarded: Filter = Condition(lambda message: message.is_forwarded, "filters.forwarded", of_content=True)
"""Forwarded from another chat."""

backlog: Filter = Condition(lambda message: message.is_backlog, "filters.backlog", of_content=True)
"""Sent while the bot was down."""

quoted: Filter = Condition(lambda message: message.quoted is not None, "filters.quoted", of_content=True)
"""An answer that quotes another message."""


def text(*texts: str) -> Filter:
    """Pass a message whose whole text is one of these, in whatever case; spaces around it do not count."""
    wanted = frozenset(each.strip().casefold() for each in _given(texts, "text"))
    return _content(lambda message: message.text.strip().casefold() in wanted, "text", texts)


def contains(*parts: str) -> Filter:
    """Pass a message that has one of these in its text, in whatever case."""
    wanted = tuple(each.casefold() for each in _given(parts, "contains"))
    return _content(lambda message: any(part in message.text.casefold() for part in wanted), "contains", parts)


def startswith(*starts: str) -> Filter:
    """Pass a message whose text begins with one of these, in whatever case."""
    wanted = tuple(each.casefold() for each in _given(starts, "startswith"))
    return _content(lambda message: message.text.casefold().startswith(wanted), "startswith", starts)


def regex(pattern: str | re.Pattern[str], flags: int | re.RegexFlag = 0) -> Filter:
    """Pass a message in whose text the pattern is found; a handler's `match: re.Match` argument gets what was found."""
    try:
        compiled = re.compile(pattern, flags)
    except (re.error, ValueError, TypeError) as error:
        raise UsageError(f"filters.regex({pattern!r:.60}) is no regular expression: {error}") from None
    shown = f"filters.regex({compiled.pattern!r})"
    return Condition(lambda message: compiled.search(message.text), shown, finds=True, of_content=True)


def kind(*kinds: str) -> Filter:
    """Pass a message of one of these kinds, also of those that handlers do not get unasked (`unknown`, `edit`...)."""
    wanted = checked_kinds(_given(kinds, "kind"))
    shown = f"filters.kind({_listed(kinds)})"
    return Condition(lambda message: message.kind in wanted, shown, asks=wanted, of_content=True)


def media(*kinds: str) -> Filter:
    """Pass a message with a file: one of these kinds, or any."""
    wanted = checked_kinds(kinds, MEDIA) or MEDIA
    return _content(lambda message: message.kind in wanted, "media", kinds)


def sender(*who: str) -> Filter:
    """Pass a message from one of these, by phone number or JID."""
    wanted = frozenset(map(jid_of, _given(who, "sender")))
    return Condition(lambda message: not wanted.isdisjoint(message.sender_ids), f"filters.sender({_listed(who)})")


def chat(*chats: str) -> Filter:
    """Pass a message in one of these conversations, by JID or phone number."""
    wanted = frozenset(map(jid_of, _given(chats, "chat")))
    return Condition(lambda message: not wanted.isdisjoint(message.chat_ids), f"filters.chat({_listed(chats)})")


def mentioned(*who: str) -> Filter:
    """Pass a message that mentions one of these, by phone number or JID, or anybody."""
    wanted = frozenset(map(jid_of, who))

    def test(message: Message) -> bool:
        return not wanted.isdisjoint(message.mentions) if wanted else bool(message.mentions)

    return _content(test, "mentioned", who)


def _content(test: Callable[[Message], bool], name: str, words: tuple[str, ...]) -> Filter:
    return Condition(test, f"filters.{name}({_listed(words)})", of_content=True)


def _given(words: tuple[str, ...], name: str) -> tuple[str, ...]:
    for word in words:
        if not isinstance(word, str):
            raise UsageError(f"filters.{name} takes texts, not {word!r:.60}")
    if not words or not all(words):
        raise UsageError(f"filters.{name} needs to know what to look for: filters.{name}('...')")
    return words


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(map(repr, words))
