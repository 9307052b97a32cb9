"""One of several accounts of a process: what is done with it, whether it runs or not."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum

import msgspec

from linda_bot.app.account import Account
from linda_bot.app.status import time_of
from linda_bot.kernel.errors import ExitCode, LindaError, SessionHeldError, TransientError
from linda_bot.kernel.events import utc_now
from linda_bot.kernel.tasks import spawn_task

_TURN_WITHIN_S = 5.0
"""How long an account that begins may keep the next one waiting."""
_HELD_AGAIN_S = 10.0
_FAILED_AGAIN_S = (5.0, 30.0, 120.0, 600.0)
_STOP_WITHIN_S = 8.0
"""After that a life that is to end in good order is evicted."""
_ENDED_WITHIN_S = 10.0
"""How long an end is waited for; what still runs then goes on ending, and nothing of it begins before."""
_STEADY_AFTER_S = 600.0
"""After so long a life a failure is the first one again."""

_NEEDS_PHONE = frozenset({ExitCode.LINKING_NEEDED, ExitCode.LOGGED_OUT})


class Phase(StrEnum):
    """What becomes of an account in this process."""

    WAITING = "waiting"
    """For its turn to begin."""
    RUNNING = "running"
    UNLINKED = "unlinked"
    """It needs a phone; nothing runs until somebody asks to link it."""
    PAUSED = "paused"
    """A person has paused it; nothing runs."""
    FAILED = "failed"
    """It ended, and begins again later."""
    ENDED = "ended"
    """It ended for a reason that time does not mend; `resume` begins anew."""
    ELSEWHERE = "elsewhere"
    """Another host has it, or none."""


class ResidentView(msgspec.Struct, frozen=True, kw_only=True):
    """One account, as lists show it; times in UTC with milliseconds and a Z."""

    account: str
    phase: str
    why: str = ""
    since: str | None = None
    state: str = ""
    """Of its link, where it runs: a word of `connection.lifecycle.LinkState`."""
    linked_number: str = ""
    health: str = "unknown"
    host: str = ""
    """Which host has it, where several share a database."""
    next_try_s: float | None = None


MakeAccount = Callable[[str, bool], Account]
"""Makes an account by its name, and whether codes may be shown to link it."""


class Resident:
    """Has an account live, and live again; a failure of one is nobody else's."""

    def __init__(self, name: str, make: MakeAccount, turns: asyncio.Semaphore, on_change: Callable[[], None]) -> None:
        self.name = name
        self.account: Account | None = None
        self.phase = Phase.WAITING
        self.why = ""
        self.since = utc_now()
        self.asking = asyncio.Lock()
        """Held by who changes what becomes of it: one request comes to its end before the next one begins."""
        self._make = make
        self._turns = turns
        self._on_change = on_change
        self._linking = False
        self._is_wanted = False
        self._failures = 0
        self._again_at: float | None = None
        self._begin_now = asyncio.Event()
        self._living: asyncio.Task[None] | None = None
        self._lives: set[asyncio.Task[None]] = set()
        """That one, and those before it that have not quite ended."""

    @property
    def is_running(self) -> bool:
        """Whether there is an account whose link has begun."""
        return self.account is not None and self.account.link is not None

    def begin(self, *, linking: bool = False) -> None:
        """Have it live, now, if it does not; `linking` shows codes where it needs a phone."""
        self._linking = self._linking or linking
        self._begin_now.set()
        self._is_wanted = True
        if self._living is None or self._living.done() or self.is_told_to_end:
            self._failures = 0
            self._move(Phase.WAITING)
            self._living = spawn_task(self._live(after=set(self._lives)), name=f"account {self.name}")
            self._lives.add(self._living)
            self._living.add_done_callback(self._lives.discard)

    async def link(self) -> None:
        """Show codes where it needs a phone, from now on; an account that is up goes on undisturbed.

        Where it is just about to find that it needs one, codes come with its next life.
        """
        if self.is_running:
            self._linking = True
        elif not self._linking:
            await self.end(self.phase, self.why)
            self.begin(linking=True)

    async def end(self, phase: Phase, why: str = "") -> None:
        """Have it end in good order, and be in another phase from then on; whoever asks meanwhile waits for the same.

        What has not ended after some seconds is evicted; `is_ending` says whether even that took too long.
        """
        living = self._living
        self._linking = self._is_wanted = False
        if living is not None and not living.cancelling():  # a second time would break off the end itself
            living.cancel()
        await self.gone(within_s=_ENDED_WITHIN_S)
        if self._living is living:  # else somebody has had it begin anew
            self._again_at = None
            self._move(phase, why)

    @property
    def is_ending(self) -> bool:
        """Whether something of it still runs."""
        return any(not life.done() for life in self._lives)

    @property
    def is_told_to_end(self) -> bool:
        """Whether nothing of it is to run, though something may."""
        return self._living is None or self._living.cancelling() > 0

    async def gone(self, *, within_s: float) -> None:
        """Wait until nothing of it runs any more, or for some seconds: see `is_ending`."""
        if self._lives:
            await asyncio.wait(set(self._lives), timeout=within_s)

    def rest(self, phase: Phase, why: str) -> None:
        """Be in a phase in which nothing of it runs, if nothing does."""
        if not self.is_ending:
            self._move(phase, why)

    def evict(self) -> None:
        """End its engine at once; `end` brings the rest."""
        if self.account is not None:
            self.account.evict()

    def view(self, *, host: str = "") -> ResidentView:
        """Return it as lists show it; numbers are not masked."""
        account = self.account
        link, front = (account.link, account.front) if account is not None else (None, None)
        left_s = None if self._again_at is None else self._again_at - asyncio.get_running_loop().time()
        return ResidentView(
            account=self.name,
            phase=self.phase.value,
            why=self.why,
            since=time_of(self.since),
            state=link.state.value if link is not None else "",
            linked_number=(front.book.status.number if front.book.status.device_linked else "") if front else "",
            health=front.health().grade if front is not None else "unknown",
            host=host,
            next_try_s=None if left_s is None else max(round(left_s, 1), 0.0),
        )

    async def _live(self, *, after: set[asyncio.Task[None]]) -> None:
        """Live until there is nothing more to try, when what was before has ended; cancelled, have its life end."""
        if after:
            await asyncio.wait(after)
        while True:
            began_at = asyncio.get_running_loop().time()
            could_link = self._linking
            phase, why, again_s = await self._one_life(linking=could_link)
            if asyncio.get_running_loop().time() - began_at > _STEADY_AFTER_S:
                self._failures = 0
            if phase is Phase.UNLINKED and self._linking and not could_link:
                again_s = 0.0  # somebody asked for codes while it was finding out
            if again_s is None:
                self._linking = False
                if self._is_wanted:  # else whoever ends it says what it is then
                    self._move(phase, why)
                return
            if again_s:
                self._again_at = asyncio.get_running_loop().time() + again_s
                self._move(phase, why)
                self._begin_now.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(again_s):
                        await self._begin_now.wait()
                self._again_at = None
            self._move(Phase.WAITING)

    async def _one_life(self, *, linking: bool) -> tuple[Phase, str, float | None]:
        """Live once; return what follows, why, and after how many seconds it begins again, if it does."""
        account: Account | None = None
        living: asyncio.Task[ExitCode] | None = None
        try:
            async with self._turns:
                account = self.account = self._make(self.name, linking)
                living = spawn_task(account.run(), name=f"bot {self.name}")
                self._move(Phase.RUNNING)
                await _until_begun(account, living)
            await asyncio.wait({living})
            code = living.result()
        except asyncio.CancelledError:
            if account is not None and living is not None:
                await _end(account, living)
            raise
        except SessionHeldError as error:
            return Phase.FAILED, str(error), _HELD_AGAIN_S
        except TransientError as error:
            return Phase.FAILED, str(error), _FAILED_AGAIN_S[0]
        except LindaError as error:
            return Phase.FAILED, str(error), self._next_delay()
        except Exception as error:  # noqa: BLE001 (a bug in one account's life must not end the others')
            if account is not None:
                account.tell_of_bug(error)
            return Phase.FAILED, f"a bug of linda-bot: {type(error).__name__}: {error}", self._next_delay()
        finally:
            self.account = None
        if code in _NEEDS_PHONE:
            return Phase.UNLINKED, _NEEDED[code], None
        return Phase.ENDED, _ENDED.get(code, f"it ended with exit code {int(code)}"), None

    def _next_delay(self) -> float:
        delay = _FAILED_AGAIN_S[min(self._failures, len(_FAILED_AGAIN_S) - 1)]
        self._failures += 1
        return delay

    def _move(self, phase: Phase, why: str = "") -> None:
        if (phase, why) != (self.phase, self.why):
            self.phase, self.why, self.since = phase, why, utc_now()
            self._on_change()


_NEEDED = {
    ExitCode.LINKING_NEEDED: "it is not linked to a phone",
    ExitCode.LOGGED_OUT: "WhatsApp has logged it out, it must be linked anew",
}
_ENDED = {
    ExitCode.OK: "it was asked to stop",
    ExitCode.REPLACED: "another client uses its device",
    ExitCode.CLIENT_OUTDATED: "WhatsApp does not accept this version of the client library: upgrade neonize",
}


async def _until_begun(account: Account, living: asyncio.Task[ExitCode]) -> None:
    """Wait for the result of the first attempt, or for a moment: then the next account may begin."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_TURN_WITHIN_S):
            outcome = spawn_task(_first_outcome(account), name="first outcome")
            try:
                await asyncio.wait({outcome, living}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                outcome.cancel()


async def _first_outcome(account: Account) -> None:
    await account.begun.wait()
    assert account.link is not None
    await account.link.outcome()


async def _end(account: Account, living: asyncio.Task[ExitCode]) -> None:
    """End a life that is not wanted any more: in good order where its link has begun."""
    if account.link is None:
        living.cancel()
    account.ask_to_stop()
    await asyncio.wait({living}, timeout=_STOP_WITHIN_S)
    if not living.done():
        account.evict()
        living.cancel()
        await asyncio.wait({living})
    if not living.cancelled():
        living.exception()  # it is of no interest any more
