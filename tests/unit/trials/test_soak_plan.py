"""What a run is to be, from what a person types to what happens when."""

from itertools import pairwise
from pathlib import Path

import pytest

from linda_bot.settings import Settings, load_settings
from trials.durations import seconds_of
from trials.soak.__main__ import main
from trials.soak.plan import What, compressed, deeds_of, real_time, shortened


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("12h", 43200), ("3d", 259200), ("1.5h", 5400)]
)
def test_durations(text: str, seconds: float) -> None:
    """A number and a letter."""
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "m", "-3m", "0s", "3 weeks", "1e3s"])
def test_what_is_no_duration(text: str) -> None:
    """It is told in one line what would be."""
    with pytest.raises(ValueError, match="write for example 90s"):
        seconds_of(text)


def test_a_month_has_what_a_month_has() -> None:
    """Two drops a day, and an outage, a restart and a kill a week; the kills in turn."""
    deeds = deeds_of(compressed(30, day_s=20, a_second=15))
    whats = [deed.what for deed in deeds]

    assert whats.count(What.DROP) == 60
    assert whats.count(What.OUTAGE) == 4
    assert whats.count(What.RESTART) == 4
    assert (whats.count(What.KILL_DAEMON), whats.count(What.KILL_ENGINE)) == (2, 2)
    assert all(sooner.at_s <= later.at_s for sooner, later in pairwise(deeds))
    assert 0 < deeds[0].at_s
    assert deeds[-1].at_s < 600


def test_real_time_has_drops_only() -> None:
    """As often as it was asked for, with the settings' defaults."""
    plan = real_time(1800, a_second=0.5, drop_every_s=600)

    assert [(deed.at_s, deed.what) for deed in deeds_of(plan)] == [(600, What.DROP), (1200, What.DROP)]
    assert plan.settings == {}
    assert deeds_of(real_time(1800, a_second=0.5, drop_every_s=0)) == []


def test_periods_are_shortened_by_one_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the bot takes them as they are."""
    for name, value in shortened(20).items():
        monkeypatch.setenv(name, value)
    usual, short = Settings.model_construct(), load_settings()

    factor = 86400 / 20
    assert short.refresh.every * factor == pytest.approx(usual.refresh.every)
    assert short.backup.every * factor == pytest.approx(usual.backup.every, rel=1e-4)
    assert short.health.every * factor == pytest.approx(usual.health.every, rel=1e-4)
    assert short.keep_alive.every * factor == pytest.approx(usual.keep_alive.every, rel=1e-4)
    assert [after * factor for after in short.alert.remind] == pytest.approx(usual.alert.remind, rel=1e-4)
    assert short.keep_alive.timeout == usual.keep_alive.timeout
    assert short.inbox.keep == usual.inbox.keep


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("", "one of the arguments --for --month --draw is required"),
        ("--for 10", "'10' is no duration"),
        ("--for 1s", "too short"),
        ("--for 30m --month", "not allowed with"),
        ("--for 30m --days 3", "belong to --month"),
        ("--month --days 0", "--days takes 1 or more"),
        ("--month --days x", "invalid int value"),
        ("--month --day-takes 0.1", "--day-takes 2 to 86400 seconds"),
        ("--month --day-takes nan", "--day-takes 2 to 86400 seconds"),
        ("--month --drop-every 3m", "belongs to --for"),
        ("--month --a-second 1000", "up to 50"),
        ("--month --a-second 0", "up to 50"),
        ("--for 30m --a-second -1", "more than 0"),
        ("--draw nowhere", "there is no run in nowhere"),
    ],
)
def test_wrong_arguments(arguments: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One clear line, and exit code 2."""
    with pytest.raises(SystemExit) as ended:
        main(arguments.split())

    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert line in told
    assert told.count("\n") == 1


def test_a_run_is_not_written_into_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was seen would be of both."""
    (tmp_path / "soak.jsonl").touch()

    with pytest.raises(SystemExit):
        main(["--for", "30m", "--dir", str(tmp_path)])

    assert "has a run in it" in capsys.readouterr().err
