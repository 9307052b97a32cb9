"""A bot with several accounts, as people run it, and what is done with it in tests."""

import asyncio
import os
import signal
import statistics
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

import psutil

from linda_bot.sandbox.bot_process import BotProcess
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from tests.support.commands import Ran, run_command
from tests.support.streams import IN_A_HURRY

FIRST = 971505760100

HANDLERS = """
from linda_bot import Message, Router
import helpers

router = Router()

@router.message()
async def answer(message: Message) -> None:
    import helpers as late
    await message.reply(f"{helpers.WORD} {late.WORD} {message.text}")
"""


def numbers(count: int) -> list[str]:
    """Return so many accounts."""
    return [str(FIRST + number) for number in range(count)]


def own_handlers(directory: Path, accounts: Sequence[str]) -> Path:
    """Write handlers for each account, with a module of the same name but other content, and return the TOML file."""
    tables = []
    for account in accounts:
        home = directory / f"bot-{account}"
        home.mkdir(parents=True)
        (home / "helpers.py").write_text(f"WORD = 'I-am-{account}'\n")
        (home / "bot.py").write_text(HANDLERS)
        tables.append(f'[{account}]\nhandlers = "{home}/bot.py"\n')
    file = directory / "accounts.toml"
    file.write_text("\n".join(tables))
    return file


class Echoes(NamedTuple):
    """How long answers took, in seconds."""

    took_s: list[float]

    @property
    def median_s(self) -> float:
        """The one in the middle."""
        return statistics.median(self.took_s)

    def __str__(self) -> str:
        ordered = sorted(self.took_s)
        late = ordered[int(len(ordered) * 0.95)]
        return f"{len(ordered)} answers, median {self.median_s:.3f} s, 95 % {late:.3f} s, longest {ordered[-1]:.3f} s"


class Houseful:
    """One process with several accounts."""

    def __init__(self, sandbox: Sandbox, accounts: Sequence[str], environment: dict[str, str]) -> None:
        self.sandbox = sandbox
        self.accounts = accounts
        self.data_dir = sandbox.directory / "bot"
        self.environment = environment
        self.bot: BotProcess

    async def start(self, *arguments: str) -> Self:
        """Start it; its accounts are not up yet."""
        self.bot = await BotProcess.start(
            "run", "--sandbox", self.sandbox.directory, *arguments, environment=self.environment
        )
        return self

    async def command(self, *words: str, within_s: float = 30) -> Ran:
        """Run `linda-bot accounts ...`."""
        place = ("--data-dir", str(self.data_dir))
        return await run_command("accounts", *words, *place, environment=self.environment, within_s=within_s)

    async def link(self, account: str) -> BotProcess:
        """Link an account by what `linda-bot accounts link` shows; return that command when it has ended."""
        shown = await BotProcess.start(
            "accounts", "link", account, "--data-dir", self.data_dir, environment=self.environment
        )
        try:
            await self.sandbox.phone(account).scan(await shown.qr_text(within_s=60))
            await shown.exited(within_s=30)
        finally:
            await shown.close()
        return shown

    async def until_connected(self, accounts: Sequence[str], *, within_s: float = 60) -> None:
        """Wait until all of them are up; raises AssertionError with what they are."""
        give_up_at = time.monotonic() + within_s
        while True:
            found = (await self.command("list", "--json", "--show-numbers")).document["accounts"]
            states = {each["account"]: each["state"] for each in found}
            if all(states.get(account) == "connected" for account in accounts):
                return
            assert time.monotonic() < give_up_at, f"{found}\n{self.bot.screen}"
            await asyncio.sleep(0.2)

    def engine_of(self, account: str) -> psutil.Process | None:
        """Return the engine that has an account's store open."""
        for process in psutil.Process(self.bot.pid).children(recursive=True):
            with suppress(psutil.Error):
                if any(f"session-{account}/" in file.path for file in process.open_files()):
                    return process
        return None

    async def kill_engine_now_and_then(self, account: str, *, every_s: float, for_s: float) -> int:
        """Kill an account's engine again and again; return how often."""
        killed, until = 0, time.monotonic() + for_s
        while time.monotonic() < until:
            engine = await asyncio.to_thread(self.engine_of, account)
            if engine is not None:
                with suppress(psutil.Error):
                    engine.send_signal(signal.SIGKILL)
                    killed += 1
            await asyncio.sleep(every_s)
        return killed

    def memory_mb(self) -> tuple[float, float]:
        """Return what the daemon takes, and what all engines take, shared memory counted in shares."""
        daemon = psutil.Process(self.bot.pid)
        engines = 0
        for process in daemon.children(recursive=True):
            with suppress(psutil.Error):
                engines += process.memory_full_info().pss
        return daemon.memory_full_info().pss / 2**20, engines / 2**20


async def echoes(contact: Contact, accounts: Sequence[str], *, rounds: int = 0, for_s: float = 0) -> Echoes:
    """Ask all accounts in turn, so many times or for so long; every answer must be that account's own."""
    took, number, until = [], 0, time.monotonic() + for_s
    while number < rounds * len(accounts) or time.monotonic() < until:
        account = accounts[number % len(accounts)]
        asked_at = time.monotonic()
        answer = await contact.ask(account, f"hello {number}")
        took.append(time.monotonic() - asked_at)
        assert answer.text == f"I-am-{account} I-am-{account} hello {number}"
        number += 1
    return Echoes(took)


def environment_of(accounts: Sequence[str], file: Path | None = None) -> dict[str, str]:
    """Return settings that name accounts."""
    named = {"LINDA_ACCOUNTS": ",".join(accounts)}
    if file is not None:
        named["LINDA_ACCOUNTS_FILE"] = os.fspath(file)
    return named | IN_A_HURRY
