"""The lifecycle table: the full product for a reader to check, and what holds for every path through it."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot.connection.lifecycle import Finding, IllegalTransitionError, LinkState, next_state

S, F = LinkState, Finding

WORDS = {
    "START": S.STARTING,
    "LINK": S.LINKING,
    "RESTORE": S.RESTORING,
    "UP": S.CONNECTED,
    "DROP": S.TRANSIENT_DISCONNECT,
    "AGAIN": S.RECONNECTING,
    "OPEN": S.CIRCUIT_OPEN,
    "OUT": S.LOGGED_OUT,
    "REPL": S.REPLACED,
    "BAN": S.BANNED,
    "OLD": S.OUTDATED,
    "STOP": S.STOPPING,
    "END": S.STOPPED,
}

# A row is a finding, a column the state in which it is made, a cell where it leads; "-": it cannot be made there.
TABLE = """
                 START    LINK     RESTORE  UP       DROP     AGAIN    OPEN     OUT      REPL     BAN      OLD      STOP
session_found    RESTORE  LINK     RESTORE  -        -        AGAIN    -        RESTORE  -        -        -        STOP
session_missing  LINK     LINK     LINK     -        -        LINK     -        LINK     -        -        -        STOP
session_damaged  START    START    START    START    START    START    -        OUT      -        -        -        STOP
connected        -        UP       UP       UP       UP       UP       -        -        -        -        -        STOP
socket_lost      -        LINK     RESTORE  DROP     DROP     AGAIN    -        -        -        -        -        STOP
grace_over       START    LINK     AGAIN    AGAIN    AGAIN    AGAIN    -        OUT      -        -        -        STOP
silent           START    LINK     AGAIN    AGAIN    AGAIN    AGAIN    -        OUT      -        -        -        STOP
engine_lost      START    LINK     AGAIN    AGAIN    AGAIN    AGAIN    -        OUT      -        -        -        STOP
unreachable      START    LINK     AGAIN    AGAIN    AGAIN    AGAIN    -        OUT      -        -        -        STOP
refused          START    LINK     AGAIN    AGAIN    AGAIN    AGAIN    -        OUT      -        -        -        STOP
renewal_due      -        -        -        AGAIN    AGAIN    -        -        -        -        -        -        STOP
retry_due        START    LINK     -        -        -        AGAIN    AGAIN    OUT      AGAIN    AGAIN    AGAIN    STOP
attempts_spent   OPEN     OPEN     -        -        -        OPEN     -        OPEN     -        -        -        STOP
logged_out       -        OUT      OUT      OUT      OUT      OUT      -        -        -        -        -        STOP
unlinked         -        OUT      OUT      OUT      OUT      OUT      -        -        -        -        -        STOP
replaced         -        REPL     REPL     REPL     REPL     REPL     -        -        -        -        -        STOP
banned           -        BAN      BAN      BAN      BAN      BAN      -        -        -        -        -        STOP
outdated         -        OLD      OLD      OLD      OLD      OLD      -        -        -        -        -        STOP
qr_round_over    -        LINK     -        -        -        -        -        -        -        -        -        STOP
wrong_account    -        LINK     LINK     LINK     LINK     LINK     -        -        -        -        -        STOP
stop_asked       STOP     STOP     STOP     STOP     STOP     STOP     STOP     STOP     STOP     STOP     STOP     STOP
stopped          -        -        -        -        -        -        -        -        -        -        -        END
"""


def cells() -> Iterable[tuple[LinkState, Finding, LinkState | None]]:
    """Yield the table's cells; None for what cannot be."""
    head, *rows = TABLE.strip("\n").splitlines()
    for row in rows:
        finding, *ends = row.split()
        for state, end in zip(head.split(), ends, strict=True):
            yield WORDS[state], Finding(finding), None if end == "-" else WORDS[end]
    for finding in Finding:
        yield S.STOPPED, finding, None


def legal(state: LinkState) -> dict[Finding, LinkState]:
    """Return every finding that can be made in a state, and where it leads."""
    found = {}
    for finding in Finding:
        try:
            found[finding] = next_state(state, finding)
        except IllegalTransitionError:
            continue
    return found


def test_the_table_is_full() -> None:
    """Each pair of a state and a finding stands in it once."""
    pairs = [(state, finding) for state, finding, _ in cells()]

    assert len(pairs) == len(set(pairs)) == len(LinkState) * len(Finding)


@pytest.mark.parametrize("state", LinkState)
def test_each_finding_leads_where_the_table_says(state: LinkState) -> None:
    """The whole policy of states, pinned: a change of it shows here."""
    expected = {finding: end for now, finding, end in cells() if now is state and end is not None}

    assert legal(state) == expected


def test_the_words_for_states() -> None:
    """They are in logs, in histories that were written before, and in what programs ask."""
    assert " ".join(LinkState) == (
        "starting linking restoring connected transient_disconnect reconnecting circuit_open logged_out replaced "
        "banned outdated stopping stopped"
    )


STORIES = [
    ("restart", [F.SESSION_FOUND, F.CONNECTED], S.CONNECTED),
    ("first link", [F.SESSION_MISSING, F.CONNECTED], S.CONNECTED),
    ("nobody scans", [F.SESSION_MISSING, F.QR_ROUND_OVER, F.SESSION_MISSING], S.LINKING),
    ("a drop that heals", [F.SESSION_FOUND, F.CONNECTED, F.SOCKET_LOST, F.CONNECTED], S.CONNECTED),
    ("a drop that lasts", [F.SESSION_FOUND, F.CONNECTED, F.SOCKET_LOST, F.GRACE_OVER], S.RECONNECTING),
    ("no network at start", [F.SESSION_FOUND, F.UNREACHABLE, F.RETRY_DUE, F.SESSION_FOUND], S.RECONNECTING),
    ("a killed engine", [F.SESSION_FOUND, F.CONNECTED, F.ENGINE_LOST, F.SESSION_FOUND, F.CONNECTED], S.CONNECTED),
    ("half open", [F.SESSION_FOUND, F.UNREACHABLE, F.ATTEMPTS_SPENT, F.RETRY_DUE], S.RECONNECTING),
    ("removed on the phone", [F.SESSION_FOUND, F.LOGGED_OUT, F.SESSION_MISSING], S.LINKING),
    ("removed while the disk is full", [F.SESSION_FOUND, F.LOGGED_OUT, F.UNREACHABLE, F.RETRY_DUE], S.LOGGED_OUT),
    ("replaced", [F.SESSION_FOUND, F.CONNECTED, F.REPLACED, F.RETRY_DUE, F.SESSION_FOUND], S.RECONNECTING),
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


@st.composite
def paths(draw: st.DrawFn) -> LinkState:
    """Go a random legal way from the start, without a stop, and return where it ends."""
    state = S.STARTING
    for _ in range(draw(st.integers(0, 30))):
        ways = {finding: end for finding, end in legal(state).items() if finding is not F.STOP_ASKED}
        state = ways[draw(st.sampled_from(sorted(ways)))]
    return state


def reachable(state: LinkState, without: frozenset[Finding]) -> set[LinkState]:
    """Return where legal ways lead that need none of some findings."""
    reached, frontier = {state}, [state]
    while frontier:
        for finding, end in legal(frontier.pop()).items():
            if finding not in without and end not in reached:
                reached.add(end)
                frontier.append(end)
    return reached


BAD_NEWS = frozenset({F.LOGGED_OUT, F.REPLACED, F.BANNED, F.OUTDATED, F.SESSION_DAMAGED, F.WRONG_ACCOUNT, F.REFUSED})


@given(state=paths())
def test_wherever_a_link_gets_there_is_a_way_to_connected_and_to_stopped(state: LinkState) -> None:
    """No state is a dead end, and none needs more bad news to get out of."""
    assert S.CONNECTED in reachable(state, BAD_NEWS | {F.STOP_ASKED})
    assert next_state(next_state(state, F.STOP_ASKED), F.STOPPED) is S.STOPPED


@given(state=paths(), findings=st.lists(st.sampled_from(Finding), max_size=40))
def test_stopping_is_for_good(state: LinkState, findings: list[Finding]) -> None:
    """Whatever is found after a stop was asked for, the link does not come back."""
    state = next_state(state, F.STOP_ASKED)
    for finding in findings:
        if state is S.STOPPED:
            break
        state = next_state(state, finding)

    assert state in (S.STOPPING, S.STOPPED)
