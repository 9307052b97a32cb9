"""What the files in deploy/ have run, by hand: three hosts, one database, the sandbox in WhatsApp's place."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import psycopg
import pytest

from linda_bot.sandbox.bot_process import BotProcess, console_script
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from linda_bot.sessions.paths import SessionPaths
from tests.support.deployments import Container, compose_container, kubernetes_container
from tests.support.postgres import Server

pytestmark = pytest.mark.slow

ACCOUNTS = ("971505760056", "971505760057", "971505760058")
TOKEN = "a-token-of-the-tests"  # not a secret
PORT = ":8080"


class Host:
    """A container's process, with what a machine has only once in a form that it can have three times.

    That is the port on which it listens, the place of /data, and its name, which is that of the container.
    """

    def __init__(self, container: Container, name: str, directory: Path, store: str) -> None:
        self.name = name
        self.grace_s = container.grace_s
        self.data = directory / name / "data"
        self.data.mkdir(parents=True)
        self.data.chmod(0o2777)  # as Kubernetes makes an empty directory
        self._container = container
        self._at = f":{_free_port()}"
        secrets = {"store": store, "http-token": TOKEN}
        self._cwd = directory / name / "secrets"
        self._cwd.mkdir()
        self._environment = {
            **{name: value.replace(PORT, self._at) for name, value in container.environment.items() if name != "PATH"},
            **{name: secrets[key] for name, key in container.from_secrets.items()},
            **dict.fromkeys(container.from_name, name),
            "LINDA_FLEET__HOST": name,  # by default it is the container's, which here has none of its own
            "LINDA_DATA_DIR": str(self.data),
        }
        if container.env_file is not None:
            (self._cwd / ".env").write_text(f"LINDA_STORE={store}\nLINDA_HTTP_TOKEN={TOKEN}\n")
        self._process: BotProcess | None = None

    @property
    def process(self) -> BotProcess:
        """The process, which was started."""
        assert self._process is not None
        return self._process

    async def start(self, sandbox: Sandbox) -> None:
        """Begin; it is well as soon as the file's own checks say so."""
        init, dashes, program, *arguments = self._container.command
        assert (init, dashes, program) == ("tini", "--", "linda-bot")
        # With a sandbox, the data directory would be the sandbox's.
        more: Sequence[str | Path] = ("--sandbox", sandbox.directory, "--data-dir", self.data)
        self._process = await BotProcess.start(*arguments, *more, environment=self._environment, cwd=self._cwd)
        await _until(self.is_well, f"{self.name} is well")

    async def is_well(self) -> bool:
        """Ask as Docker or Kubernetes do."""
        if self._container.check:
            _, *check = self._container.check
            asked = [part.replace(PORT, self._at) for part in check]
            asking = await asyncio.create_subprocess_exec(
                sys.executable, *asked, stderr=asyncio.subprocess.DEVNULL, cwd=self._cwd
            )
            return await asking.wait() == 0
        try:
            async with aiohttp.ClientSession() as client:
                answers = [await client.get(f"http://127.0.0.1{self._at}{path}") for path in self._container.probes]
                return all(answer.ok for answer in answers)
        except aiohttp.ClientError:
            return False

    async def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask over HTTP, as people and programs do from elsewhere."""
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as client:
            answer = await client.request(method, f"http://127.0.0.1{self._at}/api/v1{path}", json=body)
            assert answer.ok, await answer.text() + self.process.screen
            return await answer.json()

    async def run(self, *command: str) -> str:
        """Run a command of linda-bot's in the container, and return what it prints."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("LINDA_")}
        running = await asyncio.create_subprocess_exec(
            *console_script(),
            *command,
            env={**inherited, **self._environment},
            cwd=self._cwd,
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await running.communicate()
        return said.decode()

    async def holders(self) -> dict[str, str]:
        """Return which host has each account, empty for none, as `linda-bot fleet` tells it."""
        found = json.loads(await self.run("fleet", "--json", "--show-numbers"))
        return {each["account"]: each["host"] if each["left_s"] > 0 else "" for each in found["accounts"]}

    async def close(self) -> None:
        """End it whatever it does."""
        if self._process is not None:
            await self._process.close()
            assert "Traceback" not in self._process.screen


@pytest.fixture
def store(postgres: Server) -> str:
    """An empty database of a role that may do no more than docs/postgres.md gives it."""
    address = postgres.new_database()
    name = urlsplit(address).path[1:]
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE owner_of_{name} LOGIN")
        connection.execute(f"ALTER DATABASE {name} OWNER TO owner_of_{name}")
    return address.replace("linda@", f"owner_of_{name}@")


@asynccontextmanager
async def fleet(
    container: Container, sandbox: Sandbox, directory: Path, store: str
) -> AsyncIterator[Callable[[str], Host]]:
    """Yield what makes a host; all are ended after the block."""
    async with AsyncExitStack() as closing:

        def make(name: str) -> Host:
            host = Host(container, name, directory, store)
            closing.push_async_callback(host.close)
            return host

        yield make


async def test_the_compose_files_processes(sandbox: Sandbox, friend: Contact, tmp_path: Path, store: str) -> None:
    """Three hosts share three accounts; one that is stopped hands over in time, one that is killed is replaced."""
    async with fleet(compose_container(), sandbox, tmp_path, store) as make:
        hosts = [make(f"host-{number}") for number in range(3)]
        await asyncio.gather(*(host.start(sandbox) for host in hosts))
        await link_all(sandbox, hosts)
        assert sorted((await hosts[0].holders()).values()) == [host.name for host in hosts]
        await all_answer(friend)
        await pause_and_resume(hosts)
        await all_answer(friend)

        code = await hosts[0].process.stop(signal.SIGTERM, within_s=hosts[0].grace_s)
        assert code == 0, hosts[0].process.screen
        await shared_by(hosts[1:])
        await all_answer(friend)

        await hosts[1].process.stop(signal.SIGKILL)
        await shared_by(hosts[2:])
        await all_answer(friend)

        assert await hosts[2].is_well()
        assert [sandbox.phone(number).pairings for number in ACCOUNTS] == [1, 1, 1]
        assert not any(SessionPaths(host.data, number).store.exists() for host in hosts for number in ACCOUNTS)
        assert not sandbox.overlaps


async def test_the_deployments_processes(sandbox: Sandbox, friend: Contact, tmp_path: Path, store: str) -> None:
    """Three pods are replaced one after the other, as a rollout does: nobody has to link anything again."""
    container = kubernetes_container()
    async with fleet(container, sandbox, tmp_path, store) as make:
        hosts = [make(f"linda-bot-6d8f7c9b5-old{number}") for number in range(3)]
        await asyncio.gather(*(host.start(sandbox) for host in hosts))
        await link_all(sandbox, hosts)
        await all_answer(friend)

        for number in range(3):
            hosts.append(make(f"linda-bot-79c4b6d8f-new{number}"))
            await hosts[-1].start(sandbox)
            old = hosts.pop(0)
            assert await old.process.stop(signal.SIGTERM, within_s=old.grace_s) == 0, old.process.screen
            await shared_by(hosts)
            await all_answer(friend)

        assert [sandbox.phone(number).pairings for number in ACCOUNTS] == [1, 1, 1]
        assert not sandbox.overlaps


async def link_all(sandbox: Sandbox, hosts: Sequence[Host]) -> None:
    """Add all accounts, and link each at the host that has it."""
    await _until(lambda: _see_each_other(hosts), "all hosts see each other")
    for account in ACCOUNTS:
        await hosts[0].ask("POST", "/accounts", {"account": account})
    await shared_by(hosts)
    by_name = {host.name: host for host in hosts}
    for account, name in (await hosts[0].holders()).items():
        await by_name[name].ask("POST", f"/accounts/{account}/link", {})
        await sandbox.phone(account).scan(await _code(by_name[name], account))
    await _until(lambda: _are_online(sandbox), "all accounts are online")


async def pause_and_resume(hosts: Sequence[Host]) -> None:
    """Have an account paused, and run again, by a host that does not have it."""
    account, name = next(iter((await hosts[0].holders()).items()))
    other = next(host for host in hosts if host.name != name)
    await other.ask("POST", f"/accounts/{account}/pause", {})

    async def is_paused() -> bool:
        return not (await other.holders())[account]

    await _until(is_paused, "the account is nowhere")
    await other.ask("POST", f"/accounts/{account}/resume", {})
    await shared_by(hosts)


async def shared_by(hosts: Sequence[Host]) -> None:
    """Wait until these hosts, and no others, have all accounts."""

    async def is_so() -> bool:
        found = await hosts[0].holders()
        return set(found) == set(ACCOUNTS) and set(found.values()) == {host.name for host in hosts}

    await _until(is_so, f"all accounts are shared by {len(hosts)} hosts")


async def all_answer(friend: Contact) -> None:
    """Every account answers, once; the link may be just coming up."""
    for account in ACCOUNTS:
        assert (await friend.ask(account, "!ping", within_s=30)).text == "pong"
    assert friend.received() == []


async def _code(host: Host, account: str) -> str:
    for _ in range(100):
        pairing = (await host.ask("GET", f"/accounts/{account}/pairing"))["pairing"]
        if pairing and pairing["qr"]:
            return str(pairing["qr"]["text"])
        await asyncio.sleep(0.1)
    raise AssertionError(host.process.screen)


async def _see_each_other(hosts: Sequence[Host]) -> bool:
    views = [await host.ask("GET", "/fleet") for host in hosts]
    return all(len(view["hosts"]) == len(hosts) for view in views)


async def _are_online(sandbox: Sandbox) -> bool:
    return all(sandbox.online(account) for account in ACCOUNTS)


async def _until(is_so: Callable[[], Awaitable[bool]], what: str) -> None:
    try:
        async with asyncio.timeout(40):
            while not await is_so():
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"not so within 40 s: {what}") from None


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
