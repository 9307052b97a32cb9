"""The writer's thread: whatever the disk does, nobody waits, memory is bounded, and what is lost is counted."""

import json
import threading
import time
from collections.abc import Sequence
from typing import Any

from linda_bot.eventlog.events import LogRecovered, LogTrouble
from linda_bot.eventlog.redaction import Redactor
from linda_bot.eventlog.writer import LogWriter
from linda_bot.kernel.events import Event, Severity
from linda_bot.messaging.events import MailboxTrouble, MessageSent
from linda_bot.whatsapp.events import Connected, EnginePrinted


class Disk:
    """A place that can be slow, full, or hang."""

    name = "the disk"

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.error: OSError | None = None
        self.may_write = threading.Event()
        self.may_write.set()
        self.closed = False

    def render(self, line: dict[str, Any]) -> str:
        return json.dumps(line, default=str)

    def write(self, lines: Sequence[str]) -> None:
        self.may_write.wait(30)
        if self.error is not None:
            raise self.error
        self.lines += [json.loads(line) for line in lines]

    def close(self) -> None:
        self.closed = True

    @property
    def names(self) -> list[str]:
        return [line["event"] for line in self.lines]


def writer_on(disk: Disk, told: list[Event] | None = None, *, depth: int = 100) -> LogWriter:
    """Return a writer that has begun."""
    news = [] if told is None else told
    writer = LogWriter([disk], Redactor(b"k"), account="default", tell=news.append, depth=depth)
    writer.start()
    return writer


def sent(number: int) -> MessageSent:
    """Return an event that is told apart by its number."""
    return MessageSent(id="3EB0AE5512345678", chat="x@lid", key=number, duration_ms=1)


def until(what: Any) -> None:
    """Wait until something holds."""
    give_up_at = time.monotonic() + 10
    while not what():
        assert time.monotonic() < give_up_at
        time.sleep(0.002)


def test_a_hanging_disk_holds_nobody_up() -> None:
    """What is too much is counted, the newest is kept, and the log says that something is missing."""
    disk = Disk()
    disk.may_write.clear()
    writer = writer_on(disk, depth=1000)
    writer.put(sent(0))
    until(lambda: not writer.waiting)
    for number in range(1, 5001):
        writer.put(sent(number))
    lost = writer.lost
    disk.may_write.set()
    writer.close()

    assert lost == 4000
    keys = [line["key"] for line in disk.lines if "key" in line]
    assert keys == [0, *range(4001, 5001)]
    assert [line["lost"] for line in disk.lines if line["event"] == "log_recovered"] == [4000]
    assert disk.closed


def test_a_full_disk_is_told_once_and_its_end_too() -> None:
    """With how many lines are missing."""
    disk = Disk()
    told: list[Any] = []
    writer = writer_on(disk, told)
    disk.error = OSError(28, "No space left on device")
    for number in range(10):
        writer.put(sent(number))
        until(lambda: not writer.waiting)
    until(lambda: writer.lost == 10)
    disk.error = None
    until(lambda: _put_and_see(writer, told))
    writer.close()

    assert [type(event) for event in told] == [LogTrouble, LogRecovered]
    assert told[0].because == "the disk cannot be written: no space left on device"
    assert told[1].lost == writer.lost >= 10
    assert disk.names


def _put_and_see(writer: LogWriter, told: list[Event]) -> bool:
    writer.put(sent(99))
    time.sleep(0.05)
    return len(told) > 1


def test_a_disk_that_never_comes_back_does_not_hold_up_the_end() -> None:
    """The bot stops in seconds, whatever the disk does."""
    disk = Disk()
    disk.may_write.clear()
    writer = writer_on(disk)
    writer.put(sent(0))
    began_at = time.monotonic()
    writer.close(within_s=0.1)

    assert time.monotonic() - began_at < 5
    disk.may_write.set()


def test_a_storm_is_held_back_messages_are_not() -> None:
    """Five hundred decryption errors a second, and what becomes of messages meanwhile."""
    disk = Disk()
    writer = writer_on(disk, depth=10_000)
    for number in range(1000):
        writer.put(EnginePrinted(line=f"bad MAC {number}", level="error"))
        writer.put(sent(number))
    writer.close()

    assert disk.names.count("message_sent") == 1000
    assert disk.names.count("engine_printed") == 50
    held = [line for line in disk.lines if line["event"] == "lines_held_back"]
    assert [(line["of"], line["count"]) for line in held] == [("engine_printed", 950)]


def test_a_line_that_cannot_be_made_ends_nothing() -> None:
    """A bug in one event is told in its place."""
    disk = Disk()
    writer = writer_on(disk)
    writer.put(MailboxTrouble(because=5))  # type: ignore[arg-type]
    writer.put(object())  # type: ignore[arg-type]
    writer.put(Connected(number=""))
    writer.close()

    assert disk.names[0] == "mailbox_trouble"
    assert disk.names[-1] == "connected"


def test_the_level_is_that_of_the_moment() -> None:
    """Also what waits is measured by it."""
    disk = Disk()
    writer = writer_on(disk)
    writer.set_level(Severity.ERROR)
    writer.put(sent(1))
    until(lambda: not writer.waiting)
    writer.set_level(Severity.DEBUG)
    writer.put(EnginePrinted(line="noise"))
    writer.close()

    assert disk.names == ["engine_printed"]
