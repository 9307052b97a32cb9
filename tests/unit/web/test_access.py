"""Cookies, links and proxies at the web page: what each is worth, and when no longer."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiohttp.test_utils import make_mocked_request

from linda_bot.settings.values import HttpAddress
from linda_bot.web import gates
from linda_bot.web.access import Access
from linda_bot.web.cookies import Scope
from linda_bot.web.gates import SocketGate
from linda_bot.web.problems import RefusedError
from tests.support.web_door import TOKEN, Clock, Door, open_door

PUBLIC = "https://bots.example.org/linda"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def door(home: Path) -> AsyncIterator[Door]:
    """A door with a token."""
    async with open_door(home) as opened:
        yield opened


def access_of(home: Path, *, token: str | None = TOKEN, port: int = 8080, wall: Clock | None = None) -> Access:
    """Return the access of one start of a bot."""
    bound = HttpAddress("127.0.0.1", port)
    return Access(token=token, key_file=home / "sessions" / ".web-key", bound=bound, wall_clock=wall or Clock())


async def test_the_login(door: Door) -> None:
    """A cookie that no script and no other site can have; it is worth everything, and so is not asked for again."""
    answer = await door.ask("/login", "POST", form={"token": f" {TOKEN}\n", "next": "link"})
    name, _, words = answer.headers["set-cookie"].partition("=")
    value, *about = words.split("; ")
    assert (answer.status, answer.headers["location"], name) == (303, "link", f"linda-bot-{door.port}")
    assert set(about) == {"HttpOnly", "SameSite=Strict", "Max-Age=604800"}
    assert TOKEN not in value
    assert (await door.ask("/", cookie=answer.cookie)).status == 200
    assert (await door.ask("/login", cookie=answer.cookie)).headers["location"] == "./"
    empty = await door.ask("/login", "POST", form={})
    assert (empty.status, "set-cookie" in empty.headers) == (401, False)


async def test_a_cookie_in_other_hands(door: Door) -> None:
    """Changed, cut, made up, of another door, long: it proves nothing, and hurts nobody."""
    cookie = await door.log_in()
    name, _, value = cookie.partition("=")
    scope, until, identity, mac = value.split(".")
    made_up = [f"link.{until}.{identity}.{mac}", f"{scope}.{int(until) + 1}.{identity}.{mac}", value[:-1], value + "0"]
    made_up += [f"{scope}.{until}.{identity}", "", ".", "...", "x" * 7000, "é", '"', value.upper(), mac]
    for each in made_up:
        assert (await door.ask("/api/v1/status", cookie=f"{name}={each}")).status == 401
    assert (await door.ask("/api/v1/status", cookie=f"other={value}")).status == 401
    assert (await door.ask("/api/v1/status", cookie=f"other=1; {cookie}; more=2")).status == 200


def test_a_cookie_outlives_the_bot_but_not_its_time(home: Path) -> None:
    """Seven days for a login, an hour for a link; not another token, nor another key, nor at another door."""
    for scope, seconds in ((Scope.LOGIN, 7 * 86400), (Scope.LINK, 3600)):
        access = access_of(home)
        text, valid_s = access.cookie(scope)
        wall = Clock()
        again = access_of(home, wall=wall)
        assert valid_s == seconds
        assert again.visitor_with(text) == access.visitor_with(text) is not None
        wall.now += seconds
        assert again.visitor_with(text) is None
        assert access_of(home, token=TOKEN + "x").visitor_with(text) is None
        assert access_of(home, token=None).visitor_with(text) is None
        assert access_of(home, port=8081).visitor_with(text) is None
        (home / "sessions" / ".web-key").unlink()
        assert access_of(home).visitor_with(text) is None
    assert not (home / "sessions" / ".web-key").exists()  # looking makes none


async def test_signing_out_is_for_all_browsers(door: Door, home: Path) -> None:
    """What they had is worth nothing then, also after a restart."""
    mine, other, link = await door.log_in(), await door.log_in(), await door.come_by_link()
    csrf = door.csrf_of(mine)
    assert (await door.ask("/sign-out", "POST", form={"csrf": csrf}, cookie=link)).status == 403
    assert (await door.ask("/sign-out", "POST", form={})).headers["location"] == "login?next=status"
    assert (await door.ask("/", cookie=mine)).status == 200
    out = await door.ask("/sign-out", "POST", form={"csrf": csrf}, cookie=mine)
    assert (out.status, out.headers["location"]) == (303, "login")
    assert "Max-Age=0" in out.headers["set-cookie"]
    for cookie in (mine, other, link):
        assert (await door.ask("/", cookie=cookie)).status == 303
        assert access_of(home, port=door.port).visitor_with(cookie.partition("=")[2]) is None
    assert (await door.ask("/", cookie=await door.log_in())).status == 200


async def test_a_key_that_cannot_be_replaced(door: Door, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All browsers are signed out, and a person is told that it is not for good."""
    cookie = await door.log_in()
    csrf = door.csrf_of(cookie)
    (home / "sessions" / ".web-key").unlink()
    (home / "sessions" / ".web-key").mkdir()
    out = await door.ask("/sign-out", "POST", form={"csrf": csrf}, cookie=cookie)
    assert (out.status, "until the bot" in out.text) == (507, True)
    assert (await door.ask("/", cookie=cookie)).status == 303
    assert (await door.ask("/", cookie=await door.log_in())).status == 200


async def test_a_link_is_used_once(door: Door) -> None:
    """Looking at it does not use it up; who has used it sees the pairing page, and nothing else."""
    url, valid_s = door.access.invite()
    assert (url.partition("?")[0], valid_s) == (f"http://127.0.0.1:{door.port}/link", 900)
    ticket = url.partition("once=")[2]
    for _ in range(3):
        assert "set-cookie" not in (await door.ask(f"/link?once={ticket}")).headers
    used = await door.ask("/link", "POST", form={"once": ticket})
    assert (used.status, used.headers["location"]) == (303, "link")
    assert "Max-Age=3600" in used.headers["set-cookie"]
    again = await door.ask("/link", "POST", form={"once": ticket})
    assert (again.status, "linda-bot link" in again.text, "set-cookie" in again.headers) == (403, True, False)
    csrf = door.csrf_of(used.cookie)
    assert (await door.ask("/link-live", cookie=used.cookie)).status == 200
    assert (await door.ask("/link-code", "POST", form={"csrf": csrf}, cookie=used.cookie)).status == 200
    for path in ("/", "/api/v1/status", "/api/v1/events"):
        refused = await door.ask(path, cookie=used.cookie)
        assert (refused.status, "log in with the token" in refused.text) == (403, True)
    assert (await door.ask("/api/v1/pause", "POST", form={"csrf": csrf}, cookie=used.cookie)).status == 403
    assert door.changes == ["COOKIE"]


async def test_a_link_grows_old(door: Door) -> None:
    """After a quarter of an hour it is worth nothing."""
    ticket = door.access.invite()[0].partition("once=")[2]
    door.clock.now += 900
    assert (await door.ask("/link", "POST", form={"once": ticket})).status == 403


async def test_a_link_takes_nothing_away(door: Door) -> None:
    """Who has logged in stays logged in."""
    cookie = await door.log_in()
    csrf = door.csrf_of(cookie)
    ticket = door.access.invite()[0].partition("once=")[2]
    used = await door.ask("/link", "POST", form={"once": ticket, "csrf": csrf}, cookie=cookie)
    assert (used.status, "set-cookie" in used.headers) == (303, False)


async def test_where_no_token_is_set(home: Path) -> None:
    """Everybody on this machine may look; nobody is the owner; a link shows the codes."""
    async with open_door(home, token=None) as door:
        assert (await door.ask("/")).status == 200
        assert (await door.ask("/api/v1/status", headers=BEARER)).status == 200
        for answer in (
            await door.ask("/api/v1/pause", "POST", form={}),
            await door.ask("/api/v1/pause", "POST", headers=BEARER, form={}),
            await door.ask("/sign-out", "POST", form={}),
        ):
            assert (answer.status, "LINDA_HTTP_TOKEN" in answer.text) == (403, True)
        assert "linda-bot link" in (await door.ask("/link-live")).text
        login = await door.ask("/login")
        assert (login.status, "LINDA_HTTP_TOKEN" in login.text, "<form" in login.text) == (200, True, False)
        for token in ("", TOKEN, "None"):
            answer = await door.ask("/login", "POST", form={"token": token})
            assert (answer.status, "set-cookie" in answer.headers) == (200, False)
        cookie = await door.come_by_link()
        assert (await door.ask("/link-live", cookie=cookie)).status == 200
        assert (await door.ask("/", cookie=cookie)).status == 200
        assert door.changes == []


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "x-forwarded-host", "X-Real-IP", "Via"])
async def test_no_proxy_opens_the_door_to_the_world(home: Path, name: str) -> None:
    """Neither without a token, nor the control socket's."""
    async with open_door(home, token=None) as door:
        answer = await door.ask("/", headers={name: "127.0.0.1"})
        assert (answer.status, "LINDA_HTTP_TOKEN" in answer.text) == (403, True)
    async with open_door(home, gate=SocketGate()) as door:
        page = await door.ask("/")
        assert (page.status, 'href="login"' in page.text) == (200, False)  # whoever is in need not log in
        assert (await door.ask("/", headers={name: "127.0.0.1"})).status == 403


async def test_behind_a_proxy(home: Path) -> None:
    """Under its name and its path, whether it takes that off or not; cookies by https only."""
    async with open_door(home, url=PUBLIC) as door:
        url, _ = door.access.invite()
        assert url.startswith(f"{PUBLIC}/link?once=")
        outside = {"Origin": "https://bots.example.org", "X-Forwarded-For": "198.51.100.7"}
        for path in ("/login", "/linda/login"):
            for host in ("bots.example.org", "BOTS.example.org:443", f"127.0.0.1:{door.port}"):
                answer = await door.ask(path, "POST", headers=outside, form={"token": TOKEN}, host=host)
                assert (answer.status, answer.headers["location"]) == (303, "./")
                assert "Secure" in answer.headers["set-cookie"]
        assert (await door.ask("/linda/", cookie=answer.cookie)).status == 200
        assert (await door.ask("/linda/static/style.css")).status == 200
        bare = await door.ask("/linda")
        assert (bare.status, bare.headers["location"]) == (308, "linda/")
        for host in ("bots.example.org.evil.example", "example.org"):
            assert (await door.ask("/login", host=host)).status == 421
        foreign = {"Origin": "https://other.example.org"}
        assert (await door.ask("/login", "POST", headers=foreign, form={"token": TOKEN})).status == 403


async def test_guessing_behind_a_proxy(home: Path) -> None:
    """Each is counted by the address that the proxy saw, not by what they say themselves."""
    async with open_door(home, url=PUBLIC) as door:
        for number in range(10):
            lie = {"X-Forwarded-For": f"203.0.113.{number}, 198.51.100.7"}
            assert (await door.ask("/login", "POST", headers=lie, form={"token": "guess"})).status == 401
        lie = {"X-Forwarded-For": "203.0.113.99, 198.51.100.7"}
        assert (await door.ask("/login", "POST", headers=lie, form={"token": TOKEN})).status == 429
        other = {"X-Forwarded-For": "198.51.100.8"}
        assert (await door.ask("/login", "POST", headers=other, form={"token": TOKEN})).status == 303
        assert [getattr(event, "address", "") for event in door.events] == ["198.51.100.7"]
    async with open_door(home) as door:  # without a proxy nobody's word counts
        for number in range(10):
            lie = {"X-Forwarded-For": f"203.0.113.{number}"}
            assert (await door.ask("/login", "POST", headers=lie, form={"token": "guess"})).status == 401
        assert (await door.ask("/login", "POST", headers=BEARER, form={"token": TOKEN})).status == 429


def test_only_our_own_user_comes_by_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """And root; where the system does not tell, the socket's mode counts."""
    transport = SimpleNamespace(get_extra_info=lambda *_: None)
    request = make_mocked_request("GET", "/", headers={"Host": "localhost"}, transport=transport)
    for user, is_let_in in ((os.geteuid(), True), (0, True), (None, True), (54321, False)):
        monkeypatch.setattr(gates, "user_of", lambda _, user=user: user)
        if is_let_in:
            assert SocketGate().visitor(request).proof.name == "SOCKET"
        else:
            with pytest.raises(RefusedError, match="another user"):
                SocketGate().visitor(request)
