"""Hosts that share a database, as processes on this machine, against the sandbox; and who writes to their accounts."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from linda_bot.database.connecting import Database, DatabaseTroubleError
from linda_bot.database.places import account_place
from linda_bot.fleet.ledger import AccountSeen, Host, MoveSeen
from linda_bot.fleet.postgres_ledger import PostgresLedger
from linda_bot.sandbox.bot_process import BotProcess
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox

LEASE_S = 6.0
_FIRST = 971505760100
_HANDLERS = """
from linda_bot import Router

router = Router()


@router.message()
async def echo(message):
    await message.reply(f"echo {message.text}")
"""
_NOBODY = Host(name="", place="", incarnation="", capacity=0)


def numbers_of(count: int) -> list[str]:
    """Return the numbers of so many accounts."""
    return [str(_FIRST + each) for each in range(count)]


class RefusedError(Exception):
    """A host has not done what it was asked."""


class HostsWorld:
    """A database, a sandbox and the hosts between them; without a database, houses whose accounts are in files."""

    def __init__(self, sandbox: Sandbox, address: str, directory: Path) -> None:
        self.sandbox = sandbox
        self.address = address
        self.directory = directory
        self.hosts: dict[str, BotProcess] = {}
        self.dead: list[BotProcess] = []
        self._handlers = directory / "echo_bot.py"
        self._handlers.write_text(_HANDLERS)

    async def start(self, name: str, *, address: str = "", **environment: str) -> BotProcess:
        """Start a host."""
        store = {"LINDA_STORE": address or self.address} if self.address else {}
        bot = await BotProcess.start(
            "run",
            "--sandbox",
            self.sandbox.directory,
            "--data-dir",
            self.directory / name,
            environment={
                **store,
                "LINDA_HANDLERS": str(self._handlers),
                "LINDA_FLEET__HOST": name,
                "LINDA_FLEET__LEASE": str(LEASE_S),
                "LINDA_FLEET__SETTLED": "4",
                "LINDA_RECONNECT__LOGINS_AT_ONCE": "100",
                "LINDA_LOG__MASK": "false",
                **environment,
            },
        )
        self.hosts[name] = bot
        return bot

    def kill(self, name: str) -> BotProcess:
        """Kill a host's daemon with -9; its engines are left to themselves."""
        bot = self.hosts.pop(name)
        self.dead.append(bot)
        bot.send_signal(signal.SIGKILL)
        return bot

    async def end(self, name: str) -> int:
        """End a host in good order."""
        bot = self.hosts.pop(name)
        self.dead.append(bot)
        return await bot.stop(within_s=30)

    async def close(self) -> None:
        """End all hosts, whatever they do."""
        for bot in (*self.hosts.values(), *self.dead):
            await bot.close()
            assert "Traceback" not in bot.screen, bot.screen

    async def link(self, host: str, numbers: Sequence[str]) -> None:
        """Add accounts and link them to their phones, by a host that has room for them all."""
        async with self.door(host) as door:
            known = {
                each["account"] for each in (await _json(door.get("http://localhost/api/v1/accounts")))["accounts"]
            }
            for number in numbers:
                if number not in known:
                    with suppress(RefusedError):  # it has come meanwhile
                        await _json(door.post("http://localhost/api/v1/accounts", json={"account": number}))
            await asyncio.gather(*(self._link(door, number) for number in numbers))

    @asynccontextmanager
    async def door(self, host: str) -> AsyncIterator[aiohttp.ClientSession]:
        """Come in by a host's control socket."""
        socket = self.directory / host / "sessions" / "house.sock"
        async with asyncio.timeout(20):
            while not socket.exists():
                await asyncio.sleep(0.05)
        # A short name: an address has room for some hundred bytes.
        short = Path("/tmp") / f"linda-fleet-{abs(hash(socket))}"
        short.symlink_to(socket.parent)
        try:
            async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(short / socket.name))) as session:
                yield session
        finally:
            short.unlink()

    async def _link(self, door: aiohttp.ClientSession, number: str) -> None:
        scanned, place = "", f"http://localhost/api/v1/accounts/{number}"
        async with asyncio.timeout(90):
            while True:
                with suppress(RefusedError):
                    await _json(door.post(f"{place}/link", json={}))
                    view = (await _json(door.get(f"{place}/pairing")))["pairing"] or {"stage": ""}
                    if view["stage"] == "linked":
                        return
                    code = (view.get("qr") or {}).get("text", "")
                    if code and code != scanned:
                        scanned = code
                        await self.sandbox.phone(number).scan(code)
                await asyncio.sleep(0.2)

    @asynccontextmanager
    async def friend(self, number: str = "4915112345678") -> AsyncIterator[Contact]:
        """Be somebody who writes to the accounts."""
        async with self.sandbox.contact(number, "Ann") as contact:
            yield contact

    async def seen(self) -> list[AccountSeen]:
        """Return the accounts as the database has them."""
        ledger = PostgresLedger(Database(self.address), _NOBODY, within_s=5)
        try:
            return list((await ledger.see()).accounts)
        finally:
            await ledger.close()

    async def moves(self) -> list[MoveSeen]:
        """Return what has changed hands, the newest first."""
        ledger = PostgresLedger(Database(self.address), _NOBODY, within_s=5)
        try:
            return list(await ledger.moves(most=1000))
        finally:
            await ledger.close()

    async def holders(self) -> dict[str, str]:
        """Return who has which account; nothing for an account that nobody has."""
        return {each.account: each.host for each in await self.seen() if each.is_held}

    async def settled(self, wanted: dict[str, int], *, within_s: float = 60) -> dict[str, str]:
        """Wait until the hosts have so many accounts each; return who has which."""
        found: dict[str, str] = {}
        give_up_at = time.monotonic() + within_s
        while time.monotonic() < give_up_at:
            with suppress(DatabaseTroubleError):
                found = await self.holders()
            counts = {name: list(found.values()).count(name) for name in wanted}
            if counts == wanted:
                return found
            await asyncio.sleep(0.1)
        screens = "\n".join(f"--- {name}\n{bot.screen}" for name, bot in self.hosts.items())
        raise AssertionError(f"wanted {wanted}, found {found}\n{screens}")

    async def all_answer(self, friend: Contact, numbers: Sequence[str], *, within_s: float) -> dict[str, float]:
        """Write to all accounts, each once, and return after how many seconds each has answered, once."""
        began_at = time.monotonic()
        wanted = {f"echo {number} at {began_at:.3f}": number for number in numbers}
        for number in numbers:
            await friend.send(number, f"{number} at {began_at:.3f}")
        answered: dict[str, float] = {}
        while len(answered) < len(numbers):
            left_s = began_at + within_s - time.monotonic()
            missing = sorted(set(numbers) - set(answered))
            screens = "\n".join(f"--- {name}\n{bot.screen}" for name, bot in self.hosts.items())
            assert left_s > 0, f"no answer from {missing} within {within_s:g} s\n{screens}"
            with suppress(TimeoutError):
                message = await friend.next_message(within_s=left_s)
                number = wanted.get(message.text, "")
                assert number not in answered, f"answered twice: {message.text}"
                if number:
                    answered[number] = time.monotonic() - began_at
        return answered

    def unknown(self, numbers: Sequence[str]) -> int:
        """Return how many answers of these accounts may have arrived or not, as their outboxes say."""
        found = 0
        for number in numbers:
            with Database(self.address).connect(account_place(number, "test")) as connection:
                row = connection.execute("SELECT count(*) FROM outbox WHERE state = 3").fetchone()
                found += row[0] if row else 0
        return found

    def pairings(self, numbers: Sequence[str]) -> int:
        """Return how often the accounts were linked, all together."""
        return sum(self.sandbox.phone(number).pairings for number in numbers)

    def log(self, host: str) -> list[dict[str, Any]]:
        """Return the lines of a host's log."""
        path = self.directory / host / "logs" / "events.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()]


async def _json(asking: Any) -> Any:
    async with asking as answer:
        text = await answer.text()
        if answer.status >= 400:
            raise RefusedError(f"{answer.status}: {text}")
        return json.loads(text)
