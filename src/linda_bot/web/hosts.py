"""What a request says of the way it came: by which name, from which site, through which proxy.

A site of an attacker's can have its own name lead to this machine (DNS rebinding), and a browser then takes the bot
for that site. But it still says the name: so only names are answered that nobody else can point here. An address in
figures is no name, and a browser that says it has really gone there.
"""

import re
from http import HTTPStatus
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from aiohttp import HttpVersion10, web

from linda_bot.web.problems import RefusedError

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z._-]{1,255})(?::(?P<port>[0-9]{1,5}))?")
_CHANGES_NOTHING = frozenset({"GET", "HEAD", "OPTIONS"})
_PROXY_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")


class Public(NamedTuple):
    """The address by which people reach the page, where it is not the one that the bot listens on."""

    scheme: str
    host: str
    """With the port, where it is not the usual one."""
    prefix: str
    """The path that the page is under, without a slash at its end; mostly empty."""

    @property
    def origin(self) -> str:
        """What a browser calls the site."""
        return f"{self.scheme}://{self.host}"


def public_of(url: str) -> Public:
    """Return the parts of LINDA_HTTP_URL, which is known to be right."""
    parts = urlsplit(url)
    usual = {"http": ":80", "https": ":443"}[parts.scheme]
    return Public(parts.scheme, parts.netloc.lower().removesuffix(usual), parts.path.rstrip("/"))


class ForeignHostError(RefusedError):
    """A request for a host that this is not."""


class ForeignSiteError(RefusedError):
    """A request that another site has a browser make."""


def check_way(request: web.Request, public: Public | None, *, names: frozenset[str] = frozenset()) -> None:
    """See to it that a request is meant for this bot, and that no other site has made it; raises RefusedError."""
    host = _host_of(request)
    name = _name_in(host)
    known = names if public is None else names | {_name_in(public.host)}
    if not is_our_name(name, known):
        raise ForeignHostError(
            HTTPStatus.MISDIRECTED_REQUEST,
            f"this bot does not answer as {name}; if that is its name, set LINDA_HTTP_URL to the address of the page",
        )
    if request.method not in _CHANGES_NOTHING:
        _check_site(request, host, public)


def is_our_name(name: str, known: frozenset[str]) -> bool:
    """Return whether nobody but us can have a name lead here: an address in figures, this machine, or one we know."""
    if name in known or name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def is_proxied(request: web.Request) -> bool:
    """Return whether a request says that a proxy has passed it on."""
    return any(name in request.headers for name in _PROXY_HEADERS)


def address_of(request: web.Request, *, behind_proxy: bool) -> str:
    """Return where a request comes from.

    Behind a proxy of this machine's that is what it says: the last one named, for the others anybody can write there.
    """
    peer = request.remote or ""
    if not behind_proxy or not _is_loopback(peer):
        return peer
    last = ",".join(request.headers.getall("X-Forwarded-For", [])).rpartition(",")[2].strip()
    try:
        return str(ip_address(last))
    except ValueError:
        return peer


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _host_of(request: web.Request) -> str:
    """Return the one host that a request names; raises RefusedError."""
    if request.version < HttpVersion10:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "this takes HTTP/1.0 and HTTP/1.1")
    said = request.headers.getall("Host", [])
    if not request.raw_path.startswith("/"):  # the address in full, which goes before what the head says
        said.append(urlsplit(request.raw_path).netloc)
    different = {each.lower() for each in said}
    if len(different) != 1 or not _HOST.fullmatch(said[0]):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "a request names the one host it is for, in a Host header")
    return said[0].lower()


def _name_in(host: str) -> str:
    """Return a host without its port; empty where it is none."""
    found = _HOST.fullmatch(host)
    return "" if found is None else found["name"].lower().removesuffix(".")


def _check_site(request: web.Request, host: str, public: Public | None) -> None:
    """See to it that what changes something is asked by a page of ours, or by no page at all; raises RefusedError."""
    ours = {f"http://{host}"} if public is None else {f"http://{host}", public.origin}
    origins = request.headers.getall("Origin", [])
    sites = request.headers.getall("Sec-Fetch-Site", [])
    # `same-site` is a neighbour: another port of this machine, another name of the same domain.
    if any(origin.lower() not in ours for origin in origins) or any(
        site not in {"same-origin", "none"} for site in sites
    ):
        raise ForeignSiteError(
            HTTPStatus.FORBIDDEN,
            "another site has asked for this, so it is not done; if it was this bot's own page, set LINDA_HTTP_URL to "
            "the address of the page",
        )
