"""The daemon's hand on the mailbox: all or nothing, each answer once, and whatever the disk does."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from linda_bot.kernel.errors import UsageError
from linda_bot.messaging.disk import Disk
from linda_bot.messaging.shared_ground import SharedGround
from linda_bot.messaging.store import Counts, Draft, Store
from linda_bot.whatsapp.content import File, Text
from linda_bot.whatsapp.events import IncomingMessage
from linda_bot.whatsapp.mailbox import Dispatch, Inbound, Intake, MailPlace, Outbound, open_mailbox
from tests.support.mail_world import AtOnce
from tests.support.shared_mail import change, new_mail, rows

ME, ANN, BOB = "971505760056", "4915100000001@s.whatsapp.net", "4915100000002@s.whatsapp.net"
HELLO = Text(text="hello")


class Box:
    """A mailbox with both hands on it."""

    def __init__(self, where: Path | MailPlace, shelf: Path) -> None:
        self.where = where
        self.trouble: list[str] = []
        self.ground: Disk | SharedGround = (
            Disk(where, self.trouble.append, AtOnce())
            if isinstance(where, Path)
            else SharedGround(where, shelf, self.trouble.append, thread=AtOnce())
        )
        self.store = Store(self.ground, self.trouble.append)
        self.intake = Intake(where, most_waiting=1000)
        self.dispatch = Dispatch(where)

    @property
    def path(self) -> Path:
        """The file, if it is one."""
        assert isinstance(self.where, Path)
        return self.where

    def rows(self, statement: str) -> list[Any]:
        """Return what a statement finds."""
        return rows(self.where, statement)

    def change(self, statement: str, *values: object) -> None:
        """Change something behind everybody's back."""
        change(self.where, (statement, values))

    def arrive(self, text: str, chat: str = ANN, owner: str = ME) -> int:
        """Have a message come in."""
        message = IncomingMessage(id=text, chat=chat, sender=chat, text=text, sent_at=datetime.now(UTC))
        return self.intake.take_in(owner, message)[0]

    async def put(self, *texts: str, chat: str = ANN, owner: str = ME) -> list[int]:
        """Put texts into the outbox."""
        return await self.store.put(owner, [Draft(chat, Text(text=text), joinable=False) for text in texts])

    async def taken(self, chat: str = ANN, owner: str = ME) -> list[str]:
        """Return the texts that wait."""
        return [waiting.message.text for waiting in await self.store.take(owner, chat, 10)]

    async def to_send(self, chat: str = ANN, owner: str = ME) -> list[str]:
        """Return the texts that wait to be sent."""
        parcels = await self.store.parcels(owner, chat, 10)
        return [parcel.content.text for parcel in parcels if isinstance(parcel.content, Text)]

    def damage(self) -> None:
        """Overwrite what is in the file, from its second page on."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        data = self.path.read_bytes()
        self.path.write_bytes(data[:4096] + b"\x55" * (len(data) - 4096))


async def _open(box: Box) -> AsyncIterator[Box]:
    await box.store.open()
    yield box
    box.intake.close()
    box.dispatch.close()
    await box.store.close()


@pytest.fixture(params=["file", "database"])
async def box(request: pytest.FixtureRequest, mail_path: Path) -> AsyncIterator[Box]:
    """Return an open one, on either ground."""
    where: Path | MailPlace = mail_path / "mail" / "messages.db"
    if request.param == "database":
        where = new_mail(request.getfixturevalue("mail_address"))
    async for opened in _open(Box(where, mail_path / "files")):
        yield opened


@pytest.fixture
async def file_box(mail_path: Path) -> AsyncIterator[Box]:
    """Return an open one that is a file."""
    async for opened in _open(Box(mail_path / "mail" / "messages.db", mail_path / "files")):
        yield opened


# What arrived.


async def test_conversations_come_in_the_order_in_which_they_wait(box: Box) -> None:
    """Only those of the account, and only those in which something is to be done."""
    for text, chat in (("a", BOB), ("b", ANN), ("c", BOB)):
        box.arrive(text, chat)
    box.arrive("d", "not ours", owner="somebody else")
    done = box.arrive("e", "done with")
    await box.store.finish(ME, done, Inbound.HANDLED)

    assert await box.store.conversations(ME) == [BOB, ANN]


async def test_a_message_counts_as_begun_when_it_is_taken(box: Box) -> None:
    """The first of them is; how often it was before is told."""
    for text in "abc":
        box.arrive(text)
    first = await box.store.take(ME, ANN, 2)
    again = await box.store.take(ME, ANN, 10)

    assert [waiting.message.text for waiting in first] == ["a", "b"]
    assert [(waiting.message.text, waiting.begun) for waiting in again] == [("a", 1), ("b", 0), ("c", 0)]


async def test_the_end_of_one_is_the_beginning_of_the_next(box: Box) -> None:
    """In one transaction, with the answers and what is remembered."""
    one, two = box.arrive("a"), box.arrive("b")
    keys = await box.store.finish(
        ME,
        one,
        Inbound.HANDLED,
        [Draft(ANN, HELLO, joinable=True, cause=one, nth=0), Draft(BOB, HELLO, joinable=False, cause=one, nth=1)],
        memory=(ANN, '{"count":1}'),
        begin_next=two,
    )

    assert keys == [1, 2]
    assert [(waiting.seq, waiting.begun) for waiting in await box.store.take(ME, ANN, 10)] == [(two, 1)]
    assert await box.store.recall(ME, ANN) == '{"count":1}'
    assert await box.store.chats(ME) == [ANN, BOB]
    (parcel,) = await box.store.parcels(ME, ANN, 10)
    assert (parcel.content, parcel.joinable) == (HELLO, True)


async def test_all_of_it_or_nothing(box: Box) -> None:
    """When one part fails, none of the others is done."""
    seq = box.arrive("a")
    with pytest.raises(ValueError, match="Expecting"):
        await box.store.finish(
            ME, seq, Inbound.HANDLED, [Draft(ANN, HELLO, joinable=False, cause=seq, nth=0)], memory=(ANN, "no JSON")
        )
    assert await box.taken() == ["a"]
    assert await box.to_send() == []
    await box.put("the next transaction can begin")


async def test_an_answer_that_was_given_is_not_given_again(box: Box) -> None:
    """A message that is handled once more: the n-th answer is the n-th, also when it was sent long ago."""
    seq = box.arrive("a")
    drafts = [Draft(ANN, Text(text=text), joinable=False, cause=seq, nth=nth) for nth, text in enumerate("xyz")]
    assert await box.store.put(ME, drafts[:1]) == [1]
    box.dispatch.begin([1])
    box.dispatch.end([1], Outbound.SENT, message_id="S1")
    other = [Draft(ANN, HELLO, joinable=False, cause=seq, nth=nth) for nth in range(2)]
    keys = await box.store.finish(ME, seq, Inbound.HANDLED, other)

    assert keys[0] == 1
    assert len(set(keys)) == 2
    assert await box.to_send() == ["hello"]


async def test_what_was_not_asked_for_is_never_a_repetition(box: Box) -> None:
    """The same text twice is two messages."""
    assert len(set(await box.put("x", "x"))) == 2


async def test_a_failure_is_counted(box: Box) -> None:
    """The message waits; what failed can be read."""
    seq = box.arrive("a")
    await box.store.fail(seq, "ValueError: x")
    (waiting,) = await box.store.take(ME, ANN, 10)
    assert (waiting.failures, waiting.begun) == (1, 0)


@pytest.mark.parametrize("state", [Inbound.HANDLED, Inbound.SKIPPED, Inbound.SET_ASIDE])
async def test_only_what_needs_a_person_keeps_its_text(box: Box, state: Inbound) -> None:
    """The rest is nobody's business any more, but its id is known for a while."""
    seq = box.arrive("a")
    await box.store.finish(ME, seq, state, error="why")
    (row,) = box.rows("SELECT * FROM inbox")
    assert (row["body"] is not None) is (state is Inbound.SET_ASIDE)
    assert box.arrive("a") == 0


async def test_a_record_that_cannot_be_read_holds_up_no_other(box: Box) -> None:
    """It is told and passed over, on either way; also when it stands alone."""
    for text in "abc":
        box.arrive(text)
    box.arrive("d", BOB)
    await box.put("x", "y")
    box.change("UPDATE inbox SET body = ? WHERE id IN ('a', 'd')", b"\xc1")
    box.change("UPDATE inbox SET body = NULL WHERE id = 'b'")
    box.change("UPDATE outbox SET content = ? WHERE key = 1", b"\xc1")

    assert await box.taken() == ["c"]
    assert await box.taken(BOB) == []
    assert len(box.trouble) == 3
    assert all("cannot be read" in trouble for trouble in box.trouble)
    assert await box.to_send() == ["y"]
    assert (await box.store.outcome(1)).state is Outbound.FAILED


async def test_what_is_remembered_is_a_conversations_and_an_accounts(box: Box) -> None:
    """Nothing remembered is nothing kept."""
    one, two = box.arrive("a"), box.arrive("b")
    await box.store.finish(ME, one, Inbound.HANDLED, memory=(ANN, '{"n":1}'))
    assert await box.store.recall(ME, BOB) == "{}"
    assert await box.store.recall("somebody else", ANN) == "{}"
    await box.store.finish(ME, two, Inbound.HANDLED, memory=(ANN, "{}"))
    assert await box.store.recall(ME, ANN) == "{}"
    assert box.rows("SELECT * FROM memory") == []


async def test_what_came_before_its_account_was_known(box: Box) -> None:
    """It becomes the account's that is linked; nothing is stuck."""
    box.arrive("a", owner="")
    await box.put("x", owner="")
    assert await box.store.conversations(ME) == [ANN]
    assert await box.store.chats(ME) == [ANN]
    assert await box.taken() == ["a"]
    assert await box.to_send() == ["x"]


# What is to be sent.


async def test_what_an_engine_was_sending_when_it_ended(box: Box) -> None:
    """Nobody knows; what it had not begun is pending, and what it had ended stays as it is."""
    await box.put("a", "b", "c")
    for key in (1, 2):
        box.dispatch.begin([key])
    box.dispatch.end([1], Outbound.SENT, message_id="S1")

    assert await box.store.settle(repeat=False) == [(2, ANN)]
    assert await box.store.settle(repeat=False) == []
    assert [outcome.state for outcome in (await box.store.outcomes([1, 2, 3])).values()] == [
        Outbound.SENT,
        Outbound.UNKNOWN,
        Outbound.PENDING,
    ]
    assert await box.to_send() == ["c"]


async def test_a_doubt_is_repeated_once(box: Box) -> None:
    """Where the user wants that; a message that kills each engine is not sent for ever."""
    await box.put("a")
    box.dispatch.begin([1])
    assert await box.store.settle(repeat=True) == []
    assert await box.to_send() == ["a"]
    box.dispatch.begin([1])
    assert await box.store.settle(repeat=True) == [(1, ANN)]
    assert await box.to_send() == []


async def test_an_unanswered_message_is_repeated_once(box: Box) -> None:
    """All rows that it is made of, or none."""
    await box.put("a", "b")
    box.dispatch.begin([1, 2])
    box.dispatch.end([1, 2], Outbound.UNKNOWN)
    assert not await box.store.repeat_once([1, 77])
    assert await box.store.repeat_once([1, 2])
    assert await box.to_send() == ["a", "b"]
    assert not await box.store.repeat_once([1, 2])


async def test_only_what_is_pending_is_given_up(box: Box) -> None:
    """What the library has is on its way."""
    await box.put("a", "b")
    box.dispatch.begin([1])
    await box.store.give_up([1, 2], "it waited too long")
    assert (await box.store.outcome(1)).state is Outbound.SENDING
    assert await box.store.outcome(2) == (Outbound.FAILED, "", "it waited too long")


async def test_a_message_that_is_not_there_will_not_be_sent(box: Box) -> None:
    """A person has deleted it."""
    assert (await box.store.outcome(7)).state is Outbound.FAILED
    assert (await box.store.outcomes([7]))[7].state is Outbound.FAILED


async def test_the_files_that_are_still_needed(box: Box) -> None:
    """Those of messages that were not sent for sure."""
    drafts = [Draft(ANN, File(kind="image", path=f"/files/{name}"), joinable=False) for name in "abc"]
    await box.store.put(ME, [*drafts, Draft(ANN, HELLO, joinable=False)])
    box.dispatch.begin([1])
    box.dispatch.end([1], Outbound.SENT)
    box.dispatch.begin([2])
    box.dispatch.end([2], Outbound.UNKNOWN)
    assert await box.store.files() == {Path("/files/b"), Path("/files/c")}


# The whole.


async def test_everything_is_counted(box: Box) -> None:
    """What a person is told."""
    for text in "abcd":
        box.arrive(text)
    for seq, state in ((1, Inbound.HANDLED), (2, Inbound.SKIPPED), (3, Inbound.SET_ASIDE)):
        await box.store.finish(ME, seq, state)
    await box.put(*"abcde")
    for key, end in ((1, Outbound.SENT), (2, Outbound.UNKNOWN), (3, Outbound.FAILED), (4, None)):
        box.dispatch.begin([key])
        if end is not None:
            box.dispatch.end([key], end)
    assert await box.store.counts() == Counts(waiting=1, set_aside=1, pending=1, sending=1, unknown=1, failed=1)


async def test_what_was_done_long_ago_is_forgotten(box: Box) -> None:
    """What was set aside is kept for longer; what waits is kept for ever."""
    for text in "abcd":
        box.arrive(text)
    for seq, state in ((1, Inbound.HANDLED), (2, Inbound.SET_ASIDE), (3, Inbound.SET_ASIDE)):
        await box.store.finish(ME, seq, state)
    await box.put("x", "y")
    box.dispatch.begin([1])
    box.dispatch.end([1], Outbound.SENT)
    hour, now = 3600.0, time.time()
    box.change(
        "UPDATE inbox SET received_at = 0, done_at = CASE seq WHEN 3 THEN ? ELSE ? END WHERE done_at IS NOT NULL",
        now - 50 * hour,
        now - 2 * hour,
    )
    box.change("UPDATE outbox SET created_at = 0, done_at = done_at - 7200")
    await box.store.clean_up(keep_s=hour, keep_aside_s=10 * hour)

    assert [row["id"] for row in box.rows("SELECT id FROM inbox ORDER BY seq")] == ["b", "d"]
    assert [row["key"] for row in box.rows("SELECT key FROM outbox")] == [2]
    assert box.arrive("e") == 5, "numbers are not used again"


async def test_a_newer_version_is_left_alone(mail_path: Path) -> None:
    """It is said what to do."""
    path = mail_path / "messages.db"
    open_mailbox(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    store = Store(path)
    with pytest.raises(UsageError, match="newer linda-bot"):
        await store.open()
    await store.close()


async def test_what_can_be_read_of_a_damaged_file_is_saved(file_box: Box) -> None:
    """It is set aside and told, once; whatever was under way goes on in the new one, with numbers of its own."""
    file_box.arrive("a")
    await file_box.put("x")
    before = await file_box.store.counts()
    file_box.damage()
    await file_box.store.check()

    assert await file_box.store.counts() in {before, Counts(0, 0, 0, 0, 0, 0)}
    (trouble,) = file_box.trouble
    assert "damaged" in trouble
    assert len(list(file_box.path.parent.glob("messages.damaged-*.db"))) == 1
    assert file_box.arrive("b") > 1_000_000, "a number may still be in use"
    assert (await file_box.put("y"))[0] > 1_000_000
    assert "b" in await file_box.taken()


async def test_a_damaged_index_costs_nothing(file_box: Box) -> None:
    """All messages, answers and memories are brought over, with their numbers."""
    for text in "abc":
        file_box.arrive(text)
    await file_box.store.finish(
        ME, 1, Inbound.HANDLED, [Draft(ANN, HELLO, joinable=False, cause=1, nth=0)], memory=(ANN, '{"n":1}')
    )
    with closing(sqlite3.connect(file_box.path)) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'inbox_ids'").fetchone()[0]
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with file_box.path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\x0a" + b"\x77" * 500)
    file_box.ground.let_go()
    await file_box.store.check()

    assert "were saved" in file_box.trouble[0]
    assert await file_box.taken() == ["b", "c"]
    assert await file_box.store.recall(ME, ANN) == '{"n":1}'
    assert await file_box.to_send() == ["hello"]
    assert await file_box.store.put(ME, [Draft(ANN, HELLO, joinable=False, cause=1, nth=0)]) == [1]
    assert file_box.arrive("a") == 0, "it was handled"


async def test_a_file_that_is_none(file_box: Box) -> None:
    """Whoever put it there gets it back under another name."""
    file_box.ground.let_go()
    for found in file_box.path.parent.iterdir():
        found.unlink()
    file_box.path.write_text("a shopping list, of some length\n" * 40)
    await file_box.put("x")
    (aside,) = file_box.path.parent.glob("messages.damaged-*.db")
    assert aside.read_text().startswith("a shopping list")
    assert await file_box.to_send() == ["x"]


@pytest.mark.looptime
async def test_a_disk_that_cannot_be_used_is_waited_out(file_box: Box) -> None:
    """It is told once, not every second; what was to be done is done then."""
    file_box.ground.let_go()
    aside = file_box.path.with_name("aside")
    file_box.path.rename(aside)
    for ending in ("-wal", "-shm"):
        file_box.path.with_name(file_box.path.name + ending).unlink(missing_ok=True)
    file_box.path.mkdir()
    putting = asyncio.create_task(file_box.put("x"))
    counting = asyncio.create_task(file_box.store.counts())
    await asyncio.sleep(60)
    assert not putting.done()
    assert len(file_box.trouble) == 1
    file_box.path.rmdir()
    aside.rename(file_box.path)
    await asyncio.sleep(1.5)
    assert await putting == [1]
    assert (await counting).pending <= 1


@pytest.mark.looptime
async def test_a_full_disk_in_the_middle_of_a_transaction(file_box: Box) -> None:
    """SQLite may have ended it: nothing of it is done, and the same again does all of it."""
    with closing(open_mailbox(file_box.path)) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    await file_box.store.read(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}").fetchall())
    # The limit is the connection's: the next try has another one, as on a disk where something was deleted.
    keys = await file_box.store.put(ME, [Draft(ANN, Text(text="x" * 4000), joinable=False) for _ in range(20)])
    assert len(set(keys)) == 20
    assert len(await file_box.store.parcels(ME, ANN, 100)) == 20
    assert "full" in file_box.trouble[0]


async def test_a_mistake_of_ours_comes_out(file_box: Box) -> None:
    """It would not go away by waiting."""
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await file_box.store.read(lambda connection: connection.execute("SELECT * FROM nowhere"))
    assert not file_box.trouble


async def test_work_is_done_on_a_thread_of_its_own(mail_path: Path) -> None:
    """A slow disk does not hold up the loop; the close waits for what was begun."""
    store = Store(mail_path / "messages.db")
    await store.open()
    slow = asyncio.create_task(store.read(lambda _: time.sleep(0.1)))
    started = time.monotonic()
    await asyncio.sleep(0.01)
    assert time.monotonic() - started < 0.09
    await store.close()
    assert slow.done()
    await slow
