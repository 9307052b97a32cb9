"""`linda-bot run`."""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, TextIO, cast

from linda_bot.app.bot import run_bot
from linda_bot.app.job import Job
from linda_bot.cli.ahead import SANDBOX_ENVIRONMENT_FILE, EngineChoice
from linda_bot.cli.console import Console
from linda_bot.cli.patient_stream import PatientStream
from linda_bot.cli.qr import QrFile
from linda_bot.connection.events import PairingCodeIssued, PairingCodeRefused
from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.events import Event
from linda_bot.sessions.paths import DEFAULT_ACCOUNT, HousePaths
from linda_bot.settings import Settings, load_settings
from linda_bot.settings.values import HttpAddress
from linda_bot.web.events import LinkOffered
from linda_bot.whatsapp.events import EngineExited, QrIssued, QrRoundEnded
from linda_bot.whatsapp.spawn import end_if_ours

if TYPE_CHECKING:
    import socket

    from linda_bot.app.front import Front

_RESIZED_AFTER_S = 0.1


def run(options: argparse.Namespace) -> int:
    """Run the bot and return its exit code."""
    ahead: EngineChoice = options.ahead
    stream = PatientStream(sys.stderr)
    try:
        return asyncio.run(_run(options, ahead, cast("TextIO", stream)))
    finally:
        _ignore_what_comes_late()
        stream.end()
        if ahead.process is not None:
            end_if_ours(ahead.process)  # when nothing came of the run


def _ignore_what_comes_late() -> None:
    """Let a second Ctrl+C not change the exit code: Python gives the signals back while it takes itself apart."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


async def _run(options: argparse.Namespace, ahead: EngineChoice, stream: TextIO) -> int:
    if options.sandbox is not None and not (options.sandbox / SANDBOX_ENVIRONMENT_FILE).is_file():
        message = f"no sandbox runs in {options.sandbox}; start one: linda-bot sandbox serve {options.sandbox}"
        raise UsageError(message)
    overrides = _overrides(options)
    settings = load_settings(overrides)
    if _are_several(options, settings):
        from linda_bot.cli.run_several import run_several  # one account does not pay for it

        return await run_several(options, ahead, overrides, stream)
    _check_pair_phone(settings)
    if options.reload and not settings.handlers:
        raise UsageError("--reload needs handlers to load: add --handlers my_bot.py")
    picture = QrFile(settings.link.qr_file) if settings.link.qr_file else None
    doors = Doors(settings.http)
    console = Console(
        stream,
        started_s_ago=time.monotonic() - options.started_at,
        show_numbers=not settings.log.mask,
        wants_pairing_code=settings.link.pair_phone is not None,
    )
    job = Job(
        settings=settings,
        engine_command=ahead.command,
        engine_environment=ahead.environment,
        engine=ahead.process,
        can_show_qr=not options.no_qr,
        in_sandbox=options.sandbox is not None,
        reload=options.reload,
    )
    show: Callable[[Event], None] = console.show
    if settings.log.format == "json":
        show = _codes_only(console)
    else:
        console.greet(settings.account, settings.data_dir, in_sandbox=job.in_sandbox)
    if stream.isatty():
        _follow_size(console)
    try:
        if picture is None:
            return await run_bot(job, show, stream, doors)
        return await run_bot(job, lambda event: _show_and_draw(event, show, picture, console), stream, doors)
    finally:
        if picture is not None:
            picture.remove()


def _are_several(options: argparse.Namespace, settings: Settings) -> bool:
    """Return whether the process is a house: of accounts that are named, or were added, or are in a database."""
    if settings.store is not None:
        return True
    if options.account is not None:
        return False
    is_named = bool(settings.accounts) or settings.accounts_file is not None
    return is_named or HousePaths(settings.data_dir).roll.exists()


class Doors:
    """The control socket, and the web page where one is wanted; nothing of them is imported before it is needed."""

    def __init__(self, http: HttpAddress | None) -> None:
        self._http = http
        self.listener: socket.socket | None = None

    def take_places(self) -> None:
        """Listen where the web page is to be; raises UsageError."""
        if self._http is not None:
            from linda_bot.web.tcp import bind

            self.listener = bind(self._http)

    def open(self, front: "Front") -> AbstractAsyncContextManager[None]:
        """Answer until the end of the block."""
        from linda_bot.web.doors import doors

        return doors(front, self.listener)

    def give_up_places(self) -> None:
        """Listen no longer."""
        if self.listener is not None:
            self.listener.close()


def _follow_size(console: Console) -> None:
    """Have the code redrawn when the terminal has got another size: once, after a window was dragged."""
    loop = asyncio.get_running_loop()
    due: asyncio.TimerHandle | None = None

    def resized() -> None:
        nonlocal due
        if due is not None:
            due.cancel()
        due = loop.call_later(_RESIZED_AFTER_S, console.resized)

    loop.add_signal_handler(signal.SIGWINCH, resized)


def _codes_only(console: Console) -> Callable[[Event], None]:
    """Show what must be scanned or typed; the log lines on stderr tell the rest."""

    def show(event: Event) -> None:
        if isinstance(event, QrIssued | PairingCodeIssued | PairingCodeRefused | LinkOffered):
            console.show(event)

    return show


def _show_and_draw(event: Event, show: Callable[[Event], None], picture: QrFile, console: Console) -> None:
    """Show an event, and keep the picture of the code as fresh as the code."""
    show(event)
    match event:
        case QrIssued(code=code):
            try:
                picture.show(code)
            except OSError as error:
                console.say(f"The picture of the QR code could not be written: {error.strerror}.")
        case QrRoundEnded() | EngineExited():
            picture.remove()
        case _:
            pass


def _overrides(options: argparse.Namespace) -> dict[str, object]:
    """Return what the command line says about settings."""
    link = {"pair_phone": options.pair_phone, "qr_file": options.qr_file}
    return {
        "data_dir": _data_dir(options),
        "account": options.account,
        "handlers": options.handlers,
        "http": options.http,
        "link": {name: value for name, value in link.items() if value is not None} or None,
    }


def _check_pair_phone(settings: Settings) -> None:
    """Refuse a phone that would be unlinked again, before it is asked for its code."""
    if settings.link.pair_phone and settings.account not in (settings.link.pair_phone, DEFAULT_ACCOUNT):
        message = "LINDA_LINK__PAIR_PHONE (--pair-phone) must be the number of LINDA_ACCOUNT (--account)"
        raise UsageError(message)


def _data_dir(options: argparse.Namespace) -> object:
    """Return the data directory; a sandbox has one of its own, so that no real session is taken into it."""
    if options.data_dir is None and options.sandbox is not None:
        return options.sandbox / "bot"
    return options.data_dir
