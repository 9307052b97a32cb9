"""The log is read back whatever is in its files and whatever happens to them meanwhile."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linda_bot.eventlog import reading
from linda_bot.eventlog.following import follow
from linda_bot.eventlog.log_file import LogFile
from linda_bot.eventlog.reading import Part, Record, Wanted, parse, parts_of, read_log, whole_lines

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def line(number: int, **facts: object) -> bytes:
    """Return a line of the log, a minute after the one with the number before."""
    stamp = (NOON + timedelta(minutes=number)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    usual = {"level": "info", "category": "connection", "event": "connected", "account": "default"}
    return json.dumps({"timestamp": stamp, **usual, "number": number, **facts}).encode() + b"\n"


def numbers(records: Iterator[Record]) -> list[object]:
    """Return the numbers of lines."""
    return [record.facts["number"] if record.facts else record.text for record in records]


def wrote(directory: Path, count: int, *, most_bytes: int = 100_000) -> LogFile:
    """Write lines, rotated."""
    file = LogFile(directory / "events.jsonl", most_bytes=most_bytes, files=5)
    for number in range(count):
        file.write(line(number))
    return file


def test_rotated_files_are_one_log(tmp_path: Path) -> None:
    """Forwards and backwards, all of it or the newest lines."""
    wrote(tmp_path, 100, most_bytes=5000)
    (tmp_path / "events.jsonl.lock").touch()
    (tmp_path / "health.jsonl").write_bytes(line(7))
    parts = parts_of(tmp_path)

    assert len(parts) == 3
    assert numbers(read_log(parts, Wanted())) == list(range(100))
    assert numbers(read_log(parts, Wanted(), newest=60)) == list(range(40, 100))
    assert numbers(read_log(parts, Wanted(), newest=1000)) == list(range(100))
    assert parts_of(tmp_path / "nowhere") == []


@pytest.mark.parametrize("newest", [0, 5])
@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(categories=frozenset({"message"})), [2]),
        (Wanted(level="warning"), [1, 3]),
        (Wanted(events=frozenset({"logged_out"})), [3]),
        (Wanted(since=NOON + timedelta(minutes=2)), [2, 3]),
        (Wanted(until=NOON + timedelta(minutes=1)), [0, 1]),
        (Wanted(text="LOGGED"), [3]),
        (Wanted(text="torn"), ['{"torn']),
        (Wanted(accounts=frozenset({"other"})), [1]),
        (Wanted(text="nothing"), []),
    ],
)
def test_filters(tmp_path: Path, wanted: Wanted, found: list[object], newest: int) -> None:
    """What is no event is found by its text only."""
    content = [line(0), line(1, level="warning", account="other"), b'{"torn\n', line(2, category="message")]
    (tmp_path / "events.jsonl").write_bytes(b"".join(content) + line(3, level="error", event="logged_out"))

    assert numbers(read_log(parts_of(tmp_path), wanted, newest=newest)) == found


def test_what_is_no_event_is_shown_as_it_is(tmp_path: Path) -> None:
    """Torn, foreign, empty, not UTF-8, without an end."""
    lines = [b"Traceback (most recent call last):", b"[1]", b'{"event": 7}', b"", b"\xff\xfe", b"[" * 100_000, b"cut"]
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(lines))
    forwards = [record.text[:40] for record in read_log(parts_of(tmp_path), Wanted())]

    assert forwards == [each.decode(errors="replace")[:40] for each in lines if each]
    assert [record.text[:40] for record in read_log(parts_of(tmp_path), Wanted(), newest=99)] == forwards


def test_a_line_of_any_length_takes_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its beginning is shown."""
    for name, value in (("LONGEST_LINE", 1000), ("BLOCK", 64)):
        monkeypatch.setattr(reading, name, value)
    (tmp_path / "events.jsonl").write_bytes(line(1) + b"x" * 50_000 + b"\n" + line(2))

    for newest in (0, 9):
        first, middle, last = read_log(parts_of(tmp_path), Wanted(), newest=newest)
        assert (first.facts or {})["number"] == 1
        assert set(middle.text) == {"x"}
        assert len(middle.text) <= 1000
        assert (last.facts or {})["number"] == 2


def test_a_time_is_found_without_reading_all_that_was_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a file of thousands of lines a few hundred are looked at."""
    (tmp_path / "events.jsonl").write_bytes(b"".join(line(number) for number in range(20_000)))
    os.utime(tmp_path / "events.jsonl", (4e9, 4e9))  # as if it were written when its lines say
    looked_at = 0

    def counting(raw: bytes) -> Record:
        nonlocal looked_at
        looked_at += 1
        return parse(raw)

    monkeypatch.setattr(reading, "parse", counting)
    since = Wanted(since=NOON + timedelta(minutes=19_990))

    assert numbers(read_log(parts_of(tmp_path), since)) == list(range(19_990, 20_000))
    assert looked_at < 2000
    looked_at = 0
    assert numbers(read_log(parts_of(tmp_path), since, newest=50)) == list(range(19_990, 20_000))
    assert looked_at < 50


def test_a_rotation_while_it_is_read(tmp_path: Path) -> None:
    """Nothing is missed or told twice; what is deleted meanwhile is passed over."""
    file = wrote(tmp_path, 30, most_bytes=5000)
    parts = parts_of(tmp_path)
    records = read_log(parts, Wanted())
    first = next(records)
    for number in range(100, 140):
        file.write(line(number))

    assert [(first.facts or {})["number"], *numbers(records)] == list(range(30))
    for path in tmp_path.iterdir():
        path.unlink()
    assert list(read_log(parts, Wanted())) == []


@contextmanager
def following(directory: Path, begin: Part | None) -> Iterator[Callable[[], list[object]]]:
    """Yield what asks for the lines that have come since the last time."""
    records = follow(directory, Wanted(), begin, wait=lambda _seconds: None)

    def come() -> list[object]:
        found = []
        for record in islice(records, 10_000):
            if record is None:
                break
            found.append(record.facts["number"] if record.facts else record.text)
        return found

    with closing(records):
        yield come


def test_following_through_rotations(tmp_path: Path) -> None:
    """Several of them between two looks, and lines that are half written at the first."""
    file = wrote(tmp_path, 3, most_bytes=2000)
    with (tmp_path / "events.jsonl").open("ab") as stream:
        stream.write(line(3)[:20])
    with following(tmp_path, whole_lines(parts_of(tmp_path)[-1])) as come:
        assert come() == []
        with (tmp_path / "events.jsonl").open("ab") as stream:
            stream.write(line(3)[20:])
        assert come() == [3]
        for number in range(4, 50):
            file.write(line(number))
        assert len(parts_of(tmp_path)) > 3
        assert come() == list(range(4, 50))
        file.write(line(50))
        assert come() == [50]


def test_following_what_shrinks_vanishes_and_comes_back(tmp_path: Path) -> None:
    """A file that somebody has emptied is begun again; one that is not there yet is waited for."""
    with following(tmp_path / "logs", None) as come:
        assert come() == []
        (tmp_path / "logs").mkdir()
        path = tmp_path / "logs" / "events.jsonl"
        path.write_bytes(line(1) + line(2))
        assert come() == [1, 2]
        path.write_bytes(line(3))
        assert come() == [3]
        path.unlink()
        assert come() == []
        path.write_bytes(line(4))
        assert come() == [4]


@settings(max_examples=50)
@given(st.binary(max_size=400))
def test_any_bytes_are_read(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Forwards and backwards alike."""
    directory = tmp_path_factory.getbasetemp() / "any"
    directory.mkdir(exist_ok=True)
    (directory / "events.jsonl").write_bytes(content)
    parts = parts_of(directory)

    assert list(read_log(parts, Wanted())) == list(read_log(parts, Wanted(), newest=1000))
