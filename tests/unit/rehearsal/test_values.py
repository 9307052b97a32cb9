"""Verdicts, records and figures."""

import pytest

from linda_bot.rehearsal.acts.resources import growth
from linda_bot.rehearsal.bot import why
from linda_bot.rehearsal.course import rehearse
from linda_bot.rehearsal.figures import counted, seconds_text
from linda_bot.rehearsal.record import MissedError, Record
from linda_bot.rehearsal.values import Act, Rehearsal, Series, Unit, Verdict
from linda_bot.sandbox.bot_process import BotError
from tests.unit.rehearsal.runs import a_run, an_outcome


class Nobody:
    """A stage on which no bot is started."""

    def __init__(self, *, traceback: bool = False) -> None:
        self.last_words = ["starting", "  boom  ", ""]
        self.traceback = traceback
        self.cleared = 0

    async def clear(self) -> None:
        self.cleared += 1


def rehearsal(act: Act) -> Rehearsal:
    """Return a rehearsal of an act."""
    return Rehearsal("7", "Something", "that it works", "under 1 s", act)


async def test_what_goes_well_passes() -> None:
    """With the figure and all samples."""
    stage = Nobody()

    async def act(_stage: object, record: Record) -> None:
        record.sample(Series.RESTART, 0.5)
        record.sample(Series.RESTART, 0.123456)
        record.figure = record.seconds(Series.RESTART)
        record.under(Series.RESTART, 1)

    outcome = await rehearse(stage, rehearsal(act))  # type: ignore[arg-type]

    assert (outcome.verdict, outcome.reason, outcome.figure) == (Verdict.PASSED, "", "312 ms, at most 500 ms")
    assert [(sample.value, sample.unit) for sample in outcome.samples] == [(0.5, "s"), (0.1235, "s")]
    assert stage.cleared == 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MissedError("2 codes shown"), "2 codes shown"),
        (BotError("the bot did not say 'x' within 1 s; it said:\nstarting\nboom"), "the last it said was: boom"),
        (KeyError("pid"), "KeyError: 'pid'"),
        (MissedError("a code 2@abc,def\x1b[31m"), "a code <QR code>"),
    ],
)
async def test_whatever_goes_wrong_is_told_in_one_line(error: Exception, reason: str) -> None:
    """The verdict is a failure, the stage is cleared, the samples are kept."""
    stage = Nobody()

    async def act(_stage: object, record: Record) -> None:
        record.sample(Series.ANSWER, 1)
        raise error

    outcome = await rehearse(stage, rehearsal(act))  # type: ignore[arg-type]

    assert outcome.verdict is Verdict.FAILED
    assert reason in outcome.reason
    assert outcome.reason.isprintable()
    assert len(outcome.samples) == 1
    assert stage.cleared == 1


async def test_a_traceback_on_any_screen_fails() -> None:
    """Although the act saw nothing wrong."""

    async def act(_stage: object, _record: Record) -> None:
        pass

    outcome = await rehearse(Nobody(traceback=True), rehearsal(act))  # type: ignore[arg-type]

    assert (outcome.verdict, outcome.reason) == (Verdict.FAILED, "the bot has shown a traceback")


def test_a_bound_is_no_longer_under_itself() -> None:
    """And nothing measured is no success."""
    record = Record()
    with pytest.raises(MissedError, match="nothing was measured"):
        record.under(Series.RESTART, 10)
    record.sample(Series.RESTART, 9.999)
    record.under(Series.RESTART, 10)
    record.sample(Series.RESTART, 10)
    with pytest.raises(MissedError, match="not under 10 s"):
        record.under(Series.RESTART, 10)


def test_samples_of_one_kind_do_not_count_for_another() -> None:
    """Each series has its own values."""
    record = Record()
    record.sample(Series.MEMORY, 80, Unit.MEGABYTES)
    record.sample(Series.ANSWER, 0.02)

    assert record.values(Series.MEMORY) == [80]
    assert record.seconds(Series.ANSWER) == "20 ms"
    assert record.seconds(Series.RECOVERY) == ""


@pytest.mark.parametrize(
    ("values", "grown"),
    [([80, 80, 80, 80], 0), ([70, 80, 90, 100], 30), ([100, 90, 80, 70], -30), ([50], 0), ([10, 20, 30, 40] * 2, 20)],
)
def test_growth_is_the_last_quarter_above_the_first(values: list[float], grown: float) -> None:
    """A single peak in between does not count."""
    assert growth(values) == grown


def test_figures_read_well() -> None:
    """Milliseconds below a second; one of a thing is one."""
    assert [seconds_text(each) for each in (0.0004, 0.4567, 1, 12.345)] == ["0 ms", "457 ms", "1.00 s", "12.35 s"]
    assert [counted(each, "code") for each in (0, 1, 2)] == ["0 codes", "1 code", "2 codes"]


def test_only_what_has_passed_to_the_last_is_passed() -> None:
    """One failure, one that was not reached, or an early end: not passed."""
    passed, failed = an_outcome(), an_outcome(verdict=Verdict.FAILED)

    assert a_run(passed, passed).passed
    assert not a_run(passed, failed).passed
    assert not a_run(passed, an_outcome(verdict=Verdict.UNFINISHED)).passed
    assert not a_run(passed, interrupted=True).passed


def test_the_last_words_are_told_of_silence_only() -> None:
    """An error that is whole in itself needs none."""
    assert why(BotError("the code cannot be read"), ["something"]) == "the code cannot be read"
    assert why(BotError("it did not end; it said:\n"), []) == "it did not end"
