"""Words of strangers' in addresses, heads and pages: they stay words."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.web_door import TOKEN, Door, open_door

BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def door(home: Path) -> AsyncIterator[Door]:
    """A door with a token."""
    async with open_door(home) as opened:
        yield opened


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../../../../../etc/passwd",
        "/static/..%2f..%2f..%2fetc%2fpasswd",
        "/static/%2e%2e/%2e%2e/access.py",
        "/static/..%5c..%5caccess.py",
        "/static/%252e%252e%252faccess.py",
        "/static/....//access.py",
        "/static//etc/passwd",
        "/static/",
        "/static/style.css%00.js",
        "/static/../templates/base.html",
        "//etc/passwd",
        "/api/v1/../../sessions/.web-key",
    ],
)
async def test_path_traversal(door: Door, path: str) -> None:
    """There is no file behind an address, so none is found by going up."""
    answer = await door.ask(path, headers=BEARER)
    assert answer.status in {400, 404}
    assert not re.search("root:|def |block", answer.text)


@pytest.mark.parametrize("place", ["https://evil.example", "//evil.example", "\\\\evil.example", "javascript:alert(1)"])
async def test_no_open_redirect(door: Door, place: str) -> None:
    """Where one goes after the login is one of our pages, by its name."""
    answer = await door.ask("/login", "POST", form={"token": TOKEN, "next": place})
    assert (answer.status, answer.headers["location"]) == (303, "./")
    assert "evil" not in (await door.ask(f"/login?next={place}")).text
    answer = await door.ask("/login", "POST", form={"token": TOKEN, "next": "link"})
    assert answer.headers["location"] == "link"
    assert (await door.ask("/login?next=link", headers=BEARER)).headers["location"] == "link"


async def test_header_injection(door: Door) -> None:
    """A line break in a word is part of the word, or the request is none."""
    evil = "%0d%0aSet-Cookie:%20evil=1%0d%0a%0d%0a<b>"
    for path in (f"/login?next={evil}", f"/link?once={evil}", f"/nothing{evil}", f"/wrong?name={evil}"):
        for headers in ({}, BEARER, {"Accept": "text/html"}):
            answer = await door.ask(path, headers=headers)
            assert "evil" not in str(answer.headers)
            assert "<b>" not in answer.text or answer.headers["content-type"] == "application/problem+json"
    form = {"token": TOKEN, "next": "link\r\nSet-Cookie: evil=1", "once": "\r\nSet-Cookie: evil=1"}
    for path in ("/login", "/link"):
        assert "evil" not in str((await door.ask(path, "POST", form=form)).headers)
    split = await door.raw(b"GET /login?next=a\r\nSet-Cookie: evil=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b" 400 " in split.partition(b"\r\n")[0]
    assert b"evil" not in split
    for bad in ("a\rb", "a\nSet-Cookie: evil=1", "a\x00b"):
        answer = await door.ask("/", headers={"X-Odd": bad})
        assert "evil" not in str(answer.headers)


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "{{7*7}}"])
async def test_markup_in_words_of_strangers(door: Door, evil: str) -> None:
    """Problems are shown as text, on pages as in JSON; there is no script in a page, and no style."""
    quoted = "".join(f"%{byte:02x}" for byte in evil.encode())
    browser = {"Accept": "text/html", **BEARER}
    for path in (f"/nothing{quoted}", f"/wrong?name={quoted}", "/fails-as-page", f"/login?next={quoted}"):
        answer = await door.ask(path, headers=browser)
        assert answer.status in {303, 400, 404, 500}
        assert "<" not in evil or evil not in answer.text
        assert not re.search(r"<(script|img|style)|<[^>]*\s(style|on\w+)=|49", answer.text)
    program = await door.ask(f"/nothing{quoted}", headers=BEARER)
    assert program.headers["content-type"] == "application/problem+json"


async def test_a_problem_is_a_page_for_a_person(door: Door) -> None:
    """With the same words, and with addresses that lead back from however deep it is."""
    page = await door.ask("/a/b/c", headers={"Accept": "text/html,*/*", **BEARER})
    assert (page.status, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "there is no /a/b/c" in page.text
    assert 'href="../../static/style.css"' in page.text
    assert 'href="static/style.css"' in (await door.ask("/", headers=BEARER)).text


async def test_odd_forms(door: Door) -> None:
    """What is no form of ours is refused in plain words."""
    to_login = b"POST /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: "
    form = b"application/x-www-form-urlencoded"
    for kind, body, status in (
        (form, b"token=\xff\xfe", 400),
        (form, b"\xff\xfe", 400),
        (form, b"token=%ff%fe", 401),
        (form + b"; charset=utf-7", b"token=+ADw-", 401),
        (form, b"&".join([b"a=1"] * 100), 400),
        (b"multipart/form-data; boundary=x", b"--x--", 415),
        (b"application/json", b"{}", 415),
        (form, b"token=" + b"x" * 9000, 413),
    ):
        answer = await door.say(to_login + kind + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        assert answer.status == status, body[:20]
        assert "set-cookie" not in answer.headers
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    chunked = to_login + form + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 3 + b"0\r\n\r\n"
    assert (await door.say(chunked)).status == 413
