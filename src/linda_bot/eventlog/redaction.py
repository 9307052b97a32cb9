"""What of personal data and secrets the log may show: stable pseudonyms for people, lengths for texts, nothing of keys.

A pseudonym is the beginning and the end of a number and a keyed fingerprint, `97*56~4f2a1c`: whoever owns the bot
recognises the contact, a conversation can be followed, and nobody without the key of the data directory finds the
number by trying all there are.
"""

import re
from collections import deque
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2s
from itertools import pairwise

from linda_bot.kernel.masking import mask_text, printable

_LONGEST = 2000
_TAG_BYTES = 3
_SHORTEST_WITH_ENDS = 10
"""Of a shorter number two digits at each end would be too much of it."""

_SHORTEST_KEY, _FEWEST_CAPITALS, _FEWEST_CHANGES = 32, 4, 0.3
_REMEMBERED = 256
_SHORTEST_TEXT = 4
"""What is shorter occurs in any line."""
_LONGEST_TEXT = 2000

_SPECIMENS = re.compile(
    r"(?P<qr>(?:https://wa\.me/settings/linked_devices#|\b2@)\S+)"
    r"|(?P<id>(?<![0-9A-Za-z])(?=[0-9A-F]*[A-F])[0-9A-F]{16,32}(?![0-9A-Za-z]))"
    r"|(?P<user>\d{5,25})(?P<rest>(?:[.:_-]\d+)*@(?:s\.whatsapp\.net|lid|g\.us|broadcast|c\.us|newsletter|bot|hosted)\b)"
    r"|(?P<hex>(?<![0-9A-Za-z])[0-9A-Fa-f]{40,}(?![0-9A-Za-z]))"
    r"|(?P<key>(?<![0-9A-Za-z+/_=-])[0-9A-Za-z+/_-]{20,}={0,2}(?![0-9A-Za-z+/_=-]))"
    r"|(?P<code>(?<![0-9A-Za-z-])[1-9A-HJ-NP-TV-Z]{4}-[1-9A-HJ-NP-TV-Z]{4}(?![0-9A-Za-z-]))"
    r"|(?P<phone>\+\d(?:[ ().\-\u00a0]{0,2}\d){6,19}(?!\d))"
    r"|(?P<number>(?<!\d)\d{7,25}(?!\d|T\d))"
)
"""What is hidden in a line that somebody else wrote; ids of messages (`id`) are found first, and are no secret."""

_SECRETS = {"qr": "<QR code>", "hex": "<key>", "key": "<key>", "code": "<pairing code>"}
"""What is hidden whether personal data is or not."""

_SUSPECT = re.compile(r"\d{5}|[0-9A-Za-z+/_-]{20}|2@|-[1-9A-Z]{4}|\+\d")
"""What any of them has: most texts have nothing of the kind, and every field of every log line comes here."""

_QUOTED = re.compile(r"'([^'\n]{3,})'|\"([^\"\n]{3,})\"")


class Redactor:
    """Makes texts fit to be logged; without `mask` it hides secrets only."""

    def __init__(self, key: bytes, *, mask: bool = True) -> None:
        """Take the key of the fingerprints; who has it can find a number by trying."""
        self._key = key
        self._mask = mask
        self._known: deque[str] = deque(maxlen=_REMEMBERED)
        self._forms: list[tuple[str, str]] | None = None
        self._fit = lru_cache(2048)(self._make_fit)
        self.number = lru_cache(2048)(self._number)

    def remember(self, *texts: str) -> None:
        """Keep in mind what a stranger wrote: it may come again inside of an error."""
        for text in texts:
            if len(text) >= _SHORTEST_TEXT and text not in self._known:
                self._known.append(text[:_LONGEST_TEXT])
                self._forms = None

    def text(self, text: str) -> str:
        """Return what is said of what a stranger wrote."""
        if not self._mask:
            return printable(text, _LONGEST)
        return mask_text(text) if text else ""

    def field(self, text: str) -> str:
        """Return a value of our own, such as a reason or a JID, as one harmless line."""
        return self._fit(text) if len(text) <= _LONGEST_TEXT else self._make_fit(text)

    def line(self, text: str) -> str:
        """Return a line that somebody else wrote, as one harmless line, without what is known to be a stranger's."""
        return self.field(self._without_known(text) if self._mask else text)

    def lines(self, text: str) -> str:
        """Return a text that keeps its lines, such as a traceback."""
        known_gone = self._without_known(text) if self._mask else text
        return "\n".join(self.field(line) for line in known_gone.splitlines())

    def _make_fit(self, text: str) -> str:
        text = printable(text, _LONGEST)
        return _SPECIMENS.sub(self._hide, text) if _SUSPECT.search(text) else text

    def _hide(self, found: re.Match[str]) -> str:
        kind, text = found.lastgroup or "", found[0]
        if kind == "key" and not _is_key(text):
            return self._numbers_in(text)
        if kind in _SECRETS:
            return _SECRETS[kind]
        if kind == "id" or not self._mask:
            return text
        if kind == "rest":
            return self.number(found["user"]) + found["rest"]
        return self.number(re.sub(r"\D", "", text))

    def _numbers_in(self, text: str) -> str:
        """Hide the numbers in what looks like a key at the first glance, and is a path or a name."""
        if not self._mask:
            return text
        return re.sub(r"(?<!\d)\d{7,25}(?!\d|T\d)", lambda found: self.number(found[0]), text)

    def _number(self, digits: str) -> str:
        if not digits.isdecimal():
            return digits
        tag = blake2s(digits.encode(), key=self._key, digest_size=_TAG_BYTES).hexdigest()
        return f"{digits[:2]}*{digits[-2:]}~{tag}" if len(digits) >= _SHORTEST_WITH_ENDS else f"*~{tag}"

    def _without_known(self, text: str) -> str:
        if not self._known:
            return text
        if self._forms is None:
            self._forms = _forms_of(self._known)
        for form, shown in self._forms:
            if form in text:
                text = text.replace(form, shown)
        return _QUOTED.sub(self._unquote, text)

    def _unquote(self, found: re.Match[str]) -> str:
        """Hide a piece of what a stranger wrote: errors quote it."""
        piece = found[1] or found[2]
        if any(piece in known for known in self._known):
            quote = found[0][0]
            return f"{quote}{mask_text(piece)}{quote}"
        return found[0]


def _forms_of(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Return how texts may stand in an error, each with what is said of it; the longest first, which hold others."""
    forms = {
        form: mask_text(text) for text in texts for form in (text, printable(text, _LONGEST_TEXT), repr(text)[1:-1])
    }
    return sorted(forms.items(), key=lambda pair: len(pair[0]), reverse=True)


def _is_key(text: str) -> bool:
    """Return whether it looks like random bytes in base64, rather than like a path or a name.

    Random letters change from small to capital to digit and back all the time; those of words do so rarely.
    """
    bare = text.rstrip("=")
    if len(bare) < len(text):
        return True
    capitals = sum(letter.isupper() for letter in bare)
    changes = sum(_kind(one) != _kind(other) for one, other in pairwise(bare))
    return len(bare) >= _SHORTEST_KEY and capitals >= _FEWEST_CAPITALS and changes >= _FEWEST_CHANGES * len(bare)


def _kind(letter: str) -> int:
    return letter.isupper() + 2 * letter.isdecimal()
