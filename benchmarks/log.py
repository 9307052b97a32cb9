"""A million events through bus and log: how many a second, how late the event loop gets, what it takes of all else.

Three disks: a good one, one whose every write takes 20 ms, and one that is full for half of the time. Beside it,
Python's own logging with the same facts as JSON, in the same process. Tie it to one core with `taskset -c 0`.
"""

import argparse
import asyncio
import json
import logging
import logging.handlers
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from linda_bot.eventlog.log_file import FILE_NAME, LogFile
from linda_bot.eventlog.places import FilePlace
from linda_bot.eventlog.redaction import Redactor
from linda_bot.eventlog.setup import writing_log
from linda_bot.kernel.bus import EventBus, listen
from linda_bot.kernel.events import Event
from linda_bot.messaging.events import MessageHandled, MessageSent
from linda_bot.settings import LogSettings
from linda_bot.whatsapp.events import IncomingMessage, MessageReceived

NOW = datetime.now(UTC)
SLOW_S = 0.02
BURST = 100
WAITING_AT_MOST = 10_000


class OddDisk(LogFile):
    """A file on a disk that is slow, or full every other second."""

    kind = "good"

    def write(self, lines: bytes) -> None:
        """Take the lines, in its own way."""
        if self.kind == "slow":
            time.sleep(SLOW_S)
        elif self.kind == "full" and int(time.monotonic()) % 2:
            raise OSError(28, "No space left on device")
        super().write(lines)


def events(count: int) -> Iterator[Event]:
    """Yield what happens when messages of 5,000 contacts are answered."""
    for number in range(count):
        chat = f"49151{number % 5000:08d}@s.whatsapp.net"
        key = f"3EB0{number:016X}"
        match number % 3:
            case 0:
                message = IncomingMessage(
                    id=key, chat=chat, sender=chat, sender_name="Ann", text=f"hello {number}", kind="text", sent_at=NOW
                )
                yield MessageReceived(message=message, seq=number, conversation=chat)
            case 1:
                yield MessageHandled(id=key, chat=chat, handler="ping", duration_ms=3)
            case _:
                yield MessageSent(id=key, chat=chat, key=number, duration_ms=12)


async def through_the_log(kind: str, count: int, directory: Path) -> str:
    """Publish the events as fast as the log takes them, and say how it went."""
    bus, settings = EventBus(), LogSettings()
    file = OddDisk(directory / FILE_NAME, most_bytes=settings.file_bytes, files=settings.files)
    file.kind = kind
    late_s: list[float] = []

    async def meter() -> None:
        while True:
            asked_at = time.perf_counter()
            await asyncio.sleep(0.001)
            late_s.append(time.perf_counter() - asked_at - 0.001)

    places = [FilePlace(file, "the log")]
    with (
        bus.subscribe(Event, name="log", depth=2000) as inbox,
        writing_log(list(places), settings, Redactor(b"key"), account="default") as log,
    ):
        tasks = [asyncio.create_task(listen(inbox, log.put)), asyncio.create_task(meter())]
        began_at = time.perf_counter()
        for number, event in enumerate(events(count), start=1):
            bus.publish(event)
            if number % BURST == 0:
                await asyncio.sleep(0)
                while log.waiting > WAITING_AT_MOST:
                    await asyncio.sleep(0.001)
        while log.waiting:
            await asyncio.sleep(0.001)
        took_s = time.perf_counter() - began_at
        lost = log.lost + inbox.dropped
        for task in tasks:
            task.cancel()
    megabytes = sum(file.stat().st_size for file in directory.iterdir()) / 1e6
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"{kind:>10}: {count / took_s:8,.0f} events/s, loop late by {_thousandth(late_s):4.1f} ms "
        f"(one turn in 1,000 more), at most {max(late_s) * 1000:5.1f} ms, "
        f"{lost:7,} lines lost and counted, {megabytes:5.1f} MB of disk, {memory:4.0f} MB of memory at most"
    )


def _thousandth(late_s: list[float]) -> float:
    """Return by how many milliseconds all turns but one in a thousand were late at most."""
    return sorted(late_s)[-1 - len(late_s) // 1000] * 1000


def held_up_by_the_machine(seconds: float) -> str:
    """Look at the clock all the time, and say for how long that was not possible: what no program can help."""
    worst_s, last = 0.0, time.perf_counter()
    end = last + seconds
    while last < end:
        now = time.perf_counter()
        worst_s, last = max(worst_s, now - last), now
    worst = f"{worst_s * 1000:.1f} ms"
    return f"{'machine':>10}: a program that only looks at the clock was held up for {worst} in {seconds:g} s"


def through_logging(count: int, directory: Path) -> str:
    """Write the same facts with Python's logging, one call a line."""
    handler = logging.handlers.RotatingFileHandler(directory / "plain.jsonl", maxBytes=5_000_000, backupCount=5)
    log = logging.getLogger("plain")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(handler)
    began_at = time.perf_counter()
    for event in events(count):
        name = type(event).__name__
        log.info("%s", json.dumps({"timestamp": event.at.isoformat(), "event": name, "facts": repr(event)}))
    took_s = time.perf_counter() - began_at
    handler.close()
    return f"{'logging':>10}: {count / took_s:8,.0f} events/s, on the event loop itself, nothing masked"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    count = parser.parse_args().events
    for kind in ("good", "slow", "full"):
        with tempfile.TemporaryDirectory() as place:
            print(asyncio.run(through_the_log(kind, count, Path(place))), flush=True)
    print(held_up_by_the_machine(count / 40_000), flush=True)
    with tempfile.TemporaryDirectory() as place:
        print(through_logging(count, Path(place)))


if __name__ == "__main__":
    main()
