"""`linda-bot sandbox serve`: the server in the foreground, and its story on stderr."""

import asyncio
import os
import shlex
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from linda_bot.cli.output import say
from linda_bot.kernel.errors import ExitCode, UsageError
from linda_bot.kernel.masking import mask_line, printable
from linda_bot.kernel.signals import process_signals
from linda_bot.sandbox import faults
from linda_bot.sandbox.control import Control
from linda_bot.sandbox.control_api import USUAL_NUMBER
from linda_bot.sandbox.forms import NUMBER
from linda_bot.sandbox.report import TOO_FREQUENT, facts_of
from linda_bot.sandbox.server import NoteTaken, Sandbox

_WORDS = {
    "qr_offered": "a device shows QR codes and waits for a scan",
    "paired": "paired",
    "login": "login",
    "login_refused": "login refused",
    "failed": "a fault of the sandbox's own",
}


class ToldSandbox(Sandbox):
    """A sandbox that tells each note when it is taken."""

    def __init__(self, directory: Path, tell: Callable[[NoteTaken], None]) -> None:
        super().__init__(directory)
        self._tell = tell

    def note(self, what: str, **facts: object) -> None:
        """Note that something happened, and tell it."""
        super().note(what, **facts)
        self._tell(self.notes[-1])


def serve(directory: Path, *, numbers: Sequence[str], script: str | None) -> int:
    """Run a server until SIGINT or SIGTERM; the first number is the account that commands mean."""
    steps = faults.parse_script(script) if script is not None else ()
    wrong = next((number for number in numbers if not NUMBER.fits(number)), None)
    if wrong is not None:
        raise UsageError(f"--number cannot be {printable(wrong, 40)!r}; write {NUMBER.says}")
    _check_place(directory)
    asyncio.run(_serve(directory, numbers or (USUAL_NUMBER,), steps))
    return ExitCode.OK


async def _serve(directory: Path, numbers: Sequence[str], steps: faults.Script) -> None:
    async with process_signals(on_force=_quit_at_once, on_hint=lambda _: None) as stop:
        async with ToldSandbox(directory, _tell) as sandbox:
            for number in numbers:
                sandbox.phone(number)
            async with Control(sandbox, number=numbers[0]) as control:
                _greet(directory, sandbox.front.port)
                if steps:
                    control.play(steps)
                await stop.wait()
                say("Stopping ...")
        say("Stopped. Accounts, devices and waiting messages are kept for the next start.")


def _check_place(directory: Path) -> None:
    """Refuse a directory that is used for something else: a sandbox fills it, and makes it private."""
    if not directory.exists():
        return
    if not directory.is_dir():
        raise UsageError(f"{directory} is not a directory; name a new one for the sandbox")
    try:
        used = any(directory.iterdir()) and not (directory / "server.lock").exists()
    except OSError as error:
        raise UsageError(f"cannot look into {directory}: {os.strerror(error.errno or 0).lower()}") from None
    if used:
        raise UsageError(f"{directory} holds other things; name a new or an empty directory for the sandbox")


def _greet(directory: Path, port: int) -> None:
    here = shlex.quote(str(directory))
    say(f"The sandbox in {directory} listens on 127.0.0.1, port {port}. Ctrl+C ends it. In other terminals:")
    for command, comment in (
        (f"run --sandbox {here}", "a bot on it"),
        (f"sandbox scan {here} SCREEN", "its screen in a file, a picture, a text, -"),
        (f"sandbox send {here} '!ping'", "what somebody writes to it"),
        (f"sandbox fault {here} drop", "a lost line; --list shows what else there is"),
        (f"sandbox state {here}", "how things are"),
    ):
        say(f"  linda-bot {command}  # {comment}")


def _tell(note: NoteTaken) -> None:
    if note.what in TOO_FREQUENT:
        return
    facts = facts_of(note)
    if note.what == "message":
        said = f"message from {facts.get('sender')} to {facts.get('to')}"
    elif note.what == "fault":
        said = " ".join(["fault", facts.pop("name", ""), *(f"{name}={value}" for name, value in facts.items())])
    else:
        listed = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts.items())
        said = _WORDS.get(note.what, note.what.replace("_", " ")) + (f": {listed}" if listed else "")
    say(f"{datetime.now().astimezone():%H:%M:%S} {mask_line(said)}")


def _quit_at_once() -> None:
    os._exit(ExitCode.UNWELL)  # the contacts' clients end by themselves when their pipes close
