"""The lifecycle table: the full product, and what holds for every path through it."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot.connection.lifecycle import Finding, IllegalTransitionError, LinkState, next_state

S, F = LinkState, Finding

STORIES = [
    ("restart", [F.SESSION_FOUND, F.CONNECTED], S.CONNECTED),
    ("first link", [F.SESSION_MISSING, F.CONNECTED], S.CONNECTED),
    ("nobody scans", [F.SESSION_MISSING, F.QR_ROUND_OVER, F.SESSION_MISSING], S.LINKING),
    ("a drop that heals", [F.SESSION_FOUND, F.CONNECTED, F.SOCKET_LOST, F.CONNECTED], S.CONNECTED),
    ("a drop that lasts", [F.SESSION_FOUND, F.CONNECTED, F.SOCKET_LOST, F.GRACE_OVER], S.RECONNECTING),
    ("no network at start", [F.SESSION_FOUND, F.UNREACHABLE, F.RETRY_DUE, F.SESSION_FOUND], S.RECONNECTING),
    ("a killed engine", [F.SESSION_FOUND, F.CONNECTED, F.ENGINE_LOST, F.SESSION_FOUND, F.CONNECTED], S.CONNECTED),
    ("a zombie", [F.SESSION_FOUND, F.CONNECTED, F.SILENT], S.RECONNECTING),
    ("attempts spent", [F.SESSION_FOUND, F.UNREACHABLE, F.ATTEMPTS_SPENT], S.CIRCUIT_OPEN),
    ("half open", [F.SESSION_FOUND, F.UNREACHABLE, F.ATTEMPTS_SPENT, F.RETRY_DUE], S.RECONNECTING),
    ("removed on the phone", [F.SESSION_FOUND, F.LOGGED_OUT, F.SESSION_MISSING], S.LINKING),
    ("replaced", [F.SESSION_FOUND, F.CONNECTED, F.REPLACED, F.RETRY_DUE, F.SESSION_FOUND], S.RECONNECTING),
    ("banned", [F.SESSION_FOUND, F.BANNED], S.BANNED),
    ("outdated", [F.SESSION_FOUND, F.OUTDATED, F.RETRY_DUE], S.RECONNECTING),
    ("damaged", [F.SESSION_DAMAGED, F.SESSION_MISSING], S.LINKING),
    ("wrong phone", [F.SESSION_MISSING, F.WRONG_ACCOUNT, F.SESSION_MISSING], S.LINKING),
    ("stopped while linking", [F.SESSION_MISSING, F.STOP_ASKED, F.STOPPED], S.STOPPED),
]


@pytest.mark.parametrize(("findings", "end"), [pytest.param(f, e, id=name) for name, f, e in STORIES])
def test_a_story_ends_in_its_state(findings: list[Finding], end: LinkState) -> None:
    """Each thing that happens to a link leads to the documented state."""
    state = S.STARTING
    for finding in findings:
        state = next_state(state, finding)

    assert end is state


def legal(state: LinkState) -> dict[Finding, LinkState]:
    """Return every finding that can be made in a state, and where it leads."""
    found = {}
    for finding in Finding:
        try:
            found[finding] = next_state(state, finding)
        except IllegalTransitionError:
            continue
    return found


def test_the_full_product_is_decided() -> None:
    """Each pair of state and finding leads to a state or is refused; no other error, no surprise."""
    product = list(itertools.product(LinkState, Finding))

    refused = sum(finding not in legal(state) for state, finding in product)

    assert len(LinkState) * len(Finding) == len(product)
    assert 0 < refused < len(product)


@pytest.mark.parametrize("state", [state for state in LinkState if state not in (S.STOPPING, S.STOPPED)])
def test_from_every_state_there_is_a_way_to_connected(state: LinkState) -> None:
    """No state is a dead end while nobody asked to stop."""
    reached, frontier = {state}, [state]
    while frontier:
        for target in legal(frontier.pop()).values():
            if target not in reached:
                reached.add(target)
                frontier.append(target)

    assert S.CONNECTED in reached


@pytest.mark.parametrize("state", [state for state in LinkState if state is not S.STOPPED])
def test_every_state_can_be_stopped(state: LinkState) -> None:
    """Asking to stop works everywhere and leads to the end."""
    assert next_state(next_state(state, F.STOP_ASKED), F.STOPPED) is S.STOPPED


@given(st.lists(st.sampled_from(Finding), max_size=40))
def test_stopping_is_for_good(findings: list[Finding]) -> None:
    """Whatever is found after a stop was asked for, the link does not come back."""
    state = next_state(S.CONNECTED, F.STOP_ASKED)
    for finding in findings:
        if state is S.STOPPED:
            break
        state = next_state(state, finding)

    assert state in (S.STOPPING, S.STOPPED)
