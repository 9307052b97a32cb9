"""The circuit around reconnecting and the waits between attempts: pure rules, and lives in virtual time."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot.connection.circuit import Circuit, Position, Schedule, after_failure, after_login, after_wait
from linda_bot.connection.events import LoginPutOff, RetryScheduled
from linda_bot.connection.lifecycle import LinkState
from linda_bot.connection.policy import Tally, forgiven
from linda_bot.kernel.errors import ExitCode
from linda_bot.whatsapp.events import ClientOutdated, StreamReplaced
from tests.support.link_world import RULES, LinkWorld

pytestmark = pytest.mark.looptime

SCHEDULE = RULES.reconnect


def waits(world: LinkWorld) -> list[float]:
    """Return the waits that were promised."""
    return [event.in_s for event in world.told(RetryScheduled) if isinstance(event, RetryScheduled)]


@given(
    delays=st.lists(st.floats(0.1, 1000), min_size=1, max_size=6),
    attempts=st.integers(1, 20),
    jitter=st.floats(0, 0.5),
    chances=st.lists(st.floats(0, 1), min_size=1, max_size=40),
)
def test_no_wait_is_longer_than_promised(
    delays: list[float], attempts: int, jitter: float, chances: list[float]
) -> None:
    """As many waits as there are attempts come from the delays, each later one is a cool-down; jitter only shortens."""
    schedule = Schedule(delays, attempts, cool_down=900, jitter=jitter)
    circuit = Circuit()
    for number, chance in enumerate(chances):
        circuit, wait_s = after_failure(circuit, schedule, chance)
        longest = delays[min(number, len(delays) - 1)] if number < attempts else 900
        assert longest * (1 - jitter) - 1e-9 <= wait_s <= longest
        assert (circuit.position is Position.OPEN) is (number >= attempts)
        circuit = after_wait(circuit)


def test_a_half_open_circuit_is_decided_by_one_attempt() -> None:
    """It opens at once when that fails, and closes when it comes through; the failures are not forgotten yet."""
    half_open = Circuit(Position.HALF_OPEN, 10)

    assert after_failure(half_open, SCHEDULE) == (Circuit(Position.OPEN, 10), 900)
    assert after_login(half_open) == Circuit(Position.CLOSED, 10)
    assert after_failure(after_login(half_open), SCHEDULE) == (Circuit(Position.OPEN, 10), 900)


def test_what_a_link_that_lasted_has_forgotten() -> None:
    """Failures after a minute; that it was replaced after an hour, since two clients may take turns for minutes."""
    tally = Tally(circuit=Circuit(failures=7), damaged=1, replaced=2, qr_rounds=3)

    assert forgiven(tally, 59) == tally
    assert forgiven(tally, 60) == Tally(replaced=2)
    assert forgiven(tally, 3600) == Tally()


async def test_a_link_that_comes_and_goes_opens_the_circuit() -> None:
    """Each engine logs in and dies before a minute is over: ten waits, then a cool-down, and one attempt after that."""
    async with LinkWorld().running() as world:
        for _ in range(12):
            await world.until(LinkState.CONNECTED)
            await asyncio.sleep(30)
            world.whatsapp.running[0].kill()
            await asyncio.sleep(0.2)
        assert world.link.state is LinkState.CIRCUIT_OPEN

    assert waits(world) == [10, 30, 60, 120, 120, 120, 120, 120, 120, 900, 900]


async def test_a_link_that_lasts_a_minute_starts_from_the_beginning() -> None:
    """Fifty losses, each after 61 s: never a wait."""
    async with LinkWorld().running() as world:
        for _ in range(50):
            await world.until(LinkState.CONNECTED)
            await asyncio.sleep(61)
            world.whatsapp.running[0].kill()
            await asyncio.sleep(0.1)

    assert waits(world) == []


async def test_a_library_that_gets_its_line_back_again_and_again_is_slowed_down() -> None:
    """It would log in for ever without our schedule: after five losses in a row the engine is ended."""
    async with LinkWorld().running() as world:
        begun = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() - begun < 900:
            for client in world.whatsapp.running:
                client.lose_line()
                client.find_line()
            await asyncio.sleep(1)
        assert len(world.whatsapp.clients) <= 12
        assert waits(world)[:4] == [10, 30, 60, 120]


async def test_drops_that_are_far_apart_are_left_to_the_library() -> None:
    """A drop every two minutes for a day costs no engine."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        for _ in range(720):
            await asyncio.sleep(119)
            world.whatsapp.running[0].lose_line()
            await asyncio.sleep(1)
            world.whatsapp.running[0].find_line()
    assert len(world.whatsapp.clients) == 1


async def test_the_grace_counts_from_the_first_loss() -> None:
    """A library that loses one socket after the other without a login gets ten seconds, not ten for each."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        (client,) = world.whatsapp.running
        for _ in range(3):
            client.lose_line()
            await asyncio.sleep(4)
        assert not client.alive


async def test_clients_that_take_turns_are_not_fought_for_ever() -> None:
    """The other one comes back every five minutes: two tries, then exit code 7."""
    async with LinkWorld().running() as world:
        for _ in range(3):
            await world.until(LinkState.CONNECTED)
            await asyncio.sleep(300)
            world.whatsapp.running[0].tell(StreamReplaced())
            await asyncio.sleep(0.1)
        assert await world.exited(within_s=1) is ExitCode.REPLACED
    assert len(world.whatsapp.clients) == 3


# Hints.


async def test_news_of_the_network_end_a_wait_at_once_and_then_every_ten_seconds() -> None:
    """The first hint hastens; those that follow in a storm do so no more often than that."""
    world = LinkWorld()
    world.whatsapp.reachable = False
    async with world.running():
        await world.until(LinkState.CIRCUIT_OPEN)
        begun, before = asyncio.get_running_loop().time(), len(world.whatsapp.clients)
        while asyncio.get_running_loop().time() - begun < 100:
            world.link.hint("the network has changed")
            await asyncio.sleep(0.5)
        assert 9 <= len(world.whatsapp.clients) - before <= 11
        world.whatsapp.reachable = True
        world.link.hint("the network has changed")
        await world.until(LinkState.CONNECTED, within_s=10.1)


async def test_a_person_is_not_held_up_by_the_machine() -> None:
    """Asked just after a hint of the machine's, and just before another one."""
    world = LinkWorld()
    world.whatsapp.reachable = False
    async with world.running():
        await world.until(LinkState.CIRCUIT_OPEN)
        world.link.hint("the network has changed")
        await asyncio.sleep(1)
        before = len(world.whatsapp.clients)
        assert world.link.hint("asked", insist=True)
        assert world.link.hint("the network has changed")
        await asyncio.sleep(0.1)
        assert len(world.whatsapp.clients) == before + 1


@pytest.mark.parametrize(("told", "state"), [(StreamReplaced(), "replaced"), (ClientOutdated(), "outdated")])
async def test_waits_that_are_not_the_networks_fault_end_for_a_person_only(
    told: StreamReplaced | ClientOutdated, state: str
) -> None:
    """News of the network change nothing there."""
    async with LinkWorld().running() as world:
        await world.until(LinkState.CONNECTED)
        world.whatsapp.running[0].tell(told)
        await world.until(LinkState(state))
        assert not world.link.hint("the network has changed")
        await asyncio.sleep(20)
        assert len(world.whatsapp.clients) == 1
        assert world.link.hint("asked", insist=True)
        assert await world.link.outcome() is LinkState.CONNECTED


async def test_a_wait_out_of_manners_ends_for_a_person_only() -> None:
    """It keeps WhatsApp from seeing a flood: a network that comes and goes must not undo that."""
    world = LinkWorld()
    world.files.login_in_s = 20.0
    async with world.running():
        await asyncio.sleep(1)
        assert not world.link.hint("the network has changed")
        await asyncio.sleep(15)
        assert len(world.told(LoginPutOff)) == 1
        assert not world.whatsapp.clients
        assert world.link.hint("asked", insist=True)
        assert await world.link.outcome() is LinkState.CONNECTED
        assert asyncio.get_running_loop().time() < 17
