"""How a code is shown: on terminals of every kind, in a picture, and as eight characters to type."""

import asyncio
import json
import re
import signal
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import DEVNULL

import pytest
import zxingcpp
from PIL import Image

from linda_bot.cli.qr import half_blocks
from linda_bot.kernel.errors import ExitCode
from linda_bot.sandbox import pairing
from linda_bot.sandbox.bot_process import BotProcess, console_script
from linda_bot.sandbox.pairing import ScanError
from linda_bot.sandbox.qr import UnreadableQrError, qr_from_terminal
from linda_bot.sandbox.server import Sandbox
from tests.e2e.conftest import BOT, StartBot
from tests.support.commands import plain_environment, started_by_shell
from tests.support.terminals import Terminal
from tests.support.window import Window

pytestmark = pytest.mark.slow

XTERM = {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
SCAN = "Waiting for the scan"
CODE = re.compile(r"\b[1-9A-HJ-NP-TV-Z]{4}-[1-9A-HJ-NP-TV-Z]{4}\b")


def environment(**changes: str | None) -> dict[str, str]:
    """Return an environment in which a terminal may show all it can."""
    wanted = {**plain_environment(), **XTERM, "NO_COLOR": None, "COLUMNS": None, "LINES": None, **changes}
    return {name: value for name, value in wanted.items() if value is not None}


@asynccontextmanager
async def on_a_terminal(
    sandbox: Sandbox, *arguments: str | Path, columns: int = 100, lines: int = 60, **changes: str | None
) -> AsyncIterator[Terminal]:
    """Run a bot on a terminal of its own; killed at the end."""
    command = (*console_script(), "run", "--sandbox", str(sandbox.directory), *map(str, arguments))
    with Terminal(command, environment(**changes), columns=columns, lines=lines) as terminal:
        yield terminal


async def until(look: Callable[[], bool], *, within_s: float = 15) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(within_s):
        while not look():
            await asyncio.sleep(0.01)


async def shows(terminal: Terminal, sign: str, *, times: int = 1, within_s: float = 15) -> None:
    """Wait until something was written so many times."""
    try:
        await until(lambda: terminal.shown.count(sign.encode()) >= times, within_s=within_s)
    except TimeoutError:
        pytest.fail(f"no {sign!r} in {terminal.shown.decode()}")


async def ends(terminal: Terminal) -> None:
    """Make sure that the bot ends in order."""
    terminal.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(terminal.ended) == ExitCode.OK


def seen(terminal: Terminal, columns: int = 100, lines: int = 60, *, after: int = 0) -> str:
    """Return what stands in the window, of what was written from a place on."""
    window = Window(columns, lines)
    window.feed(terminal.shown[after:])
    return window.text


def codes_in(text: str) -> int:
    """Count the pictures: each has one top border."""
    return len(re.findall(r"(?m)^█{25,}\s*$\n(?=██ ▄▄▄▄▄)", text))


def picture_text(file: Path) -> str:
    """Return what a phone reads in a picture."""
    found = zxingcpp.read_barcode(Image.open(file))
    assert found is not None
    return str(found.text)


@pytest.mark.rare
async def test_each_code_takes_the_place_of_the_last(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the screen and in the picture, which is the owner's alone; with five codes each is valid for 20 s.

    Another bot counts the screen of a terminal without colours, where the cursor moves as well.
    """
    monkeypatch.setattr(pairing, "_REFS", 5)
    picture = tmp_path / "code.png"
    async with (
        on_a_terminal(sandbox, "--qr-file", picture) as terminal,
        on_a_terminal(sandbox, "--data-dir", tmp_path / "other", NO_COLOR="1") as plain,
    ):
        for each in (terminal, plain):
            await shows(each, SCAN)
        await until(picture.exists)
        first = picture_text(picture)
        assert qr_from_terminal(seen(terminal)) == first
        assert stat.S_IMODE(picture.stat().st_mode) == 0o600
        for each in (terminal, plain):
            await shows(each, "Code 2, ", within_s=25)
        await until(lambda: picture_text(picture) != first)

        assert codes_in(seen(terminal)) == codes_in(seen(plain)) == 1
        assert "Code 1" not in seen(terminal) + seen(plain)
        assert re.search(rb"\x1b\[[0-9;]*m", terminal.shown)
        assert not re.search(rb"\x1b\[[0-9;]*m", plain.shown)
        assert qr_from_terminal(seen(plain)) != qr_from_terminal(seen(terminal)) == picture_text(picture)
        assert stat.S_IMODE(picture.stat().st_mode) == 0o600
        await sandbox.phone(BOT).scan(picture_text(picture))
        await shows(terminal, "listening for messages")
        assert not picture.exists()
        await ends(terminal)
        await ends(plain)


async def test_a_window_that_changes_its_size(sandbox: Sandbox) -> None:
    """Too narrow: a line says so. Wider: the code is there. Dragged while it is shown: one code, whole, the same."""
    async with on_a_terminal(sandbox, columns=20, lines=24) as terminal:
        await shows(terminal, "--pair-phone")
        narrow = seen(terminal, 20, 24)
        assert "▄" not in narrow
        assert "20 columns wide" in " ".join(narrow.split())
        shown = len(terminal.shown)
        terminal.resize(100, 60)
        await shows(terminal, SCAN)
        code = qr_from_terminal(seen(terminal, after=shown))
        for columns in (99, 90, 80, 70):
            shown = len(terminal.shown)
            terminal.resize(columns, 60)
        await shows(terminal, SCAN, times=2)
        await asyncio.sleep(0.3)
        assert terminal.shown.count(SCAN.encode()) == 2
        window = seen(terminal, 70, 60, after=shown)
        assert codes_in(window) == 1
        assert qr_from_terminal(window) == code
        terminal.resize(70, 24)
        await shows(terminal, "enlarge the window")
        terminal.resize(30, 24)
        await shows(terminal, "is 30 columns")
        await sandbox.phone(BOT).scan(code)
        await shows(terminal, "DEVICE LINKED")
        shown = len(terminal.shown)
        terminal.resize(100, 60)
        await asyncio.sleep(0.3)
        assert terminal.shown[shown:].count(b"\n") <= 2  # a code that is of no use is not drawn again
        await ends(terminal)


@pytest.mark.parametrize("term", ["dumb", None])
async def test_a_terminal_that_knows_no_escapes(sandbox: Sandbox, term: str | None) -> None:
    """It gets none, and the code."""
    async with on_a_terminal(sandbox, TERM=term) as terminal:
        await shows(terminal, SCAN)
        await sandbox.phone(BOT).scan(qr_from_terminal(terminal.shown.decode()))
        await shows(terminal, "listening for messages")
        await ends(terminal)

        assert b"\x1b" not in terminal.shown


@pytest.mark.parametrize("on_terminal", [True, False])
async def test_an_encoding_without_blocks(sandbox: Sandbox, tmp_path: Path, *, on_terminal: bool) -> None:
    """The code is drawn with what there is, says why it is so large, and can be scanned."""
    changes = {"PYTHONIOENCODING": "ascii"}
    if on_terminal:
        async with on_a_terminal(sandbox, columns=140, lines=80, NO_COLOR="1", **changes) as terminal:
            await shows(terminal, "half as large")
            screen = seen(terminal, 140, 80)
            await ends(terminal)
    else:
        shown = tmp_path / "shown"
        with shown.open("wb") as file:
            arguments = ("run", "--sandbox", sandbox.directory)
            streams = (DEVNULL, DEVNULL, file.fileno())
            async with started_by_shell(
                "run", *arguments, environment=plain_environment(**changes), streams=streams
            ) as process:
                await until(lambda: "half as large" in shown.read_text(encoding="ascii"))
                screen = shown.read_text(encoding="ascii")
                process.terminate()
                assert await process.wait() == ExitCode.OK
    assert "\\u2588" not in screen
    assert "ascii has no block characters" in screen
    rows = [line for line in screen.splitlines() if re.fullmatch(r"(##|  ){40,}", line.ljust(len(line) // 2 * 2))]
    matrix = [[row[place : place + 2] != "##" for place in range(0, len(rows[0]), 2)] for row in rows]
    assert qr_from_terminal("\n".join(half_blocks(matrix))).startswith("https://wa.me/")


@pytest.mark.parametrize("ending", ["linked", "Ctrl+C", "kill -9"])
async def test_the_life_of_the_picture(sandbox: Sandbox, start_bot: StartBot, tmp_path: Path, ending: str) -> None:
    """It goes when its code is of no use; only kill -9 leaves it, and the next run writes over it."""
    picture = tmp_path / "code.png"
    if ending == "kill -9":
        bot = await start_bot("--qr-file", picture)
        await until(picture.exists)
        await bot.stop(signal.SIGKILL)
        before = picture_text(picture)
    else:
        picture.touch()
        before = ""
    bot = await start_bot("--qr-file", picture)
    code = await bot.qr_text()
    await until(lambda: picture.stat().st_size > 0 and picture_text(picture) != before)
    assert picture_text(picture) == code
    assert stat.S_IMODE(picture.stat().st_mode) == 0o600
    if ending == "linked":
        await sandbox.phone(BOT).scan(code)
        await bot.ready()
    else:
        assert await bot.stop(signal.SIGINT) == ExitCode.OK

    assert list(tmp_path.glob("*.png*")) == []


async def test_a_link_in_the_pictures_place(sandbox: Sandbox, start_bot: StartBot, tmp_path: Path) -> None:
    """It is replaced, not followed: what it leads to stays as it is."""
    (tmp_path / "precious").write_text("mine")
    picture = tmp_path / "code.png"
    picture.symlink_to(tmp_path / "precious")
    bot = await start_bot("--qr-file", picture)
    code = await bot.qr_text()
    await until(lambda: not picture.is_symlink())

    assert picture_text(picture) == code
    assert await bot.stop() == ExitCode.OK
    assert (tmp_path / "precious").read_text() == "mine"
    assert sandbox.phone(BOT).pairings == 0


@pytest.mark.parametrize("place", ["nowhere/code.png", ".", "precious.txt", "/dev/null"])
async def test_no_place_for_the_picture(start_bot: StartBot, tmp_path: Path, place: str) -> None:
    """Exit code 2 in one line; nothing that stands there is lost."""
    (tmp_path / "precious.txt").write_text("mine")
    bot = await start_bot("--qr-file", tmp_path / place)

    assert await bot.exited() == ExitCode.USAGE
    (line,) = bot.lines
    assert "the QR code" in line
    assert (tmp_path / "precious.txt").read_text() == "mine"
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


async def test_a_picture_that_cannot_be_written(sandbox: Sandbox, start_bot: StartBot) -> None:
    """One line says so, and the code on the screen does it."""
    bot = await start_bot("--qr-file", "/proc/code.png")
    await bot.wait_for("The picture of the QR code could not be written")
    await sandbox.phone(BOT).scan(await bot.qr_text())
    await bot.ready()


async def test_a_linked_bot_touches_no_picture(start_bot: StartBot, linked_bot: BotProcess, tmp_path: Path) -> None:
    """What it has not written it does not remove."""
    await linked_bot.stop()
    picture = tmp_path / "photo.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\nof somebody")
    bot = await start_bot("--qr-file", picture)
    await bot.ready()

    assert await bot.stop() == ExitCode.OK
    assert picture.read_bytes().endswith(b"of somebody")


def shown_code(bot: BotProcess) -> str:
    """Return the pairing code that stands on the screen."""
    found = CODE.findall(bot.screen)
    assert found
    return str(found[-1])


@pytest.mark.parametrize("log", ["auto", "json"])
async def test_a_code_to_type(sandbox: Sandbox, start_bot: StartBot, log: str) -> None:
    """Shown, mistyped, typed, linked; no QR code beside it, and the code is in no log."""
    bot = await start_bot("--pair-phone", f"+{BOT[:3]} {BOT[3:]}", LINDA_LOG__FORMAT=log)
    await bot.wait_for("type this code")
    await until(lambda: bool(CODE.search(bot.screen)))
    code = shown_code(bot)
    wrong = ("1" if code[0] != "1" else "2") + code[1:]
    with pytest.raises(ScanError):
        await sandbox.phone(BOT).enter_code(wrong)
    await sandbox.phone(BOT).enter_code(code)
    await until(lambda: sandbox.online(BOT))
    await asyncio.sleep(0.3)

    assert await bot.stop() == ExitCode.OK
    assert sandbox.phone(BOT).pairings == 1
    assert "█" not in bot.screen
    events = (sandbox.directory / "bot" / "logs" / "events.jsonl").read_text()
    assert '"pairing_code_issued"' in events
    lines = events.splitlines() + [line for line in bot.lines if line.startswith("{")]
    assert not any(code in line or code.replace("-", "") in line for line in lines)
    assert all(json.loads(line) for line in lines)
    assert (log == "json") == any('"pairing_code_issued"' in line for line in bot.lines)


async def test_a_code_that_is_refused(sandbox: Sandbox, start_bot: StartBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where WhatsApp gives no code to type, the QR code is shown, and it links."""
    monkeypatch.setattr("linda_bot.sandbox.pairing_code._DISPLAY_NAME", re.compile("nobody"))
    bot = await start_bot("--pair-phone", BOT)
    await bot.wait_for("WhatsApp gave no pairing code")
    with pytest.raises(UnreadableQrError):
        qr_from_terminal(bot.screen.split("WhatsApp gave no pairing code", maxsplit=1)[0])
    await sandbox.phone(BOT).scan(await bot.qr_text())
    await bot.ready()

    assert not CODE.search(bot.screen)


async def test_a_code_for_another_account(start_bot: StartBot) -> None:
    """It is refused before any phone is asked."""
    bot = await start_bot("--pair-phone", BOT, "--account", "15550001111")

    assert await bot.exited() == ExitCode.USAGE
    (line,) = bot.lines
    assert "--pair-phone" in line
