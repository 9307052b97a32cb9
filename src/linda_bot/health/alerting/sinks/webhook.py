"""A web address that the notice is posted to."""

import json
import time
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

from linda_bot.health.alerting.notice import Notice
from linda_bot.health.alerting.sinks.own_thread import OwnThread
from linda_bot.health.alerting.sinks.signing import signature
from linda_bot.health.alerting.sinks.sink import DEADLINE_S, SinkError
from linda_bot.kernel.errors import UsageError

_MOST_ANSWER_BYTES = 16_384
_REDIRECTS = range(300, 400)
_PASSING = frozenset({408, 425, 429})


class Address(NamedTuple):
    """A web address, taken apart."""

    url: str
    """Without user and password; its path may be a secret all the same."""
    user: str = ""
    password: str = ""


def address_of(url: str) -> Address:
    """Return the parts of a web address; raises UsageError, without the address."""
    wrong = "LINDA_ALERT__WEBHOOK is wrong: it must be an address like https://example.org/alerts"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageError(wrong) from None
    if parts.scheme not in ("http", "https") or not host or not url.isascii() or not url.isprintable() or " " in url:
        raise UsageError(wrong)
    place = f"[{host}]" if ":" in host else host
    bare = urlunsplit((parts.scheme, f"{place}:{port}" if port else place, parts.path or "/", parts.query, ""))
    return Address(bare, unquote(parts.username or ""), unquote(parts.password or ""))


class WebhookSink:
    """Posts each notice as JSON, signed if there is a key."""

    name = "webhook"

    def __init__(self, address: Address, key: bytes | None) -> None:
        self._address = address
        self._key = key
        self._thread = OwnThread("alert webhook")

    async def send(self, notice: Notice) -> None:
        """Post it once; redirections are not followed."""
        if self._thread.hangs:
            raise SinkError("the try before has not come back yet")
        body = json.dumps(notice.payload, ensure_ascii=False).encode(errors="backslashreplace")
        headers = self._headers(notice.id, int(time.time()), body)
        await self._thread.run(lambda: _post(self._address.url, body, headers))

    def _headers(self, notice_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "linda-bot",
            "webhook-id": notice_id,
            "webhook-timestamp": str(timestamp),
        }
        if self._key is not None:
            headers["webhook-signature"] = signature(self._key, notice_id, timestamp, body)
        if self._address.user or self._address.password:
            import base64

            pair = f"{self._address.user}:{self._address.password}".encode()
            headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()
        return headers


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Post; raises SinkError. Proxies are those that HTTPS_PROXY and its like name."""
    import urllib.request  # with http, ssl and email behind it: an alert is rare, a start is not
    from http.client import HTTPException
    from urllib.error import HTTPError

    class StayHere(urllib.request.HTTPRedirectHandler):
        """Sends nothing to where an answer points."""

        def redirect_request(self, *_: object) -> None:
            return None

    request = urllib.request.Request(url, data=body, headers=dict(headers), method="POST")  # noqa: S310 (http or https)
    try:
        with urllib.request.build_opener(StayHere).open(request, timeout=DEADLINE_S) as answer:
            answer.read(_MOST_ANSWER_BYTES)
    except HTTPError as error:
        with error:
            raise refusal(error.code, error.headers.get("Retry-After"), time.time()) from None
    except HTTPException as error:
        raise SinkError(f"what answered does not speak HTTP ({type(error).__name__})") from None
    except ValueError:
        raise SinkError("the address cannot be used", again=False) from None
    except OSError as error:
        raise SinkError(_in_words(error)) from None


def refusal(status: int, retry_after: str | None, now_s: float) -> SinkError:
    """Return what an answer means that is none of success; pure."""
    if status in _REDIRECTS:
        return SinkError(f"it answered {status}, which points elsewhere: set the final address", again=False)
    again = status in _PASSING or status >= 500  # noqa: PLR2004 (the server's fault, as HTTP counts)
    return SinkError(f"it answered {status}", again=again, after_s=_seconds(retry_after, now_s) if again else None)


def _seconds(retry_after: str | None, now_s: float) -> float | None:
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdecimal() and len(retry_after) < 10:  # noqa: PLR2004 (no number for int())
        return float(retry_after)
    from email.utils import parsedate_to_datetime

    try:
        return max(parsedate_to_datetime(retry_after).timestamp() - now_s, 0.0)
    except (ValueError, TypeError, OverflowError):
        return None


def _in_words(error: OSError) -> str:
    import socket
    import ssl

    cause = getattr(error, "reason", error)
    match cause:
        case TimeoutError():
            return "no answer"
        case socket.gaierror():
            return "its name cannot be looked up"
        case ssl.SSLCertVerificationError():
            return "its certificate is not trusted"
        case ssl.SSLError():
            return "no TLS connection"
        case OSError(strerror=str(text)):
            return text.lower()
        case _:
            return f"not reached ({type(cause).__name__})"
