"""What the acts have their hands on."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from linda_bot.sandbox import faults
from linda_bot.sandbox.server import Sandbox
from linda_bot.sessions.paths import DEFAULT_ACCOUNT, SessionPaths
from tests.support.small_disk import fill
from trials.chaos.friends import Friends
from trials.chaos.kept_bot import KeptBot
from trials.chaos.weather import Weather

BOT = "971505760056"
FRIENDS = ("4915112345678", "4915112345679")

_IN_A_FLOOD, _IN_A_QUIET_HOUR = 101, 5
"""How many messages the library may have confirmed and not handed over: its queue, and the one in hand; or as many as
come within a moment."""
_PUT_BACK = 1000
"""A backup cannot read what was written to sessions younger than it is. That is asked for again, and some of it is lost
when many are asked for at once: the library that sends it again may use a Signal counter twice."""


@dataclass
class Excuse:
    """What the documentation says may be missing after what was done in a round."""

    engines_ended: int = 0
    """How often the client library's process may have been ended while it had messages in hand."""
    flooded: bool = False
    put_back: int = 0
    """How often an older session may have been put back."""
    unknown: int = 0
    """Answers that were just being sent."""
    disk_was_full: bool = False
    """A bot that dies while nothing can be written forgets what it has told: the end of that is told by nobody."""
    refused: int = 0
    """Answers that the server was told to refuse."""
    mailbox: str = ""
    """Why the bot may have forgotten what it had written down; anything may be missing then, or come twice."""

    @property
    def lost(self) -> int:
        """How many messages may be lost: confirmed by the client library, and never seen by the bot."""
        return self.engines_ended * (_IN_A_FLOOD if self.flooded else _IN_A_QUIET_HOUR) + self.put_back * _PUT_BACK


@dataclass
class World:
    """A server, a bot that is kept running, people who write to it, its disk and its weather."""

    sandbox: Sandbox
    bot: KeptBot
    friends: Friends
    data_dir: Path
    disk: Path | None
    """The file system of the data directory, where that is one of its own."""
    weather: Weather | None
    excuse: Excuse = field(default_factory=Excuse)
    label: str = ""
    """What the texts of this round begin with."""

    @property
    def paths(self) -> SessionPaths:
        """Where the bot keeps its session."""
        return SessionPaths(self.data_dir, DEFAULT_ACCOUNT)

    @property
    def mailbox(self) -> Path:
        """Where the bot keeps its messages."""
        return self.data_dir / "messages" / f"messages-{DEFAULT_ACCOUNT}.db"

    def engine_may_end(self, times: int = 1) -> None:
        """Note that what an act does may end the client library's process, and what it has in hand with it."""
        self.excuse.engines_ended += times
        self.excuse.unknown += times

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Have no room on the disk for the length of the block."""
        assert self.disk is not None
        self.excuse.disk_was_full = True
        ballast = fill(self.disk)
        try:
            yield
        finally:
            ballast.unlink(missing_ok=True)

    async def clear_up(self) -> None:
        """End every fault that would not end by itself; the wall clock stays as wrong as it is."""
        self.sandbox.front.refuse = self.sandbox.front.black_hole = False
        await faults.clear(self.sandbox)
        if self.weather is not None:
            self.weather.disk_slower_by(0)
        if self.disk is not None:
            (self.disk / "ballast").unlink(missing_ok=True)
        self.bot.thaw()

    async def eventually(self, what: str, *, within_s: float) -> bool:
        """Have somebody write and wait for the answer; return whether it came."""
        asked, number = "", 0
        try:
            async with asyncio.timeout(within_s):
                while not any(self.friends.is_answered(each) for each in asked.split()):
                    if not number % 20:  # a message may fall to the round's last blow, so it is asked again
                        text = f"{what}-{number}"
                        if await self.friends.say(text):
                            asked += f" {text}"
                    number += 1
                    await asyncio.sleep(0.2)
        except TimeoutError:
            return False
        return True
