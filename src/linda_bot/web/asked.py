"""Reading what a program asks: parameters and JSON bodies, within bounds."""

import asyncio
import re
from http import HTTPStatus
from typing import TypeVar

import msgspec
from aiohttp import web

from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.masking import printable
from linda_bot.web.problems import RefusedError

_BODY_WITHIN_S = 10.0
_SHOWN = 40
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})")
_TRUTH = {"true": True, "false": False}
Q = TypeVar("Q", bound=msgspec.Struct)


def read_query(request: web.Request, kind: type[Q]) -> Q:
    """Return the parameters of a request; raises UsageError for a wrong one, an unknown one and one said twice."""
    said = request.query
    known = kind.__struct_fields__
    for name in said:
        if name not in known:
            right = f"there are only {', '.join(known)}" if known else "there is none"
            raise UsageError(f"there is no parameter {printable(name, _SHOWN)} here; {right}")
        if len(said.getall(name)) > 1:
            raise UsageError(f"{name} is said twice")
    try:
        return msgspec.convert({name: _value(text) for name, text in said.items()}, kind)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        wrong = printable(str(error))
        raise UsageError(f"a parameter is not what is asked for here: {wrong} ({_advice(kind)})") from None


async def read_body(request: web.Request, kind: type[Q], *, most: int) -> Q:
    """Return what is asked, from a JSON body or none; raises UsageError and RefusedError."""
    try:
        async with asyncio.timeout(_BODY_WITHIN_S):
            body = await _body(request, most)
    except TimeoutError:
        detail = f"the body did not come within {_BODY_WITHIN_S:g} s"
        raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, detail) from None
    if body and request.content_type != "application/json":
        detail = "the body must be JSON; say so: Content-Type: application/json"
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"the body is not what is asked for here: {error}") from None


def _value(text: str) -> object:
    """Return what a parameter's text means: a truth, a whole number, or else itself."""
    if text in _TRUTH:
        return _TRUTH[text]
    return int(text) if _NUMBER.fullmatch(text) else text


def _advice(kind: type[msgspec.Struct]) -> str:
    rights = {
        "show_numbers": "show_numbers is true or false",
        "last": "last is a number",
        "since": "since is a time such as 2026-02-07T08:00:00Z",
    }
    return ", ".join(rights[name] for name in kind.__struct_fields__ if name in rights)


async def _body(request: web.Request, most: int) -> bytes:
    too_large = RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is too large: at most {most} bytes")
    if "Content-Encoding" in request.headers:
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must not be compressed")
    if (request.content_length or 0) > most:
        raise too_large
    found = bytearray()
    while chunk := await request.content.readany():
        found += chunk
        if len(found) > most:
            raise too_large
    return bytes(found)
