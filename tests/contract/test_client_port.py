"""The client port: what holds for the fake holds for the real engine, and the other way round."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec
import pytest

from linda_bot.kernel.events import Event
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import ENGINE_COMMAND, Sandbox
from linda_bot.whatsapp.adapter import EngineClient
from linda_bot.whatsapp.content import Text
from linda_bot.whatsapp.events import (
    ClientEvent,
    Connected,
    ConnectEnded,
    EngineExited,
    EngineStarted,
    MessageReceived,
    PairSucceeded,
    QrIssued,
    QrRoundEnded,
)
from linda_bot.whatsapp.mailbox import Inbound, Outbound, decode_body, open_mailbox, writing
from linda_bot.whatsapp.port import ClientError, LinkRequest, NoAnswerError, NotSentError, WhatsAppClient
from tests.support.fake_client import FakeClient, FakeWhatsApp

E = TypeVar("E", bound=Event)
NUMBER, FRIEND = "971505760056", "4915112345678"


class World(Protocol):
    """A WhatsApp for the clients under test."""

    request: LinkRequest

    def make_client(self) -> WhatsAppClient:
        """Return a client for the next attempt."""

    async def scan(self, client: WhatsAppClient, code: str) -> None:
        """Be the phone."""

    async def contact_says(self, text: str) -> None:
        """Have somebody write to the account."""

    async def contact_hears(self) -> str:
        """Return what that somebody got."""

    def contact_jid(self) -> str:
        """Return their address."""

    def was_read(self) -> bool:
        """Return whether the contact was told that a message of theirs was read."""

    def vanish(self) -> None:
        """Be unreachable from now on."""

    def hold_sends(self) -> None:
        """Take messages from now on, but say nothing of them."""

    def fall_silent(self, client: WhatsAppClient) -> None:
        """Answer this client nothing from now on."""

    def kill(self, client: WhatsAppClient) -> None:
        """Kill a client's engine."""


class FakeWorld:
    """The fake, and a friend."""

    def __init__(self) -> None:
        self.request = LinkRequest(store=Path("session.db"))
        self._whatsapp = FakeWhatsApp()

    def make_client(self) -> WhatsAppClient:
        return self._whatsapp.make_client()

    async def scan(self, client: WhatsAppClient, code: str) -> None:
        assert isinstance(client, FakeClient)
        client.scan(code, NUMBER)

    async def contact_says(self, text: str) -> None:
        self._whatsapp.say(text, sender=self.contact_jid())

    async def contact_hears(self) -> str:
        return self._whatsapp.heard.pop(0)[1]

    def contact_jid(self) -> str:
        return f"{FRIEND}@s.whatsapp.net"

    def was_read(self) -> bool:
        return bool(self._whatsapp.read)

    def vanish(self) -> None:
        self._whatsapp.reachable = False

    def hold_sends(self) -> None:
        self._whatsapp.send_takes_s = 60

    def fall_silent(self, client: WhatsAppClient) -> None:
        self._whatsapp.answers = False

    def kill(self, client: WhatsAppClient) -> None:
        assert isinstance(client, FakeClient)
        client.kill()


class RealWorld:
    """The sandbox, the real library, and a friend with a real library too."""

    def __init__(self, sandbox: Sandbox, friend: Contact, directory: Path) -> None:
        # A path that no care was taken of: the library puts it into a URI as it is.
        place = directory / "a b#c?d%41&é"
        place.mkdir()
        self.request = LinkRequest(store=place / "session.db", device_name="Contract")
        self._sandbox = sandbox
        self._friend = friend

    def make_client(self) -> WhatsAppClient:
        return EngineClient(ENGINE_COMMAND, self._sandbox.environment)

    async def scan(self, client: WhatsAppClient, code: str) -> None:
        await self._sandbox.phone(NUMBER).scan(code)

    async def contact_says(self, text: str) -> None:
        await self._friend.send(NUMBER, text)

    async def contact_hears(self) -> str:
        return (await self._friend.next_message()).text

    def contact_jid(self) -> str:
        return f"{FRIEND}@s.whatsapp.net"

    def was_read(self) -> bool:
        return any(note.facts.get("kind") == "read" for note in self._sandbox.notes)

    def vanish(self) -> None:
        self._sandbox.front.refuse = True

    def hold_sends(self) -> None:
        self._sandbox.armed.lost_acks.add(True, number=NUMBER)  # noqa: FBT003 (it happens)

    def fall_silent(self, client: WhatsAppClient) -> None:
        assert isinstance(client, EngineClient)
        assert client.pid is not None
        os.kill(client.pid, signal.SIGSTOP)  # stop() kills it; that works on a stopped process too

    def kill(self, client: WhatsAppClient) -> None:
        assert isinstance(client, EngineClient)
        assert client.pid is not None
        os.kill(client.pid, signal.SIGKILL)


@pytest.fixture(params=["fake", "real"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """Each test runs in both worlds."""
    if request.param == "fake":
        yield FakeWorld()
        return
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox(tmp_path / "sandbox"))
        friend = await stack.enter_async_context(sandbox.contact(FRIEND, "Ann"))
        yield RealWorld(sandbox, friend, tmp_path)


@pytest.fixture
async def clients() -> AsyncIterator[list[WhatsAppClient]]:
    """Stop whatever a test made."""
    made: list[WhatsAppClient] = []
    yield made
    for client in made:
        await client.stop()


async def until(client: WhatsAppClient, kind: type[E], *, within_s: float = 15) -> E:
    """Return the next event of a kind."""
    async with asyncio.timeout(within_s):
        async for event in client.events():
            if isinstance(event, kind):
                return event
    message = f"no {kind.__name__} came"
    raise AssertionError(message)


async def linked(world: World, clients: list[WhatsAppClient]) -> WhatsAppClient:
    """Return a client that was just linked."""
    client = world.make_client()
    clients.append(client)
    await client.start(world.request)
    code = await until(client, QrIssued)
    await world.scan(client, code.code)
    await until(client, Connected)
    return client


async def test_linking_tells_its_steps(world: World, clients: list[WhatsAppClient]) -> None:
    """Code, success, pairing, login; the number is the phone's."""
    client = world.make_client()
    clients.append(client)
    await client.start(world.request)
    seen: list[ClientEvent] = []
    async with asyncio.timeout(15):
        async for event in client.events():
            seen.append(event)
            if isinstance(event, QrIssued) and event.number == 1:
                await world.scan(client, event.code)
            if isinstance(event, Connected):
                break

    kinds = [type(event) for event in seen]
    assert kinds.index(EngineStarted) < kinds.index(QrIssued) < kinds.index(PairSucceeded) < kinds.index(Connected)
    assert QrRoundEnded(at=seen[0].at, outcome="success") in [
        QrRoundEnded(at=seen[0].at, outcome=event.outcome) for event in seen if isinstance(event, QrRoundEnded)
    ]
    assert isinstance(seen[-1], Connected)
    assert seen[-1].number == NUMBER
    assert not any("2@" in repr(event) for event in seen)


async def test_a_linked_store_logs_in_without_a_code(world: World, clients: list[WhatsAppClient]) -> None:
    """The next client on the same store needs no phone."""
    first = await linked(world, clients)
    await first.stop()
    client = world.make_client()
    clients.append(client)
    await client.start(world.request)
    seen: list[ClientEvent] = []
    async with asyncio.timeout(15):
        async for event in client.events():
            seen.append(event)
            if isinstance(event, Connected):
                break

    assert not any(isinstance(event, QrIssued) for event in seen)


async def test_texts_go_both_ways(world: World, clients: list[WhatsAppClient]) -> None:
    """What is sent arrives; what is said is yielded."""
    client = await linked(world, clients)

    sent = await client.send(world.contact_jid(), Text(text="hello \N{PARTY POPPER} @12345"))
    assert sent.id
    assert await world.contact_hears() == "hello \N{PARTY POPPER} @12345"

    await world.contact_says("good day")
    event = await until(client, MessageReceived)
    assert (event.message.text, event.message.from_me, event.message.is_group) == ("good day", False, False)


async def test_messages_that_waited_come_after_the_login(world: World, clients: list[WhatsAppClient]) -> None:
    """In the order in which they were written."""
    first = await linked(world, clients)
    await first.stop()
    for number in range(5):
        await world.contact_says(f"{number}")
    client = world.make_client()
    clients.append(client)
    await client.start(world.request)

    texts: list[str] = []
    while len(texts) < 5:
        texts.append((await until(client, MessageReceived)).message.text)
    assert texts == ["0", "1", "2", "3", "4"]


async def test_a_ping_is_a_round_trip(world: World, clients: list[WhatsAppClient]) -> None:
    """It takes a positive time."""
    client = await linked(world, clients)

    assert 0 < await client.ping() < 10


async def test_logging_out_ends_the_link(world: World, clients: list[WhatsAppClient]) -> None:
    """The next client on the store asks for a scan."""
    first = await linked(world, clients)
    await first.logout()
    await first.stop()
    client = world.make_client()
    clients.append(client)
    await client.start(world.request)

    assert (await until(client, QrIssued)).number == 1


async def test_stopping_ends_the_events(world: World, clients: list[WhatsAppClient]) -> None:
    """The last event is the engine's end, as asked; stopping again is harmless."""
    client = await linked(world, clients)
    await client.stop()
    await client.stop()

    end = await until(client, EngineExited)
    assert end.asked
    with pytest.raises(NotSentError):
        await client.send(world.contact_jid(), Text(text="too late"))


async def test_stopping_while_a_code_is_shown(world: World, clients: list[WhatsAppClient]) -> None:
    """The library's own stop never returns then; ours does."""
    client = world.make_client()
    clients.append(client)
    await client.start(world.request)
    await until(client, QrIssued)

    async with asyncio.timeout(4):
        await client.stop()


async def test_stopping_a_client_that_was_never_started(world: World) -> None:
    """Harmless, and its events end."""
    client = world.make_client()
    await client.stop()

    assert [event.asked async for event in client.events() if isinstance(event, EngineExited)] == [True]


async def test_a_killed_engine_is_told(world: World, clients: list[WhatsAppClient]) -> None:
    """Not as something that was asked for."""
    client = await linked(world, clients)
    world.kill(client)

    end = await until(client, EngineExited)
    assert (end.code, end.asked) == (-9, False)
    with pytest.raises(ClientError):
        await client.ping()


async def test_an_unreachable_server_is_told(world: World, clients: list[WhatsAppClient]) -> None:
    """The attempt is over; the client says why."""
    world.vanish()
    client = world.make_client()
    clients.append(client)
    await client.start(world.request)

    assert (await until(client, ConnectEnded)).error


async def test_sending_without_a_connection_is_refused(world: World, clients: list[WhatsAppClient]) -> None:
    """It provably did not leave, so it may be sent again."""
    client = world.make_client()
    clients.append(client)
    await client.start(world.request)
    await until(client, QrIssued)

    with pytest.raises(NotSentError):
        await client.send(world.contact_jid(), Text(text="hello"))


async def test_a_request_that_is_not_answered_ends_at_its_deadline(world: World, clients: list[WhatsAppClient]) -> None:
    """Nobody knows what became of it."""
    client = await linked(world, clients)
    world.fall_silent(client)

    with pytest.raises(NoAnswerError):
        await client.ping(within_s=0.3)
    with pytest.raises(NotSentError, match="still unanswered"):
        await client.ping(within_s=0.3)


async def test_messages_are_written_down_before_they_are_told(
    world: World, clients: list[WhatsAppClient], tmp_path: Path
) -> None:
    """With a number and the conversation's one name; a message that comes again is only said to be a repetition."""
    world.request = msgspec.structs.replace(world.request, mailbox=tmp_path / "messages.db")
    client = await linked(world, clients)
    await world.contact_says("good day")
    event = await until(client, MessageReceived)

    assert event.seq == 1
    assert event.conversation == f"{FRIEND}@s.whatsapp.net"
    assert not event.message.raw
    with closing(open_mailbox(tmp_path / "messages.db")) as mailbox:
        (row,) = mailbox.execute("SELECT * FROM inbox").fetchall()
    assert (row["owner"], row["state"], decode_body(row["body"]).text) == (NUMBER, Inbound.WAITING, "good day")


async def test_what_becomes_of_a_message_is_written_down(
    world: World, clients: list[WhatsAppClient], tmp_path: Path
) -> None:
    """By whoever sends it, so that it is known also when nobody waits for the answer."""
    world.request = msgspec.structs.replace(world.request, mailbox=tmp_path / "messages.db")
    client = await linked(world, clients)
    with closing(open_mailbox(tmp_path / "messages.db")) as mailbox, writing(mailbox):
        statement = "INSERT INTO outbox (owner, chat, content, created_at) VALUES (?, ?, x'', 0)"
        key = mailbox.execute(statement, (NUMBER, world.contact_jid())).lastrowid or 0
    sent = await client.send(world.contact_jid(), Text(text="hello"), rows=(key,))

    with closing(open_mailbox(tmp_path / "messages.db")) as mailbox:
        (row,) = mailbox.execute("SELECT * FROM outbox").fetchall()
    assert (row["state"], row["message_id"]) == (Outbound.SENT, sent.id)
    with pytest.raises(ClientError):  # it is not to be sent any more
        await client.send(world.contact_jid(), Text(text="hello"), rows=(key,))


async def test_a_message_is_marked_as_read(world: World, clients: list[WhatsAppClient]) -> None:
    """Its sender is told."""
    client = await linked(world, clients)
    await world.contact_says("good day")
    message = (await until(client, MessageReceived)).message
    assert not world.was_read()
    await client.mark_read(message.chat, message.sender, (message.id,))
    async with asyncio.timeout(10):
        while not world.was_read():
            await asyncio.sleep(0.01)


async def test_a_doubt_is_in_the_mailbox_when_the_engine_is_gone(
    world: World, clients: list[WhatsAppClient], tmp_path: Path
) -> None:
    """Killed while it sends: whoever waits is told that nobody knows, and so does the row."""
    world.request = msgspec.structs.replace(world.request, mailbox=tmp_path / "messages.db")
    client = await linked(world, clients)
    with closing(open_mailbox(tmp_path / "messages.db")) as mailbox:
        with writing(mailbox):
            statement = "INSERT INTO outbox (owner, chat, content, created_at) VALUES (?, ?, x'', 0)"
            key = mailbox.execute(statement, (NUMBER, world.contact_jid())).lastrowid or 0
        world.hold_sends()
        sending = asyncio.create_task(client.send(world.contact_jid(), Text(text="hello"), rows=(key,)))
        async with asyncio.timeout(10):
            while mailbox.execute("SELECT state FROM outbox").fetchone()[0] != Outbound.SENDING:
                await asyncio.sleep(0.01)
        world.kill(client)
        with pytest.raises(NoAnswerError):
            await sending
        assert mailbox.execute("SELECT state FROM outbox").fetchone()[0] == Outbound.SENDING
