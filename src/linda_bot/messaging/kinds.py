"""The kinds of messages, sorted by what a handler expects of them."""

from collections.abc import Iterable

from linda_bot.kernel.errors import UsageError
from linda_bot.whatsapp.events import KINDS

MEDIA = frozenset({"image", "video", "gif", "video_note", "audio", "voice", "document", "sticker"})
"""What comes with a file."""

WRITTEN = MEDIA | {"text", "location", "live_location", "contact", "poll", "group_invite"}
"""What people write or send, and a bot may answer; the rest only tells of other messages, or nobody knows it."""


def checked_kinds(names: str | Iterable[str], known: Iterable[str] = KINDS) -> frozenset[str]:
    """Return kinds as a set; raises UsageError for one that does not exist."""
    asked = frozenset({names} if isinstance(names, str) else names)
    for name in asked.difference(known):
        raise UsageError(f"there is no kind of message {name!r} here, but: {', '.join(sorted(known))}")
    return asked
