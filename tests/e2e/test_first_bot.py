"""The guide to a first bot, walked from its first command to its last; commands and code are the guide's own."""

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "first-bot.md"
BLOCK = re.compile(r"```(console|python)\n(.*?)```", re.DOTALL)

pytestmark = pytest.mark.slow


class Step(NamedTuple):
    """A command of the guide and what it says there, or code that is to be added to a file."""

    command: str = ""
    output: str = ""
    code: str = ""


def steps_of(guide: str) -> Iterator[Step]:
    """Yield what a reader of the guide does, in order."""
    for language, text in BLOCK.findall(guide):
        if language == "python":
            yield Step(code=text)
            continue
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield Step(command, output)


class Terminal:
    """Where the reader types."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        programs = str(Path(sys.executable).parent)
        # Of pytest's plugins only ours: the reader has no others.
        self._environment = {
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "NO_COLOR": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_PLUGINS": "linda_bot.testing.plugin",
        }

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Type a command and wait for its end."""
        if command.startswith("cd "):
            self.directory /= shlex.split(command)[1]
            return subprocess.CompletedProcess(command, 0, "", "")
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.directory,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @contextmanager
    def running(self, command: str, screen: Path) -> Iterator[None]:
        """Have a command run beside the others; it ends as with Ctrl+C."""
        with screen.open("w") as output:
            process = subprocess.Popen(
                shlex.split(command), cwd=self.directory, env=self._environment, stdout=output, stderr=output
            )
            try:
                yield
            finally:
                process.terminate()
                process.wait(20)
        assert process.returncode == 0, screen.read_text(errors="replace")


def wait_until(what: str, screen: Path, picture: Path | None = None) -> None:
    """Wait for a line on a screen, and for a picture."""
    give_up_at = time.monotonic() + 20
    while what not in screen.read_text(errors="replace") or (picture is not None and not picture.exists()):
        assert time.monotonic() < give_up_at, screen.read_text(errors="replace")
        time.sleep(0.02)


def add(code: str, directory: Path) -> None:
    """Put code where the guide says: a test into the tests, a handler below the last handler."""
    if "async def test_" in code:
        tests = directory / "test_my_bot.py"
        tests.write_text(f"{tests.read_text()}\n\n{code}")
        return
    bot = directory / "my_bot.py"
    functions, where_to_go_on, rest = bot.read_text().partition("\n\n# Where to go on")
    bot.write_text(f"{functions}\n\n{code}{where_to_go_on}{rest}")


def test_the_guide(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command ends well and says what the guide says; the whole way takes less than a minute."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")  # so that no other above it counts
    terminal = Terminal(tmp_path)
    server, bot = tmp_path / "server.txt", tmp_path / "bot.txt"
    *steps, last = steps_of(GUIDE.read_text())
    assert last.command == "linda-bot run --handlers my_bot.py"  # the true WhatsApp is not for tests
    said: list[str] = []
    began = time.monotonic()

    with ExitStack() as beside:
        for step in steps:
            if step.code:
                add(step.code, terminal.directory)
            elif step.command.startswith("linda-bot sandbox serve"):
                beside.enter_context(terminal.running(step.command, server))
                wait_until("listens on 127.0.0.1", server)
            elif step.command.startswith("linda-bot run"):
                beside.enter_context(terminal.running(step.command, bot))
                wait_until("Waiting for the scan", bot, terminal.directory / "code.png")
            else:
                ran = terminal.run(step.command)
                assert ran.returncode == 0, (step.command, ran.stdout, ran.stderr)
                assert step.output in ran.stdout
                said += [*ran.stdout.splitlines(), *ran.stderr.splitlines()]
                if " scan " in step.command:
                    wait_until("listening for messages", bot)
        took_s = time.monotonic() - began

    told_by_init = {line.strip() for line in said if line.startswith("    ")}
    assert told_by_init
    assert told_by_init <= {step.command for step in (*steps, last)}
    assert [number for number in "34" if any(f"{number} passed" in line for line in said)] == ["3", "4"]
    assert "Traceback" not in bot.read_text(errors="replace") + server.read_text(errors="replace")
    assert took_s < 60
    with capsys.disabled():
        print(f"\nfrom `linda-bot init` to an answer of an own command: {took_s:.1f} s")  # noqa: T201 (it is asked for)
