"""What outlives the process: open incidents, the last notices, and what became of them."""

import asyncio
import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from linda_bot.health.alerting.incident import Incident
from linda_bot.health.alerting.notice import Notice
from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.files import (
    UnreadableFileError,
    fit_json,
    make_private_dir,
    put_unreadable_aside,
    read_json,
    write_json,
)

_KEPT = 50
_SENT_LATE_WITHIN = timedelta(days=1)
_log = logging.getLogger("linda_bot.health.alerting")


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a notice at one sink."""

    sink: str
    state: Literal["pending", "delivered", "failed"] = "pending"
    tries: int = 0
    error: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A notice, and what became of it."""

    notice: Notice
    deliveries: tuple[Delivery, ...] = ()


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """The file's content."""

    version: Literal[1] = 1
    incidents: tuple[Incident, ...] = ()
    records: tuple[Record, ...] = ()
    """Newest last."""
    apprise_checked: str = ""
    """A hash of the addresses that Apprise could read."""


def load_memory(path: Path) -> Memory:
    """Return what is remembered; raises UnreadableFileError when that is nothing."""
    memory = fit_json(read_json(path), Memory)
    if any(not incident.troubles for incident in memory.incidents):
        raise UnreadableFileError("an incident without a trouble")
    return memory


def memory_or_new(path: Path) -> Memory:
    """Return what is remembered; a file that cannot be read is put aside when the next one is written."""
    try:
        return load_memory(path)
    except UnreadableFileError:
        return Memory()


def with_notice(memory: Memory, notice: Notice, sinks: Collection[str]) -> Memory:
    """Return the memory with a notice that is about to be sent."""
    record = Record(notice=notice, deliveries=tuple(Delivery(sink=sink) for sink in sinks))
    return msgspec.structs.replace(memory, records=(*memory.records, record)[-_KEPT:])


def with_delivery(memory: Memory, notice_id: str, delivery: Delivery) -> Memory:
    """Return the memory with what became of a notice at a sink."""
    records = tuple(
        msgspec.structs.replace(
            record,
            deliveries=tuple(delivery if each.sink == delivery.sink else each for each in record.deliveries),
        )
        if record.notice.id == notice_id
        else record
        for record in memory.records
    )
    return msgspec.structs.replace(memory, records=records)


def left_over(memory: Memory, sinks: Collection[str], now: datetime) -> tuple[Memory, list[tuple[str, Notice]]]:
    """Return what an earlier process did not get sent, by sink, oldest first; what is hopeless is marked so."""
    late: list[tuple[str, Notice]] = []
    for record in memory.records:
        for delivery in record.deliveries:
            if delivery.state != "pending":
                continue
            if delivery.sink in sinks and now - record.notice.at <= _SENT_LATE_WITHIN:
                late.append((delivery.sink, record.notice))
                continue
            why = "too old when the bot was started again" if delivery.sink in sinks else "the sink is not set any more"
            lost = msgspec.structs.replace(delivery, state="failed", error=why)
            memory = with_delivery(memory, record.notice.id, lost)
    return memory, late


class MemoryFile:
    """Writes the newest memory, one write at a time, without holding up the event loop."""

    def __init__(self, path: Path, now: Memory) -> None:
        self.now = now
        self._path = path
        self._lock = asyncio.Lock()
        self._written: Memory | None = None
        self._told = False

    async def save(self) -> bool:
        """Bring what is remembered to the disk; a disk that does not take it is said once, and returns False."""
        async with self._lock:
            memory = self.now
            if memory is self._written:
                return True
            try:
                await asyncio.to_thread(self._write, memory)
                self._told = False
            except (OSError, UsageError) as error:
                if not self._told:
                    _log.warning("the alerts cannot be remembered: %s", error)
                self._told = True
                return False
            self._written = memory
            return True

    def _write(self, memory: Memory) -> None:
        make_private_dir(self._path.parent)
        try:
            load_memory(self._path)
        except UnreadableFileError:
            put_unreadable_aside(self._path)
        write_json(self._path, msgspec.to_builtins(memory))
