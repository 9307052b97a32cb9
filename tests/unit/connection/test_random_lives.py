"""Random lives of a link in virtual time: whatever happens, in any order, some things always hold."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot.connection.events import RetryScheduled
from linda_bot.connection.lifecycle import LinkState
from tests.support.fake_client import NUMBER
from tests.support.link_world import PATIENCE, RULES, LinkWorld
from tests.support.mischief import ACTS, GIVEN_UP, make_well, wait_left_s

pytestmark = pytest.mark.looptime

PAUSES = [0.0, 0.05, 3.5, 12.0, 70.0, 400.0, 4000.0]
Life = list[tuple[str, float]]
LIVES = st.lists(st.tuples(st.sampled_from(sorted(ACTS)), st.sampled_from(PAUSES)), max_size=20)

LONGEST_ATTEMPT_S = PATIENCE.first_code + 5 * 20 + 60
LONGEST_WAIT_S = RULES.reconnect.cool_down


async def live(world: LinkWorld, life: Life) -> None:
    """Let one act follow the other; the link never hangs and never promises what is too long."""
    await asyncio.sleep(0.01)  # trouble at the very first look ends the process, as another test shows
    for name, pause in life:
        ACTS[name](world)
        await asyncio.sleep(pause)
        assert world.link.responds()
    waits = [event.in_s for event in world.told(RetryScheduled) if isinstance(event, RetryScheduled)]
    assert all(0 < wait <= 7200 for wait in waits)


async def connect(world: LinkWorld, *, within_s: float) -> None:
    """Wait until the link is up for good; be the phone where a code is shown."""
    online = asyncio.create_task(world.link.client())
    async with asyncio.timeout(within_s):
        while not online.done() and world.exit_code is None:
            for client in world.whatsapp.running:
                if client.code:
                    client.scan(client.code, NUMBER)
            await asyncio.sleep(1)
    online.cancel()


@pytest.mark.slow
@given(life=LIVES, linked=st.booleans(), account=st.sampled_from([None, NUMBER]), chance=st.sampled_from([0.0, 1.0]))
async def test_when_all_is_well_again_the_link_is_up_within_one_wait(
    *, life: Life, linked: bool, account: str | None, chance: float
) -> None:
    """After any life: what is left of the wait, at most one more attempt that was doomed and its wait, and it is up.

    Unless it has given up before, with the exit code for that. The world sees to it that there was never more than one
    engine, and that no engine, no task and no exception is left when it stops.
    """
    async with LinkWorld(linked=linked, account=account, chance=chance).running() as world:
        await live(world, life)
        make_well(world)
        await asyncio.sleep(1)
        await connect(world, within_s=wait_left_s(world) + LONGEST_ATTEMPT_S + LONGEST_WAIT_S)
        if world.exit_code is None:
            assert world.link.state is LinkState.CONNECTED
            assert await asyncio.wait_for(world.link.client(), 1) in world.whatsapp.running
        else:
            assert world.exit_code in GIVEN_UP
        assert world.link.responds()


@pytest.mark.slow
@given(life=LIVES, linked=st.booleans(), pause=st.sampled_from([0.0, 0.01, 1.0, 11.0]), again=st.booleans())
async def test_a_stop_at_any_moment_leaves_nothing(*, life: Life, linked: bool, pause: float, again: bool) -> None:
    """Asked and cancelled at any moment, once or twice: the engine is gone in seconds, and so is every task."""
    loop = asyncio.get_running_loop()
    world = LinkWorld(linked=linked, account=NUMBER)
    async with world.running() as world:
        await live(world, life)
        outcome = asyncio.create_task(world.link.outcome())
        asked_at = len(world.whatsapp.clients)
        if world.exit_code is None:
            world.link.stop_asked()
        await asyncio.sleep(pause)
        assert len(world.whatsapp.clients) <= asked_at, "an engine was begun after the stop was asked for"
        if again:
            world.stop()
            await asyncio.sleep(0.02)
        stopped_at = loop.time()
    assert loop.time() - stopped_at <= 3.1
    assert world.link.state is LinkState.STOPPED
    await asyncio.wait_for(outcome, 1)
