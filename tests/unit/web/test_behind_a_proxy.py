"""The whole site under a path prefix, as a reverse proxy shows it: whatever a page refers to is found."""

import re
from collections.abc import AsyncIterator
from urllib.parse import urljoin, urlsplit

import aiohttp
import pytest
from aiohttp import web

from linda_bot.settings import Settings
from linda_bot.settings.values import HttpAddress
from linda_bot.web.doors import doors
from linda_bot.web.tcp import bind, reachable
from tests.support.fake_front import FakeFront

TOKEN = "sixteen-or-more-letters"
PREFIX = "/linda"
PAGES = ("", "login", "link", "link?once=x", "no-such-page", "?show_numbers=true")
_REFERENCE = re.compile(r"""\b(?:href|src|action|data-live)=["']([^"'#]*)["']""")
_NOT_LOOKED_AT = ("act", "sign-out", "link-code", "live", "link-live")
"""What is posted to, and what never ends."""


@pytest.fixture(params=["stripped", "passed on"])
async def public(request: pytest.FixtureRequest, front: FakeFront) -> AsyncIterator[str]:
    """Where a proxy shows the site, whether it strips the prefix or passes it on."""
    with bind(HttpAddress("127.0.0.1", 0)) as listener, bind(HttpAddress("127.0.0.1", 0)) as before:
        inner, outer = reachable(listener), reachable(before)
        url = f"http://localhost:{outer.port}{PREFIX}"
        front.job.settings = Settings(http=str(inner), http_token=TOKEN, http_url=url)  # type: ignore[arg-type]
        async with doors(front.as_front, listener), aiohttp.ClientSession() as session:

            async def hand_on(asked: web.Request) -> web.Response:
                path = asked.path_qs
                if request.param == "stripped":
                    path = path.removeprefix(PREFIX) or "/"
                body, headers = await asked.read(), {**asked.headers, "X-Forwarded-For": "192.0.2.7"}
                async with session.request(
                    asked.method, f"http://{inner}{path}", data=body, headers=headers, allow_redirects=False
                ) as answer:
                    kept = {name: value for name, value in answer.headers.items() if name in ("Location", "Set-Cookie")}
                    return web.Response(
                        body=await answer.read(), status=answer.status, content_type=answer.content_type, headers=kept
                    )

            proxy = web.Application()
            proxy.router.add_route("*", f"{PREFIX}{{rest:.*}}", hand_on)
            runner = web.AppRunner(proxy)
            await runner.setup()
            await web.SockSite(runner, before).start()
            yield f"{url}/"
            await runner.cleanup()


async def test_everything_that_a_page_refers_to_is_found(public: str) -> None:
    """No address leads out of the prefix, before and after the login; cookies are for the prefix only."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar()) as browser:
        seen = await _walk(browser, public)
        async with browser.post(urljoin(public, "login"), data={"token": TOKEN, "next": "status"}) as entered:
            assert (entered.status, str(entered.url)) == (200, public)
        (cookie,) = browser.cookie_jar
        assert cookie["path"] == PREFIX
        assert cookie["httponly"]
        more = await _walk(browser, public)

    assert {"static/style.css", "login", "link"} <= seen
    assert {"static/live.js", "live", "sign-out", "act"} <= more


async def _walk(browser: aiohttp.ClientSession, public: str) -> set[str]:
    """Look at each page, and at what it refers to; return what that is, below the prefix."""
    seen = set()
    for page in PAGES:
        async with browser.get(urljoin(public, page)) as answer:
            html = await answer.text()
            base = str(answer.url)
        for reference in _REFERENCE.findall(html):
            address = urljoin(base, reference)
            assert address.startswith(public), (page, reference)
            below = urlsplit(address).path.removeprefix(f"{PREFIX}/")
            if below not in seen and below not in _NOT_LOOKED_AT:
                async with browser.get(address) as found:
                    assert found.status in (200, 403), (page, reference, found.status)
            seen.add(below)
    return seen
