"""What a browser's form says."""

import asyncio
from http import HTTPStatus
from urllib.parse import parse_qsl

from aiohttp import web

from linda_bot.kernel.errors import UsageError
from linda_bot.web.problems import RefusedError

LONGEST_FORM = 8 * 1024
"""Bytes; the application takes no longer body from `request.read()`."""

_FORM = "application/x-www-form-urlencoded"
_WITHIN_S = 10.0
_FIELDS_AT_MOST = 20


def is_form(request: web.Request) -> bool:
    """Return whether a request's body is the one kind of form that we have."""
    return request.content_type == _FORM


async def read_form(request: web.Request) -> dict[str, str]:
    """Return a form's fields; may be asked again. Raises RefusedError, UsageError, HTTPRequestEntityTooLarge."""
    if not is_form(request):
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"this takes a form; say so: Content-Type: {_FORM}")
    if (request.content_length or 0) > LONGEST_FORM:
        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the form is too large: at most {LONGEST_FORM} bytes")
    try:
        async with asyncio.timeout(_WITHIN_S):
            body = await request.read()
    except TimeoutError:
        raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, f"the form did not come within {_WITHIN_S:g} s") from None
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FIELDS_AT_MOST)
    except ValueError:  # no UTF-8, or too many
        raise UsageError("this is not a form of ours") from None
    return dict(pairs)
