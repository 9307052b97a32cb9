"""The probes: what they tell a supervisor, and whom they answer."""

import aiohttp

from linda_bot.connection.lifecycle import LinkState
from linda_bot.web.visitors import Right
from tests.support.fake_front import NUMBER, FakeFront
from tests.support.served import served


async def test_alive(asker: aiohttp.ClientSession) -> None:
    """Whoever answers is."""
    answer = await asker.get("/healthz")
    assert (answer.status, await answer.json()) == (200, {"status": "ok"})
    assert (await asker.head("/healthz")).status == 200


async def test_ready_is_a_link_that_is_up(front: FakeFront, asker: aiohttp.ClientSession) -> None:
    """In every other state it is not, for a reason without numbers; the status alone says it, too."""
    for state in LinkState:
        front.link.state, front.chronicle.because = state, f"{NUMBER} is away"
        answer, head = await asker.get("/readyz"), await asker.head("/readyz")
        assert head.status == answer.status
        if state is LinkState.CONNECTED:
            assert (answer.status, await answer.json()) == (200, {"status": "ready"})
            continue
        assert (answer.status, answer.content_type) == (503, "application/problem+json")
        assert await answer.json() == {
            "type": "urn:linda-bot:not-ready",
            "title": "Not ready",
            "status": 503,
            "detail": f"the link is {state.value.replace('_', ' ')}: 97150*****56 is away",
        }


async def test_who_may_ask(front: FakeFront) -> None:
    """Everybody whether it lives and is ready; the metrics only who may read."""
    async with served(front, Right.NONE) as stranger:
        assert [(await stranger.get(path)).status for path in ("/healthz", "/readyz", "/metrics")] == [200, 200, 401]
    async with served(front, Right.READ) as reader:
        metrics = await reader.get("/metrics")
        assert (metrics.status, await metrics.text()) == (200, "linda_up 1\n")
        assert metrics.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
