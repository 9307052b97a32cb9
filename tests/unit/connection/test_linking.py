"""Linking by code, in virtual time: rounds, their ends, and what is asked of the phone."""

import asyncio

import pytest

from linda_bot.connection.events import (
    AttemptFailed,
    LinkGaveUp,
    LinkingCompleted,
    LinkingStarted,
    PairingCodeIssued,
    PairingCodeRefused,
    RestoreGaveUp,
    RetryScheduled,
)
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.errors import ExitCode
from linda_bot.whatsapp.events import (
    ClientEvent,
    ClientOutdated,
    ConnectEnded,
    EnginePrinted,
    LoggedOut,
    PairFailed,
    PairSucceeded,
    QrIssued,
    QrRoundEnded,
)
from tests.support.fake_client import NUMBER, FakeClient
from tests.support.link_world import RULES, LinkWorld

pytestmark = pytest.mark.looptime

STRANGER = "15550001111"


async def engine(world: LinkWorld) -> FakeClient:
    """Wait for an engine that shows a code, and return it."""
    async with asyncio.timeout(2000):
        while not any(client.code for client in world.whatsapp.running):
            await asyncio.sleep(0.05)
    return world.whatsapp.running[0]


def advice(world: LinkWorld) -> str:
    """Return what a person is told to do at the end."""
    (end,) = world.told(LinkGaveUp)
    assert isinstance(end, LinkGaveUp)
    return end.advice


def waits(world: LinkWorld) -> list[float]:
    """Return the waits that were promised."""
    return [event.in_s for event in world.told(RetryScheduled) if isinstance(event, RetryScheduled)]


async def test_rounds_end_by_our_own_clock() -> None:
    """A library that falls silent after its first code: three rounds of 60 s and a little, then exit code 4."""
    async with LinkWorld(linked=False).running() as world:
        assert await world.exited() is ExitCode.LINKING_NEEDED
        assert asyncio.get_running_loop().time() == pytest.approx(3 * 75, abs=1)

    assert [event.round for event in world.told(LinkingStarted) if isinstance(event, LinkingStarted)] == [1, 2, 3]
    assert len(world.whatsapp.clients) == 3
    assert "scan the QR code" in advice(world)


async def test_a_round_lasts_as_long_as_its_six_codes() -> None:
    """60 s and five times 20 s: 160 s and a little, also when the library never says that they ran out."""
    async with LinkWorld(linked=False).running() as world:
        client = await engine(world)
        await asyncio.sleep(60)
        for number in range(2, 7):
            client.show(number)
            await asyncio.sleep(20)
        assert client.alive
        await asyncio.sleep(16)
        assert not client.alive


async def test_codes_without_end_are_no_round_without_end() -> None:
    """A library that goes on showing codes is ended with the round."""
    async with LinkWorld(linked=False).running() as world:
        client = await engine(world)
        for number in range(2, 40):
            await asyncio.sleep(10)
            if client.alive:
                client.show(number)
        assert world.times(AttemptFailed)[0] == pytest.approx(175, abs=1)


@pytest.mark.parametrize("shown", [True, False])
async def test_a_line_that_is_cut_is_no_round(*, shown: bool) -> None:
    """While a code is shown or before one came: by the schedule, with no word of a person who did not scan."""
    world = LinkWorld(linked=False)
    world.whatsapp.answers = shown
    async with world.running():
        for _ in range(13):
            while not world.whatsapp.running:
                await asyncio.sleep(1)
            await asyncio.sleep(1)
            world.whatsapp.running[0].tell(QrRoundEnded(outcome="timeout"))
            await asyncio.sleep(0.1)
        assert world.exit_code is None

    assert waits(world)[:11] == [3, 10, 30, 60, 120, 120, 120, 120, 120, 120, 900]
    assert {event.finding for event in world.told(AttemptFailed) if isinstance(event, AttemptFailed)} == {"unreachable"}


@pytest.mark.parametrize(
    ("told", "code", "word"),
    [
        (QrRoundEnded(outcome="err-passkey"), ExitCode.LINKING_NEEDED, "passkey"),
        (QrRoundEnded(outcome="err-client-outdated"), ExitCode.CLIENT_OUTDATED, "upgrade"),
        (ClientOutdated(), ExitCode.CLIENT_OUTDATED, "upgrade"),
    ],
)
async def test_what_no_scan_can_help_ends_at_once(told: ClientEvent, code: ExitCode, word: str) -> None:
    """No second round, no wait."""
    async with LinkWorld(linked=False).running() as world:
        (await engine(world)).tell(told)
        assert await world.exited(within_s=1) is code

    assert word in advice(world)
    assert len(world.whatsapp.clients) == 1


async def test_a_phone_that_does_not_bring_it_to_an_end_costs_a_round() -> None:
    """At once, since somebody is there; at most as many as are set."""
    async with LinkWorld(linked=False).running() as world:
        for _ in range(3):
            (await engine(world)).tell(PairFailed(reason="no"))
            await asyncio.sleep(0.1)
        assert await world.exited(within_s=1) is ExitCode.LINKING_NEEDED


@pytest.mark.parametrize("told", [LoggedOut(code=401, on_connect=True), QrRoundEnded(outcome="error")])
async def test_a_server_that_refuses_new_devices_sees_no_storm(told: ClientEvent) -> None:
    """Before a code was shown there is no round to count and no device to set aside: the schedule bounds it."""
    world = LinkWorld(linked=False)
    world.whatsapp.answers = False
    async with world.running():
        for _ in range(360):
            await asyncio.sleep(1)
            for client in world.whatsapp.running:
                client.tell(told)
        assert 4 <= len(world.whatsapp.clients) <= 8
        assert world.link.state is LinkState.LINKING

    assert not world.files.aside
    assert not world.files.retired


async def test_a_phone_that_is_too_old_may_scan_again() -> None:
    """That is no end of the round."""
    async with LinkWorld(linked=False).running() as world:
        client = await engine(world)
        client.tell(QrRoundEnded(outcome="err-scanned-without-multidevice"))
        await asyncio.sleep(10)
        client.scan(client.code)
        await world.until(LinkState.CONNECTED, within_s=1)


@pytest.mark.parametrize("told", [QrRoundEnded(outcome="success"), PairSucceeded(number=NUMBER, platform="android")])
async def test_after_the_scan_the_login_has_a_minute(told: ClientEvent) -> None:
    """Whichever of the two words comes; then the schedule."""
    async with LinkWorld(linked=False).running() as world:
        client = await engine(world)
        await asyncio.sleep(59)
        client.tell(told)
        await asyncio.sleep(59)
        assert client.alive
        await asyncio.sleep(2)
        assert not client.alive
        assert waits(world) == [3]


async def test_a_login_that_comes_after_a_long_outage_still_completes_the_linking() -> None:
    """The phone has scanned, then nothing could be reached until the circuit was open."""
    async with LinkWorld(linked=False).running() as world:
        client = await engine(world)
        world.whatsapp.answers = False
        client.scan(client.code)
        await asyncio.sleep(1)
        client.kill()
        world.whatsapp.reachable = False
        await world.until(LinkState.CIRCUIT_OPEN)
        world.whatsapp.reachable = world.whatsapp.answers = True
        await world.until(LinkState.CONNECTED, within_s=901)

    assert len(world.told(LinkingCompleted)) == 1


# Pairing codes.


async def test_a_pairing_code_is_asked_for_once_a_round_and_after_the_first_code() -> None:
    """Before that the library cannot be asked; it ends with the round."""
    async with LinkWorld(linked=False, pair_phone=NUMBER).running() as world:
        client = await engine(world)
        client.show(2)
        client.show(3)
        await asyncio.sleep(1)
        assert world.whatsapp.pair_requests == [NUMBER]
        (issued,) = world.told(PairingCodeIssued)
        assert isinstance(issued, PairingCodeIssued)
        assert issued.valid_s == pytest.approx(160, abs=1)
        await asyncio.sleep(60)
        await engine(world)
        await asyncio.sleep(1)
        assert world.whatsapp.pair_requests == [NUMBER, NUMBER]
        assert world.times(PairingCodeIssued)[0] >= world.times(QrIssued)[0]


async def test_a_refused_pairing_code_leaves_the_qr_codes() -> None:
    """Said once; the scan works."""
    world = LinkWorld(linked=False, pair_phone=NUMBER)
    world.whatsapp.pair_refusal = "429: rate-overlimit"
    async with world.running():
        client = await engine(world)
        await asyncio.sleep(5)
        assert len(world.told(PairingCodeRefused)) == 1
        client.scan(client.code)
        await world.until(LinkState.CONNECTED, within_s=1)


async def test_a_pairing_code_can_be_wished_for_while_codes_are_shown() -> None:
    """By another number, too; later rounds ask for the one that was wished for last."""
    world = LinkWorld(linked=False)
    async with world.running():
        client = await engine(world)
        await asyncio.sleep(1)
        assert world.whatsapp.pair_requests == []
        client.show(2)
        for number in (STRANGER, NUMBER):
            world.link.pair_phone(number)
            await asyncio.sleep(1)
        assert world.whatsapp.pair_requests == [STRANGER, NUMBER]
        assert [event.number for event in world.told(PairingCodeIssued)] == [STRANGER, NUMBER]  # type: ignore[attr-defined]
        await asyncio.sleep(60)
        await engine(world)
        await asyncio.sleep(1)
        assert world.whatsapp.pair_requests == [STRANGER, NUMBER, NUMBER]


async def test_a_wish_before_the_first_code_waits_for_it() -> None:
    """The library cannot be asked before."""
    world = LinkWorld(linked=False)
    async with world.running():
        world.link.pair_phone(NUMBER)
        await engine(world)
        await asyncio.sleep(1)
        assert world.whatsapp.pair_requests == [NUMBER]


# Wrong accounts.


async def test_a_strangers_account_is_unlinked_again() -> None:
    """Whose messages came meanwhile is written down with them; see the inbox."""
    world = LinkWorld(linked=False, account=NUMBER)
    async with world.running():
        client = await engine(world)
        client.scan(client.code, STRANGER)
        await asyncio.sleep(1)
        assert not world.whatsapp.linked
        client = await engine(world)
        client.scan(client.code)
        await world.until(LinkState.CONNECTED)


async def test_strangers_only_end_with_the_right_words() -> None:
    """The codes were scanned, so it is not said that nobody did."""
    world = LinkWorld(linked=False, account=NUMBER)
    async with world.running():
        for _ in range(3):
            client = await engine(world)
            client.scan(client.code, STRANGER)
            await asyncio.sleep(1)
        assert await world.exited() is ExitCode.LINKING_NEEDED

    assert "LINDA_ACCOUNT" in advice(world)


async def test_a_session_that_was_good_before_is_never_unlinked() -> None:
    """A number that no longer fits is a question for a person, not a reason to destroy the session."""
    world = LinkWorld(account=STRANGER)
    async with world.running():
        assert await world.exited(within_s=1) is ExitCode.USAGE

    assert world.whatsapp.linked
    assert "LINDA_ACCOUNT" in advice(world)


# What linking does to what is there.


async def test_a_damaged_store_without_backups_is_told_as_lost() -> None:
    """A person must link again: that is worth more than a line on a screen."""
    world = LinkWorld()
    world.files.damaged = True
    async with world.running():
        await engine(world)

    assert len(world.told(RestoreGaveUp)) == 1


async def test_a_first_linking_has_lost_nothing() -> None:
    """Neither without files nor with a store that the library cannot open."""
    async with LinkWorld(linked=False, rules=RULES._replace(restore_attempts=1)).running() as world:
        client = await engine(world)
        client.tell(EnginePrinted(line="?"))
        client.tell(ConnectEnded(error="disk I/O error"))
        await asyncio.sleep(1)
        await engine(world)

    assert not world.told(RestoreGaveUp)


async def test_a_round_that_is_told_to_be_over_after_the_login_changes_nothing() -> None:
    """The library tells of codes and of logins on threads of their own: the order is not certain."""
    async with LinkWorld(linked=False).running() as world:
        client = await engine(world)
        client.scan(client.code)
        await world.until(LinkState.CONNECTED)
        client.tell(QrRoundEnded(outcome="success"))
        client.tell(PairSucceeded(number=NUMBER, platform="android"))
        client.tell(QrIssued(code="late", number=2, valid_s=20))
        client.tell(QrRoundEnded(outcome="timeout"))
        await asyncio.sleep(200)
        assert client.alive
