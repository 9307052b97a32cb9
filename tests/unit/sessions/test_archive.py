"""Archives: what goes out comes in again, and a stranger's file that is not quite one is refused as a whole."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.flock import locked
from linda_bot.sessions.archive import HISTORY, STATUS, pack, unpack
from linda_bot.sessions.catalogue import all_backups
from linda_bot.sessions.manifest import COPY, MANIFEST, Backup
from linda_bot.sessions.paths import SessionPaths
from tests.support.stores import NUMBER, back_up, backup_named, make_session, said, say

OTHER = "15550001111"
Members = list[tuple[tarfile.TarInfo, bytes]]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A good one."""
    paths = make_session(tmp_path / "from", sessions=5)
    say(paths.store, "then")
    back_up(paths)
    backup = backup_named(paths, "backup-default-001")
    paths.history.write_text("[]")
    pack(paths, backup, tmp_path / "moved.tar")
    return tmp_path / "moved.tar"


@pytest.fixture
def there(tmp_path: Path) -> SessionPaths:
    """Where it is to go: nothing is there yet."""
    return SessionPaths(tmp_path / "to", "default")


def members(archive: Path) -> Members:
    """Return what is in an archive."""
    with tarfile.open(archive) as opened:
        return [(member, opened.extractfile(member).read()) for member in opened]  # type: ignore[union-attr]


def changed(archive: Path, change: Callable[[Members], Members]) -> Path:
    """Return a copy of an archive with other members."""
    found = archive.with_name("changed.tar")
    with tarfile.open(found, "w") as opened:
        for member, content in change(members(archive)):
            if member.isfile():
                member.size = len(content)
            opened.addfile(member, io.BytesIO(content))
    return found


def with_manifest(**facts: Any) -> Callable[[Members], Members]:
    """Return what changes an archive's manifest."""

    def change(found: Members) -> Members:
        return [
            (member, json.dumps({**json.loads(content), **facts}).encode() if member.name == MANIFEST else content)
            for member, content in found
        ]

    return change


def added(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE) -> Callable[[Members], Members]:
    """Return what adds a member to an archive."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/passwd"
    return lambda found: [*found, (member, content)]


def without(name: str) -> Callable[[Members], Members]:
    """Return what takes a member out of an archive."""
    return lambda found: [(member, content) for member, content in found if member.name != name]


def refused(there: SessionPaths, archive: Path, why: str) -> None:
    """Have an archive refused, with nothing left of it."""
    with pytest.raises(UsageError, match=why) as caught:
        unpack(there, archive)
    assert "\n" not in str(caught.value)
    assert all_backups(there) == []
    assert not [path for path in there.cache.iterdir() if path.is_dir()]


def test_what_goes_out_comes_in_again(archive: Path, there: SessionPaths) -> None:
    """The copy as a backup, the state files as they are; the session itself is not touched."""
    found = unpack(there, archive)

    (backup,) = all_backups(there)
    assert backup == found.backup
    assert (backup.manifest.reason, backup.manifest.linked_number) == ("import", NUMBER)
    assert said(backup.copy) == "then"
    assert sorted(found.states) == sorted([STATUS, HISTORY])
    assert not there.directory.exists()
    assert archive.stat().st_mode & 0o077 == 0
    assert backup.copy.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (added("../../evil", b"x"), "which no export has"),
        (added("/etc/cron.d/evil", b"x"), "which no export has"),
        (added("notes.txt", b"x"), "which no export has"),
        (added(COPY, b"x"), "which no export has"),
        (lambda found: added(HISTORY, kind=tarfile.SYMTYPE)(without(HISTORY)(found)), "which no export has"),
        (lambda found: added(HISTORY, kind=tarfile.LNKTYPE)(without(HISTORY)(found)), "which no export has"),
        (lambda found: added(HISTORY, kind=tarfile.FIFOTYPE)(without(HISTORY)(found)), "which no export has"),
        (lambda found: added(HISTORY, kind=tarfile.DIRTYPE)(without(HISTORY)(found)), "which no export has"),
        (lambda found: added(HISTORY, b"x" * (4 * 1024 * 1024 + 1))(without(HISTORY)(found)), "which no export has"),
        (without(MANIFEST), "no manifest"),
        (without(COPY), "its copy of the session is missing"),
        (lambda found: added(MANIFEST, b"{")(without(MANIFEST)(found)), "manifest cannot be read"),
        (lambda found: added(MANIFEST, b"[" * 60_000)(without(MANIFEST)(found)), "manifest"),
        (lambda found: added(MANIFEST, b"\xff")(without(MANIFEST)(found)), "manifest cannot be read"),
        (lambda found: added(COPY, b"junk" * 1000)(without(COPY)(found)), "is refused"),
        (with_manifest(linkedNumber=7), "is refused"),
    ],
    ids=[
        "outside", "absolute", "unknown", "twice", "symlink", "hard link", "pipe", "directory", "too large",
        "no manifest", "no copy", "half a manifest", "deep manifest", "no text", "junk", "wrong type",
    ],
)  # fmt: skip
def test_what_is_refused(archive: Path, there: SessionPaths, change: Callable[[Members], Members], why: str) -> None:
    """In one line, and nothing of it is left on the disk."""
    refused(there, changed(archive, change), why)


@pytest.mark.parametrize("content", [b"", b"no archive", b"\0" * 10_000], ids=["empty", "text", "zeros"])
def test_a_file_that_is_no_archive(tmp_path: Path, there: SessionPaths, content: bytes) -> None:
    """Said in one line."""
    file = tmp_path / "moved.tar"
    file.write_bytes(content)

    refused(there, file, "moved.tar")


def test_half_an_archive(archive: Path, there: SessionPaths) -> None:
    """The copying was cut short."""
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])

    refused(there, archive, "moved.tar")


def test_a_file_that_is_not_there(tmp_path: Path, there: SessionPaths) -> None:
    """Said with the system's reason."""
    refused(there, tmp_path / "none.tar", "cannot be taken in: .*[Nn]o such file")


def test_an_archive_of_another_number(archive: Path, tmp_path: Path) -> None:
    """A bot that is said to be one number does not become another."""
    refused(SessionPaths(tmp_path / "to", OTHER), archive, "another number")


def test_an_archive_of_the_other_world(archive: Path, tmp_path: Path) -> None:
    """WhatsApp would log a sandbox's device out, and a sandbox WhatsApp's."""
    here = make_session(tmp_path / "to", sessions=5)
    here.sandbox_mark.touch()

    refused(here, archive, "do not both belong")


def test_while_a_backup_is_being_made(archive: Path, there: SessionPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    """The two would take the same number."""
    monkeypatch.setattr("linda_bot.sessions.archive._LOCK_WAIT_S", 0.1)
    there.cache.mkdir(parents=True, mode=0o700)

    with locked(there.backup_lock, wait_s=1):
        refused(there, archive, "is being made; try again")


def test_nothing_is_overwritten(archive: Path, tmp_path: Path) -> None:
    """Neither a file nor where a link points; and a place that cannot be written to is named."""
    paths = SessionPaths(tmp_path / "from", "default")
    backup: Backup = backup_named(paths, "backup-default-001")
    link = tmp_path / "link.tar"
    link.symlink_to(tmp_path / "nowhere")

    for file, why in (
        (archive, "is there already"),
        (link, "is there already"),
        (tmp_path / "no/dir", "cannot be written"),
    ):
        with pytest.raises(UsageError, match=why):
            pack(paths, backup, file)
    assert not (tmp_path / "nowhere").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
