"""What is said of a run, from what was seen of it."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from linda_bot.eventlog.reading import parse
from linda_bot.rehearsal.values import Machine
from tests.support.streams import Tally
from trials.soak.__main__ import draw
from trials.soak.logs import LogWatch, is_bug
from trials.soak.places import KINDS, bounds, kind_of
from trials.soak.plan import What, compressed, real_time
from trials.soak.record import AnyEntry, Began, Bug, Done, Ended, Load, Over, RecordWriter, Seen, read_entries
from trials.soak.verdict import checks_of

MB = 1024 * 1024
MACHINE = Machine(system="Linux", processors=2, memory_mb=4000, python="3.11", linda_bot="0.1.0", neonize="0.5.2")
BEGAN = Began(at=0, on="2026-02-07 10:00", plan=compressed(10, day_s=20, a_second=15), machine=MACHINE)
TALLY = Tally(sent=900, answered=900, doubled=(), lost=(), unknown=(), unexplained=(), dropped=0)
EVENTS = {"refresh_started": 10, "session_backed_up": 41}
OVER = Over(at=200, interrupted=False, tally=TALLY, queued=0, pairings=1, events=EVENTS, warnings={})


def load(pid: int, megabytes: float = 40, descriptors: int = 20) -> Load:
    """Return a process that holds so much."""
    own = int(megabytes * MB)
    return Load(pid=pid, rss=own + MB, pss=own, uss=own, descriptors=descriptors, threads=10)


def seen(at: float, **what: object) -> Seen:
    """Return one look."""
    usual = Seen(
        at=at,
        daemon=load(1),
        engine=load(100 + int(at // 20)),
        processes=2,
        tasks=55,
        files={"messages": MB},
        sent=int(at * 4.5),
        answered=int(at * 4.5),
        latency_s=0.05,
        slowest_s=0.2,
    )
    return msgspec.structs.replace(usual, **what)


def run(look: Callable[[float], Seen] = seen, *more: AnyEntry, over: Over | None = OVER) -> list[AnyEntry]:
    """Return a run of ten days."""
    return [BEGAN, *(look(at) for at in range(0, 200, 2)), *more, *([over] if over else [])]


def failed(entries: list[AnyEntry]) -> list[str]:
    """Return what is found wrong."""
    return [check.name for check in checks_of(entries) if not check.passed]


def with_tally(**what: object) -> Over:
    """Return an end at which messages became something else."""
    return msgspec.structs.replace(OVER, tally=TALLY._replace(**what))  # type: ignore[arg-type]


def test_all_is_well() -> None:
    """Nothing is found where nothing is wrong, and something is looked at."""
    assert failed(run()) == []
    assert len(checks_of(run())) > 15


@pytest.mark.parametrize(
    "over",
    [
        with_tally(doubled=("0-1",)),
        with_tally(unexplained=("0-1 has an answer in state 4",)),
        with_tally(answered=899, lost=("0-1",)),
        with_tally(answered=899, unknown=("0-1",)),
        with_tally(dropped=1),
        msgspec.structs.replace(OVER, queued=3),
    ],
)
def test_messages(over: Over) -> None:
    """Each is answered exactly once."""
    assert failed(run(seen, over=over)) == ["each message answered exactly once"]


def test_a_killed_engine_may_cost_a_little() -> None:
    """One answer in doubt, and the few messages that its library had confirmed; a killed daemon costs nothing."""
    over = with_tally(answered=896, lost=("0-1", "0-2", "0-3"), unknown=("0-4",))

    assert failed(run(seen, Done(at=50, what=What.KILL_ENGINE), over=over)) == []
    assert failed(run(seen, Done(at=50, what=What.KILL_DAEMON), over=over)) == ["each message answered exactly once"]


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        (Ended(at=70, code=70, last_words="a bug"), "never ended by itself"),
        (Bug(at=70, text="Traceback ..."), "no bugs"),
    ],
)
def test_what_must_not_be_seen(entry: AnyEntry, name: str) -> None:
    """A daemon that dies by itself, a traceback."""
    assert failed(run(seen, entry)) == [name]


def test_it_was_linked_more_than_once() -> None:
    """A second pairing is the one thing that must never be."""
    assert failed(run(seen, over=msgspec.structs.replace(OVER, pairings=2))) == ["linked once"]


def test_days_in_which_nothing_happened() -> None:
    """A month without refreshes shows nothing, unless somebody has ended it before."""
    over = msgspec.structs.replace(OVER, events={"session_backed_up": 41})

    assert failed(run(seen, over=over)) == ["days as they should be"]
    assert failed(run(seen, over=msgspec.structs.replace(over, interrupted=True))) == []


@pytest.mark.parametrize(
    ("look", "name"),
    [
        (lambda at: seen(at, daemon=load(1, 40 + at / 5)), "memory of the daemon"),
        (lambda at: seen(at, daemon=load(1, 40, 20 + int(at / 10))), "descriptors of the daemon"),
        (lambda at: seen(at, tasks=55 + int(at / 10)), "tasks of the daemon"),
    ],
    ids=["memory", "descriptors", "tasks"],
)
def test_growth(look: Callable[[float], Seen], name: str) -> None:
    """Of the daemon over its life."""
    assert failed(run(look)) == [name]


def test_growth_from_engine_to_engine() -> None:
    """Each is new every day, and must not need more than the one before."""
    days = range(0, 400, 2)
    growing: list[AnyEntry] = [seen(at, engine=load(100 + at // 20, 40 + 2 * (at // 20))) for at in days]
    steady: list[AnyEntry] = [seen(at, engine=load(100 + at // 20, 40 + 2 * (at % 20))) for at in days]

    assert failed([BEGAN, *growing, OVER]) == ["memory from engine to engine"]
    assert failed([BEGAN, *steady, OVER]) == []


def test_each_life_of_a_daemon_is_looked_at_by_itself() -> None:
    """A restart that takes more from the beginning is no growth."""
    assert failed(run(lambda at: seen(at, daemon=load(1 + int(at // 100), 40 + 30 * (at // 100))))) == []


def test_in_real_time_the_engine_is_looked_at_by_itself() -> None:
    """It lives for a day."""
    began = msgspec.structs.replace(BEGAN, plan=real_time(7200, a_second=1, drop_every_s=600))
    entries: list[AnyEntry] = [began, *(seen(at, engine=load(2, 40 + at / 200)) for at in range(0, 7200, 60)), OVER]

    assert failed(entries) == ["memory of the engine"]


def test_files_are_bounded() -> None:
    """Every kind has a bound, and what is beyond it is found."""
    assert set(bounds(100, {})) == set(KINDS)
    for kind in KINDS:
        assert failed(run(lambda at, kind=kind: seen(at, files={kind: int(at) * MB}))) == [f"files: {kind}"]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("logs/events.jsonl", "event log"),
        ("logs/events.jsonl.5", "event log"),
        ("logs/.health-now-default.json", "health record"),
        ("messages/messages-default.db", "messages"),
        ("messages/messages-default.db-wal", "write-ahead logs"),
        ("sessions/session-default/session.db", "session store"),
        ("sessions/session-default/session.db-wal", "write-ahead logs"),
        ("sessions/session-default/session-history.json", "history"),
        (".session-cache/backup-default-003/session.db", "backups"),
        (".session-cache/quarantine-default-20261121T083738.154947Z/session.db", "set aside"),
        ("session-state.json", "everything else"),
    ],
)
def test_kinds_of_files(path: str, kind: str) -> None:
    """Each file belongs to one kind."""
    assert kind_of(path) == kind


def test_a_run_that_was_killed_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With what was written; the verdict says that nobody knows what became of the messages."""
    writer = RecordWriter(tmp_path)
    for entry in run(over=None):
        writer.add(entry)
    writer.close()
    with (tmp_path / "soak.jsonl").open("ab") as file:
        file.write(b'{"type":"seen","at":')

    assert read_entries(tmp_path) == run(over=None)
    assert draw(tmp_path) == 1
    assert "the run was killed" in capsys.readouterr().out
    assert len(list(tmp_path.glob("soak-*.svg"))) == 5
    assert "| **FAILED** | came to its end |" in (tmp_path / "summary.md").read_text()


def test_a_whole_run_is_drawn(tmp_path: Path) -> None:
    """Exit code 0, and each picture is on the page."""
    writer = RecordWriter(tmp_path)
    for entry in run():
        writer.add(entry)
    writer.close()

    assert draw(tmp_path) == 0
    page = (tmp_path / "summary.md").read_text()
    assert "**passed**" in page
    assert all(f"]({picture.name})" in page for picture in tmp_path.glob("soak-*.svg"))


@pytest.mark.parametrize("content", [[], [BEGAN], [BEGAN, seen(0)]])
def test_hardly_anything_was_seen(tmp_path: Path, content: list[AnyEntry]) -> None:
    """That is told, not stumbled over."""
    writer = RecordWriter(tmp_path)
    for entry in content:
        writer.add(entry)
    writer.close()

    assert draw(tmp_path) == 1
    assert (tmp_path / "summary.md").exists()


def test_bugs_in_the_log(tmp_path: Path) -> None:
    """A trace is one; an answer that could not be sent is none. Lines are read once, across rotations."""
    bug = b'{"timestamp":"2026-02-07T10:35:02.340Z","level":"error","event":"task_failed","trace":"..."}'
    unsent = b'{"event":"handler_failed","error":"SendError: later","trace":"...","level":"warning"}'
    assert is_bug(parse(bug))
    assert is_bug(parse(b"Traceback (most recent call last):"))
    assert not is_bug(parse(unsent))

    log = tmp_path / "events.jsonl"
    log.write_bytes(unsent + b"\n")
    watch = LogWatch(tmp_path)
    assert watch.read_on() == []
    log.rename(tmp_path / "events.jsonl.1")
    log.write_bytes(bug + b"\n")

    assert watch.read_on() == [bug.decode()]
    assert watch.read_on() == []
    assert (watch.events["handler_failed"], watch.warnings.total()) == (1, 2)
    watch.close()
