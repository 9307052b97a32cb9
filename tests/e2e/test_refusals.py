"""What cannot work ends with one line that says what to do, and the documented exit code."""

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from linda_bot.kernel.errors import ExitCode
from linda_bot.sandbox.bot_process import BotProcess

HERE = "127.0.0.1:9"


@pytest.fixture
async def run(tmp_path: Path) -> AsyncIterator["Run"]:
    """Run the console script where no network is."""
    runner = Run(tmp_path)
    yield runner
    for bot in runner.started:
        await bot.close()


class Run:
    """Runs the script to its end."""

    def __init__(self, cwd: Path) -> None:
        self.cwd = cwd
        self.started: list[BotProcess] = []

    async def __call__(self, *arguments: str | Path, **environment: str) -> tuple[int, list[str]]:
        """Return the exit code and what was printed."""
        bot = await BotProcess.start(
            *arguments, environment={"HTTPS_PROXY": f"http://{HERE}", **environment}, cwd=self.cwd
        )
        self.started.append(bot)
        return await bot.exited(), bot.lines


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("LINDA_ACOUNT", "971505760056", "did you mean LINDA_ACCOUNT?"),
        ("LINDA_ACCOUNT", "12", "international format"),
        ("LINDA_RESTORE__ATTEMPTS", "many", "LINDA_RESTORE__ATTEMPTS=many"),
        ("LINDA_RECONNECT__DELAYS", "3,10", "a list is written like"),
        ("LINDA_HANDLERS", "nowhere.py", "no handler file"),
        ("LINDA_HANDLERS", "no.such.module", "cannot be loaded"),
    ],
)
async def test_a_wrong_setting(run: Run, name: str, value: str, hint: str) -> None:
    """Exit code 2 and one line with the name and what would be right."""
    code, lines = await run("run", **{name: value})

    assert code == ExitCode.USAGE
    assert hint in lines[-1]
    assert len(lines) <= 2  # the greeting may come before


async def test_a_misspelt_setting_in_the_env_file(run: Run) -> None:
    """The file is checked as the environment is; other programs' keys do not matter."""
    (run.cwd / ".env").write_text("OTHER=1\nLINDA_LINK__QR_ROUND=3\n")

    code, lines = await run("run")

    assert code == ExitCode.USAGE
    assert lines == ["linda-bot: LINDA_LINK__QR_ROUND is not a setting; did you mean LINDA_LINK__QR_ROUNDS?"]


@pytest.mark.parametrize("arguments", [["run", "--nonsense"], [], ["dance"]])
async def test_a_wrong_command_line(run: Run, arguments: list[str]) -> None:
    """Exit code 2, one line, and where the help is."""
    code, lines = await run(*arguments)

    assert code == ExitCode.USAGE
    assert len(lines) == 1
    assert "--help" in lines[0]


async def test_a_data_directory_that_is_a_file(run: Run) -> None:
    """Exit code 2 with what to do; the file is untouched."""
    (run.cwd / "data").write_text("mine")

    code, lines = await run("run", "--data-dir", "data")

    assert code == ExitCode.USAGE
    assert "--data-dir" in lines[-1]
    assert (run.cwd / "data").read_text() == "mine"


async def test_a_data_directory_that_cannot_be_written(run: Run) -> None:
    """Exit code 2 with what to do; /proc is read-only for root too."""
    code, lines = await run("run", "--data-dir", "/proc/linda")

    assert code == ExitCode.USAGE
    assert "cannot write to /proc/linda" in lines[-1]


async def test_a_session_directory_that_is_a_link(run: Run) -> None:
    """A session is not followed to wherever somebody points."""
    (run.cwd / "sessions").mkdir(mode=0o700)
    (run.cwd / "elsewhere").mkdir(mode=0o755)
    (run.cwd / "sessions" / "session-default").symlink_to(run.cwd / "elsewhere")

    code, lines = await run("run")

    assert code == ExitCode.USAGE
    assert "is a link" in lines[-1]
    assert list((run.cwd / "elsewhere").iterdir()) == []
    assert stat.S_IMODE((run.cwd / "elsewhere").stat().st_mode) == 0o755


async def test_a_sandbox_that_does_not_run(run: Run) -> None:
    """Exit code 2; WhatsApp is not asked instead."""
    code, lines = await run("run", "--sandbox", "nowhere")

    assert code == ExitCode.USAGE
    assert "no sandbox runs in nowhere" in lines[-1]


async def test_a_sandbox_session_is_not_taken_to_whatsapp(run: Run) -> None:
    """It would be logged out there."""
    session = run.cwd / "sessions" / "session-default"
    session.mkdir(mode=0o700, parents=True)
    (session / "made-in-sandbox").touch()
    (session / "session.db").write_bytes(b"SQLite format 3\x00")

    code, lines = await run("run")

    assert code == ExitCode.USAGE
    assert "belongs to a sandbox" in lines[-1]


async def test_help_and_version(run: Run) -> None:
    """Both answer on stdout with exit code 0."""
    assert (0, ["linda-bot 0.1.0"]) == await run("--version")
    code, lines = await run("run", "--help")
    assert code == 0
    assert any("--no-qr" in line for line in lines)
