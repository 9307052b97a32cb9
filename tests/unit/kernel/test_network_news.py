"""What a change to links, addresses and routes means."""

import shutil
import struct
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot.kernel.network_news import NetlinkNews, RouteSocketNews

NEW_LINK, GONE_LINK, NEW_ADDRESS, GONE_ADDRESS, NEW_ROUTE, GONE_ROUTE = 16, 17, 20, 21, 24, 25
UP, LOOPBACK, RUNNING = 0x1, 0x8, 0x40
NAMES = {1: "lo", 2: "eth0", 3: "veth12ab", 4: "wlan0"}
MAC_NAMES = {1: "lo0", 4: "en0", 9: "awdl0"}


def netlink(kind: int, body: bytes, **attributes: bytes) -> bytes:
    """Return a message; attributes are named after their number: `a3`."""
    for name, value in attributes.items():
        body += struct.pack("=HH", len(value) + 4, int(name[1:])) + value + bytes(-len(value) % 4)
    return struct.pack("=IHHII", len(body) + 16, kind, 0, 0, 0) + body


def link(index: int, flags: int = UP | RUNNING, *, kind: int = NEW_LINK, family: int = 0) -> bytes:
    """A link's state."""
    body = struct.pack("=BxHiII", family, 1, index, flags, 0)
    return netlink(kind, body, a3=NAMES[index].encode() + b"\0", a4=struct.pack("=I", 1500))


def address(index: int, *, kind: int = NEW_ADDRESS, flags: int = 0, scope: int = 0, last: int = 2) -> bytes:
    """An IPv4 address."""
    body = struct.pack("=BBBBI", 2, 24, flags, scope, index)
    return netlink(kind, body, a1=bytes((10, 0, 0, last)), a2=bytes((10, 0, 0, last)))


def route(
    index: int, *, kind: int = NEW_ROUTE, sort: int = 1, table: int = 254, target: bytes = b"", flags: int = 0
) -> bytes:
    """A route through a link; without a target, the default one."""
    body = struct.pack("=BBBBBBBBI", 2, 0, 0, 0, table, 4, 0, sort, flags)
    attributes = {"a4": struct.pack("=I", index), "a5": bytes((10, 0, 0, 1))}
    return netlink(kind, body, **attributes, **({"a1": target} if target else {}))


@pytest.fixture
def news() -> NetlinkNews:
    """A listener with a few links."""
    return NetlinkNews(lambda index: NAMES.get(index, ""))


def test_what_can_bring_a_network_back_is_news_once(news: NetlinkNews) -> None:
    """A link that comes up, a new address, a new route; hearing of them again is none."""
    for message in (link(2), address(2), route(2)):
        assert news.hear(message)
        assert not news.hear(message)
    assert news.hear(address(2, last=3))
    assert news.hear(route(4))


@pytest.mark.parametrize(
    "message",
    [
        link(1, UP | RUNNING | LOOPBACK),
        link(2, UP),
        link(2, family=7),
        link(2, kind=GONE_LINK),
        link(3),
        address(1),
        address(2, kind=GONE_ADDRESS),
        address(2, flags=0x40),
        address(2, scope=253),
        address(3),
        address(77),
        route(2, kind=GONE_ROUTE),
        route(2, sort=2),
        route(2, table=255),
        route(2, flags=0x200),
        route(2, target=b"\xfe\x80" + bytes(14)),
        route(3),
        route(77),
        netlink(3, b""),
        netlink(28, bytes(40)),
    ],
)
def test_what_cannot_is_none(news: NetlinkNews, message: bytes) -> None:
    """Loopback, containers, what ends, what is not usable yet, what leads nowhere."""
    assert not news.hear(message)


@pytest.mark.parametrize(
    "loss", [link(2, UP), link(2, kind=GONE_LINK), address(2, kind=GONE_ADDRESS), route(2, kind=GONE_ROUTE)]
)
def test_after_a_loss_the_same_is_news_again(news: NetlinkNews, loss: bytes) -> None:
    """The kernel does not name everything that goes along with a link or an address."""
    for message in (link(2), address(2), route(2)):
        news.hear(message)
    assert not news.hear(loss)

    assert news.hear(link(2))
    assert news.hear(address(2))
    assert news.hear(route(2))


def test_what_happens_to_containers_makes_nobody_forget(news: NetlinkNews) -> None:
    """Else each container that ends would make news of the next renewed lease."""
    news.hear(address(2))
    news.hear(link(3, UP) + address(3, kind=GONE_ADDRESS) + route(3, kind=GONE_ROUTE))

    assert not news.hear(address(2))


def test_all_messages_of_a_datagram_are_heard(news: NetlinkNews) -> None:
    """News may stand anywhere in it, and what follows is remembered too."""
    assert news.hear(address(3) + link(2) + address(2) + address(1))
    assert not news.hear(address(2))


def test_what_it_remembers_is_bounded(news: NetlinkNews) -> None:
    """A machine with many addresses costs no memory for ever."""
    for number in range(5000):
        news.hear(netlink(NEW_ADDRESS, struct.pack("=BBBBI", 2, 24, 0, 0, 2), a2=struct.pack("=I", number)))

    assert len(news._memory._known) <= 1000


@given(
    st.lists(st.sampled_from([link(2), address(2), route(2)]), max_size=3).map(b"".join),
    st.binary(),
    st.integers(0, 200),
)
def test_nonsense_is_passed_over(good: bytes, nonsense: bytes, cut: int) -> None:
    """Nothing raises, also when a message is cut short or goes on with something else."""
    for heard in (NetlinkNews(lambda _: "eth0"), RouteSocketNews(lambda _: "en0")):
        heard.hear(good[:cut] + nonsense)
        heard.hear(nonsense)


@given(st.sampled_from(range(16, 26)), st.binary(max_size=100))
def test_messages_that_are_too_short(kind: int, body: bytes) -> None:
    """A header that is right says nothing of what follows."""
    NetlinkNews(lambda _: "eth0").hear(netlink(kind, body))


def test_a_link_that_is_gone_has_no_name() -> None:
    """Also for a number that no link can have."""
    heard = NetlinkNews()

    assert not heard.hear(address(2**31 - 5))
    assert not heard.hear(address(2**32 - 1))


def on_macos(kind: int, *, index: int = 4, flags: int = UP | RUNNING, failed: int = 0, last: int = 1) -> bytes:
    """A routing socket's message, laid out as macOS does."""
    if kind == 1:
        body = struct.pack("=HxxiiiiiI", index, flags, 0, 0, 0, failed, 0)
    else:
        body = struct.pack("=iiHxxI", 0, flags, index, last)
    return struct.pack("=HBB", len(body) + 4, 5, kind) + body


def test_a_routing_socket() -> None:
    """The same on macOS: route added, address added, link up; neighbours and other devices' links are no news."""
    news = RouteSocketNews(lambda index: MAC_NAMES.get(index, ""))

    assert news.hear(on_macos(1, flags=0x3))
    assert not news.hear(on_macos(1, flags=0x7))
    assert not news.hear(on_macos(1, flags=0x3, failed=17))
    assert not news.hear(on_macos(1, flags=0x3, index=1))
    assert news.hear(on_macos(0xC))
    assert not news.hear(on_macos(0xC))
    assert news.hear(on_macos(0xE))
    assert not news.hear(on_macos(0xE))
    assert not news.hear(on_macos(0xE, flags=UP))
    assert news.hear(on_macos(0xE))
    assert not news.hear(on_macos(0xD))
    assert news.hear(on_macos(0xC))
    assert not news.hear(on_macos(0xE, index=9))
    assert not news.hear(on_macos(2))


IN_A_NAMESPACE = ("unshare", "--user", "--map-root-user", "--net")
PROGRAM = """
    import subprocess, sys, time
    from linda_bot.kernel.network_news import open_ears

    ears = open_ears()
    for line in sys.stdin:
        patience, *command = line.split()
        subprocess.run(["ip", *command], check=True)
        give_up_at = time.monotonic() + float(patience)
        while not (heard := ears.listen()) and time.monotonic() < give_up_at:
            time.sleep(0.01)
        print(heard)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="netlink is Linux's")
def test_a_real_kernel() -> None:
    """In a network namespace of its own: a cable, an address, a route, and a lease that is renewed."""
    if not shutil.which("unshare") or not shutil.which("ip"):
        pytest.skip("unshare(1) or ip(8) is not installed")
    veth = "link add eth7 type veth peer name vethx"
    probe = subprocess.run([*IN_A_NAMESPACE, "ip", *veth.split()], capture_output=True, text=True, check=False)
    if probe.returncode:
        pytest.skip(f"no network namespace can be had here: {probe.stderr.strip()}")
    story = [
        (veth, False),
        ("link set vethx up", False),
        ("link set eth7 up", True),
        ("link set eth7 mtu 1400", False),
        ("addr add 10.9.0.2/24 dev eth7", True),
        ("addr change 10.9.0.2/24 dev eth7 valid_lft 100 preferred_lft 100", False),
        ("route add default via 10.9.0.1", True),
        ("route replace default via 10.9.0.1", False),
        ("addr add 10.8.0.1/24 dev vethx", False),
        ("route del default", False),
        ("route add default via 10.9.0.1", True),
        ("link set vethx down", False),
        ("link set vethx up", True),
        ("link del eth7", False),
    ]
    ran = subprocess.run(
        [*IN_A_NAMESPACE, sys.executable, "-c", textwrap.dedent(PROGRAM)],
        input="".join(f"{5 if news else 0.1} {command}\n" for command, news in story),
        capture_output=True,
        text=True,
        check=True,
    )

    heard = [line == "True" for line in ran.stdout.split()]
    assert list(zip([command for command, _ in story], heard, strict=True)) == story
