"""How linking goes, as a door sees it."""

import asyncio

import pytest

from linda_bot.app.pairing import ASK_EVERY_S, Pairing, Stage
from linda_bot.connection.events import (
    AttemptFailed,
    LinkGaveUp,
    LinkingCompleted,
    LinkingStarted,
    LinkStateChanged,
    PairingCodeIssued,
    PairingCodeRefused,
    RetryScheduled,
)
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.events import Event
from linda_bot.whatsapp.events import EngineExited, PairFailed, PairSucceeded, QrIssued, QrRoundEnded

pytestmark = pytest.mark.looptime

SECRET = "2@secret"
CODE = QrIssued(code=SECRET, number=1, valid_s=60)
TYPED = PairingCodeIssued(number="971505760056", code="ABCD-EFGH", valid_s=160)
BEGUN = LinkingStarted(round=1, rounds=10, why="there is no session yet")


def moved(new: LinkState, because: str = "") -> LinkStateChanged:
    """The link is in another state."""
    return LinkStateChanged(old=LinkState.STARTING, new=new, because=because)


def after(*events: Event) -> Pairing:
    """Have things happen."""
    pairing = Pairing()
    for event in events:
        pairing.take(event)
    return pairing


async def test_a_code_can_be_scanned_until_its_time_is_up() -> None:
    """The seconds that are left go down."""
    pairing = after(moved(LinkState.LINKING), BEGUN, CODE)
    await asyncio.sleep(10)
    view = pairing.view()
    assert (view.stage, view.why, view.round, view.rounds) == (Stage.CODE, "there is no session yet", 1, 10)
    assert view.qr is not None
    assert (view.qr.text, view.qr.left_s) == (SECRET, 50)
    await asyncio.sleep(50)
    assert pairing.view().qr is None


async def test_a_pairing_code_stands_beside_the_qr_codes() -> None:
    """It outlives each of them."""
    pairing = after(BEGUN, CODE, TYPED)
    await asyncio.sleep(60)
    pairing.take(QrIssued(code="2@next", number=2, valid_s=20))
    view = pairing.view()
    assert view.pairing_code is not None
    assert (view.pairing_code.code, view.pairing_code.left_s) == ("ABCD-EFGH", 100)
    assert after(BEGUN, CODE, PairingCodeRefused(number="1", error="429")).view().code_refused == "429"


@pytest.mark.parametrize(
    ("events", "stage"),
    [
        ((QrRoundEnded(outcome="success"),), Stage.ACCEPTED),
        ((PairSucceeded(number="971505760056", platform="android"),), Stage.ACCEPTED),
        ((PairFailed(reason="it was too late"),), Stage.ASKING),
        ((QrRoundEnded(outcome="timeout"),), Stage.ASKING),
        ((EngineExited(code=-9, asked=False),), Stage.ASKING),
        ((AttemptFailed(finding="qr_round_over", because="nobody scanned"),), Stage.ASKING),
        ((RetryScheduled(in_s=30, attempt=1, attempts=10, because=""),), Stage.WAITING),
        ((moved(LinkState.CIRCUIT_OPEN, "too often"),), Stage.WAITING),
        ((LinkGaveUp(exit_code=5, because="nobody scanned", advice="start again"),), Stage.ENDED),
        ((moved(LinkState.STOPPING),), Stage.ENDED),
        ((LinkingCompleted(number="971505760056"),), Stage.LINKED),
        ((moved(LinkState.CONNECTED),), Stage.LINKED),
        ((moved(LinkState.LOGGED_OUT, "removed"),), Stage.STARTING),
    ],
)
async def test_no_code_outlives_its_use(events: tuple[Event, ...], stage: Stage) -> None:
    """Whatever ends it."""
    view = after(BEGUN, CODE, TYPED, *events).view()
    assert view.stage is stage
    assert view.qr is None
    assert view.pairing_code is None


async def test_why_a_round_came_to_nothing_is_still_said_in_the_next() -> None:
    """Who comes back to the page wants to know."""
    pairing = after(BEGUN, CODE, AttemptFailed(finding="qr_round_over", because="nobody scanned"))
    pairing.take(LinkingStarted(round=2, rounds=10, why=""))
    assert (pairing.view().failure, pairing.view().round) == ("nobody scanned", 2)
    pairing.take(LinkingStarted(round=1, rounds=10, why=""))
    assert pairing.view().failure == ""


async def test_a_wait_is_counted_down() -> None:
    """It ends with the next code."""
    pairing = after(BEGUN, RetryScheduled(in_s=30, attempt=1, attempts=10, because="no network"))
    await asyncio.sleep(10)
    assert pairing.view().retry_in_s == 20
    pairing.take(CODE)
    assert pairing.view().retry_in_s is None


async def test_a_linked_bot_has_nothing_to_scan_whatever_happens_to_its_link() -> None:
    """Its outages are not the page's business, until the phone removes it."""
    pairing = after(moved(LinkState.CONNECTED))
    for event in (
        AttemptFailed(finding="unreachable", because="no network"),
        RetryScheduled(in_s=3, attempt=1, attempts=10, because=""),
        EngineExited(code=1, asked=False),
        moved(LinkState.RECONNECTING),
        moved(LinkState.CIRCUIT_OPEN, "no network"),
        moved(LinkState.BANNED),
    ):
        pairing.take(event)
        assert (pairing.view().stage, pairing.view().failure) == (Stage.LINKED, "")
    pairing.take(moved(LinkState.LOGGED_OUT, "the phone removed this device"))
    pairing.take(moved(LinkState.LINKING))
    assert pairing.view().stage is Stage.ASKING
    assert pairing.view().failure == "the phone removed this device"


async def test_who_waits_for_news_gets_it_once() -> None:
    """What changes nothing is none."""
    pairing = after(BEGUN)
    seen = pairing.revision
    waiting = asyncio.ensure_future(pairing.changed_since(seen))
    await asyncio.sleep(1)
    pairing.take(moved(LinkState.LINKING))
    await asyncio.sleep(1)
    assert not waiting.done()
    pairing.take(CODE)
    assert await waiting > seen


async def test_a_code_is_not_asked_for_again_and_again() -> None:
    """Each request rings on somebody's phone."""
    pairing = after(BEGUN, CODE)
    assert pairing.ask() == 0
    await asyncio.sleep(5)
    assert pairing.ask() == ASK_EVERY_S - 5
    await asyncio.sleep(ASK_EVERY_S)
    assert pairing.ask() == 0


async def test_codes_are_not_in_what_is_printed_of_a_view() -> None:
    """A view may end up in a traceback."""
    shown = repr(after(BEGUN, CODE, TYPED).view())
    assert SECRET not in shown
    assert "ABCD" not in shown
