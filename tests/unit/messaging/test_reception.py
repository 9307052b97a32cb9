"""One message while it is handled: what is said is kept with the mark, or early, and never twice."""

import asyncio
import sqlite3
from concurrent.futures import Future
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from linda_bot.kernel.errors import UsageError
from linda_bot.messaging.reception import Reception
from linda_bot.messaging.scene import Outgoing, SendError
from linda_bot.whatsapp.content import File, Text
from linda_bot.whatsapp.events import IncomingMessage
from linda_bot.whatsapp.mailbox import Inbound, open_mailbox
from linda_bot.whatsapp.port import NotSentError
from tests.support.fake_client import NUMBER
from tests.support.mail_world import MailWorld

pytestmark = pytest.mark.looptime

ANN = "4915100000001@s.whatsapp.net"


class Handling:
    """A message that is being handled by the test itself."""

    def __init__(self, directory: Path) -> None:
        self.world = MailWorld(directory)

    async def begin(self) -> Reception:
        """Take the message, as for the first time."""
        daemon = self.world.daemon
        (waiting,) = await daemon.store.take(NUMBER, ANN, 10)
        return Reception(waiting, ANN, NUMBER, daemon.desk, is_backlog=False)

    async def __aenter__(self) -> "Handling":  # noqa: PYI034 (it is not subclassed)
        await self.world.__aenter__()
        self.world.daemon.inbox._ending = True
        self.world.whatsapp.say("hi", sender=ANN, message_id="A")
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.world.__aexit__()

    def rows(self, table: str = "outbox") -> list[sqlite3.Row]:
        """Return everything in a table."""
        with closing(open_mailbox(self.world.mailbox)) as connection:
            return connection.execute(f"SELECT * FROM {table}").fetchall()

    @property
    def heard(self) -> list[str]:
        """What the contact has got."""
        return [text for _, text in self.world.whatsapp.heard]


async def say(reception: Reception, text: str) -> Outgoing:
    """Say a text."""
    return await reception.say(ANN, Text(text=text))


async def test_answers_are_kept_with_the_mark(mail_path: Path) -> None:
    """Nothing is on the disk before the end; then all is, at once."""
    async with Handling(mail_path) as handling:
        reception = await handling.begin()
        tickets = [await say(reception, text) for text in ("one", "two")]
        assert handling.rows() == []
        assert [ticket.key for ticket in tickets] == [0, 0]
        await reception.end(Inbound.HANDLED)
        assert [(row["cause"], row["nth"]) for row in handling.rows()] == [(1, 0), (1, 1)]
        assert [row["state"] for row in handling.rows("inbox")] == [Inbound.HANDLED]
        assert [ticket.key for ticket in tickets] == [1, 2]
        assert await tickets[1].confirmed() == "S2"
        assert handling.heard == ["one", "two"]


async def test_an_early_answer(mail_path: Path) -> None:
    """A handler that goes on has its answers sent after a tenth of a second; and those after it again."""
    async with Handling(mail_path) as handling:
        reception = await handling.begin()
        for number in range(4):
            await say(reception, f"{number}")
            await asyncio.sleep(0.07)
        await asyncio.sleep(0.1)
        assert handling.heard == ["0", "1", "2", "3"]
        assert handling.rows("inbox")[0]["state"] == Inbound.WAITING
        await reception.end(Inbound.HANDLED)
        assert len(handling.rows()) == 4


async def test_whoever_waits_for_an_answer_gets_it_at_once(mail_path: Path) -> None:
    """Not after the tenth of a second."""
    async with Handling(mail_path) as handling:
        reception = await handling.begin()
        before = asyncio.get_running_loop().time()
        assert await (await say(reception, "one")).confirmed() == "S1"
        assert asyncio.get_running_loop().time() - before < 0.05


async def test_handled_once_more_nothing_is_said_twice(mail_path: Path) -> None:
    """What was early stays said; what comes after it is new."""
    async with Handling(mail_path) as handling:
        reception = await handling.begin()
        first = await say(reception, "one")
        await asyncio.sleep(0.2)
        await say(reception, "never")
        await reception.withdraw()
        again = await handling.begin()
        tickets = [await say(again, text) for text in ("one", "two")]
        await again.end(Inbound.HANDLED)
        await asyncio.sleep(0.5)
        assert handling.heard == ["one", "two"]
        assert tickets[0].key == first.key
        assert await tickets[0].confirmed() == "S1"


async def test_what_was_withdrawn_is_never_said(mail_path: Path) -> None:
    """Whoever waits for it is told."""
    async with Handling(mail_path) as handling:
        reception = await handling.begin()
        ticket = await say(reception, "one")
        await reception.withdraw()
        await asyncio.sleep(1)
        assert handling.rows() == []
        with pytest.raises(SendError):
            await ticket.confirmed()


async def test_a_task_that_the_handler_has_left_behind(mail_path: Path) -> None:
    """What it says later is sent at once; also what it says just while the end is written down."""
    async with Handling(mail_path) as handling:
        reception = await handling.begin()
        await say(reception, "one")
        ending = asyncio.create_task(reception.end(Inbound.HANDLED))
        while not handling.rows():
            await asyncio.sleep(0)
        meanwhile = asyncio.create_task(say(reception, "two"))
        await ending
        await meanwhile
        ticket = await say(reception, "three")
        assert ticket.key == 3
        await asyncio.sleep(0.5)
        assert handling.heard == ["one", "two", "three"]


async def test_says_at_every_moment_of_the_end(mail_path: Path) -> None:
    """None is lost, whenever it comes."""
    async with Handling(mail_path) as handling:
        reception = await handling.begin()

        async def chatter() -> None:
            for number in range(30):
                await say(reception, f"{number}")
                await asyncio.sleep(0)

        talking = asyncio.create_task(chatter())
        for _ in range(7):
            await asyncio.sleep(0)
        await reception.end(Inbound.HANDLED)
        await talking
        await asyncio.sleep(1)
        assert handling.heard == [f"{number}" for number in range(30)]


async def test_an_end_of_the_bot_leaves_nothing_behind(mail_path: Path) -> None:
    """No timer that would write into a closed mailbox."""
    async with Handling(mail_path) as handling:
        reception = await handling.begin()
        await say(reception, "one")
        reception.abandon()
        await asyncio.sleep(1)
        assert handling.rows() == []


async def test_what_is_remembered_is_kept_with_the_answers(mail_path: Path) -> None:
    """When the handler ends well; nested changes count, too."""
    async with Handling(mail_path) as handling:
        reception = await handling.begin()
        state = await reception.state()
        state["seen"] = {"times": 1}
        assert handling.rows("memory") == []
        await reception.end(Inbound.HANDLED)
        handling.world.whatsapp.say("again", sender=ANN, message_id="B")
        reception = await handling.begin()
        state = await reception.state()
        assert state == {"seen": {"times": 1}}
        state["seen"]["times"] += 1
        await reception.end(Inbound.HANDLED)
        assert handling.rows("memory")[0]["content"] == '{"seen":{"times":2}}'


async def test_what_a_failing_handler_remembers_is_forgotten(mail_path: Path) -> None:
    """Its next try begins with what was there."""
    async with Handling(mail_path) as handling:
        reception = await handling.begin()
        (await reception.state())["seen"] = True
        await reception.withdraw()
        reception = await handling.begin()
        assert await reception.state() == {}


async def test_the_state_is_one_object(mail_path: Path) -> None:
    """Also for two who ask at the same moment."""
    async with Handling(mail_path) as handling:
        reception = await handling.begin()
        first, second = await asyncio.gather(reception.state(), reception.state())
        assert first is second


async def test_a_state_that_cannot_be_kept_is_the_handlers_error(mail_path: Path) -> None:
    """Neither answer nor mark is kept then."""
    async with Handling(mail_path) as handling:
        reception = await handling.begin()
        (await reception.state())["lock"] = asyncio.Lock()
        await say(reception, "one")
        with pytest.raises(TypeError):
            await reception.end(Inbound.HANDLED)
        assert handling.rows() == []
        assert handling.rows("inbox")[0]["state"] == Inbound.WAITING
        await reception.withdraw()


async def test_a_copy_of_the_file_is_kept(mail_path: Path) -> None:
    """The author's may be gone by the time that it is sent; ours is deleted then."""
    picture = mail_path / "picture.png"
    picture.write_bytes(b"PNG")
    async with Handling(mail_path) as handling:
        handling.world.engine.lose_line()
        await asyncio.sleep(0.1)
        reception = await handling.begin()
        await reception.say(ANN, File(kind="image", path=""), file=picture)
        await reception.say(ANN, File(kind="image", path=""), file=b"PNG of bytes")
        picture.unlink()
        await reception.end(Inbound.HANDLED)
        kept = sorted(handling.world.daemon.desk.attachments.iterdir(), key=lambda path: path.stat().st_size)
        assert [path.read_bytes() for path in kept] == [b"PNG", b"PNG of bytes"]
        assert kept[0].suffix == ".png"
        assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}
        handling.world.engine.find_line()
        await asyncio.sleep(2)
        assert len(handling.world.whatsapp.sent) == 2
        assert not list(handling.world.daemon.desk.attachments.iterdir())


async def test_a_file_that_is_none(mail_path: Path) -> None:
    """It is said which; nothing is left of it."""
    async with Handling(mail_path) as handling:
        reception = await handling.begin()
        with pytest.raises(UsageError, match=r"nothing\.png"):
            await reception.say(ANN, File(kind="image", path=""), file=mail_path / "nothing.png")
        with pytest.raises(UsageError):
            await reception.say(ANN, File(kind="image", path=""), file=mail_path)
        assert reception.said == 0
        assert not list(handling.world.daemon.desk.attachments.iterdir())


async def test_files_that_nobody_needs_are_swept_away(mail_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of answers that were withdrawn, dropped or expired; not those of what may still be sent."""
    async with Handling(mail_path) as handling:
        desk = handling.world.daemon.desk
        handling.world.engine.lose_line()
        reception = await handling.begin()
        await reception.say(ANN, File(kind="image", path=""), file=b"withdrawn")
        await reception.withdraw()
        await handling.world.daemon.bot.send_image(ANN, b"\x89PNG")
        await desk.sweep()
        assert len(list(desk.attachments.iterdir())) == 2, "they are young"
        monkeypatch.setattr("linda_bot.messaging.reception._SWEPT_AFTER_S", -1)
        await desk.sweep()
        assert [path.read_bytes() for path in desk.attachments.iterdir()] == [b"\x89PNG"]


async def test_reading_and_downloading_need_the_link(mail_path: Path) -> None:
    """They wait for it for a while, then say so."""
    async with Handling(mail_path) as handling:
        reception = await handling.begin()
        message = IncomingMessage(id="A", chat=ANN, sender=ANN, sent_at=datetime.now(UTC), raw=b"file")
        await reception.mark_read(message)
        await reception.download(message, mail_path / "file")
        assert handling.world.whatsapp.read == ["A"]
        assert (mail_path / "file").read_bytes() == b"file"
        handling.world.engine.lose_line()
        await asyncio.sleep(0.1)
        before = asyncio.get_running_loop().time()
        with pytest.raises(NotSentError, match="the link is down"):
            await reception.mark_read(message)
        assert asyncio.get_running_loop().time() - before == pytest.approx(30)


async def test_an_early_answer_that_a_full_disk_holds_up(mail_path: Path) -> None:
    """It is said when there is room, in order, and the handler's end waits for it."""
    async with Handling(mail_path) as handling:
        disk = handling.world.daemon.thread
        reception = await handling.begin()
        real, disk.submit = disk.submit, refuse  # type: ignore[method-assign, assignment]
        await say(reception, "one")
        await asyncio.sleep(3)
        await say(reception, "two")
        ending = asyncio.create_task(reception.end(Inbound.HANDLED))
        await asyncio.sleep(3)
        assert not ending.done()
        disk.submit = real  # type: ignore[method-assign]
        await ending
        await asyncio.sleep(3)
        assert handling.heard == ["one", "two"]
        assert len(handling.world.daemon.trouble) == 1


def refuse(*_: object) -> Future[None]:
    """Be a disk without room."""
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    future: Future[None] = Future()
    future.set_exception(error)
    return future
