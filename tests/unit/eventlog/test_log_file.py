"""The files of the log: private, rotated, shared, and whole again after a full disk."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from linda_bot.eventlog.log_file import LogFile


def numbers_in(directory: Path) -> list[int]:
    """Return what was written, oldest first."""
    files = sorted(
        directory.glob("log.jsonl*"), key=lambda path: int(path.suffix[1:]) if path.suffix != ".jsonl" else 0
    )
    return [int(line) for file in reversed(files) for line in file.read_text().split()]


def test_the_files_of_a_rotation_are_private_and_bounded(tmp_path: Path) -> None:
    """The file that follows a full one, too; the newest lines are in it, and none in between is missing."""
    file = LogFile(tmp_path / "logs" / "log.jsonl", most_bytes=300, files=4)
    for number in range(1000):
        file.write(b"%d\n" % number)
    file.close()

    files = list((tmp_path / "logs").glob("log.jsonl*"))
    found = numbers_in(tmp_path / "logs")
    assert len(files) == 4
    assert {each.stat().st_mode & 0o777 for each in files} == {0o600}
    assert found == list(range(found[0], 1000))
    assert sum(each.stat().st_size for each in files) <= 4 * 310


def test_fewer_files_than_before(tmp_path: Path) -> None:
    """The setting was changed: what is too much goes at the next rotation."""
    for files in (6, 2):
        file = LogFile(tmp_path / "log.jsonl", most_bytes=100, files=files)
        for number in range(300):
            file.write(b"%d\n" % number)
        file.close()

    assert sorted(path.name for path in tmp_path.glob("log*")) == ["log.jsonl", "log.jsonl.1"]


def test_a_file_that_somebody_moves_away(tmp_path: Path) -> None:
    """Logrotate, or a person: the next line is in a new one."""
    file = LogFile(tmp_path / "log.jsonl", most_bytes=1000, files=3)
    file.write(b"1\n")
    (tmp_path / "log.jsonl").rename(tmp_path / "elsewhere")
    file.write(b"2\n")

    assert (tmp_path / "log.jsonl").read_text() == "2\n"


def test_processes_share_it(tmp_path: Path) -> None:
    """Two bots in one data directory: every line is there once, and whole."""
    code = f"""
import sys
from pathlib import Path
from linda_bot.eventlog.log_file import LogFile
file = LogFile(Path({str(tmp_path / "log.jsonl")!r}), most_bytes=2000, files=100)
for number in range(2000):
    file.write(b"%d\\n" % (number * 2 + int(sys.argv[1])))
"""
    running = [subprocess.Popen([sys.executable, "-c", code, str(which)]) for which in (0, 1)]
    assert [each.wait(60) for each in running] == [0, 0]

    assert sorted(numbers_in(tmp_path)) == list(range(4000))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_line_that_was_cut_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk took half of it: the next one stands on a line of its own."""
    file = LogFile(tmp_path / "log.jsonl", most_bytes=1000, files=3)
    file.write(b'{"n": 1}\n')
    write, budget = os.write, [4]

    def full(descriptor: int, data: bytes) -> int:
        if not budget[0]:
            raise OSError(28, "No space left on device")
        taken, budget[0] = budget[0], 0
        return write(descriptor, data[:taken])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        file.write(b'{"n": 2}\n')
    monkeypatch.setattr(os, "write", write)
    file.write(b'{"n": 3}\n')

    assert (tmp_path / "log.jsonl").read_text() == '{"n": 1}\n{"n"\n{"n": 3}\n'
