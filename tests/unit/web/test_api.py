"""The control API on a real unix socket: what it answers, and what it makes of odd requests."""

import asyncio
import json
import os
import socket
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from linda_bot.app.front import NotNowError
from linda_bot.kernel.errors import UsageError
from linda_bot.web import api, asked, gates
from linda_bot.web.gates import user_of
from linda_bot.web.visitors import Right
from tests.support.fake_front import NUMBER, FakeFront
from tests.support.served import served

PROBLEM = "application/problem+json"


async def problem(response: aiohttp.ClientResponse, status: int) -> dict[str, Any]:
    """Return the problem that a response must be."""
    assert (response.status, response.content_type) == (status, PROBLEM), await response.text()
    found = json.loads(await response.read())
    assert set(found) == {"type", "title", "status", "detail"}
    assert found["status"] == status
    assert "\n" not in found["detail"]
    return dict(found)


async def test_every_question(front: FakeFront, asker: aiohttp.ClientSession) -> None:
    """What can be asked is answered as JSON, the metrics as text."""
    status = await (await asker.get("/api/v1/status")).json()
    assert (status["state"], status["live"], status["linked_number"]) == ("connected", True, "97150*****56")
    assert (await (await asker.get("/api/v1/status?show_numbers=true")).json())["linked_number"] == NUMBER
    assert (await (await asker.get("/api/v1/health")).json())["grade"] == "healthy"
    metrics = await asker.get("/api/v1/metrics")
    assert (await metrics.text(), metrics.content_type) == ("linda_up 1\n", "text/plain")
    assert (await (await asker.post("/api/v1/reconnect", json={"within_s": 5})).json())["connected"]
    assert (await (await asker.post("/api/v1/reconnect")).json())["states"] == ["reconnecting", "connected"]
    assert await (await asker.post("/api/v1/backup", json={})).json() == {"backup": "backup-default-001"}
    sent = await asker.post("/api/v1/send", json={"to": "+49 151 12345678", "text": "grüße 👋"})
    assert (await sent.json())["outcome"] == "sent"
    assert front.sent == [("4915112345678@s.whatsapp.net", "grüße 👋")]
    assert (await (await asker.post("/api/v1/pause")).json())["paused_since"]
    assert await (await asker.post("/api/v1/resume")).json() == {"changed": True, "paused_since": None, "not_kept": ""}
    assert (await asker.post("/api/v1/log-level", json={"level": "debug"})).status == 200
    assert front.level == "debug"
    assert "not up" in (await problem(await asker.post("/api/v1/logout"), 409))["detail"]


async def test_an_unhealthy_bot_is_no_200(front: FakeFront, asker: aiohttp.ClientSession) -> None:
    """For those who look at the status only."""
    front.grade = "unhealthy"
    answer = await asker.get("/api/v1/health")
    assert (answer.status, (await answer.json())["reasons"]) == (503, ["because"])
    front.grade = "degraded"
    assert (await asker.get("/api/v1/health")).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"to": "4915112345678"}',
        b'{"to": 4915112345678, "text": "x"}',
        b'{"to": "4915112345678", "text": ["x"]}',
        b'{"to": "4915112345678", "text": "x", "within_s": -1}',
        b'{"to": "4915112345678", "text": "x", "within_s": 1e300}',
        b'{"to": "4915112345678", "text": "x", "within_s": NaN}',
        b'{"to": "4915112345678", "text": "x", "unheard": "of"}',
        b'{"to": "4915112345678", "text": ""}',
        b'{"to": "4915112345678", "text": " \\n"}',
        b'{"to": "4915112345678", "text": "\\ud800"}',
        b'{"to": "Ann", "text": "x"}',
        b'{"to": "4915112345678\\u001b[2J", "text": "x"}',
        b"[" * 60_000,
        b'{"to": "4915112345678", "text": "' + b"x" * 65_537 + b'"}',
    ],
)
async def test_wrong_bodies(front: FakeFront, asker: aiohttp.ClientSession, body: bytes) -> None:
    """One line that is fit for a terminal, and nothing is done."""
    answer = await asker.post("/api/v1/send", data=body, headers={"Content-Type": "application/json"})

    detail = (await problem(answer, 400))["detail"]

    assert detail.isprintable()
    assert front.sent == []


async def test_a_text_as_long_as_whatsapp_takes_it(front: FakeFront, asker: aiohttp.ClientSession) -> None:
    """In letters of four bytes each."""
    answer = await asker.post("/api/v1/send", json={"to": "4915112345678", "text": "👋" * 32_768})
    assert answer.status == 200
    assert len(front.sent[0][1]) == 32_768


async def test_large_bodies_are_not_read(asker: aiohttp.ClientSession) -> None:
    """Whether they say so beforehand or come piece by piece, and not unpacked either."""

    async def pieces() -> Any:
        for _ in range(100):
            yield b" " * 10_000

    json_type = {"Content-Type": "application/json"}
    found = await problem(await asker.post("/api/v1/pause", data=b" " * 70_000, headers=json_type), 413)
    assert "65536 bytes" in found["detail"]
    await problem(await asker.post("/api/v1/pause", data=pieces(), headers=json_type), 413)
    packed = {**json_type, "Content-Encoding": "gzip"}
    await problem(await asker.post("/api/v1/pause", data=b"\x1f\x8b", headers=packed, compress=False), 415)
    await problem(await asker.post("/api/v1/pause", data=b"{}", headers={"Content-Type": "text/plain"}), 415)
    assert (await asker.post("/api/v1/pause", data=b"{}", headers=json_type)).status == 200


async def test_wrong_ways(asker: aiohttp.ClientSession) -> None:
    """Another method, another path, another parameter."""
    wrong = await asker.get("/api/v1/send")
    assert wrong.headers["Allow"] == "POST"
    assert "does not take GET" in (await problem(wrong, 405))["detail"]
    await problem(await asker.post("/api/v1/status"), 405)
    for path in (
        "/api",
        "/api/v1",
        "/v1/status",
        "/api/v2/status",
        "/api/v1/status/../../etc/passwd",
        "/api/v1/%1b%5b2J%0a",
    ):
        assert (await problem(await asker.get(path), 404))["detail"].isprintable()
    for wrong_query in ("show_numbers=yes", "show_numbers=1", "show_number=true"):
        await problem(await asker.get(f"/api/v1/status?{wrong_query}"), 400)
    assert "there is none" in (await problem(await asker.post("/api/v1/pause?now=1"), 400))["detail"]
    await problem(await asker.post("/api/v1/log-level", json={"level": "loud"}), 400)
    await problem(await asker.post("/api/v1/logout", json={"now": True}), 400)


async def test_what_goes_wrong_behind_it(
    front: FakeFront, asker: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    """A person's mistake, a wrong moment, a bug: each is told as such, and the server goes on."""
    for failure, status, kind in (
        (UsageError("it is wrong"), 400, "wrong-request"),
        (NotNowError("not now"), 409, "not-now"),
        (ValueError("a bug\x1b"), 500, "bug"),
    ):
        front.failure = failure
        assert (await problem(await asker.get("/api/v1/status"), status))["type"] == f"urn:linda-bot:{kind}"
    assert "/api/v1/status" in caplog.text
    front.failure = None
    assert (await asker.get("/api/v1/status")).status == 200


async def test_every_question_has_a_deadline(
    front: FakeFront, asker: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one whose body does not come; others are answered meanwhile."""
    for module, name in ((api, "LOOK_WITHIN_S"), (api, "_SLACK_S"), (asked, "_BODY_WITHIN_S")):
        monkeypatch.setattr(module, name, 0.05)
    front.hangs = True
    assert "in time" in (await problem(await asker.get("/api/v1/status"), 504))["detail"]
    await problem(await asker.post("/api/v1/reconnect", json={"within_s": 0}), 504)
    front.hangs = False

    async def never() -> Any:
        yield b"{"
        await asyncio.Event().wait()

    slow = asyncio.create_task(asker.post("/api/v1/pause", data=never(), headers={"Content-Type": "application/json"}))
    assert (await asker.get("/api/v1/status")).status == 200
    await problem(await slow, 408)


async def test_what_is_no_http(place: Path, asker: aiohttp.ClientSession) -> None:
    """Garbage, half a request, and nothing at all hurt nobody."""
    for garbage in (b"", b"\x00" * 1000, b"GET /v1/status", b"POST /v1/send HTTP/1.1\r\nContent-Length: x\r\n\r\n"):
        reader, writer = await asyncio.open_unix_connection(str(place))
        writer.write(garbage)
        writer.close()
        await writer.wait_closed()
        assert b" 200 " not in await reader.read()
    assert (await asker.get("/api/v1/status")).status == 200


async def test_only_our_own_user_is_answered(
    front: FakeFront, asker: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the modes of files say."""
    monkeypatch.setattr(gates, "user_of", lambda _: os.geteuid() + 12345)
    for ask in (asker.get("/api/v1/status"), asker.post("/api/v1/pause"), asker.get("/api/v1/events")):
        assert "another user" in (await problem(await ask, 403))["detail"]
    assert front.paused_since is None


async def test_what_a_reader_may_not(front: FakeFront) -> None:
    """See numbers in full, or change anything; who owns the bot may."""
    for rights, status in ((Right.READ, 403), (Right.ALL, 200)):
        async with served(front, rights) as asker:
            for ask in (
                asker.get("/api/v1/status?show_numbers=true"),
                asker.get("/api/v1/history?show_numbers=true"),
                *(asker.post(f"/api/v1/{name}") for name in ("pause", "resume", "backup", "reconnect")),
                asker.post("/api/v1/send", json={"to": "4915112345678", "text": "x"}),
                asker.post("/api/v1/log-level", json={"level": "debug"}),
            ):
                answer = await ask
                assert answer.status == status, await answer.text()
            for path in ("status", "status?show_numbers=false", "health", "metrics", "history", "openapi.json"):
                assert (await asker.get(f"/api/v1/{path}")).status == 200
        assert len(front.sent) == (rights is Right.ALL)


async def test_a_one_shot_link(front: FakeFront, asker: aiohttp.ClientSession) -> None:
    """Where there is a web page; else it says how to have one."""
    assert "--http" in (await problem(await asker.post("/api/v1/link"), 409))["detail"]
    async with served(front, invite=lambda: ("http://127.0.0.1:8080/link?once=abc", 900.0)) as other:
        answer = await other.post("/api/v1/link", json={})
        assert await answer.json() == {"url": "http://127.0.0.1:8080/link?once=abc", "valid_s": 900.0}
        await problem(await other.get("/api/v1/link"), 405)


ENTRIES = [
    {"timestamp": "2026-02-07T08:00:00.000Z", "eventType": "device_linked", "number": NUMBER, "after": 3},
    {"timestamp": "2026-02-07T09:00:00.000Z", "eventType": "connected", "texts": [f"by {NUMBER}", "2@secret"]},
    "nonsense",
    {"timestamp": "2026-02-07T08:30:00.000Z", "eventType": "attempt_failed", "until": "2026-02-07T10:00:00.000Z"},
    {"timestamp": "2026-02-07T11:00:00.000Z", "eventType": "stopping", "why": "\x1b[2J"},
]


async def test_the_history(front: FakeFront, asker: aiohttp.ClientSession) -> None:
    """All of it, or since then, or the newest; masked, and harmless, whoever wrote the file."""
    file = front.job.paths.history
    assert await (await asker.get("/api/v1/history")).json() == {"entries": [], "unreadable": 0}
    file.write_text(json.dumps(ENTRIES))

    async def names(query: str) -> list[str]:
        answer = await asker.get("/api/v1/history" + query)
        assert answer.status == 200, await answer.text()
        return [entry["eventType"] for entry in (await answer.json())["entries"]]

    assert await names("") == ["device_linked", "connected", "attempt_failed", "stopping"]
    assert await names("?since=2026-02-07T09:30:00Z") == ["attempt_failed", "stopping"]
    assert await names("?since=2026-02-07T12:00:00%2B02:00&last=1") == ["stopping"]
    assert await names("?since=2027-02-07T12:00:00Z") == []
    assert await names("?last=2") == ["attempt_failed", "stopping"]
    masked = await (await asker.get("/api/v1/history")).json()
    assert masked["unreadable"] == 1
    assert masked["entries"][0] == {
        "timestamp": "2026-02-07T08:00:00.000Z", "eventType": "device_linked", "number": "97150*****56", "after": 3,
    }  # fmt: skip
    assert masked["entries"][1]["texts"] == ["by 97150*****56", "<QR code>"]
    assert masked["entries"][3]["why"] == "\\x1b[2J"
    full = await (await asker.get("/api/v1/history?show_numbers=true")).json()
    assert full["entries"][0]["number"] == NUMBER


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "since=2026-02-07T08:00:00",
        "since=",
        "last=0",
        "last=501",
        "last=x",
        "last=1&last=2",
        "first=1",
    ],
)
async def test_wrong_parameters(asker: aiohttp.ClientSession, query: str) -> None:
    """One line that says what would be right."""
    found = await problem(await asker.get(f"/api/v1/history?{query}"), 400)
    assert query.partition("=")[0] in found["detail"]


@pytest.mark.parametrize("content", [b"{}", b"[", b"\xff"])
async def test_a_history_that_cannot_be_read(front: FakeFront, asker: aiohttp.ClientSession, content: bytes) -> None:
    """What to do is said; an empty answer would be a lie."""
    front.job.paths.history.write_bytes(content)
    assert "doctor --fix" in (await problem(await asker.get("/api/v1/history"), 409))["detail"]


def test_who_asks() -> None:
    """The system tells on Linux, elsewhere nobody does."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert user_of(ours) in (os.geteuid(), None)
    with socket.socket() as tcp:
        assert user_of(tcp) is None
    assert user_of(None) is None
