"""What the overview says of accounts."""

import pytest

from linda_bot.app.answers import AccountView
from linda_bot.web.pages.house_view import facts_of, summary_of


def account(phase: str = "running", state: str = "", **facts: object) -> AccountView:
    """Return an account in a phase."""
    return AccountView(id="a", account="97150*****56", phase=phase, state=state, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("view", "tone", "headline"),
    [
        (account(state="connected"), "good", "connected"),
        (account(state="transient_disconnect"), "wait", "transient disconnect"),
        (account(state="banned"), "bad", "banned"),
        (account(), "wait", "beginning"),
        (account("unlinked"), "wait", "needs a phone"),
        (account("paused"), "pause", "paused"),
        (account("failed"), "bad", "failed, begins again"),
        (account("elsewhere"), "off", "on another host"),
        (account("something new"), "off", "something new"),
    ],
)
def test_how_an_account_looks(view: AccountView, tone: str, headline: str) -> None:
    """By its link where it has one, else by its phase."""
    facts = facts_of(view)
    assert (facts["tone"], facts["headline"]) == (tone, headline)


def test_what_strangers_write_stays_short() -> None:
    """A reason may quote anything."""
    assert len(str(facts_of(account("failed", why="x" * 5000))["why"])) < 300


def test_the_sum_of_all() -> None:
    """As bad as the worst of them, in words that fit how many they are."""
    up = account(state="connected")
    some = summary_of([up, account("unlinked"), account("unlinked"), account("failed")])
    assert (some["tone"], some["count"], some["connected"]) == ("bad", 4, 1)
    assert some["others"] == [("need a phone", 2), ("failed", 1)]
    assert (summary_of([up])["tone"], summary_of([])["tone"]) == ("good", "off")
    assert summary_of([up, account("unlinked")])["others"] == [("needs a phone", 1)]
