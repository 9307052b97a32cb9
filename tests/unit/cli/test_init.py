"""`linda-bot init` writes all of a first bot, or nothing."""

import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from linda_bot.cli.init import init
from linda_bot.kernel.errors import ExitCode, UsageError
from linda_bot.settings import load_settings, setting_names

FILES = {"my_bot.py", "test_my_bot.py", ".gitignore", ".env"}


def begin(directory: Path) -> int:
    """Run the command."""
    return init(Namespace(directory=directory))


def names_in(directory: Path) -> set[str]:
    """Return what is in a directory."""
    return {path.name for path in directory.iterdir()}


def test_a_new_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is made, with its parents; what to do next is told, and nothing is on stdout."""
    place = tmp_path / "a b" / "bot"

    assert begin(place) == ExitCode.OK

    assert names_in(place) == FILES
    assert (place / ".env").stat().st_mode & 0o777 == 0o600
    said = capsys.readouterr()
    assert said.out == ""
    assert f"    cd '{place}'\n" in said.err
    assert "    linda-bot run --handlers my_bot.py\n" in said.err


def test_this_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What else is there stays, and nobody has to go anywhere."""
    (tmp_path / "other.py").touch()
    monkeypatch.chdir(tmp_path)

    begin(Path())

    assert names_in(tmp_path) == {*FILES, "other.py"}
    assert " cd " not in capsys.readouterr().err


@pytest.mark.parametrize("taken", sorted(FILES))
def test_nothing_is_written_over(tmp_path: Path, taken: str) -> None:
    """One file that is there, or a link to nowhere, keeps all the others out."""
    (tmp_path / taken).symlink_to("nowhere")

    with pytest.raises(UsageError, match=f"has {taken} already; nothing was written"):
        begin(tmp_path)

    assert names_in(tmp_path) == {taken}


def test_all_that_is_in_the_way_is_named(tmp_path: Path) -> None:
    """In one line."""
    begin(tmp_path)

    with pytest.raises(UsageError, match=r"has my_bot\.py, test_my_bot\.py, \.gitignore and \.env already"):
        begin(tmp_path)


def test_nothing_half_written_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full at the last file takes the others along, and the directories."""
    from linda_bot.cli import init as module

    full = {**module._FILES, "no/such/directory": ""}
    monkeypatch.setattr(module, "_FILES", full)

    with pytest.raises(UsageError, match="cannot be written: no such file or directory; nothing was written"):
        begin(tmp_path / "new" / "bot")

    assert names_in(tmp_path) == set()


def test_a_file_in_place_of_a_directory(tmp_path: Path) -> None:
    """One line as well."""
    (tmp_path / "file").touch()

    with pytest.raises(UsageError, match="cannot be written: not a directory"):
        begin(tmp_path / "file")


def test_the_settings_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, also without the #."""
    begin(tmp_path)
    monkeypatch.chdir(tmp_path)
    text = (tmp_path / ".env").read_text()
    named = [line.removeprefix("#").partition("=")[0] for line in text.splitlines() if line.startswith("#LINDA_")]

    assert named
    assert set(named) <= set(setting_names())
    assert load_settings().handlers is None
    (tmp_path / ".env").write_text(text.replace("#LINDA_", "LINDA_"))
    assert load_settings().handlers == "my_bot.py"


@pytest.mark.slow
@pytest.mark.parametrize(
    "check",
    [
        ("ruff", "check", "--isolated", "."),
        ("ruff", "format", "--isolated", "--check", "."),
        ("mypy", "--strict", "--config-file", "", "my_bot.py", "test_my_bot.py"),
    ],
    ids=" ".join,
)
def test_the_code_is_clean(tmp_path: Path, check: tuple[str, ...]) -> None:
    """For linters as they come."""
    begin(tmp_path)

    done = subprocess.run(
        [sys.executable, "-m", *check], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
