"""The socket of the web page: bound at the very start, so that a wrong address is told before anything has begun."""

import errno
import socket

from linda_bot.kernel.errors import UsageError, reason_of
from linda_bot.settings.values import HttpAddress

_BACKLOG = 128


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


def bound(listener: socket.socket) -> HttpAddress:
    """Return where a socket listens."""
    host, port = listener.getsockname()[:2]
    return HttpAddress(host, port)


def _wrong(address: HttpAddress, why: str) -> UsageError:
    return UsageError(f"the web page cannot be served on {address}: {why}; choose another address with --http")
