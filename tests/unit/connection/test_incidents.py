"""Which troubles a person is told of, in virtual time, with a link that lives through them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest

from linda_bot.connection.incidents import IncidentWatch, LeftOpen, Patience, down_because
from linda_bot.connection.lifecycle import Finding, LinkState
from linda_bot.kernel.alerts import AlertCleared, AlertRaised
from linda_bot.kernel.errors import SessionInaccessibleError
from linda_bot.whatsapp.events import (
    ClientEvent,
    ClientOutdated,
    ConnectEnded,
    LoggedOut,
    QrRoundEnded,
    StreamReplaced,
    TemporarilyBanned,
)
from tests.support.link_world import RULES, LinkWorld

pytestmark = pytest.mark.looptime

PATIENCE = Patience(down_for=180, up_for=60)


@asynccontextmanager
async def watched(world: LinkWorld) -> AsyncIterator[LinkWorld]:
    """Run a link and the watch over it."""
    watching = asyncio.create_task(IncidentWatch(PATIENCE, world.bus).run())
    await asyncio.sleep(0)
    try:
        async with world.running():
            yield world
    finally:
        await asyncio.sleep(0.01)
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


def raised(world: LinkWorld) -> list[str]:
    """Return the kinds of the alerts, in order."""
    return [event.kind for event in world.told(AlertRaised) if isinstance(event, AlertRaised)]


def advice(world: LinkWorld) -> str:
    """Return what the last alert says to do."""
    last = world.told(AlertRaised)[-1]
    assert isinstance(last, AlertRaised)
    return last.advice


def tell(event: ClientEvent) -> Callable[[LinkWorld], None]:
    """Have the running client tell something."""
    return lambda world: world.whatsapp.running[0].tell(event)


def vanish(world: LinkWorld) -> None:
    """Have the server be gone."""
    world.whatsapp.reachable = False
    world.whatsapp.running[0].kill()


def damage(world: LinkWorld) -> None:
    """Have the store be damaged while a backup is there."""
    world.files.damaged = True
    world.files.backups = ["backup-001"]
    world.whatsapp.running[0].kill()


def lose(world: LinkWorld) -> None:
    """Have the store be damaged where there is no backup."""
    world.files.damaged = True
    world.whatsapp.running[0].kill()


@pytest.mark.parametrize(
    ("happens", "kind", "word", "within_s"),
    [
        (vanish, "down", "network", 190),
        (tell(TemporarilyBanned(code=101, expires_in_s=600)), "banned", "ban ends", 1),
        (tell(ClientOutdated()), "outdated", "neonize", 1),
        (tell(StreamReplaced()), "replaced", "other program", 1),
        (tell(LoggedOut(code=401, on_connect=False)), "logged_out", "QR code", 1),
        (damage, "session_damaged", "disk", 1),
        (lose, "session_lost", "QR code", 1),
    ],
    ids=["down", "banned", "outdated", "replaced", "logged out", "damaged", "lost"],
)
async def test_each_trouble_is_one_alert_and_one_notice(
    happens: Callable[[LinkWorld], None], kind: str, word: str, within_s: float
) -> None:
    """With what to do; the notice comes when the link has been up for a minute, and nothing comes after it."""
    async with watched(LinkWorld()) as world:
        await world.until(LinkState.CONNECTED)
        happens(world)
        await asyncio.sleep(within_s)
        assert raised(world) == [kind]
        assert word in advice(world)
        world.whatsapp.reachable = True
        async with asyncio.timeout(4000):
            while world.link.state is not LinkState.CONNECTED:
                for client in world.whatsapp.running:
                    if client.code:
                        client.scan(client.code)
                await asyncio.sleep(1)
        await asyncio.sleep(55)
        assert not world.told(AlertCleared)
        await asyncio.sleep(10)
        (cleared,) = world.told(AlertCleared)
        assert isinstance(cleared, AlertCleared)
        assert cleared.kind == kind
        assert cleared.after_s >= 60
        await asyncio.sleep(4000)

    assert raised(world) == [kind]
    assert len(world.told(AlertCleared)) == 1


@pytest.mark.parametrize(
    ("linked", "can_show_qr", "told"),
    [
        (True, False, LoggedOut(code=401, on_connect=False)),
        (False, True, QrRoundEnded(outcome="err-client-outdated")),
        (False, True, QrRoundEnded(outcome="err-passkey")),
    ],
)
async def test_an_end_of_the_process_is_one_alert_with_its_own_advice(
    *, linked: bool, can_show_qr: bool, told: LoggedOut | QrRoundEnded
) -> None:
    """Not first another one whose advice a bot that ends cannot keep."""
    async with watched(LinkWorld(linked=linked, rules=RULES._replace(can_show_qr=can_show_qr))) as world:
        await world.until(LinkState.CONNECTED if linked else LinkState.LINKING)
        world.whatsapp.running[0].tell(told)
        await world.exited(within_s=1)
        await asyncio.sleep(100)

    assert raised(world) == ["gave_up"]


async def test_short_drops_are_no_incident() -> None:
    """Three minutes may pass, again and again."""
    async with watched(LinkWorld()) as world:
        for seconds in (3, 60, 150):
            await world.until(LinkState.CONNECTED)
            await asyncio.sleep(120)
            vanish(world)
            await asyncio.sleep(seconds)
            world.whatsapp.reachable = True
            world.link.hint("the network has changed")
        await world.until(LinkState.CONNECTED)

    assert raised(world) == []


async def test_within_an_incident_only_what_is_graver_is_told() -> None:
    """Down, then replaced, then given up; the circuit that opens is the same outage."""
    async with watched(LinkWorld()) as world:
        await world.until(LinkState.CONNECTED)
        vanish(world)
        await world.until(LinkState.CIRCUIT_OPEN)
        world.whatsapp.reachable = True
        for _ in range(3):
            await world.until(LinkState.CONNECTED)
            world.whatsapp.running[0].tell(StreamReplaced())
            await asyncio.sleep(0.1)
        await world.exited()
        await asyncio.sleep(1)

    assert raised(world) == ["down", "replaced", "gave_up"]
    assert not world.told(AlertCleared)


async def test_a_link_that_is_up_for_a_moment_does_not_end_the_incident() -> None:
    """One alert for an outage with a hole in it."""
    async with watched(LinkWorld()) as world:
        await world.until(LinkState.CONNECTED)
        for _ in range(3):
            vanish(world)
            await asyncio.sleep(400)
            world.whatsapp.reachable = True
            world.link.hint("the network has changed", insist=True)
            await world.until(LinkState.CONNECTED)
            await asyncio.sleep(30)
        await asyncio.sleep(60)

    assert raised(world) == ["down"]
    assert len(world.told(AlertCleared)) == 1


@pytest.mark.parametrize("state", ["connected", "reconnecting", "linking"])
async def test_a_stop_is_no_trouble(state: str) -> None:
    """However long it takes."""
    world = LinkWorld(linked=state != "linking")
    async with watched(world):
        if state != "linking":
            await world.until(LinkState.CONNECTED)
        if state == "reconnecting":
            vanish(world)
        await asyncio.sleep(1)
        world.link.stop_asked()
        await asyncio.sleep(1000)

    assert raised(world) == []


async def test_a_first_linking_is_nobodys_outage() -> None:
    """Nobody misses a bot that was never there; that nobody scanned is told at the end."""
    async with watched(LinkWorld(linked=False)) as world:
        await asyncio.sleep(200)
        assert raised(world) == []
        await world.exited()
        await asyncio.sleep(1)

    assert raised(world) == ["gave_up"]


async def test_a_server_that_is_gone_at_the_start_is_told() -> None:
    """A linked bot that comes up without a network is missed."""
    world = LinkWorld()
    world.whatsapp.login_answer = ConnectEnded(error="dial tcp: lookup web.whatsapp.com: no such host")
    async with watched(world):
        await asyncio.sleep(200)
        (alert,) = world.told(AlertRaised)
        assert isinstance(alert, AlertRaised)
        assert "is there a network" in alert.because


async def test_a_disk_that_is_full_is_not_the_networks_fault() -> None:
    """The advice fits what was found."""
    async with watched(LinkWorld()) as world:
        await world.until(LinkState.CONNECTED)
        world.files.trouble = SessionInaccessibleError("the session's files cannot be written: no space left")
        world.whatsapp.running[0].kill()
        await asyncio.sleep(300)

    assert raised(world) == ["down"]
    assert "disk" in advice(world)
    assert "network" not in advice(world)


@pytest.mark.parametrize(
    ("finding", "is_local", "word"),
    [
        (Finding.UNREACHABLE, False, "network"),
        (Finding.SILENT, False, "network"),
        (Finding.UNREACHABLE, True, "disk"),
        (Finding.REFUSED, False, "WhatsApp"),
        (Finding.ENGINE_LOST, False, "log"),
    ],
)
def test_each_cause_has_its_advice(finding: Finding, word: str, *, is_local: bool) -> None:
    """As far as the finding says it."""
    concern = down_because(finding, is_local=is_local)

    assert concern.kind == "down"
    assert word in concern.advice


@asynccontextmanager
async def begun_with(world: LinkWorld, kind: str, hours_ago: float) -> AsyncIterator[LinkWorld]:
    """Run a link and a watch that takes over an incident."""
    left = LeftOpen(kind, datetime.now(UTC) - timedelta(hours=hours_ago))
    watching = asyncio.create_task(IncidentWatch(PATIENCE, world.bus, left).run())
    await asyncio.sleep(0)
    async with world.running():
        yield world
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


@pytest.mark.parametrize("kind", ["down", "logged_out", "gave_up", "a kind of another version"])
async def test_an_incident_of_the_run_before_ends_in_this_one(kind: str) -> None:
    """It is not raised again, and lasted from its beginning."""
    async with begun_with(LinkWorld(), kind, 2) as world:
        await asyncio.sleep(100)
        (cleared,) = world.told(AlertCleared)

    assert isinstance(cleared, AlertCleared)
    assert cleared.after_s == pytest.approx(7260, abs=30)
    assert raised(world) == []


async def test_an_incident_that_goes_on_is_not_raised_again() -> None:
    """However long the link stays down, until the bot is stopped."""
    world = LinkWorld()
    world.whatsapp.reachable = False
    async with begun_with(world, "down", 2):
        await asyncio.sleep(10_000)

    assert raised(world) == []
    assert not world.told(AlertCleared)


async def test_what_comes_after_an_end_of_the_process_is_news() -> None:
    """Somebody has started it again."""
    async with begun_with(LinkWorld(), "gave_up", 2) as world:
        await world.until(LinkState.CONNECTED)
        world.whatsapp.running[0].tell(LoggedOut(code=401, on_connect=False))
        await asyncio.sleep(1)

    assert raised(world) == ["logged_out"]
