"""All of it together, on a port: what one part does to another."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from linda_bot.settings import Settings
from linda_bot.settings.values import HttpAddress
from linda_bot.web.doors import doors
from linda_bot.web.events import PageOpened
from linda_bot.web.tcp import bind, reachable
from tests.support.fake_front import FakeFront

TOKEN = "sixteen-or-more-letters"


@pytest.fixture
async def address(front: FakeFront) -> AsyncIterator[str]:
    """Where a bot's page is; it has a token."""
    with bind(HttpAddress("127.0.0.1", 0)) as listener:
        place = reachable(listener)
        front.job.settings = Settings(http=str(place), http_token=TOKEN)  # type: ignore[arg-type]
        async with doors(front.as_front, listener):
            yield f"http://localhost:{place.port}/"


async def test_signing_out_ends_what_the_other_browsers_see_live(address: str) -> None:
    """Who was let in by a cookie that is void now is sent to the login."""
    async with aiohttp.ClientSession(address) as mine, aiohttp.ClientSession(address) as other:
        for browser in (mine, other):
            async with browser.post("login", data={"token": TOKEN}) as entered:
                assert entered.status == 200
        async with other.get("live") as stream, other.get("api/v1/events") as events:
            assert (await stream.content.readline()).startswith(b"retry")
            async with mine.post("sign-out", data={"csrf": _csrf_of(await _page(mine))}) as out:
                assert str(out.url).endswith("/login")
            async with asyncio.timeout(5):
                await stream.content.read()
                await events.content.read()
        async with other.get("live") as stream:
            assert stream.status == 401


async def test_that_the_page_is_open_is_told(front: FakeFront) -> None:
    """With the address that a browser takes; and not before."""
    with bind(HttpAddress("127.0.0.1", 0)) as listener, front.bus.subscribe(PageOpened, name="test") as told:
        place = reachable(listener)
        front.job.settings = Settings(http=str(place))  # type: ignore[arg-type]
        async with doors(front.as_front, listener):
            async with asyncio.timeout(5):
                event = await told.next()
            assert event.address == f"http://{place}/"
            async with aiohttp.ClientSession() as session, session.get(event.address) as answer:
                assert answer.status == 200


async def _page(browser: aiohttp.ClientSession) -> str:
    async with browser.get("") as answer:
        return await answer.text()


def _csrf_of(html: str) -> str:
    return html.partition('name="csrf" value="')[2].partition('"')[0]
