"""The mailbox in a database that goes away, freezes, or belongs to another host by now: nothing lost, nothing twice."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg
import pytest

from linda_bot.database.connecting import Database, DatabaseTroubleError, FencedOffError, Place
from linda_bot.kernel.errors import UsageError
from linda_bot.messaging import attachments, shared_ground
from linda_bot.messaging.outbound import decode_content, encode_content
from linda_bot.messaging.review import reviewing
from linda_bot.messaging.shared_ground import SharedGround
from linda_bot.messaging.store import Draft, Store
from linda_bot.whatsapp import mailbox_database
from linda_bot.whatsapp.content import File, Text
from linda_bot.whatsapp.events import IncomingMessage
from linda_bot.whatsapp.mailbox import Dispatch, Inbound, Intake, MailPlace, Outbound
from linda_bot.whatsapp.mailbox_database import DatabaseConnection
from tests.support.postgres import Server, find_binaries, running_server
from tests.support.shared_mail import account_of, change, house_with_leases, new_mail, rows

ME, ANN = "971505760056", "4915100000001@s.whatsapp.net"
HELLO = Text(text="hello")


@pytest.fixture(scope="module")
def server(postgres: Server) -> Iterator[Server]:
    """Return a server that may be treated badly."""
    binaries = find_binaries()
    assert binaries is not None, postgres
    with running_server(binaries) as made:
        yield made


@pytest.fixture
def place(mail_address: str) -> MailPlace:
    """Return a new account's mailbox."""
    return new_mail(mail_address)


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up, and try again, soon."""
    monkeypatch.setattr(shared_ground, "ANSWER_WITHIN_S", 0.7)
    monkeypatch.setattr(mailbox_database, "ANSWER_WITHIN_S", 0.7)
    monkeypatch.setattr(shared_ground, "_TRY_AGAIN_S", 0.1)


class Host:
    """A daemon's store on one host."""

    def __init__(self, place: MailPlace, shelf: Path) -> None:
        self.shelf = shelf
        self.trouble: list[str] = []
        self.fenced = 0
        self.ground = SharedGround(place, shelf, self.trouble.append, on_fenced=self._on_fenced)
        self.store = Store(self.ground, self.trouble.append)

    def _on_fenced(self) -> None:
        self.fenced += 1


@pytest.fixture
async def host(place: MailPlace, tmp_path: Path) -> AsyncIterator[Host]:
    """Return one that is open."""
    made = Host(place, tmp_path / "here")
    await made.store.open()
    yield made
    await made.store.close()


def message(number: str) -> IncomingMessage:
    """Return a message."""
    return IncomingMessage(id=number, chat=ANN, sender=ANN, text=number, sent_at=datetime.now(UTC))


def texts(place: MailPlace) -> list[str]:
    """Return what is to be sent, or was."""
    found = rows(place, "SELECT content FROM outbox ORDER BY key")
    contents = [decode_content(row[0]) for row in found]
    return [content.text for content in contents if isinstance(content, Text)]


# The end of a transaction was not heard of.


def lost_answer(connection: DatabaseConnection, commit: Callable[[], None]) -> None:
    """Commit, and have nobody hear of it."""
    commit()
    connection._connection.close()
    raise psycopg.OperationalError("server closed the connection unexpectedly")


def lost_question(connection: DatabaseConnection, _: Callable[[], None]) -> None:
    """Lose the connection on the way to the server."""
    connection._connection.close()
    raise psycopg.OperationalError("server closed the connection unexpectedly")


@pytest.fixture(params=[lost_answer, lost_question])
def faulty(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what has the next end of a transaction fail, in one of two ways."""
    real, left = DatabaseConnection.commit, [0]

    def commit(connection: DatabaseConnection, *which: Any) -> None:
        if left[0]:
            left[0] -= 1
            request.param(connection, lambda: real(connection, *which))
        else:
            real(connection, *which)

    def spoil() -> None:
        left[0] = 1

    monkeypatch.setattr(DatabaseConnection, "commit", commit)
    return spoil


@pytest.mark.usefixtures("_impatient")
async def test_what_is_sent_unasked_is_put_in_once(place: MailPlace, host: Host, faulty: Callable[[], None]) -> None:
    """Whether it was done or not; the key is that of the row."""
    await host.store.put(ME, [Draft(ANN, Text(text="before"), joinable=False)])
    faulty()
    (key,) = await host.store.put(ME, [Draft(ANN, HELLO, joinable=False)])
    assert texts(place) == ["before", "hello"]
    assert rows(place, f"SELECT content FROM outbox WHERE key = {key}")
    assert len(host.trouble) == 1


@pytest.mark.usefixtures("_impatient")
async def test_others_do_their_work_meanwhile(place: MailPlace, host: Host, faulty: Callable[[], None]) -> None:
    """A doubt belongs to its own work."""
    faulty()
    drafts = [Draft(ANN, Text(text=f"{number}"), joinable=False) for number in range(20)]
    found = await asyncio.gather(*(host.store.put(ME, [draft]) for draft in drafts))
    assert sorted(texts(place), key=int) == [f"{number}" for number in range(20)]
    assert len({key for keys in found for key in keys}) == 20


def test_a_message_is_told_as_the_new_one_that_it_is(place: MailPlace, faulty: Callable[[], None]) -> None:
    """Not as one that came before: nobody has heard of it."""
    with closing(Intake(place, most_waiting=10)) as intake:
        intake.take_in(ME, message("A"))
        faulty()
        again = message("B")
        with pytest.raises(DatabaseTroubleError):
            intake.take_in(ME, again)
        seq, _ = intake.take_in(ME, again)
        assert [(row["seq"], row["id"]) for row in rows(place, "SELECT * FROM inbox ORDER BY seq")][1:] == [(seq, "B")]
        assert intake.take_in(ME, message("B"))[0] == 0


def test_what_was_not_given_to_the_library_is_pending(place: MailPlace, faulty: Callable[[], None]) -> None:
    """It may have been noted that it was: then it is sent at the next try, or another one is."""
    change(place, *[("INSERT INTO outbox (owner, chat, content, created_at) VALUES ('', '', ?, 0)", (b"x",))] * 2)
    with closing(Dispatch(place)) as dispatch:
        faulty()
        with pytest.raises(DatabaseTroubleError):
            dispatch.begin([1])
        assert dispatch.begin([2])
        assert [row[0] for row in rows(place, "SELECT state FROM outbox ORDER BY key")] == [0, 1]
        assert dispatch.begin([1])


# The database is away.


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("blow", ["restart", "crash", "freeze", "cut"])
async def test_nothing_is_lost_and_nothing_doubled(server: Server, tmp_path: Path, blow: str) -> None:
    """Engine and daemon at work while the database is restarted, crashes, is frozen, or cuts all lines."""
    address = server.new_database()
    place = new_mail(address)
    host, stop, count = Host(place, tmp_path), Event(), 0
    await host.store.open()
    taken: list[tuple[int, str]] = []

    def engine() -> None:
        number = 0
        with closing(Intake(place, most_waiting=10_000)) as intake:
            while not stop.is_set():
                arrived = message(f"in {number}")
                while True:
                    with suppress(DatabaseTroubleError):
                        taken.append((intake.take_in(ME, arrived)[0], arrived.id))
                        break
                number += 1

    async def daemon() -> None:
        nonlocal count
        while not stop.is_set():
            await host.store.put(ME, [Draft(ANN, Text(text=f"{count}"), joinable=False)])
            count += 1

    thread = Thread(target=engine)
    thread.start()
    putting = asyncio.create_task(daemon())
    chance = random.Random(blow)
    try:
        for _ in range(2):
            await asyncio.sleep(chance.uniform(0.2, 0.4))
            await asyncio.to_thread(_blows[blow], server)
        await asyncio.sleep(0.3)
    finally:
        stop.set()
        await putting
        await asyncio.to_thread(thread.join)

    assert texts(place) == [f"{number}" for number in range(count)]
    assert count > 10
    found = [(row["seq"], row["id"]) for row in rows(place, "SELECT seq, id FROM inbox ORDER BY seq")]
    assert found == taken
    assert [name for _, name in found] == [f"in {number}" for number in range(len(found))]
    assert host.trouble or blow == "cut", "another connection may be had at once"
    assert len(host.trouble) <= 12
    await host.store.close()


def _restart(server: Server, mode: str) -> None:
    server.stop(mode)
    server.start()


def _freeze(server: Server) -> None:
    server.freeze()
    Event().wait(2)
    server.thaw()


def _cut(server: Server) -> None:
    with Database(server.address()).connect(Place()) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")


_blows: dict[str, Callable[[Server], None]] = {
    "restart": lambda server: _restart(server, "fast"),
    "crash": lambda server: _restart(server, "immediate"),
    "freeze": _freeze,
    "cut": _cut,
}


async def test_a_frozen_database_holds_up_neither_the_loop_nor_the_end(server: Server, tmp_path: Path) -> None:
    """The close cuts what would not come back."""
    host = Host(new_mail(server.new_database()), tmp_path)
    await host.store.open()
    loop = asyncio.get_running_loop()
    server.freeze()
    try:
        putting = asyncio.create_task(host.store.put(ME, [Draft(ANN, HELLO, joinable=False)]))
        started = loop.time()
        await asyncio.sleep(0.1)
        assert loop.time() - started < 0.5
        putting.cancel()
        await host.store.close()
        assert loop.time() - started < 4
    finally:
        server.thaw()


async def test_a_database_that_is_away_at_the_start(tmp_path: Path) -> None:
    """Whoever opens the mailbox is told, and may try again."""
    store = Store(SharedGround(MailPlace("postgresql://linda@127.0.0.1:1/x", "s", "test"), tmp_path, lambda _: None))
    with pytest.raises(DatabaseTroubleError):
        await store.open()
    await store.close()


async def test_a_schema_that_is_not_there_is_no_trouble_that_passes(mail_address: str, tmp_path: Path) -> None:
    """It is told at once."""
    place = MailPlace(mail_address, "linda_bot_account_nobody", "test")
    store = Store(SharedGround(place, tmp_path, lambda _: None))
    with pytest.raises(UsageError, match='relation "inbox" does not exist'):
        await store.open()
    await store.close()


def test_somebody_who_stopped_in_the_middle_holds_nobody_up_for_ever(place: MailPlace) -> None:
    """The server ends what he began; he finds that out, and none of it is done."""
    sql = "INSERT INTO people VALUES (?, '')"
    with closing(mailbox_database.MailboxDatabase(place)) as stopped, closing(Intake(place, most_waiting=10)) as intake:
        stopped.connection()._connection.execute("SET idle_in_transaction_session_timeout = '300ms'")

        def work(mail: Any) -> None:
            mail.execute(sql, ("1",))
            assert intake.take_in(ME, message("A"))[0] == 1
            mail.execute(sql, ("2",))

        with pytest.raises(DatabaseTroubleError):
            stopped.write(work)
    assert rows(place, "SELECT * FROM people") == []


# Another host has the account.


async def test_who_is_fenced_off_writes_no_more(server: Server, tmp_path: Path) -> None:
    """It is said to whoever waits, and not tried again; without a lease, or with the newest, all is as ever."""
    address = server.new_database()
    place = new_mail(address, fence=7)
    old = Host(place, tmp_path)
    await old.store.open()
    draft = Draft(ANN, HELLO, joinable=False)
    await old.store.put(ME, [draft])
    with house_with_leases(address) as house:
        insert = "INSERT INTO linda_bot.leases (account, host, fence) VALUES (%s, 'other', %s)"
        house.execute(insert, (account_of(place), 7))
        house.execute(insert, ("somebody else", 99))
        await old.store.put(ME, [draft])
        house.execute("UPDATE linda_bot.leases SET fence = 8 WHERE account = %s", (account_of(place),))

        for _ in range(2):
            with pytest.raises(FencedOffError, match="has passed on to another host"):
                await old.store.put(ME, [draft])
        assert old.fenced == 2
        assert not old.trouble
        with closing(Intake(place, most_waiting=10)) as intake, pytest.raises(FencedOffError):
            intake.take_in(ME, message("A"))
        with closing(Dispatch(place)) as dispatch, pytest.raises(FencedOffError):
            dispatch.end([1], Outbound.SENT)
        for table in ("inbox", "outbox", "people", "memory", "attachments", "files"):
            for statement in ("DELETE FROM {}", "TRUNCATE {}"):
                with pytest.raises(FencedOffError):
                    change(place, (statement.format(table), ()))

        for fence in (None, 8, 9):
            newer = MailPlace(place.address, place.schema, place.who, fence)
            with closing(Intake(newer, most_waiting=10)) as intake:
                assert intake.take_in(ME, message(f"{fence}"))[0]
        assert len(await old.store.outcomes([1, 2])) == 2
        with reviewing(MailPlace(place.address, place.schema, "a person")) as review:
            assert review is not None
            assert review.drop([1]) == 1
    assert len(rows(place, "SELECT * FROM outbox")) == 1
    await old.store.close()


# Files that are to be sent.


async def test_another_host_sends_the_file(place: MailPlace, host: Host, tmp_path: Path) -> None:
    """It gets it with the message; each has it under its own path."""
    host.shelf.mkdir()
    data = os.urandom(300_000)
    path = host.shelf / "f.png"
    path.write_bytes(data)
    drafts = [Draft(ANN, File(kind="image", path=str(path), caption="c"), joinable=False, cause=1, nth=0)]
    assert await host.store.put(ME, drafts) == await host.store.put(ME, drafts)

    there = Host(place, tmp_path / "there")
    (parcel,) = await there.store.parcels(ME, ANN, 10)

    assert parcel.content == File(kind="image", path=str(there.shelf / "f.png"), caption="c")
    assert (there.shelf / "f.png").read_bytes() == data
    assert (there.shelf / "f.png").stat().st_mode & 0o777 == 0o600
    assert {path.name for path in await there.store.files()} == {"f.png"}
    await there.store.close()


async def test_the_file_goes_with_its_message(place: MailPlace, host: Host) -> None:
    """At the next cleaning; what may still be sent is kept."""
    host.shelf.mkdir()
    for name in "ab":
        (host.shelf / name).write_text(name)
        draft = Draft(ANN, File(kind="document", path=str(host.shelf / name)), joinable=False)
        await host.store.put(ME, [draft])
    with closing(Dispatch(place)) as dispatch:
        dispatch.begin([1])
        dispatch.end([1], Outbound.SENT)

    await host.store.clean_up(keep_s=3600, keep_aside_s=3600)
    assert [row["name"] for row in rows(place, "SELECT name FROM attachments")] == ["b"]


async def test_a_file_that_is_nobodys_attachment(place: MailPlace, host: Host, tmp_path: Path) -> None:
    """It is left where it is, and one that is gone fails when it is its turn."""
    outside, gone = tmp_path / "outside.png", host.shelf / "gone.png"
    outside.write_text("x")
    contents = [File(kind="image", path=str(path)) for path in (outside, gone)]
    await host.store.put(ME, [Draft(ANN, content, joinable=False) for content in contents])

    assert [parcel.content for parcel in await host.store.parcels(ME, ANN, 10)] == contents
    assert rows(place, "SELECT * FROM attachments") == []


async def test_a_hostile_name_leads_nowhere(place: MailPlace, host: Host) -> None:
    """Only bare names are of the directory."""
    hostile = File(kind="image", path="../escape")
    await host.store.put(ME, [Draft(ANN, hostile, joinable=False)])
    change(place, ("INSERT INTO attachments VALUES ('../escape', ?), ('escape', ?)", (b"x", b"x")))
    (parcel,) = await host.store.parcels(ME, ANN, 10)
    assert parcel.content == hostile
    assert not host.shelf.exists()


async def test_a_file_that_is_too_large_is_refused(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, to whoever says it."""
    monkeypatch.setattr(attachments, "LONGEST", 10)
    host.shelf.mkdir()
    (host.shelf / "f").write_bytes(b"x" * 11)
    with pytest.raises(UsageError, match="larger than a shared store takes"):
        await host.store.put(ME, [Draft(ANN, File(kind="image", path=str(host.shelf / "f")), joinable=False)])


class _SlowDoor:
    """Passes on what comes for a server, so many bytes a second in either direction."""

    def __init__(self, port: int, rate: int) -> None:
        self._port, self._rate = port, rate
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def open(self) -> int:
        """Return the port."""
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        found: int = self._server.sockets[0].getsockname()[1]
        return found

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        await self._server.wait_closed()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers += [writer, to_there]
        await asyncio.gather(self._pump(reader, to_there), self._pump(there, writer), return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(16_384):
            writer.write(data)
            await writer.drain()
            await asyncio.sleep(len(data) / self._rate)
        writer.close()


async def test_a_large_file_over_a_slow_line(
    postgres: Server, place: MailPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gets the time that it needs, there and back: neither we nor the server take it for somebody who is stuck."""
    monkeypatch.setattr(shared_ground, "ANSWER_WITHIN_S", 1.0)
    monkeypatch.setattr(mailbox_database, "_LIMITS", "SET idle_in_transaction_session_timeout = '500ms'")
    for module in (shared_ground, attachments):
        monkeypatch.setattr(module, "SLOWEST", 100_000)
    door = _SlowDoor(postgres.port, 200_000)
    port = await door.open()
    slow = MailPlace(place.address.replace(f":{postgres.port}/", f":{port}/"), place.schema, place.who)
    here, there = Host(slow, tmp_path / "here"), Host(slow, tmp_path / "there")
    here.shelf.mkdir()
    data = os.urandom(300_000)
    (here.shelf / "f").write_bytes(data)
    await here.store.put(ME, [Draft(ANN, File(kind="image", path=str(here.shelf / "f")), joinable=False)])
    await there.store.parcels(ME, ANN, 10)

    assert (there.shelf / "f").read_bytes() == data
    assert here.trouble == there.trouble == []
    for host in (here, there):
        await host.store.close()
    await door.close()


def test_content_is_moved_between_the_grounds(tmp_path: Path) -> None:
    """A path becomes a name and a path again; what has no file is as it was."""
    file = encode_content(File(kind="image", path="/elsewhere/f.png", caption="c"))
    named = attachments.to_name(file)
    assert decode_content(named) == File(kind="image", path="f.png", caption="c")
    assert decode_content(attachments.to_path(named, tmp_path)) == File(
        kind="image", path=str(tmp_path / "f.png"), caption="c"
    )
    text = encode_content(HELLO)
    assert attachments.to_path(attachments.to_name(text), tmp_path) == text


# A person's commands.


async def test_a_person_decides(place: MailPlace, host: Host) -> None:
    """The same list and the same decisions as with a file."""
    with closing(Intake(place, most_waiting=10)) as intake:
        seq, _ = intake.take_in(ME, message("A"))
    await host.store.finish(ME, seq, Inbound.SET_ASIDE, error="a NUL: \0")
    await host.store.put(ME, [Draft(ANN, HELLO, joinable=True)])
    with reviewing(place) as review:
        assert review is not None
        (aside,) = review.received()
        assert (aside.key, aside.state, aside.text, aside.error) == (seq, Inbound.SET_ASIDE, "A", "a NUL: \ufffd")
        assert [(each.key, each.text) for each in review.to_send()] == [(1, "hello")]
        assert review.handle_again([seq, 77]) == 1
        assert review.handle_again([]) == 0
        assert review.drop([1]) == 1
        assert review.counts().waiting == 1


def test_a_mailbox_that_is_not_there_yet(mail_address: str) -> None:
    """There is nothing to decide on; a database that is away is told in one line."""
    with reviewing(MailPlace(mail_address, "linda_bot_account_none", "a person")) as review:
        assert review is None
    away = MailPlace("postgresql://linda:s3cret@127.0.0.1:1/x", "s", "a person")
    with pytest.raises(UsageError, match="cannot be opened") as caught, reviewing(away):
        pass
    assert "s3cret" not in f"{caught.value} {away!r}"
