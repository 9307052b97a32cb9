"""What an old copy of a store costs a contact, and that ours costs nothing: with the real client on both sides.

The bot has sent one way since the copy was made: the case in which nobody would notice, for what is lost is lost
without a word.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from linda_bot.kernel.tasks import spawn_task
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import ENGINE_COMMAND, Sandbox
from linda_bot.sessions.catalogue import all_backups
from linda_bot.sessions.opening import close_session, open_session
from linda_bot.sessions.paths import DEFAULT_ACCOUNT, SessionPaths
from linda_bot.sessions.recovery import put_back
from linda_bot.sessions.snapshot import make_backup
from linda_bot.sessions.snapshot_job import Job
from linda_bot.sessions.store import side_files
from linda_bot.whatsapp.adapter import EngineClient
from linda_bot.whatsapp.content import Text
from linda_bot.whatsapp.events import Connected, IncomingMessage, MessageReceived, QrIssued
from linda_bot.whatsapp.port import LinkRequest
from tests.e2e.conftest import BOT, FRIEND

ONE_WAY = 20
"""Messages that the bot has sent since the copy was made."""
AFTERWARDS = 60


@asynccontextmanager
async def connected(sandbox: Sandbox, store: Path) -> AsyncIterator[tuple[EngineClient, asyncio.Queue[str]]]:
    """Have a client log in with a store, linked first if need be; give it and the texts that it gets."""
    client, online = EngineClient(ENGINE_COMMAND, sandbox.environment), asyncio.Event()
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def follow() -> None:
        async for event in client.events():
            if isinstance(event, QrIssued) and event.number == 1:
                await sandbox.phone(BOT).scan(event.code)
            elif isinstance(event, Connected):
                online.set()
            elif isinstance(event, MessageReceived):
                heard.put_nowait(event.message.text)

    following = spawn_task(follow(), name="the bot's events")
    try:
        await client.start(LinkRequest(store=store, device_name="Bot", log_level="warning"))
        async with asyncio.timeout(20):
            await online.wait()
        yield client, heard
    finally:
        await client.stop()
        await following


async def live(sandbox: Sandbox, paths: SessionPaths, friend: Contact, *, round_trips: int = 0, sends: int = 0) -> None:
    """Have the bot live a while, as orderly as the daemon does."""
    opening = open_session(paths)
    assert not opening.went_back
    async with connected(sandbox, paths.store) as (client, heard):
        for number in range(round_trips):
            await friend.send(BOT, f"question {number}")
            async with asyncio.timeout(10):
                await heard.get()
            await client.send(f"{FRIEND}@s.whatsapp.net", Text(text=f"answer {number}"))
            await friend.next_message()
        for number in range(sends):
            await client.send(f"{FRIEND}@s.whatsapp.net", Text(text=f"news {number}"))
            await friend.next_message()
    close_session(paths)


async def lost_of_the_next(sandbox: Sandbox, paths: SessionPaths, friend: Contact) -> int:
    """Have the bot send, and return how many messages the contact's library dropped; all others must arrive."""
    dropped = friend.dropped_old_counter
    arrived: list[IncomingMessage] = []
    async with connected(sandbox, paths.store) as (client, _):
        for number in range(AFTERWARDS):
            await client.send(f"{FRIEND}@s.whatsapp.net", Text(text=f"later {number}"))
        async with asyncio.timeout(20):
            while len(arrived) + friend.dropped_old_counter - dropped < AFTERWARDS:
                arrived += friend.received()
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        arrived += friend.received()
    assert len({message.text for message in arrived}) == len(arrived)
    lost = friend.dropped_old_counter - dropped
    assert len(arrived) + lost == AFTERWARDS
    return lost


@pytest.fixture
async def old(sandbox: Sandbox, friend: Contact, tmp_path: Path) -> SessionPaths:
    """A bot that has sent one way since its backup was made."""
    paths = SessionPaths(tmp_path / "data", DEFAULT_ACCOUNT)
    paths.directory.mkdir(parents=True)
    paths.sandbox_mark.touch()
    await live(sandbox, paths, friend, round_trips=3)
    make_backup(Job(str(paths.data_dir), paths.account, "test", keep=5))
    await live(sandbox, paths, friend, sends=ONE_WAY)
    return paths


def lay_over(paths: SessionPaths) -> None:
    """Put the backup's copy in the store's place, as it is."""
    for side in side_files(paths.store):
        side.unlink(missing_ok=True)
    shutil.copyfile(all_backups(paths)[0].copy, paths.store)


async def test_an_old_copy_as_it_is_loses_messages(
    sandbox: Sandbox, old: SessionPaths, friend: Contact, record_property: Callable[[str, object], None]
) -> None:
    """What all the care is for: counters are used twice, and the contact's library drops those messages."""
    lay_over(old)

    lost = await lost_of_the_next(sandbox, old, friend)

    record_property("lost", lost)
    assert 1 <= lost <= ONE_WAY


async def test_a_backup_that_is_put_back_loses_none(sandbox: Sandbox, old: SessionPaths, friend: Contact) -> None:
    """It begins new Signal sessions."""
    put_back(old, all_backups(old)[0], None, because="test")
    assert not open_session(old).went_back

    assert await lost_of_the_next(sandbox, old, friend) == 0


async def test_a_store_that_went_back_by_itself_loses_none(
    sandbox: Sandbox, old: SessionPaths, friend: Contact
) -> None:
    """The store is behind its mark: that is seen before an engine opens it."""
    lay_over(old)
    assert "old copy" in open_session(old).went_back

    assert await lost_of_the_next(sandbox, old, friend) == 0
