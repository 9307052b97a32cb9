"""`linda-bot migrate` with a real bot: from files into a database, an engine on it there, and back; one pairing."""

import asyncio
from pathlib import Path

import pytest

from linda_bot.app.migrating.records import LivesElsewhereError, refuse_if_elsewhere
from linda_bot.connection.shared_session import SharedSession
from linda_bot.database.connecting import Database
from linda_bot.kernel.tasks import spawn_task
from linda_bot.sandbox.bot_process import BotProcess
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import ENGINE_COMMAND, Sandbox
from linda_bot.sessions.book import SessionBook
from linda_bot.sessions.paths import DEFAULT_ACCOUNT, SessionPaths
from linda_bot.whatsapp.adapter import EngineClient
from linda_bot.whatsapp.content import Text
from linda_bot.whatsapp.events import Connected, MessageReceived
from linda_bot.whatsapp.port import LinkRequest
from tests.e2e.conftest import BOT, StartBot
from tests.support.commands import Ran, run_command
from tests.support.postgres import Server

pytestmark = pytest.mark.slow


async def migrate(paths: SessionPaths, *arguments: str | Path, **environment: str) -> Ran:
    """Run the command to its end."""
    command = ("migrate", "--data-dir", paths.data_dir, *arguments)
    return await run_command(*command, within_s=60, environment=environment)


async def answer_once(database: Database, paths: SessionPaths, sandbox: Sandbox, friend: Contact) -> None:
    """Have an engine log in with the session in the database, and answer a message."""
    session = SharedSession(database, paths, SessionBook(paths), fence=lambda: None, in_sandbox=True)
    await session.look()
    client = EngineClient(ENGINE_COMMAND, sandbox.environment)
    await client.start(LinkRequest(store=session.store, source=session.source))

    async def follow() -> None:
        async for event in client.events():
            if isinstance(event, Connected):
                connected.set()
            if isinstance(event, MessageReceived):
                await client.send(event.message.chat, Text(text="from the database"))
                return

    connected = asyncio.Event()
    following = spawn_task(follow(), name="engine's events")
    try:
        async with asyncio.timeout(20):
            await connected.wait()
            assert (await friend.ask(BOT, "!ping")).text == "from the database"
            await following
    finally:
        following.cancel()
        await client.stop()
        await session.close()


async def test_into_a_database_and_back_with_one_pairing(
    sandbox: Sandbox, start_bot: StartBot, linked_bot: BotProcess, friend: Contact, postgres: Server
) -> None:
    """It logs in and answers in both places, and nobody scans a second time."""
    paths = SessionPaths(sandbox.directory / "bot", DEFAULT_ACCOUNT)
    address = postgres.new_database()
    database = Database(address)
    assert (await friend.ask(BOT, "!ping")).text == "pong"

    busy = await migrate(paths, "--to", address, "--yes")
    assert (busy.code, str(linked_bot.pid) in busy.told, len(busy.told.splitlines())) == (3, True, 1)
    await linked_bot.stop()
    unasked = await migrate(paths, "--to", address)
    assert (unasked.code, "--yes" in unasked.told) == (2, True)

    there = await migrate(paths, "--to", "database", "--yes", "--json", LINDA_STORE=address)
    assert there.code == 0, there.told
    assert there.document["moved"][0]["home"] == "database"
    assert not paths.store.exists()
    with pytest.raises(LivesElsewhereError):
        refuse_if_elsewhere(paths, None)
    refuse_if_elsewhere(paths, database)
    await answer_once(database, paths, sandbox, friend)

    back = await migrate(paths, "--to", "files", "--from", address, "--yes")
    assert back.code == 0, back.told
    assert "copying the session" in back.told
    refuse_if_elsewhere(paths, None)
    bot = await start_bot("--no-qr")
    await bot.ready()
    assert (await friend.ask(BOT, "!ping")).text == "pong"
    assert "went down" not in bot.screen
    assert sandbox.phone(BOT).pairings == 1
    assert friend.dropped_old_counter == 0


async def test_what_a_person_may_get_wrong_is_said_in_one_line(tmp_path: Path, postgres: Server) -> None:
    """No account, no database, an address that is none; a secret is never shown."""
    paths = SessionPaths(tmp_path / "data", DEFAULT_ACCOUNT)
    address = postgres.new_database().replace("linda@", "linda:secret@")
    for arguments, code, said in (
        (("--to", address, "--yes"), 2, "there is no session default"),
        (("--to", "files", "--from", address, "--yes"), 2, "there is no account default"),
        (("--to", "database", "--yes"), 2, "LINDA_STORE"),
        (("--to", "somewhere", "--yes"), 2, "postgresql://"),
        (("--to", "files", "--from", "x", "--yes"), 2, "postgresql://"),
        (("--to", address, "--all", "--yes"), 2, "no account to move"),
        (("--to", "postgresql://linda:secret@127.0.0.1:1/x", "--yes"), 1, "cannot be used"),
    ):
        ran = await migrate(paths, *arguments)
        assert said in ran.told, arguments
        assert ran.code == code, ran.told
        assert len(ran.told.splitlines()) == 1
        assert "secret" not in ran.told
