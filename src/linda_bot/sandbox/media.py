"""Files: where clients put them and fetch them from (whatsmeow mediaconn.go, upload.go, download.go).

What comes is encrypted, so a file here is a number of bytes with a hash. They are kept in the sandbox's directory, as
messages are that wait for somebody, up to a bound; then the oldest are dropped.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from aiohttp import web

from linda_bot.kernel.files import clear_drafts, make_private_dir, write_atomic
from linda_bot.sandbox.library import MEDIA_HOST
from linda_bot.sandbox.nodes import Node

MOST_BYTES = 256 * 1024 * 1024
"""What is kept in all; no single file may be longer either."""

_KINDS = frozenset(
    {"image", "audio", "video", "document", "md-msg-hist", "md-app-state", "sticker-pack", "thumbnail-link"}
)
"""whatsmeow download.go, mediaTypeToMMSType."""

_UPLOAD, _DOWNLOAD = "/mms/", "/v/t62.sandbox/"
_NAME = re.compile(r"[0-9a-f]{64}")
_CHUNK = 256 * 1024
_VALID_S = 300
_AUTH_VALID_S = 21600
_BUCKETS = 12


class Media:
    """The host for files."""

    def __init__(self, directory: Path, secret: bytes, note: Callable[..., None]) -> None:
        """Keep files in a directory; `secret` is what the clients' permission to upload is made of."""
        make_private_dir(directory)
        clear_drafts(directory)
        self._directory = directory
        self._auth = hashlib.sha256(b"media" + secret).hexdigest()
        self._note = note
        self._writing = asyncio.Lock()
        self.refuse: HTTPStatus | None = None
        """With what every upload and download is refused, if at all."""

    def connection(self) -> Node:
        """Return where a client goes with its files, and with which permission."""
        attrs = {
            "auth": self._auth,
            "ttl": str(_VALID_S),
            "auth_ttl": str(_AUTH_VALID_S),
            "max_buckets": str(_BUCKETS),
        }
        return Node("media_conn", attrs, [Node("host", {"hostname": MEDIA_HOST})])

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Take a file or hand one out; everything else is not there."""
        if self.refuse is not None:
            return _empty(self.refuse)
        if request.method == "POST" and request.path.startswith(_UPLOAD):
            return await self._take(request)
        if request.method == "GET" and request.path.startswith(_DOWNLOAD):
            return await self._hand_out(request)
        return _empty(HTTPStatus.NOT_FOUND)

    async def _take(self, request: web.BaseRequest) -> web.Response:
        kind, _, token = request.path.removeprefix(_UPLOAD).partition("/")
        if kind not in _KINDS:
            return _empty(HTTPStatus.NOT_FOUND)
        if not hmac.compare_digest(request.query.get("auth", "").encode(), self._auth.encode()):
            return _empty(HTTPStatus.UNAUTHORIZED)
        data = bytearray()
        async for chunk in request.content.iter_chunked(_CHUNK):
            data += chunk
            if len(data) > MOST_BYTES:
                return _empty(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        digest = await asyncio.to_thread(lambda: hashlib.sha256(data).digest())
        if token != request.query.get("token") or _bytes_of(token) != digest:
            return _empty(HTTPStatus.BAD_REQUEST)
        async with self._writing:
            await asyncio.to_thread(self._keep, digest.hex(), bytes(data))
        self._note("media_uploaded", kind=kind, size=len(data))
        path = f"{_DOWNLOAD}{digest.hex()}?ccb=11-4&oh=sandbox&_nc_sid=sandbox"
        return web.json_response(
            {"url": f"https://{MEDIA_HOST}{path}&mms3=true", "direct_path": path, "handle": "", "object_id": ""}
        )

    async def _hand_out(self, request: web.BaseRequest) -> web.Response:
        name = request.path.removeprefix(_DOWNLOAD)
        try:
            if not _NAME.fullmatch(name):
                return _empty(HTTPStatus.NOT_FOUND)
            data = await asyncio.to_thread((self._directory / name).read_bytes)
        except FileNotFoundError:
            return _empty(HTTPStatus.NOT_FOUND)
        self._note("media_downloaded", kind=request.query.get("mms-type", ""), size=len(data))
        return web.Response(body=data, content_type="application/octet-stream")

    def _keep(self, name: str, data: bytes) -> None:
        """Write a file, after the oldest have made room for it."""
        known = sorted((path.stat().st_mtime_ns, path.stat().st_size, path) for path in self._directory.iterdir())
        room = MOST_BYTES - sum(size for _, size, _ in known)
        for _, size, path in known:
            if room >= len(data):
                break
            path.unlink()
            room += size
        write_atomic(self._directory / name, data)


def _bytes_of(token: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(token.encode())
    except (binascii.Error, ValueError):
        return b""


def _empty(status: HTTPStatus) -> web.Response:
    return web.Response(status=status)
