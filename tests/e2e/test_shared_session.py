"""The session in PostgreSQL, with the real engine: linked, guarded, backed up, put back, fenced off."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest

from linda_bot.connection.session import SessionLook
from linda_bot.connection.shared_session import SharedSession
from linda_bot.database.connecting import Database
from linda_bot.kernel.errors import SessionUnreachableError
from linda_bot.kernel.tasks import spawn_task
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import ENGINE_COMMAND, Sandbox
from linda_bot.sessions.backup_process import BackupProcess
from linda_bot.sessions.book import SessionBook
from linda_bot.sessions.catalogue import all_backups
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.shared.access import SharedStore
from linda_bot.sessions.shared.copying import copy_to_file, copy_to_schema, digest_of_file, digest_of_schema
from linda_bot.sessions.shared.fencing import end_older
from linda_bot.sessions.shared.schema import set_aside
from linda_bot.whatsapp.adapter import EngineClient
from linda_bot.whatsapp.content import Text
from linda_bot.whatsapp.events import Connected, EngineExited, EnginePrinted, MessageReceived, QrIssued
from linda_bot.whatsapp.port import ClientError, LinkRequest
from tests.e2e.conftest import BOT, FRIEND
from tests.support.postgres import Server
from tests.support.shared_stores import MAKER, ask, grant
from tests.support.streams import friends

pytestmark = pytest.mark.slow

SECOND = "971505760057"
BURST = 150
MOST_BURSTS = 6


class Account:
    """An account whose session is in a database, and the engines that work on it one after the other."""

    def __init__(self, sandbox: Sandbox, database: Database, number: str = BOT, *, host: str = "one") -> None:
        self.number = number
        self.fence: int | None = None
        self.paths = SessionPaths(sandbox.directory / host, number)
        self.paths.directory.mkdir(parents=True, mode=0o700)
        self.paths.sandbox_mark.touch()
        self.session = SharedSession(
            database, self.paths, SessionBook(self.paths), fence=lambda: self.fence, in_sandbox=True
        )
        self.store = SharedStore(database, number)
        self.codes = 0
        self.lines: list[str] = []
        self.look: SessionLook | None = None
        self._sandbox = sandbox
        self._to_answer: asyncio.Queue[str] = asyncio.Queue()

    @asynccontextmanager
    async def online(self) -> AsyncIterator[EngineClient]:
        """Have an engine that is connected and answers everything, after whatever look and code it takes."""
        self.look = await self.session.look()
        client = EngineClient(ENGINE_COMMAND, self._sandbox.environment)
        connected = asyncio.Event()
        await client.start(LinkRequest(store=self.session.store, source=self.session.source))
        tasks = [
            spawn_task(self._follow(client, connected), name="engine's events"),
            spawn_task(self._answer(client), name="answers"),
        ]
        try:
            async with asyncio.timeout(20):
                await connected.wait()
            assert (await self.session.set_guard()).active
            yield client
        finally:
            await client.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.session.close()

    async def _follow(self, client: EngineClient, connected: asyncio.Event) -> None:
        async for event in client.events():
            match event:
                case QrIssued(number=1):
                    self.codes += 1
                    await self._sandbox.phone(self.number).scan(event.code)
                case Connected():
                    connected.set()
                case MessageReceived():
                    self._to_answer.put_nowait(event.message.chat)
                case EnginePrinted():
                    self.lines.append(event.line)
                case EngineExited():
                    return
                case _:
                    pass

    async def _answer(self, client: EngineClient) -> None:
        while True:
            chat = await self._to_answer.get()
            with suppress(ClientError):
                await client.send(chat, Text(text="pong"))


@pytest.fixture
def database(postgres: Server) -> Database:
    """A database of this test's own."""
    return Database(postgres.new_database())


@pytest.fixture
async def friend(sandbox: Sandbox) -> AsyncIterator[Contact]:
    """Somebody who writes."""
    async with friends(sandbox, (FRIEND,)) as (made,):
        yield made


async def on_a_thread(work: Callable[[], object]) -> None:
    """Work that blocks."""
    await asyncio.to_thread(work)


async def burst(sandbox: Sandbox, friend: Contact) -> int:
    """Write a burst and return how many answers come; every one that does not must have been dropped."""
    dropped = friend.dropped_old_counter
    async with sandbox.holding(FRIEND):
        for _ in range(BURST):
            await friend.send(BOT, "!ping")
        async with asyncio.timeout(40):
            while sandbox.queued(FRIEND) < BURST:
                await asyncio.sleep(0.05)
    answers = 0
    while answers + friend.dropped_old_counter - dropped < BURST:
        assert (await friend.next_message(within_s=5)).text == "pong"
        answers += 1
    return answers


async def test_linked_once_for_all_restarts(sandbox: Sandbox, database: Database, friend: Contact) -> None:
    """One code; after that the session in the database logs in, and on another host, too."""
    account = Account(sandbox, database)
    async with account.online():
        assert (await friend.ask(BOT, "hello")).text == "pong"
    assert account.look is not None
    assert (account.look.verdict, account.codes) == ("missing", 1)

    for _ in range(3):
        async with account.online():
            assert (await friend.ask(BOT, "hello")).text == "pong"
        assert account.look.linked
        assert not account.look.went_back
    elsewhere = Account(sandbox, database, host="two")
    async with elsewhere.online():
        assert (await friend.ask(BOT, "hello")).text == "pong"

    assert (account.codes, elsewhere.codes) == (1, 0)
    assert list(account.paths.directory.glob("*.db*")) == []
    assert friend.dropped_old_counter == 0


async def test_the_guard_catches(sandbox: Sandbox, database: Database, friend: Contact) -> None:
    """A burst loses nothing, and the library reads what the guard has written."""
    account = Account(sandbox, database)
    async with account.online():
        assert (await friend.ask(BOT, "hello")).text == "pong"
        for _ in range(MOST_BURSTS):
            assert await burst(sandbox, friend) == BURST
            guard = await account.session.look_at_guard()
            if guard.caught:
                break
        assert guard.active
        assert guard.caught > 0
    async with account.online():
        assert (await friend.ask(BOT, "hello")).text == "pong"
    assert friend.dropped_old_counter == 0


async def test_a_backup_is_made_and_put_back(sandbox: Sandbox, database: Database, friend: Contact) -> None:
    """Of a session in use; put back it logs in without a code, with fresh ratchets, and nothing is dropped."""
    account = Account(sandbox, database)
    async with account.online():
        assert (await friend.ask(BOT, "hello")).text == "pong"
        process = BackupProcess(account.session.backup_job("test", keep=5))
        assert (await asyncio.to_thread(process.outcome)).error == ""
        for _ in range(5):
            assert (await friend.ask(BOT, "hello")).text == "pong"
    with account.store.opened() as connection:
        connection.execute("DROP TABLE whatsmeow_identity_keys")
    look = await account.session.look()
    assert look.damaged

    put_back = await account.session.recover(look.why)
    assert put_back.backup == all_backups(account.paths)[0].name
    async with account.online():
        assert (await friend.ask(BOT, "hello")).text == "pong"
    assert account.codes == 1
    assert friend.dropped_old_counter == 0


async def test_a_session_moves_into_a_file_and_back(
    sandbox: Sandbox, database: Database, friend: Contact, tmp_path: Path
) -> None:
    """What the library itself has written, kind for kind; it logs in from where it came back to."""
    account = Account(sandbox, database)
    async with account.online():
        assert (await friend.ask(BOT, "hello")).text == "pong"
    file = tmp_path / "session.db"
    await on_a_thread(lambda: copy_to_file(account.store, file, MAKER))
    before = digest_of_schema(account.store)
    assert digest_of_file(file) == before
    with closing(sqlite3.connect(file)) as opened:
        kinds = opened.execute("SELECT DISTINCT typeof(uploaded) FROM whatsmeow_pre_keys").fetchall()
    assert kinds == [("integer",)]

    await on_a_thread(lambda: set_aside(account.store, "a test"))
    await account.session.look()
    await on_a_thread(lambda: copy_to_schema(file, account.store))
    assert digest_of_schema(account.store) == before
    async with account.online():
        assert (await friend.ask(BOT, "hello")).text == "pong"
    assert account.codes == 1


async def test_two_accounts_in_one_database(sandbox: Sandbox, database: Database, friend: Contact) -> None:
    """Each takes its own device."""
    first, second = Account(sandbox, database), Account(sandbox, database, SECOND)
    for _ in range(2):
        async with first.online(), second.online():
            assert (await friend.ask(BOT, "hello")).text == "pong"
            assert (await friend.ask(SECOND, "hello")).text == "pong"
    assert (first.codes, second.codes) == (1, 1)
    for account in (first, second):
        assert len(ask(account.store, "SELECT jid FROM whatsmeow_device")) == 1
        assert ask(account.store, "SELECT jid FROM whatsmeow_device")[0].startswith(account.number)


async def test_an_engine_that_is_fenced_off(sandbox: Sandbox, database: Database, friend: Contact) -> None:
    """Nothing that it writes is stored, so nobody can read what it sends; its host is refused as well."""
    account = Account(sandbox, database)
    account.fence = 4
    grant(database, account.number, 4)
    async with account.online() as client:
        assert (await friend.ask(BOT, "hello")).text == "pong"
        grant(database, account.number, 5)
        before = digest_of_schema(account.store)
        for _ in range(2):
            with suppress(ClientError):
                await client.send(f"{FRIEND}@s.whatsapp.net", Text(text="from the past"))
            await friend.send(BOT, "hello")
            await asyncio.sleep(0.3)
            await asyncio.to_thread(end_older_of, account, 5)  # it may have ended by itself, told so by the database
            assert await asyncio.to_thread(end_older_of, account, 5) == 0
        assert digest_of_schema(account.store) == before
        with pytest.raises(SessionUnreachableError, match="lease has passed on"):
            await account.session.look()
        assert any("lease has passed on" in line for line in account.lines)
    with pytest.raises(TimeoutError):
        await friend.next_message(within_s=1)


def end_older_of(account: Account, fence: int) -> int:
    """End what works on an account by an older lease, as the next host does first."""
    with account.store.opened() as connection:
        return end_older(connection, account.number, fence)


async def test_a_database_that_is_down(sandbox: Sandbox) -> None:
    """Is waited for: it says nothing against the session."""
    account = Account(sandbox, Database("postgresql://linda@127.0.0.1:1/bots"))
    with pytest.raises(SessionUnreachableError, match="nothing of it is lost"):
        await account.session.look()
    assert await account.session.still_linked()
