"""Files that are whole whatever happens, directories that are ours alone."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.files import UnreadableFileError, make_private_dir, read_json, write_atomic, write_json

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
