"""What a browser's cookie says, signed: nothing is kept of it here. Pure but for chance."""

import hmac
import secrets
from enum import Enum
from typing import NamedTuple

_ID_BYTES = 16


class Scope(Enum):
    """What the one may who has it."""

    LOGIN = "login"
    """Everything: it was given for the token."""
    LINK = "link"
    """See the pairing page: it was given for a one-shot link."""


_VALID_S = {Scope.LOGIN: 7 * 86400, Scope.LINK: 3600}


class Cookie(NamedTuple):
    """What one browser was given."""

    scope: Scope
    until: int
    """In seconds since 1970: it outlives a restart of the bot."""
    id: str


def new_cookie(scope: Scope, now: float) -> Cookie:
    """Return a cookie for a browser."""
    return Cookie(scope, int(now) + _VALID_S[scope], secrets.token_hex(_ID_BYTES))


def sign(cookie: Cookie, key: bytes) -> str:
    """Return the text of a cookie."""
    said = f"{cookie.scope.value}.{cookie.until}.{cookie.id}"
    return f"{said}.{_mac(key, 'cookie', said)}"


def read(text: str, key: bytes, now: float) -> Cookie | None:
    """Return what a text says that we have signed; None for any other, and when its time is over."""
    said, _, mac = text.rpartition(".")
    if not text.isascii() or not hmac.compare_digest(_mac(key, "cookie", said), mac):
        return None
    scope, until, identity = said.split(".")  # ours: so it has this form
    cookie = Cookie(Scope(scope), int(until), identity)
    return cookie if now < cookie.until else None


def csrf_of(cookie: Cookie, key: bytes) -> str:
    """Return what the forms of one browser must send back."""
    return _mac(key, "form", cookie.id)


def signing_key(kept: bytes, token: str, door: str) -> bytes:
    """Return the key for signing: with another token, or at another door, it is another one, and old cookies are void.

    `kept` is the key that outlives the bot.
    """
    return hmac.digest(kept, b"\x00".join((b"linda-bot", door.encode(), token.encode())), "sha256")


def _mac(key: bytes, purpose: str, said: str) -> str:
    return hmac.digest(key, f"{purpose}\x00{said}".encode(), "sha256").hex()
