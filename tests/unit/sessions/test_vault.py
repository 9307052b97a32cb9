"""Encrypted backups: the right key opens them, any other says clearly that it does not."""

import base64
import sys
from pathlib import Path

import pytest

from linda_bot.kernel.errors import UsageError
from linda_bot.sessions.catalogue import all_backups, fault_of
from linda_bot.sessions.manager import SessionManager
from linda_bot.sessions.manifest import MANIFEST, SEALED_COPY
from linda_bot.sessions.moving import export_session, import_session
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.recovery import Choice, put_back, recover
from linda_bot.sessions.store import HEADER
from linda_bot.sessions.vault import Vault, fingerprint, make_key_file, open_vault
from tests.support.stores import NUMBER, back_up, identity_of, make_session, said, say

OLD, NEW = (base64.urlsafe_b64encode(letter * 32).decode() for letter in (b"o", b"n"))


@pytest.fixture
def paths(tmp_path: Path) -> SessionPaths:
    """A whole, linked session."""
    return make_session(tmp_path / "bot", sessions=20)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A file with a new key."""
    path = tmp_path / "key"
    make_key_file(path)
    return path


def vault_of(key_file: Path) -> Vault:
    """Open a vault."""
    vault = open_vault(key_file)
    assert vault is not None
    return vault


def test_a_sealed_backup_tells_nothing_and_comes_back(paths: SessionPaths, key_file: Path) -> None:
    """No copy in the clear is left beside it."""
    vault = vault_of(key_file)
    say(paths.store, "sealed")
    back_up(paths, keys=vault.keys)
    (backup,) = all_backups(paths)
    content = backup.copy.read_bytes()

    assert {file.name for file in backup.directory.iterdir()} == {SEALED_COPY, MANIFEST}
    assert backup.copy.stat().st_mode & 0o777 == 0o600
    assert HEADER not in content
    assert NUMBER.encode() not in content
    assert backup.manifest.sealed_with == vault.fingerprints[0]
    assert not fault_of(backup)
    identity = identity_of(paths.store)
    paths.store.unlink()
    put_back(paths, backup, vault, because="a test")
    assert (said(paths.store), identity_of(paths.store)) == ("sealed", identity)


def test_another_key_or_none_is_said_and_nothing_changes(paths: SessionPaths) -> None:
    """Which key it is, and which was given."""
    back_up(paths, keys=(OLD,))
    say(paths.store, "live")
    (backup,) = all_backups(paths)
    with pytest.raises(UsageError, match=f"{fingerprint(OLD)}, not with the key given .{fingerprint(NEW)}"):
        put_back(paths, backup, Vault([NEW]), because="a test")
    with pytest.raises(UsageError, match=f"{fingerprint(OLD)}; name the key file in LINDA_BACKUP__KEY_FILE"):
        put_back(paths, backup, None, because="a test")

    assert said(paths.store) == "live"
    assert not list(paths.directory.glob("session.db.next*"))
    found = recover(paths, Vault([NEW]), Choice(), because="a test")
    assert found.backup is None
    assert found.passed_over[0].startswith("backup-default-001: it is encrypted with the key")


def test_an_older_key_in_the_file_still_opens(paths: SessionPaths, tmp_path: Path) -> None:
    """The first one encrypts from now on."""
    back_up(paths, keys=(OLD,))
    file = tmp_path / "keys"
    file.write_text(f"{NEW}\n{OLD}\n")
    file.chmod(0o600)
    vault = vault_of(file)
    back_up(paths, keys=vault.keys)

    assert [backup.manifest.sealed_with for backup in all_backups(paths)] == [fingerprint(NEW), fingerprint(OLD)]
    for backup in all_backups(paths):
        put_back(paths, backup, vault, because="a test")
    with pytest.raises(UsageError, match="not with the key given"):
        put_back(paths, all_backups(paths)[0], Vault([OLD]), because="a test")


def test_sealing_and_opening() -> None:
    """Junk, and what another key has sealed, is refused in one line."""
    sealed = Vault([OLD]).seal(b"data")

    assert Vault([NEW, OLD]).open(sealed) == b"data"
    for vault, data in ((Vault([NEW]), sealed), (Vault([OLD]), b"junk"), (Vault([OLD]), sealed[:-9])):
        with pytest.raises(UsageError, match="none of the keys opens this backup"):
            vault.open(data)


def test_a_new_key_file_is_private_and_never_over_another(key_file: Path) -> None:
    """A key that is overwritten opens nothing any more."""
    content = key_file.read_bytes()

    assert key_file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(UsageError, match="is there already"):
        make_key_file(key_file)
    assert key_file.read_bytes() == content
    with pytest.raises(UsageError, match="cannot be written"):
        make_key_file(key_file / "below")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602])
def test_a_key_file_that_others_can_read_is_refused(key_file: Path, mode: int) -> None:
    """With what to do."""
    key_file.chmod(mode)
    with pytest.raises(UsageError, match=f"chmod 600 {key_file}"):
        open_vault(key_file)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"too short\n", "is no key"),
        (OLD.encode() + b"\nand junk\n", "is no key"),
        (b"\xff\xfe\x00", "holds no key"),
        (b"=" * 44, "is no key"),
    ],
)
def test_a_key_file_without_keys_is_refused(key_file: Path, content: bytes, why: str) -> None:
    """In one line that says how to make one and does not tell what is in it."""
    key_file.write_bytes(content)
    with pytest.raises(UsageError, match=why) as caught:
        open_vault(key_file)

    assert "linda-bot backup --new-key FILE" in str(caught.value)
    assert "junk" not in str(caught.value)


def test_no_key_file_is_refused(tmp_path: Path) -> None:
    """Never a backup in the clear instead."""
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(UsageError, match="cannot be read"):
            open_vault(path)


def test_no_setting_is_no_vault() -> None:
    """A key itself does as well."""
    assert open_vault(None) is None
    vault = open_vault(None, OLD)
    assert vault is not None
    assert vault.fingerprints == (fingerprint(OLD),)
    assert OLD not in repr(vault)
    with pytest.raises(UsageError, match="is no key"):
        open_vault(None, "é" * 44)


def test_without_the_library_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Encryption is an extra."""
    monkeypatch.setitem(sys.modules, "cryptography.fernet", None)
    with pytest.raises(UsageError, match="pip install"):
        Vault([OLD])


def test_an_import_without_the_key_leaves_nothing_behind(paths: SessionPaths, key_file: Path, tmp_path: Path) -> None:
    """It can be done again with the key; the file is as it was."""
    file = tmp_path / "session.tar"
    export_session(SessionManager(paths.data_dir, vault=vault_of(key_file)), file)
    there = SessionManager(tmp_path / "there")

    with pytest.raises(UsageError, match="name the key file"):
        import_session(there, file)
    assert all_backups(there.paths) == []
    assert not there.paths.store.exists()
    import_session(SessionManager(there.paths.data_dir, vault=vault_of(key_file)), file)
    assert identity_of(there.paths.store) == identity_of(paths.store)
