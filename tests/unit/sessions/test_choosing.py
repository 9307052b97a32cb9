"""Which backup a person may put back, and which one only by insisting, or never."""

from pathlib import Path

import msgspec
import pytest

from linda_bot import SessionManager
from linda_bot.kernel.errors import UsageError
from linda_bot.sessions.catalogue import retire
from linda_bot.sessions.device_status import DeviceStatus, save_status
from linda_bot.sessions.manager import NoBackupError
from linda_bot.sessions.manifest import MANIFEST, save_manifest
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.validation import Verdict
from tests.support.stores import NUMBER, back_up, backup_named, make_session, said, say

OTHER = "15550001111"


def backed_up(data_dir: Path, account: str = "default") -> SessionManager:
    """Return the manager of a session that has gone on since its only backup."""
    paths = make_session(data_dir, account, sessions=5)
    say(paths.store, "then")
    back_up(paths)
    say(paths.store, "now")
    return SessionManager(data_dir, account)


def only(paths: SessionPaths) -> str:
    """Return the name of the first backup."""
    return f"backup-{paths.account}-001"


def refused(manager: SessionManager, why: str, *, name: str = "1", force: bool = False) -> None:
    """Have a backup refused, with everything as it was."""
    with pytest.raises(UsageError, match=why):
        manager.restore_from_backup(name, force=force)
    assert said(manager.paths.store) == "now"
    assert manager.validate_session().verdict is Verdict.RESTORABLE


@pytest.mark.parametrize("name", ["1", "001", "backup-default-001"])
def test_by_its_name_or_its_number(tmp_path: Path, name: str) -> None:
    """What was there before is kept."""
    manager = backed_up(tmp_path)

    done = manager.restore_from_backup(name)

    assert said(manager.paths.store) == "then"
    assert done.backup is not None
    assert done.kept is not None
    assert said(done.kept.copy) == "now"


def test_one_that_is_not_there(tmp_path: Path) -> None:
    """It is said which there are."""
    refused(backed_up(tmp_path), "no backup 99; there are: backup-default-001", name="99")


def test_one_of_another_account_is_refused_whatever_is_insisted_on(tmp_path: Path) -> None:
    """A bot that is said to be one number must not become another."""
    manager = backed_up(tmp_path, NUMBER)
    backup = backup_named(manager.paths, only(manager.paths))
    save_manifest(backup.directory / MANIFEST, msgspec.structs.replace(backup.manifest, linked_number=OTHER))

    refused(manager, "another account")
    refused(manager, "another account", force=True)


def test_one_of_the_other_world_is_refused_whatever_is_insisted_on(tmp_path: Path) -> None:
    """WhatsApp would log a sandbox's device out."""
    manager = backed_up(tmp_path)
    manager.paths.sandbox_mark.touch()

    refused(manager, "do not both belong")
    refused(manager, "do not both belong", force=True)


def test_one_of_a_removed_device_takes_insisting(tmp_path: Path) -> None:
    """WhatsApp will refuse it, most likely."""
    manager = backed_up(tmp_path)
    backup = backup_named(manager.paths, only(manager.paths))
    retire(manager.paths, backup.manifest.fingerprint, "logged_out", "the phone removed it")

    refused(manager, r"WhatsApp will refuse it \(the phone removed it\).*--force")
    assert manager.restore_from_backup("1", force=True).backup is not None
    assert said(manager.paths.store) == "then"


def test_one_of_another_number_takes_insisting(tmp_path: Path) -> None:
    """The session has been linked anew since, with another phone."""
    manager = backed_up(tmp_path)
    save_status(manager.paths.device_status, DeviceStatus(number=OTHER, device_linked=True), {})

    refused(manager, r"another number.*--force")
    assert manager.restore_from_backup("1", force=True).backup is not None
    assert said(manager.paths.store) == "then"


def test_one_that_cannot_be_used_changes_nothing(tmp_path: Path) -> None:
    """A copy that does not verify is not put back, also when it is asked for by its name."""
    manager = backed_up(tmp_path)
    backup = backup_named(manager.paths, only(manager.paths))
    backup.copy.write_bytes(b"junk" * 1000)

    with pytest.raises(NoBackupError, match=r"backup-default-001 cannot be used.*nothing was changed"):
        manager.restore_from_backup("1")
    assert said(manager.paths.store) == "now"


def test_a_session_of_another_account_is_not_replaced(tmp_path: Path) -> None:
    """It would be backed up as if it were this one's."""
    wrong = make_session(tmp_path, OTHER, sessions=5)

    with pytest.raises(UsageError, match="nothing was changed"):
        SessionManager(wrong.data_dir, OTHER).clear_session()
    assert wrong.store.exists()
