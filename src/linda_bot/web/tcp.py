"""The socket of the web page: bound at the very start, so that a wrong address is told before anything has begun."""

import errno
import socket

from linda_bot.kernel.errors import UsageError, reason_of
from linda_bot.settings.values import HttpAddress

_BACKLOG = 128
_EVERYWHERE = {
    "0.0.0.0": (socket.AF_INET, "192.0.2.1", "127.0.0.1"),  # noqa: S104 (what to make of it)
    "::": (socket.AF_INET6, "2001:db8::1", "::1"),
}
"""For a socket that listens on all addresses: one that nobody has (RFC 5737, RFC 3849), a route to which is one to the
rest of the world, and this machine's own for when there is none.
"""


def bind(address: HttpAddress) -> socket.socket:
    """Listen on an address; raises UsageError where that cannot be."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise _wrong(address, f"there is no such address ({reason_of(error)})") from None
    family, kind, protocol, _, place = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        # Else a bot that was killed could not be started again for a minute.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(place)
        listener.listen(_BACKLOG)
        listener.setblocking(False)  # noqa: FBT003 (its own signature)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise _wrong(address, "something listens there already") from None
        raise _wrong(address, reason_of(error)) from None
    return listener


def reachable(listener: socket.socket) -> HttpAddress:
    """Return an address that leads to where a socket listens: it may be on all of them."""
    address = HttpAddress(*listener.getsockname()[:2])
    if address.host not in _EVERYWHERE:
        return address
    family, far, near = _EVERYWHERE[address.host]
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect((far, 9))  # sends nothing, but has the system choose the address it would send from
            return address._replace(host=asking.getsockname()[0])
        except OSError:
            return address._replace(host=near)


def _wrong(address: HttpAddress, why: str) -> UsageError:
    return UsageError(f"the web page cannot be served on {address}: {why}; choose another address with --http")
