"""One-shot links are offered while a phone is needed, and not more often than they are of use."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from linda_bot.app.front import NotNowError
from linda_bot.app.pairing import Pairing
from linda_bot.connection.events import AttemptFailed, LinkingCompleted, LinkingStarted, LinkStateChanged
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.events import Event
from linda_bot.settings.values import HttpAddress
from linda_bot.web.access import Access
from linda_bot.web.events import LinkOffered
from linda_bot.web.invitations import Invitations
from linda_bot.whatsapp.events import QrIssued

pytestmark = pytest.mark.looptime

CODE = QrIssued(code="2@secret", number=1, valid_s=60)
VALID_S = 900.0


class Host:
    """Hands out numbered links, which can be used once within 15 minutes."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self.made = 0

    def invite(self) -> tuple[str, float]:
        self.made += 1
        url = f"http://127.0.0.1/link?once={self.made}"
        self._until[url] = asyncio.get_running_loop().time() + VALID_S
        return url, VALID_S

    def is_open(self, url: str) -> bool:
        return asyncio.get_running_loop().time() < self._until.get(url, 0.0)

    def use_up(self) -> None:
        self._until.clear()


class Scene:
    """A bot that is being linked."""

    def __init__(self) -> None:
        self.pairing, self.bus, self.host = Pairing(), EventBus(), Host()
        self.invitations = Invitations(self.pairing, self.bus, self.host)
        self.offers: list[LinkOffered] = []

    async def when(self, *events: Event) -> int:
        """Have things happen, and return how many links were offered so far."""
        with self.bus.subscribe(LinkOffered, name="offers") as offered:
            for event in events:
                self.pairing.take(event)
                await asyncio.sleep(1)
            self.offers += offered.pending()
        return len(self.offers)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """One in which links are offered."""
    made = Scene()
    running = asyncio.ensure_future(made.invitations.run())
    yield made
    running.cancel()
    await asyncio.wait({running})


def begun(number: int) -> LinkingStarted:
    """A round of codes begins."""
    return LinkingStarted(round=number, rounds=10, why="there is no session yet")


def moved(new: LinkState) -> LinkStateChanged:
    """The link is in another state."""
    return LinkStateChanged(old=LinkState.STARTING, new=new, because="")


async def test_one_is_offered_when_linking_begins(scene: Scene) -> None:
    """Once, however many codes there are; and only when it was said why."""
    assert await scene.when(moved(LinkState.LINKING)) == 0
    assert await scene.when(begun(1), CODE, QrIssued(code="2@next", number=2, valid_s=20)) == 1
    assert scene.offers[0].url == "http://127.0.0.1/link?once=1"
    assert scene.offers[0].valid_s == VALID_S


async def test_a_linked_bot_offers_none(scene: Scene) -> None:
    """Whatever becomes of its link."""
    assert await scene.when(moved(LinkState.CONNECTED), moved(LinkState.RECONNECTING)) == 0


async def test_a_new_round_brings_a_new_one_where_the_last_is_of_no_more_use(scene: Scene) -> None:
    """Used up, or too old; one that is good is not replaced."""
    over = AttemptFailed(finding="qr_round_over", because="nobody scanned")
    assert await scene.when(begun(1), CODE, over, begun(2), CODE) == 1
    scene.host.use_up()
    assert await scene.when(QrIssued(code="2@next", number=2, valid_s=20)) == 1
    assert await scene.when(over, begun(3), CODE) == 2
    await asyncio.sleep(VALID_S)
    assert await scene.when(QrIssued(code="2@next", number=2, valid_s=20)) == 2
    assert await scene.when(over, begun(4), CODE) == 3


async def test_who_must_link_again_later_is_offered_another_one(scene: Scene) -> None:
    """Nobody looks for the first one by then."""
    await scene.when(begun(1), CODE, LinkingCompleted(number="971505760056"))
    assert await scene.when(moved(LinkState.LOGGED_OUT), moved(LinkState.LINKING), begun(1)) == 2


async def test_who_asks_gets_one_unless_the_bot_is_linked(scene: Scene) -> None:
    """Also before it is known whether a phone is needed."""
    assert scene.invitations.asked() == ("http://127.0.0.1/link?once=1", VALID_S)
    await scene.when(moved(LinkState.CONNECTED))
    with pytest.raises(NotNowError, match="linked already"):
        scene.invitations.asked()


def test_a_link_is_open_until_it_is_used_or_too_old(tmp_path: Path) -> None:
    """Whoever looks whether it is does not use it up."""
    now = 1000.0
    address = HttpAddress("127.0.0.1", 8080)
    access = Access(token=None, key_file=tmp_path / "key", bound=address, clock=lambda: now)
    (used, valid_s), (left, _) = access.invite(), access.invite()
    assert access.is_open(used)
    assert access.is_open(used)
    assert access.redeem(used.partition("once=")[2], "127.0.0.1")
    assert (access.is_open(used), access.is_open(left)) == (False, True)
    now += valid_s
    assert not access.is_open(left)
    assert not access.is_open("http://127.0.0.1:8080/link?once=none-of-ours")


def test_what_is_printed_of_an_offer_has_no_link() -> None:
    """It is as good as a code."""
    assert "once" not in repr(LinkOffered(url="http://127.0.0.1/link?once=1", valid_s=1))
