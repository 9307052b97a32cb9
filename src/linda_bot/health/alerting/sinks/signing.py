"""Signatures by the Standard Webhooks convention; pure."""

import base64
import binascii
import hashlib
import hmac

from linda_bot.kernel.errors import UsageError

_ENCODED = "whsec_"


def signing_key(secret: str) -> bytes:
    """Return the key that a secret means: what follows `whsec_` is base64, any other text is taken as it is.

    Raises UsageError, without the secret.
    """
    if not secret.startswith(_ENCODED):
        return secret.encode(errors="surrogateescape")
    text = secret.removeprefix(_ENCODED)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise UsageError("LINDA_ALERT__WEBHOOK_SECRET is wrong: what follows whsec_ must be base64")
    return key


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of the header `webhook-signature`; the time is in seconds since 1970."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
