"""The session manager: what it answers, what it does, and what it leaves alone."""

import json
from pathlib import Path

import pytest

from linda_bot import SessionManager
from linda_bot.kernel.errors import SessionHeldError, UsageError
from linda_bot.kernel.flock import locked
from linda_bot.sessions.device_status import load_status
from linda_bot.sessions.doctor import examine, mend
from linda_bot.sessions.manager import NoBackupError
from linda_bot.sessions.moving import import_session
from linda_bot.sessions.validation import Verdict
from tests.support.stores import NUMBER, make_session


@pytest.fixture
def manager(tmp_path: Path) -> SessionManager:
    """The manager of a whole, linked session."""
    return SessionManager(make_session(tmp_path / "bot", sessions=5).data_dir)


def test_a_whole_session_is_left_as_it_is(manager: SessionManager) -> None:
    """Even where there is a backup: a healthy session never goes back."""
    manager.backup_session()
    before = manager.paths.store.read_bytes()
    done = manager.restore_session()

    assert manager.can_restore_session()
    assert (done.backup, done.quarantined) == (None, None)
    assert manager.paths.store.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"junk" * 1000, None])
def test_a_damaged_or_lost_one_gives_way_to_its_backup(manager: SessionManager, content: bytes | None) -> None:
    """And the status, the history and the summary tell of it."""
    backup = manager.backup_session()
    if content is None:
        manager.paths.store.unlink()
    else:
        manager.paths.store.write_bytes(content)
    assert not manager.can_restore_session()
    done = manager.restore_session()

    assert done.backup is not None
    assert done.backup.name == backup.name
    assert done.validation.verdict is Verdict.RESTORABLE
    assert load_status(manager.paths.device_status)[0].restore_status == "from_backup"
    summary = json.loads(manager.paths.summary.read_text())["sessions"]["default"]
    assert (summary["linkedNumber"], summary["backups"]) == (NUMBER, 1)


def test_what_a_person_cleared_comes_back_only_on_request(manager: SessionManager) -> None:
    """Not by itself; by `restore_from_backup` it does."""
    place = manager.clear_session()
    assert place is not None
    assert (place / "session.db").exists()
    assert manager.restore_session().backup is None
    done = manager.restore_from_backup()

    assert done.backup is not None
    assert manager.can_restore_session()
    assert "session_cleared" in [entry["eventType"] for entry in manager.get_session_info().history]


def test_the_newest_backups_are_kept(manager: SessionManager) -> None:
    """As many as asked for, at least one."""
    made = [manager.backup_session(keep=9).name for _ in range(4)]

    assert manager.cleanup_old_backups(keep=3) == made[:1]
    assert manager.cleanup_old_backups(keep=0) == made[1:3]
    assert [backup.name for backup in manager.backups()] == made[3:]


def test_while_somebody_holds_the_session_nothing_is_replaced(manager: SessionManager) -> None:
    """A backup can be made all the same."""
    manager.backup_session()
    with locked(manager.paths.lock, wait_s=0):
        manager.paths.lock.write_text(json.dumps({"pid": 1, "phase": "running"}))
        for work in (manager.require_free, manager.restore_session, manager.restore_from_backup, manager.clear_session):
            with pytest.raises(SessionHeldError, match="pid 1"):
                work()
        assert manager.backup_session().manifest.linked_number == NUMBER


def test_without_a_session_there_is_nothing_to_do(tmp_path: Path) -> None:
    """One line each, and nothing is left behind."""
    manager = SessionManager(tmp_path / "nothing")

    assert not manager.can_restore_session()
    assert manager.cleanup_old_backups() == []
    with pytest.raises(NoBackupError):
        manager.backup_session()
    with pytest.raises(NoBackupError):
        manager.restore_from_backup()
    with pytest.raises(UsageError, match="there is no file"):
        import_session(manager, tmp_path / "nothing.tar")
    assert not (tmp_path / "nothing").exists()


def test_unreadable_metadata_is_only_noted(manager: SessionManager) -> None:
    """It costs nobody the link, and the doctor's verdict either."""
    manager.paths.device_status.write_text("{junk")
    (metadata,) = [check for check in examine(manager) if check.name == "5 metadata"]

    assert metadata.ok is None


def test_the_doctor_tells_and_mends_a_damaged_store(manager: SessionManager) -> None:
    """Which backup is meant, and that it is in place afterwards."""
    backup = manager.backup_session()
    manager.paths.store.write_bytes(b"junk" * 1000)
    checks = examine(manager)
    (store,) = [check for check in checks if check.name == "2 session.db"]
    assert store.ok is False
    assert backup.name in store.advice
    mend(checks)

    assert all(check.ok is not False for check in examine(manager))
