"""What follows from the end of an attempt."""

import pytest

from linda_bot.connection.circuit import Circuit, after_failure
from linda_bot.connection.lifecycle import Finding
from linda_bot.connection.policy import (
    Decision,
    Ending,
    GiveUp,
    Recover,
    Retry,
    StartOver,
    Tally,
    decide,
)
from linda_bot.kernel.errors import ExitCode
from tests.support.link_world import RULES


def waits(finding: Finding, count: int) -> list[float]:
    """Return the waits after so many endings of one kind in a row."""
    tally, found = Tally(), []
    for _ in range(count):
        decision = decide(Ending(finding), tally, RULES)
        assert isinstance(decision, Retry)
        found.append(decision.wait_s)
        tally = decision.tally
    return found


def test_an_unreachable_server_is_tried_by_the_schedule_until_the_circuit_opens() -> None:
    """Ten attempts by the schedule, then one per cool-down."""
    assert [3, 10, 30, 60, 120, 120, 120, 120, 120, 120, 900, 900] == waits(Finding.UNREACHABLE, 12)


def test_the_circuit_says_that_it_opens() -> None:
    """Spent attempts are a finding of their own."""
    decision = decide(Ending(Finding.UNREACHABLE), Tally(circuit=Circuit(failures=10)), RULES)

    assert isinstance(decision, Retry)
    assert decision.finding is Finding.ATTEMPTS_SPENT


def test_a_lost_engine_of_a_good_link_is_replaced_at_once() -> None:
    """The first failure after a login does not wait; the second does."""
    ending = Ending(Finding.ENGINE_LOST, was_connected=True)

    first = decide(ending, Tally(), RULES)
    assert isinstance(first, Retry)
    second = decide(ending, first.tally, RULES)
    assert isinstance(second, Retry)

    assert (0, 10) == (first.wait_s, second.wait_s)


def test_a_removed_device_starts_over_where_a_code_can_be_shown() -> None:
    """No retry helps: set aside and link again."""
    assert StartOver(Tally()) == decide(Ending(Finding.LOGGED_OUT), Tally(circuit=Circuit(failures=4)), RULES)


def test_a_removed_device_ends_the_process_where_no_code_can_be_shown() -> None:
    """With --no-qr the exit code says that the device is gone."""
    decision = decide(Ending(Finding.LOGGED_OUT), Tally(), RULES._replace(can_show_qr=False))

    assert isinstance(decision, GiveUp)
    assert decision.code is ExitCode.LOGGED_OUT


def test_a_session_that_the_library_cannot_open_is_tried_three_times_before_a_backup_is() -> None:
    """Two retries 5 s apart, then recovery."""
    assert [5, 5] == waits(Finding.SESSION_DAMAGED, 2)
    assert isinstance(decide(Ending(Finding.SESSION_DAMAGED), Tally(damaged=2), RULES), Recover)


def test_files_that_are_damaged_beyond_doubt_are_not_tried_again() -> None:
    """A wait makes no file whole."""
    assert isinstance(decide(Ending(Finding.SESSION_DAMAGED, beyond_doubt=True), Tally(), RULES), Recover)


def test_a_replaced_link_is_fought_for_twice() -> None:
    """Two daemons that fight are worse than one that stops."""
    assert [30, 30] == waits(Finding.REPLACED, 2)
    decision = decide(Ending(Finding.REPLACED), Tally(replaced=2), RULES)
    assert isinstance(decision, GiveUp)
    assert decision.code is ExitCode.REPLACED


def test_a_ban_is_waited_out() -> None:
    """As long as WhatsApp said."""
    decision = decide(Ending(Finding.BANNED, lifts_in_s=7200), Tally(), RULES)

    assert isinstance(decision, Retry)
    assert decision.wait_s == 7200


def test_an_outdated_client_asks_once_an_hour() -> None:
    """No retry storm."""
    assert [3600] * 3 == waits(Finding.OUTDATED, 3)


def test_qr_rounds_are_bounded() -> None:
    """After the last round the process ends with what to do."""
    assert [0, 0] == waits(Finding.QR_ROUND_OVER, 2)
    decision = decide(Ending(Finding.QR_ROUND_OVER), Tally(qr_rounds=2), RULES)
    assert isinstance(decision, GiveUp)
    assert decision.code is ExitCode.LINKING_NEEDED


@pytest.mark.parametrize(("failures", "wait"), [(1, 3), (2, 10), (5, 120), (6, 120), (99, 120)])
def test_the_last_delay_repeats(failures: int, wait: float) -> None:
    """A schedule shorter than the number of attempts goes on with its last delay."""
    schedule = RULES.reconnect._replace(attempts=100)

    assert wait == after_failure(Circuit(failures=failures - 1), schedule)[1]


def decided(ending: Ending, count: int) -> list[Decision]:
    """Return what is decided when the same ending comes again and again, up to the first that is no retry."""
    tally, found = Tally(), []
    for _ in range(count):
        found.append(decide(ending, tally, RULES))
        if not isinstance(found[-1], Retry):
            break
        tally = found[-1].tally
    return found


TROUBLE = [Finding.GRACE_OVER, Finding.SILENT, Finding.ENGINE_LOST, Finding.UNREACHABLE, Finding.REFUSED]


@pytest.mark.parametrize("finding", TROUBLE)
def test_what_a_new_engine_may_cure_is_tried_by_the_schedule(finding: Finding) -> None:
    """Whatever kind of trouble it is; and it says nothing of the circuit until that opens."""
    decisions = [each for each in decided(Ending(finding), 11) if isinstance(each, Retry)]

    assert [each.wait_s for each in decisions] == [3, 10, 30, 60, 120, 120, 120, 120, 120, 120, 900]
    assert [each.finding for each in decisions] == [None] * 10 + [Finding.ATTEMPTS_SPENT]


def test_a_first_failure_without_a_login_before_waits() -> None:
    """Nothing says that the server can be reached."""
    assert decided(Ending(Finding.ENGINE_LOST), 1) == [Retry(3, Tally(circuit=Circuit(failures=1)))]


def test_chance_picks_the_jitter() -> None:
    """Half of a fifth is a tenth less; who gives none waits as long as was promised."""
    rules = RULES._replace(reconnect=RULES.reconnect._replace(jitter=0.2))
    ending = Ending(Finding.UNREACHABLE)

    found = [decide(ending, Tally(), rules, 0.5), decide(ending, Tally(), rules)]

    assert [each.wait_s for each in found if isinstance(each, Retry)] == pytest.approx([2.7, 3.0])


@pytest.mark.parametrize(
    ("ending", "tally", "decision"),
    [
        (Ending(Finding.RENEWAL_DUE), Tally(damaged=1), Retry(0, Tally(damaged=1))),
        (Ending(Finding.SESSION_DAMAGED), Tally(damaged=1, replaced=1), Retry(5, Tally(damaged=2, replaced=1))),
        (Ending(Finding.SESSION_DAMAGED), Tally(damaged=2, replaced=1), Recover(Tally(replaced=1))),
        (Ending(Finding.REPLACED), Tally(qr_rounds=1), Retry(30, Tally(qr_rounds=1, replaced=1))),
        (Ending(Finding.OUTDATED), Tally(damaged=1), Retry(3600, Tally(damaged=1))),
        (Ending(Finding.WRONG_ACCOUNT), Tally(qr_rounds=1), Retry(0, Tally(qr_rounds=2))),
    ],
    ids=lambda value: value.finding if isinstance(value, Ending) else "",
)
def test_an_ending_counts_as_its_own_kind_only(ending: Ending, tally: Tally, decision: Decision) -> None:
    """What went wrong in other ways before is not forgotten, and no retry claims a finding of its own."""
    assert decide(ending, tally, RULES) == decision


@pytest.mark.parametrize(
    ("ending", "retries", "code"),
    [
        (Ending(Finding.SESSION_MISSING), 0, ExitCode.LINKING_NEEDED),
        (Ending(Finding.OUTDATED, while_linking=True), 0, ExitCode.CLIENT_OUTDATED),
        (Ending(Finding.REPLACED), 2, ExitCode.REPLACED),
        (Ending(Finding.QR_ROUND_OVER), 2, ExitCode.LINKING_NEEDED),
        (Ending(Finding.QR_ROUND_OVER, beyond_doubt=True), 0, ExitCode.LINKING_NEEDED),
        (Ending(Finding.WRONG_ACCOUNT), 2, ExitCode.LINKING_NEEDED),
        (Ending(Finding.WRONG_ACCOUNT, beyond_doubt=True), 0, ExitCode.USAGE),
    ],
    ids=lambda value: value.finding if isinstance(value, Ending) else "",
)
def test_what_ends_the_process(ending: Ending, retries: int, code: ExitCode) -> None:
    """After so many retries, with the code that a supervisor acts on, and with advice for a person."""
    *earlier, last = decided(ending, 9)

    assert len(earlier) == retries
    assert isinstance(last, GiveUp)
    assert last.code is code
    assert last.advice


@pytest.mark.parametrize(
    ("lifts_in_s", "wait_s"), [(0, 3600), (10, 60), (60, 60), (61, 61), (7200, 7200)], ids=lambda value: f"{value}"
)
def test_how_long_a_ban_is_waited_out(lifts_in_s: float, wait_s: float) -> None:
    """An hour when WhatsApp does not say, and never less than a minute."""
    assert decide(Ending(Finding.BANNED, lifts_in_s=lifts_in_s), Tally(), RULES) == Retry(wait_s, Tally())


def test_an_ending_of_which_nothing_more_is_known() -> None:
    """It is neither beyond doubt nor this machine's fault, no link was up, nobody was linking, nothing is said."""
    assert Ending(Finding.SILENT) == (Finding.SILENT, "", False, 0.0, False, False, False)


@pytest.mark.parametrize("finding", [Finding.CONNECTED, Finding.RETRY_DUE, Finding.STOPPED])
def test_a_finding_that_ends_no_attempt_is_a_bug(finding: Finding) -> None:
    """It must be seen, not decided on."""
    with pytest.raises(AssertionError):
        decide(Ending(finding), Tally(), RULES)
