"""Files that are whole whatever happens, directories that are ours alone."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.files import (
    UnreadableFileError,
    clear_drafts,
    make_private_dir,
    put_unreadable_aside,
    read_json,
    write_atomic,
    write_json,
)

WRITER = """
import sys
from pathlib import Path
from linda_bot.kernel.files import write_json
path, size = Path(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
for number in range(10**9):
    write_json(path, {"number": number, "rest": [number] * size})
"""


def test_a_write_replaces_the_whole_content(tmp_path: Path) -> None:
    """Private, and without leftovers."""
    path = tmp_path / "state.json"
    path.write_text("old" * 1000)
    write_json(path, {"a": "ü"})

    assert read_json(path) == {"a": "ü"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


def test_a_name_that_is_not_utf8_is_written_and_read(tmp_path: Path) -> None:
    """Python shows such file names with lone surrogates; a state file may mention one."""
    path = tmp_path / "state.json"
    name = os.fsdecode(b"caf\xe9")
    write_json(path, {"because": name})

    assert read_json(path) == {"because": name}
    assert b"caf\\udce9" in path.read_bytes()


def test_a_write_that_fails_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk: the error is raised, nothing else changes."""
    path = tmp_path / "state.json"
    write_json(path, 1)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, b"2")

    assert read_json(path) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    """Twenty writers killed in the middle of their work: always one of the contents, whole."""
    path = tmp_path / "state.json"
    write_json(path, {"number": -1, "rest": []})
    for run in range(20):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path), "20000"], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(0.003 * run)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()

        content = json.loads(path.read_bytes())
        assert set(content["rest"]) <= {content["number"]}
        assert len(content["rest"]) in (0, 20000)


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_said_to_be_unreadable(tmp_path: Path, content: bytes | None) -> None:
    """Missing, empty, torn, no text, hostile: one named error."""
    path = tmp_path / "state.json"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(UnreadableFileError):
        read_json(path)


def test_a_directory_is_made_private(tmp_path: Path) -> None:
    """Also one that was open to others before."""
    new, old = tmp_path / "a" / "b", tmp_path / "c"
    old.mkdir(mode=0o755)
    for directory in (new, old):
        make_private_dir(directory)
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_directory_that_cannot_be_ours_is_refused(tmp_path: Path) -> None:
    """A file, a link, a place below a file: one line each that says what to do."""
    (tmp_path / "file").touch()
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")

    for name, hint in (("file", "is not a directory"), ("link", "is a link"), ("file/below", "cannot write")):
        with pytest.raises(UsageError, match=hint) as caught:
            make_private_dir(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_two_threads_that_write_one_file_do_not_meet(tmp_path: Path) -> None:
    """Each has a draft of its own: the content is always that of one of them, and neither fails."""
    path = tmp_path / "state.json"
    write_json(path, [0] * 5000)
    errors: list[Exception] = []

    def write(number: int) -> None:
        try:
            for _ in range(50):
                write_json(path, [number] * 5000)
        except OSError as error:
            errors.append(error)

    writers = [threading.Thread(target=write, args=(number,)) for number in (1, 2)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        content = read_json(path)
        assert isinstance(content, list)
        assert (len(content), len(set(content))) == (5000, 1)
    assert errors == []
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


def test_drafts_are_cleared(tmp_path: Path) -> None:
    """All in a directory of ours, only those of one file in one that is not; nothing but files."""
    names = [".a.json.12-34.new", ".a.json.12.new", ".b.json.12-34.new", "a.json", ".other", "a.new"]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / ".directory.new").mkdir()
    clear_drafts(tmp_path, of="a.json")
    assert {entry.name for entry in tmp_path.iterdir()} == {*names[2:], ".directory.new"}
    clear_drafts(tmp_path)
    assert {entry.name for entry in tmp_path.iterdir()} == {*names[3:], ".directory.new"}
    clear_drafts(tmp_path / "none")


def test_the_last_few_that_could_not_be_read_are_kept(tmp_path: Path) -> None:
    """Files, links and directories; a directory is never written over, and neither is anything by one."""
    path = tmp_path / "state.json"
    assert put_unreadable_aside(path) is None
    for number in range(5):
        path.write_text(str(number))
        assert put_unreadable_aside(path) is not None
    found = [(tmp_path / f"state.json.unreadable{ending}").read_text() for ending in ("", "-2", "-3")]
    assert found == ["0", "1", "4"]
    path.mkdir()
    assert put_unreadable_aside(path) is None
    assert path.is_dir()
    path.rmdir()
    (tmp_path / "state.json.unreadable-2").unlink()
    path.symlink_to(tmp_path / "nowhere")
    assert put_unreadable_aside(path) == tmp_path / "state.json.unreadable-2"
