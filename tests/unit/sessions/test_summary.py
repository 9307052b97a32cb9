"""session-state.json: all accounts in one file, several that write it, and never the only copy of anything."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from linda_bot.kernel.flock import locked
from linda_bot.sessions import summary
from linda_bot.sessions.book import SessionBook
from linda_bot.sessions.device_status import DeviceStatus, load_status, save_status
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.summary import update_summary
from tests.support.stores import NUMBER, back_up, make_session

OTHER = "15550001111"
WRITER = """
import sys
from pathlib import Path
from linda_bot.sessions.device_status import DeviceStatus
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.summary import update_summary
paths = SessionPaths(Path(sys.argv[1]), sys.argv[2])
for number in range(1, 101):
    update_summary(paths, DeviceStatus(restore_count=number), "connected")
"""


def content(paths: SessionPaths) -> dict[str, Any]:
    """Return the file's content."""
    found: dict[str, Any] = json.loads(paths.summary.read_bytes())
    return found


@pytest.fixture
def paths(tmp_path: Path) -> SessionPaths:
    """A session with a backup, beside another account's that was logged out."""
    made = make_session(tmp_path, sessions=5)
    back_up(made)
    other = SessionPaths(tmp_path, OTHER)
    other.directory.mkdir()
    save_status(other.device_status, DeviceStatus(number=OTHER, restore_status="logged_out", restore_count=4), {})
    return made


def test_it_tells_of_the_account(paths: SessionPaths) -> None:
    """And of the newest backup."""
    update_summary(paths, DeviceStatus(number=NUMBER, restore_count=3, restore_duration=340), "connected")
    told = content(paths)["sessions"]["default"]

    assert content(paths)["version"] == 1
    assert told.pop("lastBackup")["name"] == "backup-default-001"
    assert told == {
        "linkedNumber": NUMBER,
        "state": "connected",
        "restoreCount": 3,
        "lastRestoreTime": None,
        "lastRestoreDuration": 340,
        "backups": 1,
    }
    assert paths.summary.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("found", [None, b"", b"{torn", b"[]", b'{"sessions": []}', b"\xff\xfe", b"[" * 100_000])
def test_what_is_lost_is_rebuilt_for_all_accounts(paths: SessionPaths, found: bytes | None) -> None:
    """From what lies beside it; what cannot be read is kept."""
    if found is not None:
        paths.summary.write_bytes(found)
    (paths.data_dir / "sessions" / "session-999").mkdir()
    (paths.data_dir / "sessions" / "a file").touch()
    update_summary(paths, DeviceStatus(number=NUMBER), "connected")
    sessions = content(paths)["sessions"]

    assert set(sessions) == {"default", OTHER, "999"}
    assert {account: told["state"] for account, told in sessions.items()} == {
        "default": "connected",
        OTHER: "logged_out",
        "999": "stopped",
    }
    assert sessions[OTHER]["restoreCount"] == 4
    aside = paths.data_dir / "session-state.json.unreadable"
    assert (aside.read_bytes() if aside.exists() else None) == found


def test_other_versions_keys_are_kept(paths: SessionPaths) -> None:
    """At each level, and other accounts as they are."""
    update_summary(paths, DeviceStatus(number=NUMBER))
    changed = content(paths) | {"color": "green"}
    changed["sessions"]["default"]["mood"] = "good"
    changed["sessions"]["elsewhere"] = {"anything": 1}
    paths.summary.write_text(json.dumps(changed))
    update_summary(paths, DeviceStatus(number=NUMBER, restore_count=9))
    found = content(paths)

    assert (found["color"], found["sessions"]["elsewhere"]) == ("green", {"anything": 1})
    assert (found["sessions"]["default"]["mood"], found["sessions"]["default"]["restoreCount"]) == ("good", 9)


def test_an_account_that_is_nonsense_is_written_anew(paths: SessionPaths) -> None:
    """The file as a whole is not."""
    paths.summary.write_text(json.dumps({"sessions": {"default": 5, "elsewhere": {}}}))
    update_summary(paths, DeviceStatus(number=NUMBER))

    assert content(paths)["sessions"]["default"]["linkedNumber"] == NUMBER
    assert "elsewhere" in content(paths)["sessions"]


def test_a_directory_in_its_place_is_renamed(paths: SessionPaths) -> None:
    """Nothing of it is deleted."""
    paths.summary.mkdir()
    (paths.summary / "precious").touch()
    update_summary(paths, DeviceStatus(number=NUMBER))

    assert content(paths)["sessions"]["default"]["linkedNumber"] == NUMBER
    assert (paths.data_dir / "session-state.json.unreadable" / "precious").exists()


def test_two_accounts_write_at_once(paths: SessionPaths) -> None:
    """Two processes, a hundred times each: neither loses anything of the other's."""
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(paths.data_dir), account]) for account in ("default", OTHER)
    ]
    assert [writer.wait(30) for writer in writers] == [0, 0]

    assert {account: told["restoreCount"] for account, told in content(paths)["sessions"].items()} == {
        "default": 100,
        OTHER: 100,
    }
    assert not list(paths.data_dir.glob(".session-state.json*"))


def test_who_holds_it_for_too_long_is_not_waited_for(paths: SessionPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is never the only copy of anything: the next change brings it up to date."""
    monkeypatch.setattr(summary, "_LOCK_WAIT_S", 0.05)
    with locked(paths.cache / ".session-state.lock", wait_s=0):
        update_summary(paths, DeviceStatus(restore_count=1))
    assert not paths.summary.exists()
    update_summary(paths, DeviceStatus(restore_count=2))

    assert content(paths)["sessions"]["default"]["restoreCount"] == 2


async def test_the_book_keeps_what_other_versions_know(paths: SessionPaths) -> None:
    """In the status and in the summary, over several lives."""
    save_status(paths.device_status, DeviceStatus(number=NUMBER), {"color": "green", "deep": {"er": [1]}})
    paths.summary.write_text(json.dumps({"version": 2, "sessions": {"default": {"mood": "good"}}}))
    for count in range(3):
        book = SessionBook(paths)
        book.change(restore_count=count)
        await book.close()

    assert load_status(paths.device_status)[1] == {"color": "green", "deep": {"er": [1]}}
    assert content(paths)["version"] == 2
    assert content(paths)["sessions"]["default"]["mood"] == "good"
    assert content(paths)["sessions"]["default"]["restoreCount"] == 2


async def test_a_book_that_is_reloaded_takes_what_is_there(paths: SessionPaths) -> None:
    """Somebody has put files there; and what is remembered outlives its file."""
    book = SessionBook(paths)
    book.note("connected")
    await book.close()
    book.remember()
    paths.history.unlink()
    save_status(paths.device_status, DeviceStatus(number=OTHER), {"color": "green"})
    book.note("cleared")
    await book.close()
    assert [entry["eventType"] for entry in json.loads(paths.history.read_text())] == ["connected", "cleared"]
    save_status(paths.device_status, DeviceStatus(number=OTHER), {"color": "green"})
    book.reload()
    book.change(restore_count=1)
    await book.close()

    assert load_status(paths.device_status) == (DeviceStatus(number=OTHER, restore_count=1), {"color": "green"})
