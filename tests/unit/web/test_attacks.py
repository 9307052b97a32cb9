"""What an attacker's page, a stranger and a wrong guess get at the web page: nothing."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from linda_bot.web.events import AccessRefused
from linda_bot.web.gates import SocketGate
from linda_bot.web.headers import FIXED
from linda_bot.web.visitors import Proof, Right, Visitor
from tests.support.web_door import TOKEN, Answer, Door, open_door

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BEARER = {"Authorization": f"Bearer {TOKEN}"}
EVERYTHING = ["/", "/link-live", "/api/v1/status", "/api/v1/events", "/nothing", "/api/v1/nothing"]


@pytest.fixture
async def door(home: Path) -> AsyncIterator[Door]:
    """A door with a token."""
    async with open_door(home) as opened:
        yield opened


@pytest.fixture
async def open_to_all(home: Path) -> AsyncIterator[Door]:
    """A door without a token, which only this machine can reach."""
    async with open_door(home, token=None) as opened:
        yield opened


def refusals(door: Door) -> list[str]:
    """Return what was told of those who were not let in."""
    return [event.what for event in door.events if isinstance(event, AccessRefused)]


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "notlocalhost", "0x7f.1"],
)
async def test_dns_rebinding(open_to_all: Door, host: str) -> None:
    """A name that an attacker lets lead here is refused, whatever is asked for, also where everybody may look."""
    for path in ["/", "/login", "/healthz", "/static/style.css", "/nothing", "/api/v1/status"]:
        answer = await open_to_all.ask(path, host=host)
        assert answer.status == 421
        assert "LINDA_HTTP_URL" in answer.text
    assert refusals(open_to_all) == ["a host name that is not the bot's"]


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "a.localhost", "localhost.", "127.0.0.1", "192.168.1.5:80", "[::1]:8080"]
)
async def test_names_that_nobody_can_point_here(open_to_all: Door, host: str) -> None:
    """This machine's own, and addresses in figures."""
    assert (await open_to_all.ask("/", host=host)).status == 200


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"Host: localhost\r\nHost: evil.example\r\n",
        b"Host: \r\n",
        b"Host: localhost evil.example\r\n",
        b"Host: local\xc3\xa9\r\n",
        b"Host: a@localhost\r\n",
        b"Host: localhost:99999x\r\n",
        b"Host: [::1\r\n",
        b"Host: localhost/..\r\n",
        b"Host: localhost\r\n evil.example\r\n",
    ],
)
async def test_no_host_or_no_good_one(open_to_all: Door, head: bytes) -> None:
    """It must be one, and well formed."""
    answer = await open_to_all.say(b"GET / HTTP/1.1\r\n" + head + b"Connection: close\r\n\r\n")
    assert answer.status == 400
    assert "evil" not in answer.text


async def test_an_address_in_full(open_to_all: Door) -> None:
    """It goes before the head, so that both must say the same."""
    for target, status in (("http://localhost/", 200), ("http://evil.example/", 400), ("ftp://localhost/", 200)):
        words = f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        assert (await open_to_all.say(words.encode())).status == status
    words = "GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    assert (await open_to_all.say(words.encode())).status == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://localhost:PORT"},
        {"Origin": "https://127.0.0.1:PORT"},
        {"Origin": "http://127.0.0.1:PORT.evil.example"},
        {"Origin": "http://127.0.0.1:PORT, https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:PORT"},
    ],
)
@pytest.mark.parametrize("gate", ["page", "socket"])
async def test_another_site_changes_nothing(home: Path, headers: dict[str, str], gate: str) -> None:
    """Whoever the browser is, whatever it could prove, and also where a port leads to the control socket."""
    async with open_door(home, gate=SocketGate() if gate == "socket" else None) as door:
        cookie = await door.log_in()
        csrf = "" if gate == "socket" else door.csrf_of(cookie)
        said = {name: value.replace("PORT", str(door.port)) for name, value in headers.items()}
        for path in ("/api/v1/pause", "/link-code", "/link", "/login", "/sign-out"):
            for shown in ({}, BEARER, {"Cookie": cookie}):
                answer = await door.ask(path, "POST", headers=said | shown, form={"csrf": csrf, "token": TOKEN})
                assert answer.status == 403
                assert "set-cookie" not in answer.headers
        assert door.changes == []


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "http://127.0.0.1:PORT", "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}]
)
async def test_a_form_of_ours(door: Door, headers: dict[str, str]) -> None:
    """It shows that it comes from a page that this browser was given."""
    cookie = await door.log_in()
    assert f'name="csrf" value="{door.csrf_of(cookie)}"' in (await door.ask("/", cookie=cookie)).text
    csrf = door.csrf_of(cookie)
    said = {name: value.replace("PORT", str(door.port)) for name, value in headers.items()}
    assert (await door.ask("/api/v1/pause", "POST", headers=said, form={"csrf": csrf}, cookie=cookie)).status == 200
    assert (await door.ask("/link-code", "POST", headers=said | {"X-CSRF-Token": csrf}, cookie=cookie)).status == 200
    assert door.changes == ["COOKIE", "COOKIE"]


async def test_a_cookie_alone_changes_nothing(door: Door) -> None:
    """Without the word from the page, with another browser's, in a form that a page cannot read, in the address."""
    cookie, other = await door.log_in(), await door.log_in()
    foreign = door.csrf_of(other)
    csrf = door.csrf_of(cookie)
    for form in (None, {}, {"csrf": ""}, {"csrf": foreign}, {"csrf": csrf[:-1]}, {"csrf": csrf + "é"}):
        for path in ("/api/v1/pause", "/link-code", "/sign-out"):
            assert (await door.ask(path, "POST", form=form, cookie=cookie)).status == 403
    for kind in ("text/plain", "multipart/form-data; boundary=x", "application/json"):
        words = {"Content-Type": kind}
        assert (await door.ask("/link-code", "POST", headers=words, form={"csrf": csrf}, cookie=cookie)).status == 403
    assert (await door.ask(f"/link-code?csrf={csrf}", "POST", form={}, cookie=cookie)).status == 403
    long = {"csrf": csrf, "more": "x" * 9000}
    assert (await door.ask("/link-code", "POST", form=long, cookie=cookie)).status == 413
    assert door.changes == []


class Forgetful:
    """A gate that gives a browser no word for its forms."""

    def visitor(self, _request: web.Request) -> Visitor:
        return Visitor(Right.ALL, Proof.COOKIE)


async def test_no_word_is_no_word(home: Path) -> None:
    """Where none is expected, none is right, and the empty one neither."""
    async with open_door(home, gate=Forgetful()) as door:
        for form in (None, {}, {"csrf": ""}):
            assert (await door.ask("/api/v1/pause", "POST", form=form)).status == 403
        assert (await door.ask("/api/v1/status")).status == 200


async def test_without_a_token_everything_is_shut(door: Door) -> None:
    """A program is told how to show it, a person is sent to where it is asked for."""
    for path in EVERYTHING:
        answer = await door.ask(path)
        assert answer.status in {303, 401, 404}
        assert "asked by" not in answer.text
    status = await door.ask("/api/v1/status")
    assert (status.status, status.headers["www-authenticate"]) == (401, "Bearer")
    page = await door.ask("/")
    assert (page.status, page.headers["location"]) == (303, "login?next=status")
    code = await door.ask("/link-code", "POST", form={})
    assert (code.status, code.headers["location"]) == (303, "login?next=link")
    assert (await door.ask("/api/v1/pause", "POST", form={})).status == 401
    assert door.changes == []
    for path in ("/healthz", "/login", "/link", "/static/style.css"):
        assert (await door.ask(path)).status == 200


async def test_nobody_learns_what_else_there_is(door: Door) -> None:
    """Neither that a path takes another method; HEAD works where GET does, but for streams."""
    for path, method in (("/api/v1/status", "DELETE"), ("/login", "PUT"), ("/nothing", "GET"), ("/", "OPTIONS")):
        answer = await door.ask(path, method)
        assert answer.status == 404
        assert "allow" not in answer.headers
    assert (await door.ask("/api/v1/status", "DELETE", headers=BEARER)).status == 405
    head = await door.ask("/api/v1/status", "HEAD", headers=BEARER)
    assert (head.status, head.text) == (200, "")
    assert (await door.ask("/api/v1/events", "HEAD", headers=BEARER)).status == 405


async def test_wrong_tokens(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing of them is repeated; a token in an address, or by another scheme, is none."""
    for said in (TOKEN[:-1], TOKEN + "x", "", TOKEN.upper(), "\udcff\udcfe"):
        answer = await door.ask("/api/v1/status", headers={"Authorization": f"Bearer {said}"})
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert len(said) < 5 or said not in answer.text
    for path in (f"/api/v1/status?token={TOKEN}", f"/api/v1/status?access_token={TOKEN}"):
        assert (await door.ask(path)).status == 401
    assert (await door.ask("/api/v1/status", headers={"Authorization": f"Basic {TOKEN}"})).status == 401
    assert "BEARER" in (await door.ask("/api/v1/status", headers={"Authorization": f"bearer {TOKEN}"})).text
    assert "NONE" in (await door.ask("/healthz", headers={"Authorization": "Bearer old"})).text
    assert TOKEN[:-1] not in caplog.text + repr(door.events)


async def test_guessing(door: Door) -> None:
    """Ten wrong ones a minute, of whatever kind; the right one waits too then. Who is in stays in."""
    cookie = await door.log_in()
    for number in range(4):
        wrong = await door.ask("/login", "POST", form={"token": f"<b>guess-{number}"})
        assert wrong.status == 401
        assert 'role="alert"' in wrong.text
        assert "guess" not in wrong.text
        assert (await door.ask("/link", "POST", form={"once": f"guess-{number}"})).status == 403
    for _ in range(2):
        assert (await door.ask("/api/v1/status", headers={"Authorization": "Bearer guess"})).status == 401
    ticket = door.access.invite()[0].partition("once=")[2]
    for answer in (
        await door.ask("/api/v1/status", headers=BEARER),
        await door.ask("/login", "POST", form={"token": TOKEN}),
        await door.ask("/link", "POST", form={"once": ticket}),
    ):
        assert answer.status == 429
        assert 0 < int(answer.headers["retry-after"]) <= 60
        assert "set-cookie" not in answer.headers
    assert (await door.ask("/", cookie=cookie)).status == 200
    assert len(refusals(door)) == 1  # told once a minute
    door.clock.now += 60
    assert (await door.ask("/api/v1/status", headers=BEARER)).status == 200
    assert (await door.ask("/link", "POST", form={"once": ticket})).status == 303


def has_our_headers(answer: Answer) -> bool:
    """Return whether an answer says all that each must say, and nothing of what we are made with."""
    fixed = {name: answer.headers.get(name.lower()) for name in FIXED}
    policy = answer.headers["content-security-policy"]
    return fixed == dict(FIXED) and "unsafe" not in policy and not re.search("aiohttp|Python", str(answer.headers))


async def test_every_answer_protects_itself(door: Door) -> None:
    """Found or not, right or wrong, page, file or stream."""
    for path in ("/", "/login", "/static/style.css", "/nothing", "/fails", "/fails-as-page", "/healthz"):
        for headers in ({}, BEARER):
            answer = await door.ask(path, headers=headers)
            assert has_our_headers(answer), path
            assert ("no-store" in answer.headers["cache-control"]) is not path.startswith("/static")
    for method in ("DELETE", "POST"):
        assert has_our_headers(await door.ask("/api/v1/status", method, headers=BEARER))
    assert has_our_headers(await door.ask("/api/v1/events", headers=BEARER))
    assert has_our_headers(await door.ask("/", host="evil.example"))
    assert has_our_headers(await door.say(b"\x16\x03\x01junk\r\n\r\n"))
