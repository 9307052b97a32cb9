"""`linda-bot rehearse`: what it tells, how it ends, and that it notices what is broken."""

import asyncio
import json
import os
import signal
from html.parser import HTMLParser
from pathlib import Path

import psutil
import pytest

from linda_bot.kernel.errors import ExitCode
from linda_bot.rehearsal.programme import PROGRAMME
from linda_bot.sandbox.bot_process import console_script
from tests.support.broken import BROKEN, break_feature
from tests.support.commands import Ran, plain_environment, run_command

SAMPLE = ("12",)
"""Of the broken features, those that are tried in every run: one of each child process that can be broken."""

_WITHIN_S = 110


async def rehearse(*arguments: str | Path, **environment: str) -> Ran:
    """Rehearse to the end, with more in the environment."""
    return await run_command("rehearse", *arguments, within_s=_WITHIN_S, environment=environment)


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where temporary directories are made, by whoever is told so with TMPDIR."""
    place = tmp_path / "temporary"
    place.mkdir()
    return place


async def test_what_is_rehearsed_can_be_listed() -> None:
    """Fifteen by number and six by name, with their targets."""
    listed = await run_command("rehearse", "--list", "--json")
    names = [each["name"] for each in listed.document]

    assert listed.code == 0
    assert names[:15] == [str(number) for number in range(1, 16)]
    assert len(names) == 21
    assert all(each["title"] and each["shows"] and each["target"] for each in listed.document)
    assert "QR display" in (await run_command("rehearse", "--list")).out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--only", "4,power-los"), "did you mean power-loss?"),
        (("--only", "99"), "process-crash, client-crash"),
        (("--only", ","), "--list shows them"),
        (("--report", "nowhere/report.html"), "no place for a file"),
        (("--handlers", "no-such-bot.py", "--only", "2"), "no-such-bot.py"),
    ],
)
async def test_a_wrong_wish_is_refused(arguments: tuple[str, ...], told: str) -> None:
    """Before minutes are spent: exit code 2, in one line that says what would be right."""
    ran = await run_command("rehearse", *arguments)

    assert ran.code == ExitCode.USAGE
    assert told in ran.told
    assert "Traceback" not in ran.told
    assert ran.out == ""


async def test_two_of_them_in_full(tmp_path: Path, temporary: Path) -> None:
    """Progress on stderr, one document on stdout, a report; nothing is left behind."""
    handlers = tmp_path / "bot.py"
    handlers.write_text(
        "from linda_bot import Router\n"
        "router = Router()\n"
        "@router.message()\n"
        "async def everything(message):\n"
        "    await message.reply('what do you mean?')\n"
    )
    report = tmp_path / "report.html"
    settings = {
        "LINDA_COMMAND_PREFIX": "/",
        "LINDA_ALERT__COMMAND": "rm -rf <b>",
        "linda_data_dir": str(tmp_path / "d"),
        "TMPDIR": str(temporary),
    }
    ran = await rehearse("--only", "4, 2", "--handlers", handlers, "--report", report, "--json", **settings)
    run = json.loads(ran.out)

    assert ran.code == 0, ran.told
    assert [(each["name"], each["verdict"]) for each in run["rehearsals"]] == [("2", "pass"), ("4", "pass")]
    assert [sample["series"] for sample in run["rehearsals"][1]["samples"]] == ["restart until ready"]
    assert run["machine"]["processors"] >= 1
    assert set(run["overridden"]) == {"LINDA_ALERT__COMMAND", "LINDA_DATA_DIR"}
    assert run["own_settings"] == ["LINDA_COMMAND_PREFIX", "LINDA_HANDLERS"]
    assert "rm -rf" not in ran.out + ran.told
    assert "pass  2 First-time session creation" in ran.told
    assert "2 of 2 passed" in ran.told.splitlines()[-1]
    HTMLParser().feed(report.read_text())
    assert "2 of 2 rehearsals passed" in report.read_text()
    assert not (tmp_path / "d").exists()
    assert list(temporary.iterdir()) == []


async def test_ctrl_c_ends_it_in_order(temporary: Path) -> None:
    """What is known so far is told, exit code 1, no process and no directory is left."""
    process = await asyncio.create_subprocess_exec(
        *console_script(),
        "rehearse",
        "--only",
        "2,13",
        env=plain_environment(TMPDIR=str(temporary)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    while not (line := await process.stderr.readline()).startswith(b"pass  2"):
        assert line, "it ended before"
    await asyncio.sleep(1)
    family = psutil.Process(process.pid).children(recursive=True)
    assert family
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(15):
        out, told = await process.communicate()

    assert process.returncode == ExitCode.UNWELL
    assert "not finished" in out.decode()
    assert "1 of 2 passed" in told.decode()
    assert "Traceback" not in told.decode()
    assert psutil.wait_procs(family, timeout=4)[1] == []
    assert list(temporary.iterdir()) == []


async def test_what_was_rehearsed_with_can_be_kept(tmp_path: Path) -> None:
    """In a new directory only, with the bots' files."""
    ran = await rehearse("--only", "1", "--keep", tmp_path / "kept")

    assert ran.code == 0, ran.told
    assert list((tmp_path / "kept" / "bots").iterdir())
    again = await run_command("rehearse", "--only", "1", "--keep", tmp_path / "kept")
    assert (again.code, "holds other things" in again.told) == (ExitCode.USAGE, True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in SAMPLE else (pytest.mark.rare,)) for name in BROKEN]
)
async def test_a_broken_feature_is_noticed(name: str, tmp_path: Path) -> None:
    """Each rehearsal fails when what it is about is broken, and says why."""
    broken = BROKEN[name]
    paths = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH", ""))))
    environment = {**break_feature(broken, tmp_path), "PYTHONPATH": paths}
    ran = await rehearse("--only", name, "--json", **environment)
    (outcome,) = json.loads(ran.out)["rehearsals"]

    assert (ran.code, outcome["verdict"]) == (ExitCode.UNWELL, "FAIL"), ran.told
    assert broken.told in outcome["reason"]
    assert outcome["reason"] in ran.told


def test_each_of_them_is_broken() -> None:
    """None is left out."""
    assert list(BROKEN) == [each.name for each in PROGRAMME]
