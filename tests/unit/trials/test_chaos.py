"""What the trial by chaos decides without a bot: the schedule, and what is right to be told and to be held."""

from collections.abc import Iterator

import pytest

from trials.chaos import __main__ as command
from trials.chaos.acts import ACTS
from trials.chaos.alerts import Notice, mistakes, open_incidents
from trials.chaos.results import result_of, table
from trials.chaos.schedule import plan
from trials.chaos.sizes import Size, too_large
from trials.chaos.trial import Done, Round
from trials.chaos.world import Excuse

WEIGHTS = {name: act.weight for name, act in ACTS.items()}
HEALTHY = Size(memory_mb=60, descriptors=20, threads=6, processes=2, tasks=30, files=25, disk_mb=3)


def told(*words: str) -> Iterator[Notice]:
    """Return notices of the link, written as `incident purpose`, each with an id of its own."""
    for number, (incident, purpose) in enumerate(word.split() for word in words):
        yield Notice(f"{incident}-{number}", incident, purpose, "link", "down")


def test_a_seed_is_a_schedule() -> None:
    """The same round is the same on every machine; another one, and another seed, is another."""
    assert plan(7, 3, WEIGHTS) == plan(7, 3, WEIGHTS)
    assert len({plan(seed, number, WEIGHTS).acts for seed in (7, 8) for number in range(20)}) == 40


def test_every_act_comes_and_comes_in_time() -> None:
    """In some hundred rounds each kind of trouble has its turn, and none begins after its round."""
    plans = [plan(1, number, WEIGHTS) for number in range(300)]
    assert {each.act for one in plans for each in one.acts} == set(ACTS)
    for one in plans:
        assert list(one.acts) == sorted(one.acts)
        assert all(0 <= each.at_s < one.lasts_s for each in one.acts)


def test_an_incident_is_open_until_its_end_is_told() -> None:
    """Reminders and escalations do not end it."""
    assert [each.incident for each in open_incidents(told("A alert", "A escalation", "B alert", "A recovery"))] == ["B"]
    assert open_incidents(told("A missed")) == []


@pytest.mark.parametrize(
    ("notices", "wrong"),
    [
        (["A alert", "A escalation", "A reminder", "A recovery", "B alert"], 0),
        (["A alert", "A alert"], 1),
        (["A alert", "A recovery", "A recovery"], 1),
        (["A recovery"], 1),
    ],
)
def test_an_incident_is_told_once_and_its_end_once(notices: list[str], wrong: int) -> None:
    """Everything else is a mistake."""
    assert len(list(mistakes(told(*notices)))) == wrong


def test_a_bot_may_be_as_large_as_it_was() -> None:
    """A little more is no growth; each thing that grows is named."""
    assert list(too_large(HEALTHY, HEALTHY)) == []
    grown = Size(memory_mb=180, descriptors=60, threads=18, processes=6, tasks=90, files=75, disk_mb=9)
    assert [each.split()[0] for each in too_large(grown, HEALTHY)] == [
        "memory_mb", "descriptors", "threads", "processes", "tasks",
    ]  # fmt: skip


def test_only_what_ends_the_engine_may_lose_messages() -> None:
    """A few at a quiet hour, a queue of them in a flood; nothing by everything else."""
    assert Excuse(unknown=3, disk_was_full=True, flooded=True).lost == 0
    assert 0 < Excuse(engines_ended=1).lost < Excuse(engines_ended=1, flooded=True).lost


def test_rounds_and_acts_are_named_as_they_are() -> None:
    """One round, some of them, or all; a kind of act that there is not is told."""
    assert list(command.numbers_of("7")) == [7]
    assert list(command.numbers_of("7-9")) == [7, 8, 9]
    assert next(command.numbers_of("")) == 1
    for wrong in ("x", "9-7", "0"):
        with pytest.raises(ValueError, match="rounds"):
            command.numbers_of(wrong)
    assert command.known("disk full, flood") == ("disk full", "flood")
    with pytest.raises(ValueError, match="no act 'disk ful'"):
        command.known("disk ful")


def test_a_table_tells_what_was_done_and_what_came_of_it() -> None:
    """Each seed has a column, each violation counts, and acts that never came are told, too."""
    bad = Round(
        number=3,
        acts=(Done(1.0, "flood", "20 messages"),),
        took_s=20.0,
        up_after_s=2.5,
        starts=2,
        sent=1234,
        answered=1230,
        lost=4,
        unknown=0,
        size={"memory_mb": 61.0},
        violations=("a", "b"),
    )
    found = result_of([bad], version="1", seed=9, took_s=90, known=["drop", "flood"], left_out=())
    assert found.violations == {3: ("a", "b")}
    lines = table([found, found]).splitlines()
    assert lines[0] == "| | seed 9 | seed 9 |"
    assert "| messages written | 1,234 | 1,234 |" in lines
    assert "| **violations** | **2** | **2** |" in lines
    assert lines[-1] == "Blows: drop 0, flood 2."
