"""What can be asked of a bot by programs: one table, from which come the routes and the OpenAPI document. Pure."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from linda_bot.app.answers import BackupMade, Lasting, LoggedOut, Reconnected, Sent
from linda_bot.app.status import BotStatus, HealthReport
from linda_bot.messaging.contents import LONGEST_TEXT
from linda_bot.web.visitors import Right

API = "/api/v1"
JSON, METRICS, SSE, LINES = "application/json", "text/plain", "text/event-stream", "application/x-ndjson"
LONGEST_BODY = 64 * 1024
LONGEST_TEXT_BODY = 512 * 1024
"""A text of 65,536 characters, each of which may take several bytes."""

ENTRIES_AT_MOST = 500

_WHO = r"^(\+?[0-9]{5,20}|[!-?A-~]{1,128}@[a-z][a-z.]{1,40})$"
"""Told to programs, not checked: people write numbers in more ways."""

_NO_BLANK = r"[^\s\u001c-\u001f\u0085]"
"""A character that neither JavaScript nor Python takes for a space."""

Seconds = Annotated[float, msgspec.Meta(ge=0, le=86400)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said with a request."""


class Nothing(Asked, frozen=True):
    """What is said where nothing has to be."""


class Reconnect(Asked, frozen=True, kw_only=True):
    """Have the link renewed, or a wait ended."""

    within_s: Seconds = 30.0
    """How long to wait for the result."""


class Send(Asked, frozen=True, kw_only=True):
    """Send a text."""

    to: Annotated[str, msgspec.Meta(extra_json_schema={"pattern": _WHO})]
    """A phone number with its country code, or a JID."""
    text: Annotated[str, msgspec.Meta(extra_json_schema={"pattern": _NO_BLANK, "maxLength": LONGEST_TEXT})]
    within_s: Seconds = 30.0
    """How long to wait for WhatsApp's word; it is sent all the same."""


class LogLevel(Asked, frozen=True, kw_only=True):
    """How much is logged."""

    level: Literal["debug", "info", "warning", "error"]


class Looking(Asked, frozen=True, kw_only=True):
    """How something is shown."""

    show_numbers: bool = False
    """In full; needs the right to change things."""


class LookingBack(Asked, frozen=True, kw_only=True):
    """Which entries of the history are shown, and how."""

    since: Moment | msgspec.UnsetType = msgspec.UNSET
    last: Annotated[int, msgspec.Meta(ge=1, le=ENTRIES_AT_MOST)] = ENTRIES_AT_MOST
    """So many, the newest."""
    show_numbers: bool = False
    """In full; needs the right to change things."""


_ENTRY = {
    "title": "Entry",
    "type": "object",
    "required": ["timestamp", "eventType"],
    "properties": {"timestamp": {"type": "string", "format": "date-time"}, "eventType": {"type": "string"}},
}
_Entry = Annotated[dict[str, Any], msgspec.Meta(description="And facts of its own.", extra_json_schema=_ENTRY)]


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What a session's history tells."""

    entries: list[_Entry]
    """Newest last."""
    unreadable: int = 0
    """How many entries of the file cannot be read."""


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """A link with which somebody else can link the bot; it works once."""

    url: str
    valid_s: float


class Wellness(msgspec.Struct, frozen=True, kw_only=True):
    """What a probe says where all is well."""

    status: Literal["ok", "ready"]


class Operation(NamedTuple):
    """One thing that can be asked."""

    name: str
    method: str
    path: str
    summary: str
    needs: Right = Right.READ
    query: type[Asked] = Nothing
    body: type[Asked] | None = None
    longest: int = LONGEST_BODY
    """How many bytes a body may have."""
    answer: type[msgspec.Struct] | None = None
    """None for a text."""
    media: tuple[str, ...] = (JSON,)
    answers_unwell: bool = False
    """Whether the answer comes with status 503 as well: of what is not well."""
    problems: tuple[HTTPStatus, ...] = ()
    """Which there may be, beside those of every request."""
    is_stream: bool = False

    @property
    def statuses(self) -> tuple[HTTPStatus, ...]:
        """The statuses of all problems that there may be."""
        found = {*_ALWAYS, *self.problems}
        if self.needs is not Right.NONE:
            found.update(_OF_TOKENS)
        if self.body is not None:
            found.update(_OF_BODIES)
        return tuple(sorted(found))


_ALWAYS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.MISDIRECTED_REQUEST,
    HTTPStatus.INTERNAL_SERVER_ERROR,
)
_OF_TOKENS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS)
_OF_BODIES = (
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)
_NOT_NOW, _TOO_SLOW, _FULL = HTTPStatus.CONFLICT, HTTPStatus.GATEWAY_TIMEOUT, HTTPStatus.SERVICE_UNAVAILABLE


_LATE = (_NOT_NOW, _TOO_SLOW)


def _look(name: str, summary: str, answer: type[msgspec.Struct], query: type[Asked]) -> Operation:
    return Operation(name, "GET", f"{API}/{name}", summary, query=query, answer=answer, problems=_LATE)


def _do(
    name: str,
    summary: str,
    answer: type[msgspec.Struct],
    body: type[Asked] = Nothing,
    longest: int = LONGEST_BODY,
) -> Operation:
    return Operation(
        name, "POST", f"{API}/{name}", summary, Right.OWN, body=body, longest=longest, answer=answer, problems=_LATE
    )


def _text(name: str, path: str, summary: str) -> Operation:
    return Operation(name, "GET", path, summary, media=(METRICS,), problems=(_TOO_SLOW,))


def _probe(name: str, summary: str, problems: tuple[HTTPStatus, ...] = ()) -> Operation:
    return Operation(name, "GET", f"/{name}", summary, Right.NONE, answer=Wellness, problems=problems)


OPERATIONS = (
    _look("status", "How the bot is", BotStatus, Looking),
    Operation(
        "health", "GET", f"{API}/health", "How its health was found at last", answer=HealthReport, answers_unwell=True
    ),
    _look("history", "What has happened to the session", History, LookingBack),
    Operation(
        "events",
        "GET",
        f"{API}/events",
        "What happens from now on, a JSON object for each event, masked like the log",
        media=(SSE, LINES),
        problems=(_FULL,),
        is_stream=True,
    ),
    _text("metrics", f"{API}/metrics", "The metrics, as Prometheus reads them"),
    _do("reconnect", "Renew the link, or end a wait", Reconnected, Reconnect),
    _do("backup", "Make a verified backup", BackupMade),
    _do("send", "Send a text through the outbox", Sent, Send, LONGEST_TEXT_BODY),
    _do("pause", "Handle nothing and send nothing until `resume`", Lasting),
    _do("resume", "End a pause", Lasting),
    _do("logout", "Take the device off the account; the bot ends then", LoggedOut),
    _do("log-level", "Change how much is logged, until the next start", LogLevel, LogLevel),
    _do("link", "Make a link to the pairing page, which works once", Invitation),
)
"""The control API."""

PROBES = (
    _probe("healthz", "Whether the process and its event loop are alive"),
    _probe("readyz", "Whether the link is up", (_FULL,)),
    _text("probe-metrics", "/metrics", "The same as `/api/v1/metrics`"),
)
"""For supervisors, load balancers and Prometheus."""

PROBLEMS: Mapping[HTTPStatus, str] = MappingProxyType({
    HTTPStatus.BAD_REQUEST: "This cannot be asked; `detail` says what would be right",
    HTTPStatus.UNAUTHORIZED: "The token is missing or wrong",
    HTTPStatus.FORBIDDEN: "Not allowed to who asks, or asked by another site's page",
    HTTPStatus.REQUEST_TIMEOUT: "The body did not come in time",
    HTTPStatus.CONFLICT: "Right, but not possible as things are",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not JSON, or is compressed",
    HTTPStatus.MISDIRECTED_REQUEST: "The Host header names somebody else",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many wrong tokens; `Retry-After` says when to try again",
    HTTPStatus.INTERNAL_SERVER_ERROR: "A bug of linda-bot's; its log has the trace",
    HTTPStatus.SERVICE_UNAVAILABLE: "The link is down, or too many streams are open",
    HTTPStatus.GATEWAY_TIMEOUT: "It took longer than it may",
})  # fmt: skip
"""What each status of a problem means; all are of the one type."""
