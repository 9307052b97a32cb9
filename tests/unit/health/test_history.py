"""The health record on disk: whole after any end, small for ever, and never a reason for the bot to stop."""

import asyncio
import os
import stat
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from linda_bot.health.events import HealthRecordFailed, HealthRecordRecovered
from linda_bot.health.history import HealthHistory, read_record
from linda_bot.health.recorder import HealthRecorder
from linda_bot.health.samples import Sample, Why
from linda_bot.health.thinning import MOST
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.events import Event
from linda_bot.sessions.paths import SessionPaths
from tests.support.health_samples import MORNING, sample, series

MINUTE = timedelta(minutes=1)


@pytest.fixture
def paths(tmp_path: Path) -> SessionPaths:
    """A data directory with nothing in it."""
    return SessionPaths(tmp_path, "default")


def begun(paths: SessionPaths, now: datetime = MORNING) -> HealthHistory:
    """Return the record of a bot that has just started."""
    history = HealthHistory(paths)
    history.begin(now)
    return history


def test_what_is_appended_is_read_back(paths: SessionPaths) -> None:
    """In order, private, one line each."""
    history = begun(paths)
    samples = series(MORNING, days=0.1)

    for each in samples:
        history.append([each], MORNING)

    assert read_record(paths).samples == samples
    assert len(paths.health_log.read_bytes().splitlines()) == len(samples)
    assert stat.S_IMODE(paths.health_log.stat().st_mode) == 0o600
    assert stat.S_IMODE(paths.logs.stat().st_mode) == 0o700


def test_nothing_there_is_an_empty_record(paths: SessionPaths) -> None:
    """And looking creates nothing."""
    assert read_record(paths).everything == []
    assert list(paths.data_dir.iterdir()) == []


@pytest.mark.parametrize(
    "torn", [b'{"at":"2026-02-', b"\x00" * 40, b'{"at":"2026-02-07T08:00:00Z"}', b"\xff\xfe", b"[]"]
)
def test_a_torn_last_line_costs_only_itself(paths: SessionPaths, torn: bytes) -> None:
    """What comes after it is on a line of its own, and the next start has it gone."""
    history = begun(paths)
    history.append([sample(MORNING)], MORNING)
    with paths.health_log.open("ab") as file:
        file.write(torn)

    assert read_record(paths).samples == [sample(MORNING)]
    history.append([sample(MORNING + MINUTE)], MORNING)
    assert read_record(paths).samples == [sample(MORNING), sample(MORNING + MINUTE)]
    assert read_record(paths).spoilt == 1
    begun(paths)
    assert read_record(paths) == ([sample(MORNING), sample(MORNING + MINUTE)], None, 0)


def test_a_kill_loses_what_was_after_the_last_note(paths: SessionPaths) -> None:
    """The rest of the unfinished period is in the record of the next run, told apart."""
    history = begun(paths)
    history.append([sample(MORNING)], MORNING)
    noted = sample(MORNING + 3 * MINUTE, 180, received=7)
    history.note(sample(MORNING + 2 * MINUTE, 120))
    history.note(noted)

    looked_at = read_record(paths)
    begun(paths)

    assert looked_at.samples == [sample(MORNING)]
    interrupted = msgspec.structs.replace(noted, why=Why.INTERRUPTED)
    assert looked_at.unfinished == interrupted
    assert read_record(paths) == ([sample(MORNING), interrupted], None, 0)
    assert not paths.health_now.exists()


def test_a_note_that_is_in_the_record_by_now_is_none(paths: SessionPaths) -> None:
    """Else what happened in it would count twice."""
    history = begun(paths)
    history.append([sample(MORNING)], MORNING)
    history.note(sample(MORNING + 2 * MINUTE, 120, received=7))
    history.append([sample(MORNING + 5 * MINUTE, 300, received=9)], MORNING)

    assert sum(each.period.received for each in read_record(paths).everything) == 9
    begun(paths)
    assert sum(each.period.received for each in read_record(paths).everything) == 9


def test_what_is_unfinished_stays_so_while_the_bot_lives(paths: SessionPaths) -> None:
    """Making the record smaller does not put it there, where it would come again with the next sample."""
    history = begun(paths)
    history.append([sample(MORNING)], MORNING)
    history.note(sample(MORNING + MINUTE, 60, received=7))

    history.compact(MORNING)
    history.append([sample(MORNING + 5 * MINUTE, 300, received=9)], MORNING)

    assert sum(each.period.received for each in read_record(paths).everything) == 9


def test_it_never_grows_beyond_a_few_thousand_lines(paths: SessionPaths) -> None:
    """A link that flaps writes one line after the other; the file is made smaller in between."""
    history = begun(paths)
    most = 0
    for number in range(60):
        at = MORNING + timedelta(seconds=500 * number)
        history.append([sample(at + timedelta(seconds=5 * each), 5) for each in range(100)], at)
        most = max(most, len(paths.health_log.read_bytes().splitlines()))

    assert most <= MOST
    assert sum(each.period.span_s for each in read_record(paths).samples) == 60 * 100 * 5


def test_a_restart_makes_an_old_record_coarser(paths: SessionPaths) -> None:
    """Even if the bot never lived for a whole day."""
    begun(paths).append(series(MORNING, days=8), MORNING)

    begun(paths, MORNING + timedelta(days=2))

    assert len(read_record(paths).samples) < 250


@pytest.mark.parametrize("place", ["health_log", "health_now"])
def test_files_that_are_none(paths: SessionPaths, place: str) -> None:
    """A directory, a pipe, a link to somewhere else: an error that is told, no hanging, and nothing is overwritten."""
    path: Path = getattr(paths, place)
    history = begun(paths)
    elsewhere = paths.data_dir / "precious"
    elsewhere.write_text("precious\n")

    def write() -> None:
        history.append([sample(MORNING)], MORNING)
        history.note(sample(MORNING))

    makers: list[Callable[[], object]] = [path.mkdir, lambda: os.mkfifo(path), lambda: path.symlink_to(elsewhere)]
    for make in makers:
        make()
        if place == "health_log" or path.is_dir():
            with pytest.raises(OSError, match=str(path)):
                write()
        else:
            write()
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()
    assert elsewhere.read_text() == "precious\n"


def test_reading_while_somebody_writes(paths: SessionPaths) -> None:
    """A reader sees whole samples only, also while the file is made smaller."""
    history = begun(paths)
    samples = series(MORNING, days=3)
    done = threading.Event()

    def write() -> None:
        for number in range(0, len(samples), 20):
            history.append(samples[number : number + 20], MORNING)
            history.compact(MORNING)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    counts = []
    while not done.is_set():
        counts.append(sum(each.period.received for each in read_record(paths).samples))
    writer.join()

    assert counts == sorted(counts)
    assert sum(each.period.received for each in read_record(paths).samples) == 2 * len(samples)


class Disk:
    """Files in memory that can be full."""

    def __init__(self) -> None:
        self.full = False
        self.lines: list[Sample] = []
        self.noted: list[Sample] = []
        self.begun = 0
        self.compacted = 0

    def begin(self, _now: datetime) -> None:
        self._check()
        self.begun += 1

    def append(self, samples: list[Sample], _now: datetime) -> None:
        self._check()
        self.lines += samples

    def compact(self, _now: datetime) -> None:
        self._check()
        self.compacted += 1

    def note(self, noted: Sample) -> None:
        self._check()
        self.noted.append(noted)

    def _check(self) -> None:
        if self.full:
            raise OSError(28, "No space left on device")


class Bench:
    """A recorder and what it told."""

    def __init__(self) -> None:
        self.disk = Disk()
        self.bus = EventBus()
        self.events: list[Event] = []
        self.recorder = HealthRecorder(self.disk, lambda: sample(MORNING), self.bus, now=lambda: MORNING)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Bench"]:
        """Run it."""
        with self.bus.subscribe(Event, name="test", depth=1000) as news:
            async with self.recorder.writing(finish_within_s=1):
                yield self
            self.events += news.pending()

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(100):
            while not done():
                await asyncio.sleep(0.01)


@pytest.mark.looptime
async def test_the_record_is_written_as_it_comes() -> None:
    """Samples at once, the unfinished one every minute, made smaller once a day."""
    async with Bench().running() as bench:
        bench.recorder.add(sample(MORNING))
        await bench.until(lambda: len(bench.disk.lines) == 1)
        await asyncio.sleep(86400 + 300)

    assert bench.disk.begun == 1
    assert bench.disk.compacted == 1
    assert 1400 <= len(bench.disk.noted) <= 1446
    assert bench.events == []


@pytest.mark.looptime
async def test_a_full_disk_is_told_once_and_loses_nothing() -> None:
    """However long it lasts; and when there is room again that is told, too."""
    bench = Bench()
    bench.disk.full = True
    async with bench.running():
        for number in range(800):
            bench.recorder.add(sample(MORNING + number * MINUTE, 60, received=1))
            await asyncio.sleep(60)
        bench.disk.full = False
        await asyncio.sleep(200)

    assert sum(each.period.received for each in bench.disk.lines) == 800
    assert len(bench.disk.lines) <= 500
    assert [type(event) for event in bench.events] == [HealthRecordFailed, HealthRecordRecovered]
    assert "no space left" in getattr(bench.events[0], "because", "")


@pytest.mark.looptime
async def test_the_last_sample_is_written_at_the_end() -> None:
    """Also when it comes just before."""
    async with Bench().running() as bench:
        bench.recorder.add(sample(MORNING))

    assert len(bench.disk.lines) == 1


@pytest.mark.looptime
async def test_a_full_disk_does_not_hold_up_the_end() -> None:
    """Nobody waits for a minute that might be written."""
    bench = Bench()
    bench.disk.full = True
    async with bench.running():
        bench.recorder.add(sample(MORNING))
        await asyncio.sleep(10)
        before = asyncio.get_running_loop().time()

    assert asyncio.get_running_loop().time() - before <= 1
