"""The stream of events: for as long as somebody reads it, and at nobody's expense."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from linda_bot.connection.events import AttemptFailed, LinkStateChanged
from linda_bot.web import broadcast, readers
from linda_bot.web.doors import doors
from linda_bot.whatsapp.events import IncomingMessage, MessageReceived, QrIssued
from tests.support.fake_front import NUMBER, FakeFront
from tests.support.fake_scene import incoming


def change(because: str = "no network") -> LinkStateChanged:
    """Return something that happens."""
    return LinkStateChanged(old="connected", new="reconnecting", because=because)


async def lines(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """Yield the lines of a stream that say something."""
    async for line in response.content:
        if line.strip(b"\n:"):
            yield json.loads(line.removeprefix(b"data: "))


async def opened(asker: aiohttp.ClientSession, **headers: str) -> aiohttp.ClientResponse:
    """Open a stream; from here on nothing is missed."""
    response = await asker.get("/api/v1/events", headers=headers)
    assert response.status == 200
    assert (await response.content.readline()).strip() in (b"", b":")
    return response


async def test_what_happens_is_told_as_the_log_tells_it(front: FakeFront, asker: aiohttp.ClientSession) -> None:
    """Masked, without secrets, in order; as JSON lines or as server-sent events."""
    plain, sse = await opened(asker), await opened(asker, Accept="text/event-stream")
    assert (plain.content_type, sse.content_type) == ("application/x-ndjson", "text/event-stream")
    front.bus.publish(QrIssued(code="2@secret", number=1, valid_s=60))
    front.bus.publish(received("my number is " + NUMBER))
    front.bus.publish(change("\x1b[2J" + NUMBER))
    for response in (plain, sse):
        found = lines(response)
        told = [await anext(found) for _ in range(3)]
        assert [line["event"] for line in told] == ["qr_issued", "message_received", "link_state_changed"]
        text = json.dumps(told)
        assert NUMBER not in text
        assert "secret" not in text
        assert "my number" not in text
        assert "\\u001b" not in text
        response.close()


def received(text: str) -> MessageReceived:
    """Return a message that came."""
    message: IncomingMessage = incoming(text)
    return MessageReceived(message=message, conversation=message.chat)


async def test_a_line_is_made_once_for_all(front: FakeFront, asker: aiohttp.ClientSession) -> None:
    """However many read; and there is one subscription to the bus, while there is anybody."""
    assert front.listeners == 0
    readers = [await opened(asker) for _ in range(5)] + [await opened(asker, Accept="text/event-stream")]
    assert front.listeners == 1
    front.bus.publish(change())
    told = [await anext(lines(reader)) for reader in readers]
    assert all(line == told[0] for line in told)
    for reader in readers:
        reader.close()
    front.bus.publish(change())  # so it is noticed at once that they are gone
    async with asyncio.timeout(5):
        while front.listeners:
            await asyncio.sleep(0.01)
    again = await opened(asker)
    front.bus.publish(change("again"))
    assert (await anext(lines(again)))["because"] == "again"
    again.close()


async def test_what_the_bot_itself_has_missed_is_told(front: FakeFront, asker: aiohttp.ClientSession) -> None:
    """More came at once than waits for anybody: the oldest are missing, and how many that are is said."""
    front.depth = 20
    reader = await opened(asker)
    for number in range(100):
        front.bus.publish(AttemptFailed(finding=str(number), because=""))
    following = lines(reader)
    first = await anext(following)
    assert (first["event"], first["count"]) == ("events_dropped", 80)
    assert [(await anext(following))["finding"] for _ in range(20)] == [str(number) for number in range(80, 100)]
    reader.close()


async def test_a_viewer_who_does_not_read_holds_nothing_up(
    front: FakeFront, asker: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """He misses the oldest, and is told how many; another one misses nothing."""
    monkeypatch.setattr(broadcast, "GATHER_S", 0.001)
    monkeypatch.setattr(broadcast, "EVERY_S", 0.002)
    slow, quick = await opened(asker, Accept="text/event-stream"), await opened(asker, Accept="text/event-stream")
    following = lines(quick)
    reason = "x" * 1500
    rounds, at_once = 100, 50
    for number in range(rounds):
        for nth in range(at_once):
            front.bus.publish(AttemptFailed(finding=str(number * at_once + nth), because=reason))
        for _ in range(at_once):
            assert (await anext(following))["event"] == "attempt_failed"
    front.bus.publish(change())
    told, dropped = 0, 0
    async for line in lines(slow):
        told += line["event"] == "attempt_failed"
        dropped += line.get("count", 0) if line["event"] == "events_dropped" else 0
        if line["event"] == "link_state_changed":
            break
    assert dropped > 0
    assert told + dropped == rounds * at_once
    for response in (slow, quick):
        response.close()


async def test_one_who_reads_nothing_for_long_is_let_go(
    front: FakeFront, asker: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so is one who went away: then nobody listens any more."""
    monkeypatch.setattr(readers, "TAKES_NOTHING_S", 0.3)
    monkeypatch.setattr(broadcast, "EVERY_S", 0.02)
    dead, gone = await opened(asker), await opened(asker)
    gone.close()
    flood = asyncio.create_task(_flood(front))
    async with asyncio.timeout(10):
        while front.listeners:
            await asyncio.sleep(0.02)
    flood.cancel()
    with pytest.raises(aiohttp.ClientError):
        await dead.read()


async def test_a_bug_of_ours_ends_the_streams(
    front: FakeFront, asker: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    """In order, instead of leaving those who read to a silence; they may come again."""
    reader = await opened(asker)
    front.failure = ValueError("a bug")
    front.bus.publish(change())
    assert await reader.read() == b""
    assert "the live events end" in caplog.text
    front.failure = None
    again = await opened(asker)
    front.bus.publish(change())
    assert (await anext(lines(again)))["event"] == "link_state_changed"
    again.close()


async def _flood(front: FakeFront) -> None:
    while True:
        for _ in range(50):
            front.bus.publish(change("x" * 1900))
        await asyncio.sleep(0.005)


async def test_the_end_of_the_bot_ends_the_stream(front: FakeFront, home: Path) -> None:
    """At once, and in order."""
    async with doors(front.as_front):
        connector = aiohttp.UnixConnector(str(front.job.paths.control))
        session = aiohttp.ClientSession("http://localhost", connector=connector)
        response = await opened(session)
        front.bus.publish(change())
        begun_at = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - begun_at < 5
    told = [line["event"] async for line in lines(response)]
    await session.close()

    assert told == ["link_state_changed"]
