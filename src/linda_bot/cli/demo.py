"""`linda-bot demo`: the main job on the embedded sandbox, before the eyes of whoever looks."""

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from linda_bot.kernel.errors import ExitCode, LindaError, UsageError

if TYPE_CHECKING:
    from linda_bot.sandbox.bot_process import BotProcess

_BOT, _FRIEND = "971505760056", "4915112345678"
_NEEDED = ("aiohttp", "cryptography", "trustme", "xeddsa", "zxingcpp")
_WHILE_DOWN = 3
_READING_S = 1.2
_BOLD, _DIM, _GREEN, _CYAN, _RED, _RESET = (f"\x1b[{code}m" for code in (1, 2, 32, 36, 31, 0))


class Measured(NamedTuple):
    """A line of the table at the end."""

    what: str
    figure: str


class DemoFailedError(LindaError):
    """Something that the demo shows did not happen."""

    exit_code = ExitCode.BUG


def demo() -> int:
    """Run the demo; exit code 0 only if all of it happened."""
    missing = next((name for name in _NEEDED if find_spec(name) is None), None)
    if missing:
        raise UsageError(
            f"the demo needs the sandbox's libraries ({missing} is missing): pip install 'linda-bot[sandbox]'"
        )
    started = time.monotonic()
    stage = _Stage()
    with tempfile.TemporaryDirectory(prefix="linda-bot-demo-") as directory:
        measured = asyncio.run(_play(Path(directory), stage))
    stage.table(measured)
    stage.say(f"All of it happened, in {time.monotonic() - started:.1f} s. For real: linda-bot run", _GREEN)
    return ExitCode.OK


class _Stage:
    """Prints the play: what we do, what the bot prints, what people write."""

    def __init__(self) -> None:
        self._colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._scene = 0

    def say(self, line: str, style: str = "") -> None:
        print(f"{style}{line}{_RESET}" if style and self._colours else line, flush=True)

    async def scene(self, title: str) -> None:
        """Announce what comes; somebody who watches gets a moment to read."""
        self._scene += 1
        self.say(f"\n{self._scene}. {title}", _BOLD)
        if sys.stdout.isatty():
            await asyncio.sleep(_READING_S)

    def bot(self, line: str) -> None:
        self.say(f"   │ {line}", _DIM if "█" not in line else "")

    def person(self, who: str, line: str) -> None:
        self.say(f"   {who}: {line}", _CYAN)

    def table(self, measured: list[Measured]) -> None:
        width = max(len(row.what) for row in measured)
        self.say("")
        for row in measured:
            self.say(f"   {row.what:<{width}}  {row.figure}")
        self.say("")


async def _play(directory: Path, stage: _Stage) -> list[Measured]:
    from linda_bot.sandbox.bot_process import BotProcess
    from linda_bot.sandbox.server import Sandbox

    measured: list[Measured] = []
    running: list[BotProcess] = []

    async def start_bot() -> BotProcess:
        stage.say(f"   $ linda-bot run --sandbox {directory}", _BOLD)
        running.append(await BotProcess.start("run", "--sandbox", directory, echo=stage.bot, cwd=directory))
        return running[-1]

    async def timed(what: str, work: Awaitable[object]) -> None:
        began = time.monotonic()
        await work
        measured.append(Measured(what, _figure(time.monotonic() - began)))

    await stage.scene("A WhatsApp server of our own starts on this machine: no phone, no internet.")
    async with Sandbox(directory) as sandbox, sandbox.contact(_FRIEND, "Ann") as ann:
        try:
            await stage.scene("The first start: the bot shows a QR code, a phone scans it.")
            bot = await start_bot()
            code = await bot.qr_text()
            measured.append(Measured("start until the QR code", _figure(await bot.wait_for("Waiting for the scan"))))
            stage.person("phone", f"*scans the code with the account +{_BOT}*")
            await timed("scan until the bot listens", _both(sandbox.phone(_BOT).scan(code), bot.ready()))

            await stage.scene("A friend writes.")
            await timed("answer to !ping", _talk(stage, lambda: ann.ask(_BOT, "!ping")))

            await stage.scene("kill -9, in the middle of everything. Messages arrive while the bot is dead.")
            await bot.stop(signal.SIGKILL)
            stage.person("system", f"*SIGKILL to process {bot.pid}*")
            for number in range(_WHILE_DOWN):
                await ann.send(_BOT, "!ping")
                stage.person("Ann", f"!ping ({number + 1} of {_WHILE_DOWN}, nobody answers)")

            await stage.scene("The same command again: no QR code, and nothing was lost.")
            bot = await start_bot()
            measured.append(Measured("restart after kill -9 until it listens", _figure(await bot.ready())))
            answers = [(await ann.next_message()).text for _ in range(_WHILE_DOWN)]
            for answer in answers:
                stage.person("bot", answer)
            _check(answers == ["pong"] * _WHILE_DOWN, f"the waiting messages were answered with {answers}")
            _check(not any("█" in line for line in bot.lines), "a QR code was shown on the restart")
            measured.append(
                Measured("messages answered that came while it was dead", f"{len(answers)} of {_WHILE_DOWN}")
            )

            await stage.scene("Ctrl+C.")
            measured.append(await _stopped(bot))
            _check(not ann.received(), "a message was answered twice")

            await stage.scene("Somebody overwrites the session's database with junk. The same command again.")
            measured.append(await _destroyed(directory, stage, start_bot))
            await _talk(stage, lambda: ann.ask(_BOT, "!ping"))
            await running[-1].stop(signal.SIGINT)
            pairings = sandbox.phone(_BOT).pairings
            _check(pairings == 1, f"the phone linked {pairings} devices")
            measured.append(Measured("times the phone had to link the bot", str(pairings)))

            await stage.scene("Somebody comes back and asks what has happened.")
            await _story(directory, stage)
        finally:
            for bot in running:
                await bot.close()
    return measured


async def _stopped(bot: "BotProcess") -> Measured:
    began = time.monotonic()
    code = await bot.stop(signal.SIGINT)
    measured = Measured("orderly stop", _figure(time.monotonic() - began))
    _check(code == 0, f"the bot ended with exit code {code}")
    await asyncio.sleep(0.1)  # for an answer that should not come
    return measured


async def _destroyed(directory: Path, stage: _Stage, start_bot: "Callable[[], Awaitable[BotProcess]]") -> Measured:
    store = directory / "bot" / "sessions" / "session-default" / "session.db"
    stage.person("system", f"*4096 random bytes to {store.name}*")
    store.write_bytes(os.urandom(4096))
    bot = await start_bot()
    ready_s = await bot.ready()
    _check(not any("█" in line for line in bot.lines), "a QR code was shown although there was a backup")
    return Measured("restart with a destroyed session", _figure(ready_s))


async def _story(directory: Path, stage: _Stage) -> None:
    """Have the bot's history told; it is asked when nothing runs any more."""
    from linda_bot.sandbox.bot_process import BotProcess

    stage.say(f"   $ linda-bot why --all --data-dir {directory / 'bot'}", _BOLD)
    asked = await BotProcess.start("why", "--all", "--data-dir", directory / "bot", echo=stage.bot, cwd=directory)
    code = await asked.exited()
    _check(code == 0, f"`why` ended with exit code {code}")
    for what in ("without a word", "was damaged", "in the place of the session"):
        _check(what in asked.screen, f"`why` does not say {what!r}")


async def _talk(stage: _Stage, ask: Callable[[], Awaitable[object]]) -> None:
    stage.person("Ann", "!ping")
    answer = getattr(await ask(), "text", "")
    stage.person("bot", str(answer))
    _check(answer == "pong", f"!ping was answered with {answer!r}")


async def _both(first: Awaitable[object], second: Awaitable[object]) -> None:
    await first
    await second


def _check(happened: bool, otherwise: str) -> None:  # noqa: FBT001 (it reads like a sentence)
    if not happened:
        message = f"the demo failed: {otherwise}"
        raise DemoFailedError(message)


def _figure(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
