"""The service and the image agree with the program that they start."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from linda_bot.cli.options import make_parser
from linda_bot.kernel.errors import ExitCode
from linda_bot.settings import setting_names
from tests.support.deployments import DOCKERFILE, instructions

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy" / "linda-bot.service"
NO_RESTART_CURES = {
    ExitCode.USAGE,
    ExitCode.SESSION_HELD,
    ExitCode.LINKING_NEEDED,
    ExitCode.LOGGED_OUT,
    ExitCode.CLIENT_OUTDATED,
    ExitCode.REPLACED,
}
needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze(1) is not installed")


def unit_value(name: str) -> str:
    """Return what a line of the unit says."""
    (value,) = re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)
    return str(value)


@needs_systemd
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    """Every name and value; the program itself is not where the unit expects it on this machine."""
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/linda-bot/bin/linda-bot", sys.executable))
    ran = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stderr) == (0, "")


@needs_systemd
def test_the_service_is_shut_in() -> None:
    """Its exposure, of 100, stays below 20."""
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", str(UNIT)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unrecognized option" in ran.stderr:
        pytest.skip("this systemd cannot judge a unit that is not installed")

    assert ran.returncode == 0, ran.stdout


def test_a_restart_is_tried_where_it_can_help() -> None:
    """Every exit code that only a person can cure is named, and no other."""
    assert {int(code) for code in unit_value("RestartPreventExitStatus").split()} == NO_RESTART_CURES


def test_the_programs_accept_their_arguments() -> None:
    """Those of the service and of the container."""
    for command in (shlex.split(unit_value("ExecStart"))[1:], json.loads(instructions()["CMD"][0])):
        assert make_parser().parse_args(command).no_qr


def test_what_they_set_is_a_setting() -> None:
    """A misspelt name would end the bot."""
    text = UNIT.read_text() + DOCKERFILE.read_text()

    assert set(re.findall(r"\bLINDA_[A-Z_]+(?==)", text)) <= set(setting_names())


def test_the_documentation_tells_every_exit_code() -> None:
    """And what a supervisor should do about it."""
    page = (ROOT / "docs" / "deployment.md").read_text()

    for code in set(ExitCode) - {ExitCode.UNWELL, ExitCode.BUG}:
        assert re.search(rf"^\| {code:d} \|", page, re.MULTILINE)
    assert "| 70, or a signal |" in page


def test_the_build_gets_what_it_copies_and_nothing_else() -> None:
    """What .dockerignore lets through is what the Dockerfile asks for; a session in the checkout is not."""
    copied = {source for line in instructions()["COPY"] if "--from" not in line for source in line.split()[:-1]}
    ignore = (ROOT / ".dockerignore").read_text().splitlines()

    assert "*" in ignore
    assert {line[1:] for line in ignore if line.startswith("!")} == copied
    assert all((ROOT / source).exists() for source in copied)


@pytest.mark.parametrize("code", [0, 1])
def test_the_health_check(tmp_path: Path, code: int) -> None:
    """A bot is healthy when its status says so by its exit code; Docker knows no other codes than 0 and 1."""
    (tmp_path / "linda-bot").write_text(f'#!/bin/sh\n[ "$*" = "status --json" ] && exit {code}; exit 9\n')
    (tmp_path / "linda-bot").chmod(0o700)
    (line,) = instructions()["HEALTHCHECK"]
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ran = subprocess.run(["/bin/sh", "-c", line.partition("CMD ")[2]], env=environment, check=False)

    assert ran.returncode == code
