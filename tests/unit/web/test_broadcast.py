"""The same bytes for many readers: who gets what, when, and what becomes of those who are slow."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from linda_bot.web import broadcast
from linda_bot.web.broadcast import AT_ONCE, BACKLOG, EVERY_S, PAUSE_S, Broadcast
from linda_bot.web.readers import SIGN_EVERY_S, TAKES_NOTHING_S, Reader

ROOM = 1000
SIGN, FIRST = b"~", b"^"


def now() -> float:
    """Return the event loop's time."""
    return asyncio.get_running_loop().time()


class FakeWire:
    """A connection with room for a thousand bytes that nobody takes out, unless they do at once."""

    def __init__(self, *, quick: bool = True) -> None:
        self.quick = quick
        self.heard = b""
        self.waiting = b""
        self.writes: list[tuple[float, bytes]] = []
        self.is_gone = False
        self.was_aborted = False
        self.trouble: Exception | None = None

    def is_closed(self) -> bool:
        return self.is_gone

    def unsent(self) -> int:
        return max(len(self.waiting) - ROOM, 0)

    async def write(self, data: bytes) -> None:
        if self.trouble:
            raise self.trouble
        self.writes.append((now(), data))
        self.waiting += data
        if self.quick:
            self.take(len(self.waiting))

    def abort(self) -> None:
        self.is_gone = self.was_aborted = True

    def take(self, size: int) -> None:
        """Read some of what has come."""
        self.heard += self.waiting[:size]
        self.waiting = self.waiting[size:]


@asynccontextmanager
async def followed(told: Broadcast, *wires: FakeWire) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Have readers follow."""

    def lost(count: int) -> bytes:
        return b"[%d lost]" % count

    readers = [Reader(wire, 0, sign=SIGN, lost=lost) for wire in wires]
    tasks = [asyncio.create_task(told.follow(reader, FIRST)) for reader in readers]
    await asyncio.sleep(0.001)
    yield tasks
    await told.close()
    await asyncio.gather(*tasks)


@pytest.mark.looptime
async def test_everybody_gets_the_same_in_few_writes() -> None:
    """What comes together goes out together, after a quarter of a second at the latest; the bytes are the same ones."""
    wires = [FakeWire() for _ in range(200)]
    told = Broadcast(readers_at_most=200)
    told.tell(b"to nobody")
    async with followed(told, *wires):
        await asyncio.sleep(1)
        began_at = now()
        for number in range(20):
            told.tell(b"%d," % number)
            await asyncio.sleep(0.002)
        await asyncio.sleep(1)
        for wire in wires:
            (_, first), (written_at, data) = wire.writes
            assert (first, data) == (FIRST, b"".join(b"%d," % number for number in range(20)))
            assert written_at - began_at <= 0.25
            assert data is wires[0].writes[1][1]
    assert told.readers == 0


@pytest.mark.looptime
async def test_the_event_loop_is_free_in_between() -> None:
    """Only a few are written to at one moment."""
    wires = [FakeWire() for _ in range(100)]
    told = Broadcast(readers_at_most=100)
    async with followed(told, *wires):
        await asyncio.sleep(1)
        told.tell(b"x")
        await asyncio.sleep(1)
        moments = [wire.writes[1][0] for wire in wires]
    assert max(moments.count(moment) for moment in moments) == AT_ONCE
    assert max(moments) - min(moments) == pytest.approx(PAUSE_S * (len(wires) // AT_ONCE), abs=0.001)


@pytest.mark.looptime
async def test_a_lively_time_is_four_writes_a_second() -> None:
    """And nothing is missing, in order."""
    wire = FakeWire()
    told = Broadcast(readers_at_most=1)
    async with followed(told, wire):
        for number in range(1000):
            told.tell(b"%d," % number)
            await asyncio.sleep(0.01)
        await asyncio.sleep(1)
    gaps = [later - earlier for (earlier, _), (later, _) in zip(wire.writes[1:], wire.writes[2:], strict=False)]
    assert min(gaps) >= EVERY_S - 0.001
    assert len(wire.writes) == pytest.approx(10 / EVERY_S, abs=3)
    assert wire.heard == FIRST + b"".join(b"%d," % number for number in range(1000))


@pytest.mark.looptime
async def test_a_flood_does_not_wait_for_its_turn() -> None:
    """A reader who is quick misses nothing of it."""
    wire = FakeWire()
    told = Broadcast(readers_at_most=1)
    message = b"x" * 1000
    async with followed(told, wire):
        for _ in range(2000):  # 5 MB a second
            told.tell(message)
            await asyncio.sleep(0.0002)
    assert wire.heard == FIRST + message * 2000


@pytest.mark.looptime
async def test_a_slow_reader_loses_the_oldest_and_is_told_how_many() -> None:
    """Whole messages, and nobody else loses any; nothing piles up for them, and once they read they are up to date."""
    slow, quick = FakeWire(quick=False), FakeWire()
    told = Broadcast(readers_at_most=2)
    message = b"<" + b"x" * 998 + b">"
    async with followed(told, slow, quick):
        told.tell(message * 2)
        await asyncio.sleep(1)
        for _ in range(1000):
            told.tell(message)
            await asyncio.sleep(0.001)
        assert len(slow.waiting) < 5000
        slow.quick = True
        slow.take(len(slow.waiting))
        await asyncio.sleep(1)
        told.tell(b"the end")
        await asyncio.sleep(1)
        assert quick.heard == FIRST + message * 1002 + b"the end"
        before, word, after = slow.heard.partition(b" lost]")
        assert before == FIRST + message * 2 + b"[%d" % (1000 - after.count(b"<"))
        assert word
        assert after == message * after.count(b"<") + b"the end"
        assert BACKLOG - 50_000 < len(after) <= BACKLOG + 10


@pytest.mark.looptime
async def test_a_message_of_any_size_is_told() -> None:
    """Also one that is larger than all that is kept."""
    wire = FakeWire()
    told = Broadcast(readers_at_most=1)
    async with followed(told, wire):
        for letter in (b"a", b"b"):
            told.tell(letter * BACKLOG * 2)
            await asyncio.sleep(1)
    assert wire.heard == FIRST + b"a" * BACKLOG * 2 + b"b" * BACKLOG * 2


@pytest.mark.looptime
async def test_who_takes_nothing_for_long_is_cut_off() -> None:
    """After half a minute, whether more is told or not; one who takes a little now and then is not."""
    dead, dawdler = FakeWire(quick=False), FakeWire(quick=False)
    told = Broadcast(readers_at_most=2)
    async with followed(told, dead, dawdler) as tasks:
        await asyncio.sleep(5)
        told.tell(b"x" * 10_000)
        for _ in range(int(TAKES_NOTHING_S) - 1):
            await asyncio.sleep(1)
            dawdler.take(10)
        assert not dead.was_aborted
        await asyncio.sleep(2)
        assert dead.was_aborted
        assert tasks[0].done()
        dawdler.take(10)
        await asyncio.sleep(TAKES_NOTHING_S - 5)
        assert not dawdler.was_aborted
        assert told.readers == 1
        await asyncio.sleep(5.5)
        assert dawdler.was_aborted


@pytest.mark.looptime
async def test_silence_has_signs_of_life() -> None:
    """Every 15 seconds of it; a word is as good as a sign, and who is gone is noticed then."""
    wire, gone = FakeWire(), FakeWire()
    told = Broadcast(readers_at_most=2)
    async with followed(told, wire, gone) as tasks:
        began_at = wire.writes[0][0]
        await asyncio.sleep(SIGN_EVERY_S + 5)
        assert [(round(at - began_at), data) for at, data in wire.writes] == [(0, FIRST), (15, SIGN)]
        told.tell(b"word")
        gone.is_gone = True
        await asyncio.sleep(1)
        assert tasks[1].done()
        await asyncio.sleep(SIGN_EVERY_S * 2 - 2)
        assert [data for _, data in wire.writes] == [FIRST, SIGN, b"word", SIGN]


@pytest.mark.looptime
async def test_one_readers_trouble_is_not_that_of_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """A lost connection is nothing to talk about, a bug is."""
    lost, broken, fine = FakeWire(), FakeWire(), FakeWire()
    told = Broadcast(readers_at_most=3)
    async with followed(told, lost, broken, fine) as tasks:
        lost.trouble, broken.trouble = ConnectionResetError(), ValueError("a bug")
        told.tell(b"x")
        await asyncio.sleep(1)
        assert [task.done() for task in tasks] == [True, True, False]
        assert fine.heard == FIRST + b"x"
    assert [record.exc_info is not None for record in caplog.records] == [True]


@pytest.mark.looptime
async def test_the_end_comes_after_the_last_word() -> None:
    """And waits for nobody."""
    wire, slow = FakeWire(), FakeWire(quick=False)
    told = Broadcast(readers_at_most=2)
    async with followed(told, wire, slow) as tasks:
        told.tell(b"x" * 5000)
        await asyncio.sleep(1)
        told.tell(b"bye")
        before = now()
        await told.close()
        await asyncio.gather(*tasks)
        assert now() == before
    assert wire.heard == FIRST + b"x" * 5000 + b"bye"
    assert (wire.was_aborted, slow.was_aborted) == (False, True)


@pytest.mark.looptime
async def test_nobody_reads_for_a_while() -> None:
    """Whoever comes next gets what is told from then on, and no word of what was told before."""
    told = Broadcast(readers_at_most=1)
    first = FakeWire()
    async with followed(told, first):
        told.tell(b"old")
    told.tell(b"to nobody")
    async with served(told) as ask, await ask() as response:
        assert await response.content.readexactly(1) == FIRST
        told.tell(b"new")
        assert await response.content.readexactly(3) == b"new"


@asynccontextmanager
async def served(told: Broadcast) -> AsyncIterator[Callable[[], "asyncio.Future[aiohttp.ClientResponse]"]]:
    """Tell it by HTTP; yields what asks."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return await told.stream(
            request, headers={"X-Test": "1"}, first=FIRST, sign=SIGN, lost=lambda n: b"lost %d" % n
        )

    built = web.Application()
    built.router.add_get("/", answer, allow_head=False)

    async def end(_built: web.Application) -> None:
        await told.close()

    built.on_shutdown.append(end)
    runner = web.AppRunner(built, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with aiohttp.ClientSession() as session:
        yield lambda: asyncio.ensure_future(session.get(f"http://127.0.0.1:{runner.addresses[0][1]}/"))
        await runner.cleanup()


async def test_by_http_until_the_end() -> None:
    """Nothing is missing between the first bytes and the rest; the end is in order."""
    told = Broadcast(readers_at_most=2)
    async with served(told) as ask:
        one, other = await ask(), await ask()
        assert (one.status, one.headers["X-Test"]) == (200, "1")
        told.tell(b"word")
        ending = asyncio.create_task(one.read())
        assert await other.content.readexactly(5) == FIRST + b"word"
        told.tell(b"bye")
        await told.close()
        assert await ending == FIRST + b"wordbye"
        assert await other.read() == b"bye"


async def test_no_more_than_so_many() -> None:
    """One too many gets a problem; the place of one who went away is free at once."""
    told = Broadcast(readers_at_most=2)
    async with served(told) as ask:
        one, _other = await ask(), await ask()
        third = await ask()
        assert (third.status, third.content_type) == (503, "application/problem+json")
        assert (await third.json())["type"] == "urn:linda-bot:too-many-views"
        one.close()
        await asyncio.sleep(0.05)
        assert (await ask()).status == 200
        assert (await ask()).status == 503


async def test_by_http_one_who_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are let go, and the bot keeps little for them."""
    monkeypatch.setattr("linda_bot.web.readers.TAKES_NOTHING_S", 0.3)
    monkeypatch.setattr(broadcast, "EVERY_S", 0.02)
    told = Broadcast(readers_at_most=1)
    async with served(told) as ask:
        response = await ask()
        async with asyncio.timeout(10):
            while told.readers:
                told.tell(b"x" * 10_000)
                await asyncio.sleep(0.001)
        with pytest.raises(aiohttp.ClientError):
            await response.read()
