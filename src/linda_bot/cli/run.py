"""`linda-bot run`."""

import argparse
import asyncio
import sys
import time

from linda_bot.app import Job, run_bot
from linda_bot.cli.ahead import SANDBOX_ENVIRONMENT_FILE, EngineChoice
from linda_bot.cli.console import Console
from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.events import Event
from linda_bot.settings import load_settings
from linda_bot.whatsapp.events import QrIssued
from linda_bot.whatsapp.spawn import end_if_ours


def run(options: argparse.Namespace) -> int:
    """Run the bot and return its exit code."""
    ahead: EngineChoice = options.ahead
    try:
        return asyncio.run(_run(options, ahead))
    finally:
        if ahead.process is not None:
            end_if_ours(ahead.process)  # when nothing came of the run


async def _run(options: argparse.Namespace, ahead: EngineChoice) -> int:
    if options.sandbox is not None and not (options.sandbox / SANDBOX_ENVIRONMENT_FILE).is_file():
        message = f"no sandbox runs in {options.sandbox}; `linda-bot demo` starts one of its own"
        raise UsageError(message)
    settings = load_settings({"data_dir": _data_dir(options), "account": options.account, "handlers": options.handlers})
    console = Console(started_s_ago=time.monotonic() - options.started_at, show_numbers=not settings.log.mask)
    job = Job(
        settings=settings,
        engine_command=ahead.command,
        engine_environment=ahead.environment,
        engine=ahead.process,
        can_show_qr=not options.no_qr,
        in_sandbox=options.sandbox is not None,
    )
    if settings.log.format != "json":
        console.greet(settings.account, settings.data_dir, in_sandbox=job.in_sandbox)
        return await run_bot(job, console.show, sys.stderr)

    def show_code(event: Event) -> None:
        if isinstance(event, QrIssued):
            console.show(event)

    return await run_bot(job, show_code, sys.stderr)


def _data_dir(options: argparse.Namespace) -> object:
    """Return the data directory; a sandbox has one of its own, so that no real session is taken into it."""
    if options.data_dir is None and options.sandbox is not None:
        return options.sandbox / "bot"
    return options.data_dir
