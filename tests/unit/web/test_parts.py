"""The live parts of a page: rendered once for all who look, as seldom as that is enough."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import cast

import aiohttp
import msgspec
import pytest
from aiohttp import web

from linda_bot.web.pages import parts as module
from linda_bot.web.pages.parts import BOOT, LiveParts, message


def now() -> float:
    """Return the event loop's time."""
    return asyncio.get_running_loop().time()


class Page:
    """A page of two parts, of which one says what it is told to."""

    def __init__(self) -> None:
        self.text = "a"
        self.rendered: list[float] = []
        self.failure: Exception | None = None
        self.hangs = False
        self.go_on = asyncio.Event()
        self.watchers = 0
        self._news = asyncio.Event()

    async def render(self) -> dict[str, str]:
        self.rendered.append(now())
        if self.hangs:
            await self.go_on.wait()
        if self.failure:
            raise self.failure
        return {"fixed": "<b>x</b>", "text": self.text}

    async def wait_for_news(self) -> None:
        await self._news.wait()
        self._news.clear()

    def say(self, text: str) -> None:
        """Change, and tell that there is news."""
        self.text = text
        self._news.set()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Count those who watch."""
        self.watchers += 1
        try:
            yield
        finally:
            self.watchers -= 1


class FakeBroadcast:
    """Keeps what is told instead of writing it to anybody."""

    made: "list[FakeBroadcast]" = []  # noqa: RUF012 (emptied by the fixture)

    def __init__(self, *, readers_at_most: int) -> None:
        self.told: list[tuple[float, bytes]] = []
        self.firsts: list[bytes] = []
        self.lost: Callable[[int], bytes] = lambda _count: b""
        self._end = asyncio.Event()
        self.made.append(self)

    def tell(self, data: bytes) -> None:
        self.told.append((now(), data))

    async def stream(
        self,
        request: web.Request,
        *,
        headers: Mapping[str, str],
        first: bytes,
        sign: bytes,
        lost: Callable[[int], bytes],
    ) -> web.StreamResponse:
        self.firsts.append(first)
        self.lost = lost
        await self._end.wait()
        return web.StreamResponse()

    async def close(self) -> None:
        self._end.set()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written to anybody."""
    FakeBroadcast.made.clear()
    monkeypatch.setattr(module, "Broadcast", FakeBroadcast)


@asynccontextmanager
async def watched(page: Page, *, readers: int = 1) -> AsyncIterator[FakeBroadcast]:
    """Have readers look at a page."""
    live = LiveParts(page.render, page.wait_for_news, readers_at_most=9, while_watched=page.watched)
    nobody = cast("web.Request", None)
    tasks = [asyncio.create_task(live.stream(nobody)) for _ in range(readers)]
    await asyncio.sleep(0.01)
    yield FakeBroadcast.made[-1]
    await live.close()
    await asyncio.gather(*tasks)


@pytest.mark.looptime
@pytest.mark.usefixtures("fake")
async def test_rendered_once_for_all_and_not_at_all_for_nobody() -> None:
    """Whoever comes later gets what is there."""
    page = Page()
    async with watched(page, readers=5) as told:
        assert len(page.rendered) == 1
        assert page.watchers == 1
        assert told.firsts == [told.firsts[0]] * 5
        assert told.firsts[0].endswith(message("parts", {"fixed": "<b>x</b>", "text": "a"}))
    assert page.watchers == 0
    await asyncio.sleep(100)
    assert len(page.rendered) == 1


@pytest.mark.looptime
@pytest.mark.usefixtures("fake")
async def test_who_comes_later_is_not_set_back() -> None:
    """What was rendered a while ago is rendered again for all who come then, once; what is fresh is good enough."""
    page = Page()
    live = LiveParts(page.render, page.wait_for_news, readers_at_most=9)
    nobody = cast("web.Request", None)
    tasks = [asyncio.create_task(live.stream(nobody))]
    await asyncio.sleep(10)
    page.text = "b"  # which is no news
    tasks += [asyncio.create_task(live.stream(nobody)) for _ in range(5)]
    await asyncio.sleep(0.5)
    tasks += [asyncio.create_task(live.stream(nobody))]
    await asyncio.sleep(0.1)
    told = FakeBroadcast.made[-1]
    assert len(page.rendered) == 2
    assert all(first.endswith(message("parts", {"fixed": "<b>x</b>", "text": "b"})) for first in told.firsts[1:])
    assert told.told[1:] == [(10.0, message("parts", {"text": "b"}))]
    await live.close()
    await asyncio.gather(*tasks)


@pytest.mark.looptime
@pytest.mark.usefixtures("fake")
async def test_much_news_is_one_rendering_a_second() -> None:
    """And the last word of it is told, with nothing that has not changed."""
    page = Page()
    async with watched(page) as told:
        for number in range(100):
            page.say(str(number))
            await asyncio.sleep(0.05)
        await asyncio.sleep(2)
        gaps = [later - earlier for earlier, later in zip(page.rendered, page.rendered[1:], strict=False)]
        assert min(gaps) >= 1
        assert len(page.rendered) == pytest.approx(6, abs=1)
        assert told.told[-1][1] == message("parts", {"text": "99"})


@pytest.mark.looptime
@pytest.mark.usefixtures("fake")
async def test_without_news_every_half_minute() -> None:
    """Times go on; where nothing is other than before nothing is told."""
    page = Page()
    async with watched(page) as told:
        await asyncio.sleep(95)
        assert [round(at) for at in page.rendered] == [0, 30, 60, 90]
        assert told.told[1:] == []


@pytest.mark.looptime
@pytest.mark.usefixtures("fake")
async def test_a_failure_is_logged_once_and_passes(caplog: pytest.LogCaptureFixture) -> None:
    """The readers keep what they have, and get what comes after it; the next failure is another one."""
    page = Page()
    async with watched(page) as told:
        page.failure = OSError("the disk is gone")
        for _ in range(5):
            page.say("unseen")
            await asyncio.sleep(2)
        assert len(caplog.records) == 1
        page.failure = None
        page.say("b")
        await asyncio.sleep(2)
        assert told.told[-1][1] == message("parts", {"text": "b"})
        page.hangs = True
        page.say("c")
        await asyncio.sleep(module.RENDERED_WITHIN_S + 2)
        assert len(caplog.records) == 2


@pytest.mark.looptime
@pytest.mark.usefixtures("fake")
async def test_who_comes_while_nothing_can_be_rendered() -> None:
    """Is greeted all the same."""
    page = Page()
    page.failure = ValueError("a bug")
    async with watched(page) as told:
        assert told.firsts == [b"retry: 1000\n" + message("hello", {"boot": BOOT})]


@pytest.mark.looptime
@pytest.mark.usefixtures("fake")
async def test_news_that_fail(caplog: pytest.LogCaptureFixture) -> None:
    """The parts are rendered now and then all the same, and it is logged once."""
    page = Page()

    async def fails() -> None:
        raise ValueError("a bug")

    live = LiveParts(page.render, fails, readers_at_most=1)
    task = asyncio.create_task(live.stream(cast("web.Request", None)))
    await asyncio.sleep(95)
    assert [round(at) for at in page.rendered] == [0, 30, 60, 90]
    assert len(caplog.records) == 1
    await live.close()
    await task


@pytest.mark.looptime
@pytest.mark.usefixtures("fake")
async def test_who_has_missed_something_loads_the_page_again() -> None:
    """The parts there may be any."""
    async with watched(Page()) as told:
        assert told.lost(3) == b"event: reload\ndata: {}\n\n"


def test_a_message_is_one_line_whatever_is_in_it() -> None:
    """No text can end a message or begin another."""
    said = message("parts", {"a": "x\n\nevent: reload\r\ndata: 1\r", "b": "half \ud800 pair"})
    head, _, data = said.partition(b"\n")
    assert head == b"event: parts"
    assert data.endswith(b"\n\n")
    assert b"\n" not in data[:-2]
    assert b"\r" not in data
    assert msgspec.json.decode(data.removeprefix(b"data: ")) == {
        "a": "x\n\nevent: reload\r\ndata: 1\r",
        "b": "half ? pair",
    }


@asynccontextmanager
async def served(live: LiveParts) -> AsyncIterator[str]:
    """Serve the stream; yields its address."""
    application = web.Application()
    application.router.add_get("/", live.stream)

    async def end(_application: web.Application) -> None:
        await live.close()

    application.on_shutdown.append(end)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def test_over_http() -> None:
    """A browser gets a greeting, the parts, and what changes, as events."""
    page = Page()
    live = LiveParts(page.render, page.wait_for_news, readers_at_most=1, every_s=0.01)
    async with aiohttp.ClientSession() as session:
        async with served(live) as address:
            response = await session.get(address)
            assert response.headers["Content-Type"] == "text/event-stream"
            assert response.headers["Cache-Control"] == "no-store"
            greeting = await response.content.readuntil(b"\n\n")
            assert greeting == b"retry: 1000\n" + message("hello", {"boot": BOOT})
            first = await response.content.readuntil(b"\n\n")
            assert first == message("parts", {"fixed": "<b>x</b>", "text": "a"})
            page.say("b")
            assert await response.content.readuntil(b"\n\n") == message("parts", {"text": "b"})
            assert (await session.get(address)).status == 503
        assert await response.content.read() == b""


async def test_who_leaves_before_anything_is_there(caplog: pytest.LogCaptureFixture) -> None:
    """Is nothing to talk about."""
    page = Page()
    page.hangs = True
    live = LiveParts(page.render, page.wait_for_news, readers_at_most=1, while_watched=page.watched)
    async with served(live) as address:
        _, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2].strip("/")))
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with asyncio.timeout(5):
            while not page.rendered:
                await asyncio.sleep(0.01)
            writer.close()
            await asyncio.sleep(0.05)
            page.go_on.set()
            while page.watchers:
                await asyncio.sleep(0.01)
    assert caplog.records == []
