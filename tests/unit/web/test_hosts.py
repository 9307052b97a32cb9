"""Names, addresses and what a proxy says."""

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from linda_bot.web.hosts import address_of, check_way, is_our_name, public_of
from linda_bot.web.problems import RefusedError


@pytest.mark.parametrize(
    ("url", "origin", "prefix"),
    [
        ("https://bots.example.org/linda", "https://bots.example.org", "/linda"),
        ("https://bots.example.org:443", "https://bots.example.org", ""),
        ("http://bots.example.org:80/", "http://bots.example.org", ""),
        ("http://Bots.example.org:8443/a/b/", "http://bots.example.org:8443", "/a/b"),
    ],
)
def test_the_public_address(url: str, origin: str, prefix: str) -> None:
    """As a browser names the site: without the usual port."""
    public = public_of(url)
    assert (public.origin, public.prefix) == (origin, prefix)


@given(st.from_regex(r"[a-z0-9.-]{1,30}\.(com|example|localhost\.org)", fullmatch=True))
def test_no_other_name(name: str) -> None:
    """Each could be led here by somebody."""
    assert not is_our_name(name, frozenset({"bots.example.org"}))
    assert is_our_name(name, frozenset({name}))


@given(st.ip_addresses())
def test_figures_are_ours(address: object) -> None:
    """A browser that says them has gone there."""
    assert is_our_name(str(address), frozenset())
    assert is_our_name(f"[{address}]", frozenset())


@given(st.text(max_size=60))
def test_any_host(host: str) -> None:
    """It is answered or refused, nothing else."""
    request = make_mocked_request("POST", "/", headers={"Host": host, "Origin": f"http://{host}"})
    is_ours = True
    try:
        check_way(request, public_of("https://bots.example.org/linda"))
    except RefusedError:
        is_ours = False
    name = host.partition(":")[0].lower().removesuffix(".")
    if is_ours:
        assert host.startswith("[") or name.endswith("localhost") or name[:1].isdigit() or name == "bots.example.org"
    else:
        assert name not in {"localhost", "127.0.0.1"} or ":" in host


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ((), "127.0.0.1"),
        (("198.51.100.7",), "198.51.100.7"),
        (("203.0.113.1, 198.51.100.7",), "198.51.100.7"),
        (("198.51.100.7", "2001:db8::1"), "2001:db8::1"),
        (("198.51.100.7, \x1b[2J",), "127.0.0.1"),
        (("198.51.100.7,",), "127.0.0.1"),
        (("unknown",), "127.0.0.1"),
    ],
)
def test_where_it_comes_from(said: tuple[str, ...], found: str) -> None:
    """The last one that the proxy has named; the peer where it names none, and where there is no proxy."""
    head = CIMultiDict([("X-Forwarded-For", each) for each in said])
    request = make_mocked_request("GET", "/", headers=head).clone(remote="127.0.0.1")
    assert address_of(request, behind_proxy=True) == found
    assert address_of(request, behind_proxy=False) == "127.0.0.1"
    assert address_of(request.clone(remote="192.0.2.9"), behind_proxy=True) == "192.0.2.9"
