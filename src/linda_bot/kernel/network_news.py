"""What the kernel tells about links, addresses and routes: does it mean that a network may have come back?

Linux tells it over rtnetlink (rtnetlink(7), netlink(7)), macOS over a routing socket (route(4)). The machine's state is
not asked for, so the first that is heard of a link or an address counts as news, once. Nonsense is passed over.
"""

import errno
import socket
import struct
import sys
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress

_VIRTUAL = ("br-", "cali", "cilium", "cni", "docker", "flannel", "kube", "lxc", "podman", "veth", "virbr", "vnet")
_VIRTUAL_ON_MACOS = ("anpi", "ap", "awdl", "bridge", "llw", "vmenet")
"""Links that come and go with containers, virtual machines and neighbours' devices, and lead to no network of ours."""

_IFF_UP, _IFF_LOOPBACK, _IFF_RUNNING = 0x1, 0x8, 0x40
_RT_SCOPE_LINK = 253
"""An address of this scope, or a narrower one, leads no further than the cable."""
_RT_TABLE_LOCAL = 255
_RTN_UNICAST = 1
_RTPROT_REDIRECT = 1
_RTM_F_CLONED = 0x200
_NOT_USABLE = 0x40 | 0x08
"""IFA_F_TENTATIVE and IFA_F_DADFAILED: an IPv6 address that may turn out to be somebody else's."""
_LINK_LOCAL = b"\xfe\x80"
_RTM_VERSION = 5
_NEIGHBOURS = 0x4 | 0x400 | 0x20000 | 0x200000 | 0x400000 | 0x800000
"""RTF_HOST, _LLINFO, _WASCLONED, _LOCAL, _BROADCAST, _MULTICAST: routes to neighbours, or that follow from others."""
_MESSAGE = struct.Struct("=IH")
_ATTRIBUTE = struct.Struct("=HH")
_REMEMBERED = 1000


class Ears:
    """A socket that is told of changes, and what understands it."""

    def __init__(self, socket: socket.socket, news: "News") -> None:
        self.socket = socket
        self.news = news

    def listen(self, *, at_most: int = 64) -> bool:
        """Read what waits, a bounded part of it; return whether it is news. Raises OSError when there will be no more.

        What another process may have sent is not listened to: netlink numbers its senders, the kernel is 0.
        """
        found = False
        for _ in range(at_most):
            try:
                datagram, sender = self.socket.recvfrom(65536)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:  # more than the socket could hold: much has changed
                    raise
                self.news.forget()
                found = True
                continue
            if not isinstance(sender, tuple) or sender[0] == 0:
                found = self.news.hear(datagram) or found
        return found


def open_ears() -> Ears | None:
    """Return a socket that is told of changes to the network; None where there is none.

    Raises OSError where it is refused, as in some sandboxes.
    """
    if sys.platform == "linux":
        groups = 0x1 | 0x10 | 0x40 | 0x100 | 0x400  # RTMGRP_: LINK, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE
        listening = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
        try:
            listening.bind((0, groups))
        except OSError:
            listening.close()
            raise
        return Ears(listening, NetlinkNews())
    if sys.platform == "darwin":
        listening = socket.socket(socket.AF_ROUTE, socket.SOCK_RAW, 0)
        listening.settimeout(0)
        return Ears(listening, RouteSocketNews())
    return None


def name_of_link(index: int) -> str:
    """Return a link's name; empty when there is none of that number (any more)."""
    try:
        return socket.if_indextoname(index)
    except (OSError, OverflowError):
        return ""


class _Memory:
    """What is up already, so that hearing of it again is no news."""

    def __init__(self) -> None:
        self._known: set[Hashable] = set()
        self._down: set[int] = set()

    def is_new(self, *fact: Hashable) -> bool:
        if fact in self._known:
            return False
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known.add(fact)
        return True

    def link_is_new(self, index: int, flags: int) -> bool:
        """Note whether a link is up; return whether it has just come up."""
        if flags & _IFF_UP and flags & _IFF_RUNNING:
            self._down.discard(index)
            return self.is_new("link", index)
        if index not in self._down:
            self.forget()
            if len(self._down) >= _REMEMBERED:
                self._down.clear()
            self._down.add(index)
        return False

    def forget(self) -> None:
        """Something is gone: whatever is told next may replace it. The kernel does not name all that goes along."""
        self._known.clear()


class News:
    """Judges what comes out of a socket; `name_of` tells a link's name by its number."""

    def __init__(self, name_of: Callable[[int], str] = name_of_link) -> None:
        self._name_of = name_of
        self._memory = _Memory()

    def hear(self, datagram: bytes) -> bool:
        """Return whether a datagram tells of a link that came up, a new address or a new route."""
        raise NotImplementedError

    def forget(self) -> None:
        """Take everything that is heard from now on as new, because something was missed."""
        self._memory.forget()


class NetlinkNews(News):
    """Understands rtnetlink's messages, those of Linux."""

    def __init__(self, name_of: Callable[[int], str] = name_of_link) -> None:
        super().__init__(name_of)
        self._judges = {
            16: self._link,  # RTM_NEWLINK
            17: self._link_gone,  # RTM_DELLINK
            20: self._address,  # RTM_NEWADDR
            21: self._address_gone,  # RTM_DELADDR
            24: self._route,  # RTM_NEWROUTE
            25: self._route_gone,  # RTM_DELROUTE
        }

    def hear(self, datagram: bytes) -> bool:
        """Return whether any message of a datagram is news."""
        found = False
        for kind, body in _messages(datagram):
            judge = self._judges.get(kind)
            with suppress(struct.error):  # shorter than it must be
                found = (judge is not None and judge(body)) or found
        return found

    def _link(self, body: bytes, *, gone: bool = False) -> bool:
        family, index, flags = struct.unpack_from("=BxxxiI", body)
        name = _attributes(body[16:]).get(3, b"").rstrip(b"\0").decode(errors="replace")  # IFLA_IFNAME
        if family or flags & _IFF_LOOPBACK or name.startswith(_VIRTUAL):  # a family: the ports of a bridge have it
            return False
        return self._memory.link_is_new(index, 0 if gone else flags)

    def _link_gone(self, body: bytes) -> bool:
        return self._link(body, gone=True)

    def _address(self, body: bytes) -> bool:
        flags, scope, index = struct.unpack_from("=xxBBI", body)
        if flags & _NOT_USABLE or scope >= _RT_SCOPE_LINK or self._is_elsewhere(index):
            return False  # one that becomes usable is told again
        found = _attributes(body[8:])
        # A renewed lease tells an address again.
        return self._memory.is_new("address", index, found.get(2, found.get(1)))  # IFA_LOCAL, IFA_ADDRESS

    def _address_gone(self, body: bytes) -> bool:
        scope, index = struct.unpack_from("=xxxBI", body)
        if scope < _RT_SCOPE_LINK and not self._is_elsewhere(index):
            self._memory.forget()
        return False

    def _route(self, body: bytes) -> bool:
        route = self._route_that_leads_somewhere(body)
        return route is not None and self._memory.is_new("route", *route)

    def _route_gone(self, body: bytes) -> bool:
        if self._route_that_leads_somewhere(body) is not None:
            self._memory.forget()
        return False

    def _route_that_leads_somewhere(self, body: bytes) -> tuple[Hashable, ...] | None:
        """Return what tells a route from others; None for one that matters to nobody."""
        family, length, table, protocol, kind, flags = struct.unpack_from("=BBxxBBxBI", body)
        if kind != _RTN_UNICAST or table == _RT_TABLE_LOCAL or protocol == _RTPROT_REDIRECT or flags & _RTM_F_CLONED:
            return None
        found = _attributes(body[12:])
        target = found.get(1, b"")  # RTA_DST; none for the default route
        through = found.get(4, b"")  # RTA_OIF; none where there are several
        if target.startswith(_LINK_LOCAL) or (through and self._is_elsewhere(int.from_bytes(through, sys.byteorder))):
            return None
        return family, length, table, target, through, found.get(5), found.get(6)  # RTA_GATEWAY, RTA_PRIORITY

    def _is_elsewhere(self, index: int) -> bool:
        name = self._name_of(index)
        return name in ("", "lo") or name.startswith(_VIRTUAL)


class RouteSocketNews(News):
    """Understands a routing socket's messages, those of macOS (net/route.h, net/if.h). Written, not tried there."""

    def __init__(self, name_of: Callable[[int], str] = name_of_link) -> None:
        super().__init__(name_of)
        self._judges = {
            0x1: self._route,  # RTM_ADD
            0xC: self._address,  # RTM_NEWADDR
            0xD: self._address_gone,  # RTM_DELADDR
            0xE: self._link,  # RTM_IFINFO
        }

    def hear(self, datagram: bytes) -> bool:
        """Return whether a message is news."""
        with suppress(struct.error):  # shorter than it must be
            length, version, kind = struct.unpack_from("=HBB", datagram)
            if version == _RTM_VERSION and length <= len(datagram) and kind in self._judges:
                return self._judges[kind](datagram[:length])
        return False

    def _route(self, message: bytes) -> bool:
        index, flags, failed = struct.unpack_from("=4xHxxi12xi", message)
        return not failed and not flags & _NEIGHBOURS and not self._is_elsewhere(index)

    def _address(self, message: bytes) -> bool:
        (index,) = struct.unpack_from("=12xH", message)
        return not self._is_elsewhere(index) and self._memory.is_new("address", message)

    def _address_gone(self, message: bytes) -> bool:
        (index,) = struct.unpack_from("=12xH", message)
        if not self._is_elsewhere(index):
            self._memory.forget()
        return False

    def _link(self, message: bytes) -> bool:
        flags, index = struct.unpack_from("=8xiH", message)
        return not self._is_elsewhere(index) and self._memory.link_is_new(index, flags)

    def _is_elsewhere(self, index: int) -> bool:
        name = self._name_of(index)
        return name in ("", "lo0") or name.startswith(_VIRTUAL_ON_MACOS)


def _messages(datagram: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the kind and the body of each netlink message of a datagram, as far as they are whole."""
    return _parts(datagram, _MESSAGE, header=16)


def _attributes(rest: bytes) -> dict[int, bytes]:
    """Return a netlink message's attributes by their kind, as far as they are whole."""
    return {kind & 0x3FFF: value for kind, value in _parts(rest, _ATTRIBUTE, header=4)}


def _parts(data: bytes, start: struct.Struct, *, header: int) -> Iterator[tuple[int, bytes]]:
    """Yield the kind and the content of what begins with its length and its kind and is aligned to four bytes."""
    at = 0
    while at + header <= len(data):
        length, kind = start.unpack_from(data, at)
        if not header <= length <= len(data) - at:
            return
        yield kind, data[at + header : at + length]
        at += (length + 3) & ~3
