"""Several answers as one message; pure."""

from collections.abc import Sequence
from itertools import islice

import msgspec

from linda_bot.messaging.store import Parcel
from linda_bot.whatsapp.content import AnyContent, Text

_LONGEST = 4096


def join(parcels: Sequence[Parcel]) -> tuple[AnyContent, list[int]]:
    """Return what to send first of these, which go to one chat, and the keys of those that it is made of.

    Texts that follow each other and whose author allows it are joined, each on a line of its own.
    """
    first = parcels[0]
    content, keys = first.content, [first.key]
    if not first.joinable or not isinstance(content, Text):
        return content, keys
    for parcel in islice(parcels, 1, None):
        more = parcel.content
        if not parcel.joinable or not isinstance(more, Text) or more.quote is not None:
            break
        if len(content.text) + len(more.text) >= _LONGEST:
            break
        content = msgspec.structs.replace(
            content,
            text=f"{content.text}\n{more.text}",
            mentions=tuple(dict.fromkeys((*content.mentions, *more.mentions))),
        )
        keys.append(parcel.key)
    return content, keys
