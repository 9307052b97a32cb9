"""The commands around a session, as a person meets them: what is asked before, and what is said after."""

import argparse
import io
import json
from pathlib import Path

import pytest

from linda_bot.cli import session
from linda_bot.cli.control_client import BotRefusedError, NoBotError
from linda_bot.kernel.errors import ExitCode, UsageError
from linda_bot.sessions.manager import NoBackupError
from linda_bot.sessions.paths import SessionPaths
from tests.support.stores import back_up, make_session, names, said, say


@pytest.fixture
def paths(tmp_path: Path) -> SessionPaths:
    """A session that has gone on since its backup."""
    made = make_session(tmp_path, sessions=5)
    say(made.store, "then")
    back_up(made)
    say(made.store, "now")
    return made


@pytest.fixture
def no_bot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no bot run that could make the backup."""

    def bot_of(_paths: SessionPaths) -> None:
        raise NoBotError("there is no bot")

    monkeypatch.setattr(session, "bot_of", bot_of)


class Person(io.StringIO):
    """A terminal with somebody at it."""

    def isatty(self) -> bool:
        return True


def options(paths: SessionPaths, **more: object) -> argparse.Namespace:
    """Return what a command line says."""
    usual = {
        "data_dir": paths.data_dir, "account": None, "json": False, "show_numbers": False, "yes": False,
        "force": False, "backup": None, "new_key": None, "file": paths.data_dir / "moved.tar",
    }  # fmt: skip
    return argparse.Namespace(**{**usual, **more})


@pytest.mark.parametrize("answer", ["n\n", "\n", "perhaps\n", ""])
@pytest.mark.parametrize("command", [session.restore, session.clear])
def test_who_does_not_agree_changes_nothing(
    paths: SessionPaths,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: str,
    command: object,
) -> None:
    """Only a yes is one."""
    monkeypatch.setattr("sys.stdin", Person(answer))
    assert callable(command)

    assert command(options(paths)) == ExitCode.OK
    assert "Nothing was changed." in capsys.readouterr().err
    assert said(paths.store) == "now"
    assert names(paths) == ["001"]


@pytest.mark.parametrize("command", [session.restore, session.clear])
def test_where_nobody_can_be_asked_nothing_is_done(
    paths: SessionPaths, monkeypatch: pytest.MonkeyPatch, command: object
) -> None:
    """A script has to say --yes."""
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert callable(command)

    with pytest.raises(UsageError, match="add --yes"):
        command(options(paths))
    assert said(paths.store) == "now"


def test_who_agrees_gets_the_backup(
    paths: SessionPaths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And is told where everything is."""
    monkeypatch.setattr("sys.stdin", Person("y\n"))

    assert session.restore(options(paths)) == ExitCode.OK
    told = capsys.readouterr().err
    assert said(paths.store) == "then"
    assert "The session that was there is kept as backup-default-002." in told
    assert "backup-default-001 is in place" in told
    assert "set aside, not deleted" in told


def test_backups_that_could_not_be_used_are_named(paths: SessionPaths, capsys: pytest.CaptureFixture[str]) -> None:
    """With the reason; the one of what was there just now is none of them."""
    back_up(paths)
    (paths.cache / "backup-default-002" / "session.db").write_bytes(b"junk" * 1000)

    assert session.restore(options(paths, yes=True)) == ExitCode.OK
    told = capsys.readouterr().err
    assert "Not used: backup-default-002" in told
    assert "Not used: backup-default-003" not in told
    assert said(paths.store) == "then"


def test_where_no_backup_can_be_used(paths: SessionPaths) -> None:
    """An error, and everything is as it was."""
    (paths.cache / "backup-default-001" / "session.db").write_bytes(b"junk" * 1000)

    with pytest.raises(NoBackupError, match="nothing was changed"):
        session.restore(options(paths, yes=True))
    assert said(paths.store) == "now"


def test_where_no_backup_can_be_used_a_program_is_told(paths: SessionPaths, capsys: pytest.CaptureFixture[str]) -> None:
    """By a document and the exit code."""
    (paths.cache / "backup-default-001" / "session.db").write_bytes(b"junk" * 1000)

    assert session.restore(options(paths, yes=True, json=True)) == ExitCode.UNWELL
    assert json.loads(capsys.readouterr().out)["restored"] is None


def test_a_session_is_set_aside(paths: SessionPaths, capsys: pytest.CaptureFixture[str]) -> None:
    """Once; then there is none, which is no error."""
    assert session.clear(options(paths, yes=True, json=True)) == ExitCode.OK
    place = Path(json.loads(capsys.readouterr().out)["quarantine"])

    assert said(place / "session.db") == "now"
    assert not paths.store.exists()
    assert session.clear(options(paths, yes=True)) == ExitCode.OK
    assert "There is no session default" in capsys.readouterr().err


@pytest.mark.usefixtures("no_bot")
def test_a_session_goes_out_and_comes_in(paths: SessionPaths, capsys: pytest.CaptureFixture[str]) -> None:
    """As text it is said how dangerous the file is."""
    there = SessionPaths(paths.data_dir / "there", "default")

    assert session.export(options(paths)) == ExitCode.OK
    told = capsys.readouterr().err
    assert "NOT encrypted: whoever has the file is the bot" in told
    assert "still runs" not in told
    assert session.import_(options(there, file=paths.data_dir / "moved.tar")) == ExitCode.OK
    assert said(there.store) == "now"


def test_a_bot_that_refuses_a_backup_is_believed(paths: SessionPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second one is not made behind its back."""

    class Refusing:
        def ask(self, *_: object, **__: object) -> None:
            raise BotRefusedError(409, "conflict", "the disk is full")

    monkeypatch.setattr(session, "bot_of", lambda _paths: Refusing())

    with pytest.raises(NoBackupError, match="the disk is full"):
        session.backup(options(paths))
    assert names(paths) == ["001"]
