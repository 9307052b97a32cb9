"""What follows from the end of an attempt."""

import pytest

from linda_bot.connection.circuit import Circuit, after_failure
from linda_bot.connection.lifecycle import Finding
from linda_bot.connection.policy import (
    OUTDATED_RETRY_S,
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
    assert [OUTDATED_RETRY_S] * 3 == waits(Finding.OUTDATED, 3)


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
