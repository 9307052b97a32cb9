"""Several accounts in one process: which of them there are, and what a person asks of them."""

import asyncio
from pathlib import Path

import pytest

from linda_bot.app.events import AccountChanged
from linda_bot.kernel.errors import UsageError
from linda_bot.sessions.roll import Standing
from tests.support.fake_house import FakeHouse

SHOP, CLUB, ADDED = "971505760056", "971505760057", "971505760058"


def phases(made: FakeHouse) -> dict[str, str]:
    """Return what becomes of each account."""
    return {view.account: view.phase for view in made.house.views()}


async def test_named_added_and_paused_accounts(tmp_path: Path) -> None:
    """The settings' first; one that was removed is not there, unless the settings name it."""
    made = FakeHouse(tmp_path, [SHOP, CLUB])
    for account, standing in ((ADDED, "active"), (CLUB, "paused"), ("4915112345678", "removed"), (SHOP, "removed")):
        made.roll.change(account, Standing(standing))
    made.house.begin()
    await made.until(ADDED, "running")

    assert phases(made) == {SHOP: "running", CLUB: "paused", ADDED: "running"}
    await made.house.close()


async def test_what_a_person_asks_is_remembered(tmp_path: Path) -> None:
    """The next process finds it so."""
    made = FakeHouse(tmp_path, [SHOP], unlinked=[ADDED])
    made.house.begin()
    await made.house.add(f"+{ADDED}")
    await made.until(ADDED, "unlinked")
    await made.house.pause(SHOP)
    assert phases(made) == {SHOP: "paused", ADDED: "unlinked"}
    await made.house.close()

    again = FakeHouse(tmp_path, [SHOP], unlinked=[ADDED])
    again.house.begin()
    await again.until(ADDED, "unlinked")
    assert phases(again) == {SHOP: "paused", ADDED: "unlinked"}
    await again.house.resume(SHOP)
    await again.house.remove(ADDED)
    await again.until(SHOP, "running")
    assert phases(again) == {SHOP: "running"}
    assert made.roll.read() == {SHOP: Standing.ACTIVE, ADDED: Standing.REMOVED}
    await again.house.close()


async def test_linking(tmp_path: Path) -> None:
    """An account without a session has something to show only when somebody asks."""
    made = FakeHouse(tmp_path, [SHOP], unlinked=[SHOP])
    made.house.begin()
    await made.until(SHOP, "unlinked")
    assert made.house.front(SHOP) is None
    await made.house.link(SHOP)
    await made.until(SHOP, "running")
    assert made.house.front(SHOP) is not None
    await made.house.close()


async def test_requests_for_one_account_come_one_after_the_other(tmp_path: Path) -> None:
    """The last one holds, however close they come; those of others do not wait."""
    made = FakeHouse(tmp_path, [SHOP, CLUB])
    made.house.begin()
    await made.until(CLUB, "running")
    await asyncio.gather(made.house.pause(SHOP), made.house.resume(SHOP), made.house.pause(CLUB))
    await made.until(SHOP, "running")

    assert phases(made) == {SHOP: "running", CLUB: "paused"}
    assert made.roll.read() == {SHOP: Standing.ACTIVE, CLUB: Standing.PAUSED}
    await made.house.close()


async def test_the_end_of_all_is_no_news_of_each(tmp_path: Path) -> None:
    """Twenty accounts would say twenty times that they end."""
    made = FakeHouse(tmp_path, [SHOP, CLUB])
    made.house.begin()
    await made.until(CLUB, "running")
    with made.bus.subscribe(AccountChanged, name="test") as events:
        await made.house.close()
        assert list(events.pending()) == []


@pytest.mark.parametrize(
    ("what", "account", "why"),
    [
        ("add", SHOP, "97150\\*\\*\\*\\*\\*56 is there already"),
        ("add", "12", "international format"),
        ("pause", ADDED, "there is no account 97150\\*\\*\\*\\*\\*58; there are: 97150\\*\\*\\*\\*\\*56"),
        ("remove", SHOP, "is named in the settings"),
    ],
)
async def test_what_cannot_be_asked(tmp_path: Path, what: str, account: str, why: str) -> None:
    """One line says why, and nothing was changed."""
    made = FakeHouse(tmp_path, [SHOP])
    made.house.begin()
    with pytest.raises(UsageError, match=why):
        await getattr(made.house, what)(account)
    assert not made.roll.path.exists()
    await made.house.close()


async def test_a_paused_account_is_not_linked(tmp_path: Path) -> None:
    """A person has said that nothing of it runs."""
    made = FakeHouse(tmp_path, [SHOP])
    made.house.begin()
    await made.house.pause(SHOP)
    with pytest.raises(UsageError, match="resume it first"):
        await made.house.link(SHOP)
    await made.house.close()
