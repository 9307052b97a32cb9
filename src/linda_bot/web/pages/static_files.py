"""The files that a page needs, from memory: there is no path on the disk that could be asked for."""

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web
from aiohttp.helpers import ETAG_ANY

from linda_bot.web.routes import Route
from linda_bot.web.visitors import Right

_DIRECTORY = Path(__file__).with_name("static")
_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FRESH = "public, max-age=3600"


def static_routes(directory: Path = _DIRECTORY) -> list[Route]:
    """Return a route for each file there is; raises OSError."""
    return [
        Route("GET", f"/static/{file.name}", _serving(file.read_bytes(), _KINDS[file.suffix]), Right.NONE)
        for file in sorted(directory.iterdir())
        if file.suffix in _KINDS
    ]


def _serving(content: bytes, kind: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    tag = hashlib.sha256(content).hexdigest()[:16]

    async def serve(request: web.Request) -> web.Response:
        known = request.if_none_match or ()
        is_known = any(each.value in {tag, ETAG_ANY} for each in known)
        answer = (
            web.Response(status=304) if is_known else web.Response(body=content, content_type=kind, charset="utf-8")
        )
        answer.etag = tag
        answer.headers["Cache-Control"] = _FRESH
        return answer

    return serve
