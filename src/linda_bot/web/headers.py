"""What every answer says in its head, so that a browser does nothing with it that we do not want."""

from types import MappingProxyType

from aiohttp import web

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

FIXED = MappingProxyType({
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not "no-referrer": browsers then hide the origin of our own forms, too, by which they are told from other sites.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Server": "linda-bot",  # else aiohttp tells its version
})  # fmt: skip
"""The same on every answer, whatever it is."""

_UNLESS_SAID = MappingProxyType({"Cache-Control": "no-store"})


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Complete an answer's head; for `on_response_prepare`."""
    response.headers.update(FIXED)
    for name, value in _UNLESS_SAID.items():
        response.headers.setdefault(name, value)
