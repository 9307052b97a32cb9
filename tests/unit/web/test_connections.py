"""Connections of strangers': slow ones, many, and such that speak no HTTP."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linda_bot.web import connections
from linda_bot.web.connections import USUAL, Limits
from tests.support.web_door import TOKEN, Door, open_door

pytestmark = pytest.mark.slow

BRIEF = Limits(head_within_s=0.3, idle_s=0.5)
GOOD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
async def door(home: Path) -> AsyncIterator[Door]:
    """A door that has no patience."""
    async with open_door(home, limits=BRIEF) as opened:
        yield opened


async def drip(door: Door, words: bytes, *, every_s: float) -> float:
    """Send byte after byte until the other side hangs up; return how long that took."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    loop = asyncio.get_running_loop()
    begun_at = loop.time()
    ended = asyncio.ensure_future(reader.read())
    for byte in words:
        if ended.done():
            break
        writer.write(bytes([byte]))
        await asyncio.wait({ended}, timeout=every_s)
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionError):
            await ended
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return loop.time() - begun_at


@pytest.mark.parametrize("words", [b"", b"GET", b"GET / HTTP/1.1\r\nX-Slow: " + b"y" * 200, b"\r\n" * 200])
async def test_a_head_that_does_not_come_to_its_end(home: Path, words: bytes) -> None:
    """However busily it comes: the time begins with the connection, and with the head's first byte."""
    async with open_door(home, limits=Limits(head_within_s=0.3, idle_s=60)) as door:
        assert 0.2 < await drip(door, words, every_s=0.02) < 4


async def test_one_who_stays_without_asking(door: Door) -> None:
    """Some requests on one connection, each answered; then it is closed, and earlier if the next is slow."""
    for rest, at_most_s in ((b"", 2.0), (b"GET / HT", 0.5)):
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        for _ in range(3):
            writer.write(GOOD)
            answer = await reader.readuntil(b"NONE")
            assert answer.startswith(b"HTTP/1.1 200 ")
        writer.write(rest)
        async with asyncio.timeout(at_most_s):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()


async def test_a_body_that_does_not_come(door: Door) -> None:
    """It holds up nobody else, and ends with its connection."""
    head = b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(head + b"Content-Length: 100\r\n\r\ntoken=")
    assert (await door.ask("/healthz")).status == 200
    writer.close()
    await writer.wait_closed()
    assert await reader.read() == b""
    assert (await door.ask("/healthz")).status == 200


@pytest.mark.parametrize("piece", [16_000, 1_000_000])
async def test_a_long_head(door: Door, piece: int) -> None:
    """In one field, in many, without an end: 16 KiB, not more."""
    for head in (
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-More: and more\r\n" * 1500 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 300_000,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        said = b""
        with contextlib.suppress(ConnectionError):
            for start in range(0, len(head), piece):
                writer.write(head[start : start + piece])
                await writer.drain()
            said = await reader.read()
        assert said[:13] in {b"HTTP/1.1 431 ", b"HTTP/1.1 400 ", b""}
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    fits = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: " + b"x" * 8000 + b"\r\n\r\n"
    assert (await door.say(fits)).status == 200


async def test_too_many_connections(home: Path) -> None:
    """Those that are there keep their place, one more is closed at once, and a place that is free is free again."""
    async with open_door(home, limits=USUAL) as door:
        held = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(USUAL.connections)]
        while True:  # until the last of them has come in
            held[-1][1].write(GOOD)
            if await held[-1][0].readuntil(b"NONE"):
                break
        for _ in range(88):
            assert await door.raw(GOOD, within_s=2) == b""
        for _, writer in held:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for _, writer in held))
        async with asyncio.timeout(5):
            while not (said := await door.raw(GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))):
                await asyncio.sleep(0.02)
        assert said.startswith(b"HTTP/1.1 200 ")


async def ask_on_and_on(writer: asyncio.StreamWriter) -> None:
    """Send questions for as long as the line stands."""
    while True:
        writer.write(GOOD.replace(b"healthz", b"static/style.css") * 100)
        await asyncio.sleep(0.01)
        await writer.drain()


async def test_one_who_takes_no_answers(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many questions in one go, and not one answer taken: in the end the line is cut."""
    monkeypatch.setattr(connections, "_GRACE_S", 0.1)
    _, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    async with asyncio.timeout(10):
        with pytest.raises(ConnectionError):
            await ask_on_and_on(writer)
    assert (await door.ask("/healthz")).status == 200
    writer.close()


async def test_junk(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    """A plain 400 or nothing; no line in the log, and no trace of what we are made with."""
    caplog.set_level(logging.INFO)
    for junk in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00" * 100 + b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nBad Name: x\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n" + b"\xff" * 50,
        b"\r\n\r\n\r\n",
    ):
        said = await door.raw(junk)
        assert b" 200 " not in said.partition(b"\r\n")[0], junk
        assert not any(word in said for word in (b"aiohttp", b"Python", b"Traceback")), junk
    assert caplog.records == []
    assert (await door.ask("/healthz")).status == 200


async def test_any_bytes(home: Path) -> None:
    """Nothing that anybody says ends the server, or is an error of ours."""
    heads = st.sampled_from([b"GET / HTTP/1.1\r\n", b"POST /login HTTP/1.1\r\nHost: localhost\r\n", b"", GOOD])
    said: list[bytes] = []

    @settings(max_examples=60, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(heads, st.binary(max_size=60), st.sampled_from([b"", b"\r\n\r\n"]))
    def make(head: bytes, middle: bytes, end: bytes) -> None:
        said.append(head + middle + end)

    make()
    async with open_door(home, limits=Limits(head_within_s=0.2, idle_s=0.2)) as door:
        answers = await asyncio.gather(*(door.raw(words) for words in said))
        assert not any(answer.startswith(b"HTTP/1.1 5") for answer in answers)
        assert (await door.ask("/api/v1/status", headers={"Authorization": f"Bearer {TOKEN}"})).status == 200


async def test_the_end_cuts_off_who_does_not_go(home: Path) -> None:
    """At once, but for those who are being answered."""
    begun_at = asyncio.get_running_loop().time()
    async with open_door(home) as door:
        held = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(20)]
        held[0][1].write(GOOD)
        assert await held[0][0].readuntil(b"NONE")
    for reader, writer in held:
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
    assert asyncio.get_running_loop().time() - begun_at < 3
