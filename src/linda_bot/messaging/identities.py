"""Who somebody is on WhatsApp: phone numbers and JIDs."""

import re

from linda_bot.kernel.errors import UsageError

_JID = re.compile(r"[^@\s]{1,128}@[a-z][a-z.]{1,40}")
_BETWEEN_DIGITS = re.compile(r"[\s+().\-/]")
_DIGITS = re.compile(r"[0-9]{5,20}")
_PHONE_SERVER = "s.whatsapp.net"


def jid_of(who: str) -> str:
    """Return the JID for a phone number, as people write it but with its country code, or for a JID.

    Raises UsageError for anything else.
    """
    if isinstance(who, str):
        if _JID.fullmatch(who):
            return who
        digits = _BETWEEN_DIGITS.sub("", who)
        if _DIGITS.fullmatch(digits):
            return f"{digits}@{_PHONE_SERVER}"
    raise UsageError(f"{who!r} is neither a phone number with its country code, such as 4915112345678, nor a JID")


def number_in(*jids: str) -> str:
    """Return the phone number, without `+`, that the first of some JIDs tells; empty when none does."""
    for jid in jids:
        user, _, server = jid.partition("@")
        if server == _PHONE_SERVER:
            return user
    return ""
