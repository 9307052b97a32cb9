"""The file: whole, private, and never a reason to fail."""

import json
import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from linda_bot.health.alerting.incident import Incident, Now, Trouble, carried_over
from linda_bot.health.alerting.memory import (
    Delivery,
    Memory,
    MemoryFile,
    load_memory,
    memory_or_new,
    with_delivery,
    with_notice,
)
from linda_bot.health.alerting.notice import trial_notice
from linda_bot.kernel.files import UnreadableFileError
from tests.support.alert_world import NOON, SENDER

INCIDENT = Incident(id="abc", topic="link", troubles=(Trouble("down", "because", "advice", NOON),), began_at=NOON)


def full() -> Memory:
    """Return a memory with something of everything."""
    memory = with_notice(Memory(incidents=(INCIDENT,)), trial_notice(SENDER, Now(NOON, 0.0), "n"), ["command"])
    return with_delivery(memory, "n-1", Delivery(sink="command", state="failed", tries=5, error="exit code 1"))


async def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """All of it; the file and its directory are private."""
    path = tmp_path / "logs" / ".alerts-default.json"
    await MemoryFile(path, full()).save()

    assert load_memory(path) == full()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"version": 2}',
        '{"incidents": [{"id": "x", "topic": "link", "troubles": [], "began_at": "2026-02-07T12:00:00Z"}]}',
        '{"incidents": [{"id": "x", "topic": "link", "troubles": [["down"]], "began_at": "2026-02-07T12:00:00"}]}',
    ],
)
async def test_what_cannot_be_read_is_put_aside(tmp_path: Path, content: str) -> None:
    """And alerts go on with an empty memory."""
    path = tmp_path / "alerts.json"
    path.write_text(content)
    with pytest.raises(UnreadableFileError):
        load_memory(path)
    assert memory_or_new(path) == Memory()
    await MemoryFile(path, full()).save()

    assert load_memory(path) == full()
    assert path.with_name("alerts.json.unreadable").read_text() == content


async def test_a_disk_that_takes_nothing_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And tried again at each change."""
    (tmp_path / "logs").write_text("in the way")
    path = tmp_path / "logs" / "alerts.json"
    file = MemoryFile(path, full())
    for _ in range(3):
        await file.save()
    assert len(caplog.records) == 1
    (tmp_path / "logs").unlink()
    await file.save()

    assert load_memory(path) == full()


async def test_what_has_not_changed_is_not_written(tmp_path: Path) -> None:
    """A write is two waits for the disk."""
    path = tmp_path / "alerts.json"
    file = MemoryFile(path, full())
    await file.save()
    path.unlink()
    await file.save()
    assert not path.exists()
    file.now = replace(file.now, incidents=())
    await file.save()

    assert json.loads(path.read_text())["incidents"] == []


def test_times_of_another_process_are_taken_over() -> None:
    """Also when the wall clock has gone back meanwhile."""
    began = replace(INCIDENT, told_at=NOON, began_s=5.0, told_s=5.0)
    hour_later = Now(NOON.replace(hour=13), 100.0)
    hour_before = Now(NOON.replace(hour=11), 100.0)

    assert carried_over(began, hour_later).open_for(hour_later) == 3600
    assert carried_over(began, hour_before).open_for(hour_before) == 0
