"""A bot that is to survive faults, as its files and its process show it."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from linda_bot.connection.lifecycle import LinkState
from linda_bot.sandbox.bot_process import LISTENING, BotProcess
from linda_bot.sandbox.pairing import ScanError
from linda_bot.sandbox.phone import Phone
from linda_bot.sandbox.qr import UnreadableQrError, qr_from_terminal

_CODE_SHOWN = "Waiting for the scan"
_RAISED, _CLEARED = "alert_raised", "alert_cleared"
_ENDS = (LinkState.STOPPING, LinkState.STOPPED)
_LOOK_EVERY_S = 0.01
_TOLD_WITHIN_S = 3.0
"""How long the files may lag behind, and how long an alert that is over may last."""


class Size(NamedTuple):
    """What a process holds of the system."""

    descriptors: int
    threads: int


class FaultedBot:
    """A running bot; what its files tell is told once, so that what comes too late is seen in what follows."""

    def __init__(self, process: BotProcess, data_dir: Path, number: str) -> None:
        self.process = process
        self.data_dir = data_dir
        self.number = number
        self._session = data_dir / "sessions" / "session-default"
        self._log = data_dir / "logs" / "events.jsonl"
        self._told_until = self._history()[-1:]
        self._lines_told = 0
        self._lines_told = len(self._lines())
        self._screen_told = 0

    @property
    def runs(self) -> bool:
        """Whether the process is there."""
        try:
            return psutil.Process(self.process.pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    @property
    def screen(self) -> str:
        """What it has printed since the last `turn_page`."""
        return "\n".join(self.process.lines[self._screen_told :])

    @property
    def states(self) -> list[str]:
        """Where the link was since the last `turn_page`, as the history file says."""
        return [kind for _, kind in self._since(self._told_until)]

    @property
    def is_up(self) -> bool:
        """Whether the history file says that the link is connected."""
        return [kind for _, kind in self._history()[-1:]] == [LinkState.CONNECTED]

    @property
    def alerts(self) -> list[tuple[str, str]]:
        """What a person was told since the last `turn_page`, as the event log says."""
        return [(line["event"], line["kind"]) for line in self._lines() if line["event"] in (_RAISED, _CLEARED)]

    @property
    def bugs(self) -> list[dict[str, Any]]:
        """What was logged with a trace since the last `turn_page`, but for answers that could not be sent."""
        traced = [line for line in self._lines() if "trace" in line or "Traceback" in str(line)]
        return [line for line in traced if not str(line.get("error")).startswith("SendError")]

    def received(self) -> list[str]:
        """Return the ids of the messages that have reached the daemon since the last `turn_page`."""
        return self._ids("message_received")

    def handled(self) -> list[str]:
        """Return the ids of the messages that a handler has finished with since the last `turn_page`."""
        return self._ids("message_handled", "handler_failed")

    def turn_page(self) -> None:
        """Begin anew with what the files tell; what they have told is done with."""
        self._told_until = self._history()[-1:]
        self._lines_told += len(self._lines())
        self._screen_told = len(self.process.lines)

    def size(self) -> Size:
        """Return what the daemon holds."""
        daemon = psutil.Process(self.process.pid)
        return Size(daemon.num_fds(), daemon.num_threads())

    def engines(self) -> list[int]:
        """Return the engines that the daemon has."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if child.status() != psutil.STATUS_ZOMBIE and any(".engine" in word for word in child.cmdline()):
                    found.append(child.pid)
            except psutil.Error:
                continue
        return found

    async def listens(self) -> None:
        """Wait until it listens, for the first time."""
        await self.process.wait_for(LISTENING)

    async def shows_code(self) -> None:
        """Wait until it shows a QR code."""
        await self.process.wait_for(_CODE_SHOWN)

    async def be_scanned(self, phone: Phone, *, times: int) -> None:
        """Scan each code that can be scanned, so many of them."""
        done: set[str] = set()
        seen = 0
        while len(done) < times:
            await asyncio.sleep(_LOOK_EVERY_S)
            shown = self.screen.count(_CODE_SHOWN)
            if shown == seen:
                continue
            try:
                code = qr_from_terminal(self.process.screen)
                if code not in done:
                    await phone.scan(code)
                    done.add(code)
                seen = shown
            except (ScanError, UnreadableQrError):
                seen = shown

    async def until(self, what: Callable[[], bool], *, within_s: float = _TOLD_WITHIN_S) -> bool:
        """Wait until something holds; return whether it does."""
        give_up_at = time.monotonic() + within_s
        while not what():
            if time.monotonic() > give_up_at:
                return False
            await asyncio.sleep(_LOOK_EVERY_S)
        return True

    def _since(self, last: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return the states after one; how many there are before it changes, because a long history is cut."""
        history = self._history()
        places = [place for place, entry in enumerate(history) if [entry] == last]
        return history[places[-1] + 1 :] if places else [entry for entry in history if [entry] > last]

    def _history(self) -> list[tuple[str, str]]:
        """Return when each state was noted, and which it was."""
        try:
            entries = json.loads((self._session / "session-history.json").read_text())
        except FileNotFoundError:  # not there yet, or just being set aside with the session
            return []
        noted = [(entry["timestamp"], entry["eventType"]) for entry in entries]
        return [(at, kind) for at, kind in noted if kind in set(LinkState) and kind not in _ENDS]

    def _ids(self, *events: str) -> list[str]:
        return [line["message_id"] for line in self._lines() if line["event"] in events]

    def _lines(self) -> list[dict[str, Any]]:
        try:
            whole = self._log.read_text().rpartition("\n")[0]
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in whole.splitlines()[self._lines_told :]]


def told(kinds: str, *, is_over: bool) -> list[tuple[str, str]]:
    """Return what the event log must say of an incident, given the kinds of its alerts, each graver than the last."""
    raised = [(_RAISED, kind) for kind in kinds.split()]
    return [*raised, (_CLEARED, raised[-1][1])] if raised and is_over else raised
