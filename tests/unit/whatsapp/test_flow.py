"""Messages through the engine: written down before they are told, and what is sent before and after."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, cast

import msgspec
import pytest

from linda_bot.whatsapp.content import AnyContent, Text
from linda_bot.whatsapp.engine.flow import Arrivals, Departures
from linda_bot.whatsapp.events import (
    ClientEvent,
    EnginePrinted,
    InboxBlocked,
    InboxUnblocked,
    IncomingMessage,
    MessageReceived,
    MessageRepeated,
)
from linda_bot.whatsapp.mailbox import Intake, MailPlace, Outbound, open_mailbox, writing
from linda_bot.whatsapp.outcomes import request_error
from linda_bot.whatsapp.port import ClientError, NotSentError
from linda_bot.whatsapp.wire import Connect, Failed, Send, Sent
from tests.support.postgres import Server, find_binaries, running_server
from tests.support.quick_disk import quick_directory
from tests.support.shared_mail import account_of, change, house_with_leases, new_mail, rows

if TYPE_CHECKING:
    from linda_bot.whatsapp.engine.library import Library

ME, ANN = "971505760056", "4915112345678@s.whatsapp.net"
NOW = datetime(2026, 2, 7, tzinfo=UTC)


@pytest.fixture
def path() -> Iterator[Path]:
    """Return where the mailbox is."""
    with quick_directory() as directory:
        yield directory / "messages.db"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again after a moment."""
    monkeypatch.setattr("linda_bot.whatsapp.engine.flow._TRY_AGAIN_S", 0.005)


def connect(path: Path | None, *, most_waiting: int = 100_000) -> Connect:
    """Return the daemon's request."""
    mailbox = str(path) if path else ""
    return Connect(
        id=1, store="s", lock="l", device_name="d", log_level="info", mailbox=mailbox, most_waiting=most_waiting
    )


def shared(place: MailPlace) -> Connect:
    """Return the daemon's request where messages are in a database."""
    return msgspec.structs.replace(connect(None), mail=place.encode())


def message(number: str = "A") -> IncomingMessage:
    """Return a message."""
    return IncomingMessage(id=number, chat=ANN, sender=ANN, text="hi", sent_at=NOW, raw=b"raw")


def eventually(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    give_up_at = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < give_up_at
        time.sleep(0.002)


def test_a_message_is_on_the_disk_before_it_is_told(path: Path) -> None:
    """Whoever is told finds it there; its raw form is there only."""
    told: list[ClientEvent] = []

    def tell(event: ClientEvent) -> None:
        with closing(open_mailbox(path)) as connection:
            assert connection.execute("SELECT count(*) FROM inbox").fetchone()[0] == 1
        told.append(event)

    arrivals = Arrivals(connect(path), tell)
    arrivals.take(message(), ME)
    arrivals.take(message(), ME)

    first, second = told
    assert isinstance(first, MessageReceived)
    assert (first.seq, first.conversation, first.message.raw, first.message.text) == (1, ANN, b"", "hi")
    assert isinstance(second, MessageRepeated)
    assert (second.id, second.chat) == ("A", ANN)


def test_without_a_mailbox_messages_are_only_told() -> None:
    """As they came."""
    told: list[ClientEvent] = []
    Arrivals(connect(None), told.append).take(message(), ME)
    assert isinstance(told[0], MessageReceived)
    assert told[0].message == message()


def test_a_disk_that_cannot_be_written_holds_the_library_back(path: Path) -> None:
    """It is told once; the message is neither lost nor told before it is written down."""
    path.mkdir()
    told: list[ClientEvent] = []
    taking = Thread(target=Arrivals(connect(path), told.append).take, args=(message(), ME))
    taking.start()
    eventually(lambda: bool(told))
    time.sleep(0.03)
    assert [type(event) for event in told] == [InboxBlocked]
    path.rmdir()
    taking.join(5)
    assert [type(event) for event in told] == [InboxBlocked, MessageReceived, InboxUnblocked]


def test_too_many_that_wait_hold_the_library_back(path: Path) -> None:
    """Until some were handled; this one was told, so that it can be."""
    with closing(Intake(path, most_waiting=9999)) as intake:
        for number in range(300):
            intake.take_in(ME, message(f"{number}"))
    told: list[ClientEvent] = []
    arrivals = Arrivals(connect(path, most_waiting=100), told.append)
    for number in range(255):
        arrivals.take(message(f"more {number}"), ME)
    taking = Thread(target=arrivals.take, args=(message("last"), ME))
    taking.start()
    eventually(lambda: isinstance(told[-1], InboxBlocked))
    assert sum(isinstance(event, MessageReceived) for event in told) == 256
    with closing(open_mailbox(path)) as connection, writing(connection):
        connection.execute("UPDATE inbox SET state = 1")
    taking.join(5)
    assert isinstance(told[-1], InboxUnblocked)


class FakeLibrary:
    """Sends, or raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.sent: list[str] = []
        self.may_go_on = Event()
        self.may_go_on.set()
        self.during: Callable[[], None] = lambda: None

    def send(self, chat: str, content: AnyContent) -> tuple[str, datetime]:
        self.during()
        self.may_go_on.wait(5)
        if self.error is not None:
            raise self.error
        assert isinstance(content, Text)
        self.sent.append(content.text)
        return f"S{len(self.sent)}", NOW


def departures(path: Path, library: FakeLibrary, tell: Callable[[ClientEvent], None] = lambda _: None) -> Departures:
    """Return what sends, with two messages in the outbox."""
    with closing(open_mailbox(path)) as connection, writing(connection):
        connection.executemany("INSERT INTO outbox (owner, chat, created_at) VALUES ('', '', ?)", [(0,), (0,)])
    return Departures(connect(path), cast("Library", library), tell)


def send(*rows: int) -> Send:
    """Return a request."""
    return Send(id=7, chat=ANN, content=Text(text="hello"), rows=rows)


def row(path: Path, key: int = 1) -> tuple[Outbound, str]:
    """Return a message's state and id."""
    with closing(open_mailbox(path)) as connection:
        found = connection.execute("SELECT state, message_id FROM outbox WHERE key = ?", (key,)).fetchone()
    return Outbound(found[0]), found[1]


def test_a_message_is_begun_on_the_disk_before_the_library_has_it(path: Path) -> None:
    """And its id is there before the daemon is answered."""
    library = FakeLibrary()
    library.during = lambda: during.append(row(path)[0])
    during: list[Outbound] = []
    answer = departures(path, library).send(send(1, 2))

    assert answer == Sent(id=7, message_id="S1", sent_at=NOW)
    assert during == [Outbound.SENDING]
    assert row(path, 1) == row(path, 2) == (Outbound.SENT, "S1")


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("websocket not connected", Outbound.PENDING),
        ("not sent yet: the upload failed", Outbound.PENDING),
        ("message timed out", Outbound.UNKNOWN),
        ("websocket disconnected before it was answered", Outbound.UNKNOWN),
        ("server returned error 463", Outbound.FAILED),
        ("not sent: the picture is too large, timed out or not", Outbound.FAILED),
    ],
)
def test_an_error_decides_the_state(path: Path, text: str, state: Outbound) -> None:
    """The same as the error that the daemon raises."""
    answer = departures(path, FakeLibrary(RuntimeError(text))).send(send(1))
    assert answer == Failed(id=7, error=text)
    assert row(path)[0] is state


def test_an_error_may_carry_bytes(path: Path) -> None:
    """Some of the library's do."""
    answer = departures(path, FakeLibrary(RuntimeError(b"websocket not connected"))).send(send(1))
    assert answer == Failed(id=7, error="websocket not connected")


def test_what_is_not_pending_does_not_leave(path: Path) -> None:
    """A person has dropped it, or it is on its way: the daemon looks at the outbox again."""
    library = FakeLibrary()
    sending = departures(path, library)
    sending.send(send(1))
    answer = sending.send(send(1, 2))
    assert isinstance(answer, Failed)
    assert isinstance(request_error(answer.error), NotSentError)
    assert library.sent == ["hello"]
    assert row(path, 2)[0] is Outbound.PENDING


def test_after_the_close_nothing_is_begun(path: Path) -> None:
    """It stays pending; what is under way is known."""
    library = FakeLibrary()
    sending = departures(path, library)
    library.may_go_on.clear()
    thread = Thread(target=sending.send, args=(send(1),))
    thread.start()
    eventually(lambda: row(path)[0] is Outbound.SENDING)
    assert sending.under_way
    sending.close()
    refused = sending.send(send(2))
    assert isinstance(refused, Failed)
    assert isinstance(request_error(refused.error), NotSentError)
    library.may_go_on.set()
    thread.join(5)
    assert not sending.under_way
    assert row(path, 1) == (Outbound.SENT, "S1")
    assert row(path, 2)[0] is Outbound.PENDING


def test_an_outbox_that_cannot_be_written_lets_nothing_leave(path: Path) -> None:
    """Nobody could say later what became of it."""
    library = FakeLibrary()
    told: list[ClientEvent] = []
    sending = departures(path, library, told.append)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    answer = sending.send(send(1))
    assert isinstance(answer, Failed)
    assert isinstance(request_error(answer.error), NotSentError)
    assert not library.sent
    assert [type(event) for event in told] == [InboxBlocked]


@pytest.mark.parametrize("ends", [True, False])
def test_an_outcome_that_cannot_be_written_is_written_later(path: Path, *, ends: bool) -> None:
    """The answer waits for it; an engine that ends meanwhile leaves a doubt, and ends all the same."""
    library = FakeLibrary()
    told: list[ClientEvent] = []
    sending = departures(path, library, told.append)
    aside = path.with_name("aside")

    def take_away() -> None:
        path.rename(aside)
        path.mkdir()

    library.during = take_away
    answers: list[Sent | Failed] = []
    thread = Thread(target=lambda: answers.append(sending.send(send(1))))
    thread.start()
    eventually(lambda: bool(library.sent))
    time.sleep(0.03)
    assert not answers
    if ends:
        sending.close()
        thread.join(5)
    path.rmdir()
    aside.rename(path)
    thread.join(5)
    assert isinstance(answers[0], Sent)
    assert row(path)[0] is (Outbound.SENDING if ends else Outbound.SENT)
    assert [type(event) for event in told] == ([InboxBlocked] if ends else [InboxBlocked, InboxUnblocked])


def test_rows_are_not_needed(path: Path) -> None:
    """Whoever sends without an outbox gets the answer only."""
    answer = Departures(connect(None), cast("Library", FakeLibrary()), lambda _: None).send(send())
    assert isinstance(answer, Sent)
    assert isinstance(request_error("server returned error 400"), ClientError)


# In a database.


class Gone(BaseException):
    """The process has ended."""


@pytest.fixture
def _end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the end of the process be seen."""

    def end(code: int) -> None:
        raise Gone(code)

    monkeypatch.setattr("linda_bot.whatsapp.engine.flow.os._exit", end)


def let_go(arrivals: Arrivals, departures: Departures) -> None:
    """Close what the end of the process would."""
    assert arrivals._intake is not None
    assert departures._dispatch is not None
    arrivals._intake.close()
    departures._dispatch.close()


def outbox_row(place: MailPlace) -> tuple[Outbound, str]:
    """Return the first message's state and id."""
    (found,) = rows(place, "SELECT state, message_id FROM outbox WHERE key = 1")
    return Outbound(found[0]), found[1]


def test_messages_pass_through_a_database(postgres: Server) -> None:
    """As they do through a file."""
    place = new_mail(postgres.new_database())
    told: list[ClientEvent] = []
    arrivals = Arrivals(shared(place), told.append)
    arrivals.take(message(), ME)
    arrivals.take(message(), ME)
    assert [type(event) for event in told] == [MessageReceived, MessageRepeated]

    change(place, ("INSERT INTO outbox (owner, chat, created_at) VALUES ('', '', 0)", ()))
    library = FakeLibrary()
    library.during = lambda: during.append(outbox_row(place)[0])
    during: list[Outbound] = []
    sending = Departures(shared(place), cast("Library", library), told.append)
    assert sending.send(send(1)) == Sent(id=7, message_id="S1", sent_at=NOW)
    assert during == [Outbound.SENDING]
    assert outbox_row(place) == (Outbound.SENT, "S1")
    let_go(arrivals, sending)


def test_a_database_that_is_away_holds_the_library_back() -> None:
    """In both directions, until it is back; each is told once."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("there is no PostgreSQL")
    with running_server(binaries) as server:
        place = new_mail(server.new_database())
        change(place, *[("INSERT INTO outbox (owner, chat, created_at) VALUES ('', '', 0)", ())] * 2)
        told: list[ClientEvent] = []
        library = FakeLibrary()
        library.during = server.stop
        arrivals = Arrivals(shared(place), told.append)
        sending = Departures(shared(place), cast("Library", library), told.append)
        threads = [Thread(target=sending.send, args=(send(1),))]
        threads[0].start()
        eventually(lambda: bool(told))
        threads.append(Thread(target=arrivals.take, args=(message(), ME)))
        threads[1].start()
        eventually(lambda: len(told) > 1)
        assert [type(event) for event in told] == [InboxBlocked] * 2
        server.start()
        for thread in threads:
            thread.join(10)
        assert {type(event) for event in told[2:]} == {MessageReceived, InboxUnblocked}
        assert outbox_row(place) == (Outbound.SENT, "S1")
        let_go(arrivals, sending)


@pytest.mark.usefixtures("_end")
def test_an_engine_of_an_older_lease_ends(postgres: Server) -> None:
    """Whatever it was about to write; nothing is sent, and nobody hears of a message that is not written down."""
    address = postgres.new_database()
    place = new_mail(address, fence=1)
    change(place, *[("INSERT INTO outbox (owner, chat, created_at) VALUES ('', '', 0)", ())] * 2)
    told: list[ClientEvent] = []
    library = FakeLibrary()
    sending = Departures(shared(place), cast("Library", library), told.append)
    with house_with_leases(address) as house:
        grant = "INSERT INTO linda_bot.leases (account, fence) VALUES (%s, 2)"
        library.during = lambda: house.execute(grant, (account_of(place),))
        for key in (1, 2):
            with pytest.raises(Gone):
                sending.send(send(key))
        arrivals = Arrivals(shared(place), told.append)
        with pytest.raises(Gone):
            arrivals.take(message(), ME)

    assert library.sent == ["hello"]
    assert [type(event) for event in told] == [EnginePrinted] * 3
    assert outbox_row(place)[0] is Outbound.SENDING
    let_go(arrivals, sending)


@pytest.mark.usefixtures("_end")
def test_it_ends_also_when_nobody_listens(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that was stopped reads nothing, and the pipe is full."""
    monkeypatch.setattr("linda_bot.whatsapp.engine.flow._TELL_WITHIN_S", 0.01)
    address = postgres.new_database()
    place = new_mail(address, fence=1)
    with house_with_leases(address) as house:
        house.execute("INSERT INTO linda_bot.leases (account, fence) VALUES (%s, 2)", (account_of(place),))
    listens = Event()
    arrivals = Arrivals(shared(place), lambda _: cast("None", listens.wait(20)))
    with pytest.raises(Gone):
        arrivals.take(message(), ME)
    listens.set()
    assert arrivals._intake is not None
    arrivals._intake.close()
