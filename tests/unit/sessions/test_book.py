"""The state files, kept as life goes on."""

import asyncio
import errno
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from linda_bot.sessions.book import HISTORY_AT_MOST, SessionBook
from linda_bot.sessions.device_status import DeviceStatus, load_status, moment, save_status, timestamp
from linda_bot.sessions.paths import SessionPaths

NOON = datetime(2026, 2, 7, 12, 0, 0, 340_999, tzinfo=UTC)


@pytest.fixture
def paths(tmp_path: Path) -> SessionPaths:
    """A session directory."""
    made = SessionPaths(tmp_path, "default")
    made.directory.mkdir(parents=True)
    return made


async def test_what_happened_is_on_disk_after_closing(paths: SessionPaths) -> None:
    """The last state always gets there."""
    book = SessionBook(paths)
    for number in range(50):
        book.change(restore_count=number)
        book.note("restore_complete", at=NOON, attempt=number)
    await book.close()

    assert load_status(paths.device_status)[0].restore_count == 49
    history = json.loads(paths.history.read_text())
    assert [entry["attempt"] for entry in history] == list(range(50))
    assert history[0] == {"timestamp": "2026-02-07T12:00:00.340Z", "eventType": "restore_complete", "attempt": 0}


async def test_the_history_goes_on_and_is_bounded(paths: SessionPaths) -> None:
    """The newest are kept."""
    for _ in range(2):
        book = SessionBook(paths)
        for number in range(HISTORY_AT_MOST - 100):
            book.note("connected", number=number)
        await book.close()

    assert len(json.loads(paths.history.read_text())) == HISTORY_AT_MOST


async def test_another_versions_keys_are_kept(paths: SessionPaths) -> None:
    """Older and newer versions may take turns."""
    save_status(paths.device_status, DeviceStatus(number="1"), {"color": "green"})
    book = SessionBook(paths)
    book.change(number="2")
    await book.close()

    content = json.loads(paths.device_status.read_text())
    assert (content["number"], content["color"]) == ("2", "green")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"number": []}'])
async def test_unreadable_files_are_begun_anew(paths: SessionPaths, content: bytes) -> None:
    """What was no history is kept beside the new one."""
    paths.device_status.write_bytes(content)
    paths.history.write_bytes(b"{torn")
    book = SessionBook(paths)
    book.change(number="1")
    book.note("connected")
    await book.close()

    assert load_status(paths.device_status)[0].number == "1"
    assert len(json.loads(paths.history.read_text())) == 1
    assert paths.history.with_name("session-history.json.unreadable").read_bytes() == b"{torn"


async def test_a_full_disk_is_said_once(
    paths: SessionPaths, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bot lives on; when there is room again the newest state is written."""
    book = SessionBook(paths)

    def full(_path: Path, _target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as trouble:
        trouble.setattr(Path, "replace", full)
        for number in range(3):
            book.change(restore_count=number)
            await book.close()
    assert len(caplog.records) == 1
    book.change(number="1")
    await book.close()

    assert load_status(paths.device_status)[0].restore_count == 2


def test_times_are_written_in_utc_with_milliseconds() -> None:
    """And read back, also without a zone; nonsense is no time."""
    assert timestamp(NOON) == "2026-02-07T12:00:00.340Z"
    assert moment("2026-02-07T12:00:00.340Z") == NOON.replace(microsecond=340_000)
    assert moment("2026-02-07T12:00:00") == NOON.replace(microsecond=0)
    assert moment("yesterday") is None
    assert moment(None) is None


async def test_nothing_is_written_while_the_files_are_moved(paths: SessionPaths) -> None:
    """What happens meanwhile is written afterwards."""
    book = SessionBook(paths)
    async with book.paused():
        for number in range(20):
            book.change(restore_count=number)
            book.note("connected", number=number)
            await asyncio.sleep(0.001)
        assert list(paths.directory.iterdir()) == []
    await book.close()

    assert load_status(paths.device_status)[0].restore_count == 19
    assert len(json.loads(paths.history.read_text())) == 20
