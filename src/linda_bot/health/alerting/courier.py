"""One sink's queue and the task that works it off, so that a sink that hangs delays nobody else."""

import asyncio
import random
from collections import deque
from collections.abc import Callable

from linda_bot.health.alerting.events import NoticeFailed, NoticeSent
from linda_bot.health.alerting.memory import Delivery
from linda_bot.health.alerting.notice import Notice
from linda_bot.health.alerting.retrying import wait_s
from linda_bot.health.alerting.sinks.sink import DEADLINE_S, Sink, SinkError
from linda_bot.kernel.events import Event

_MOST_WAITING = 16


class Courier:
    """Takes notices to one sink, in order."""

    def __init__(
        self,
        sink: Sink,
        note: Callable[[str, Delivery], None],
        publish: Callable[[Event], None],
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`note` is told, with the notice's id, what becomes of it."""
        self.name = sink.name
        self._sink = sink
        self._note = note
        self._publish = publish
        self._chance = chance
        self._queue: deque[Notice] = deque()
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._last_round = False

    def offer(self, notice: Notice) -> None:
        """Have a notice sent; where too many wait, the oldest of them is given up."""
        self._queue.append(notice)
        if len(self._queue) > _MOST_WAITING:
            # The one at the head may be under way.
            given_up = self._queue[1]
            del self._queue[1]
            self._fail(given_up, 0, f"{_MOST_WAITING} newer notices were waiting")
        self._idle.clear()
        self._news.set()

    async def run(self) -> None:
        """Send what is offered, until cancelled; what is not sent then stays pending."""
        while True:
            while self._queue:
                notice = self._queue[0]
                await self._deliver(notice)
                self._queue.remove(notice)
            self._idle.set()
            self._news.clear()
            await self._news.wait()

    async def finish(self) -> None:
        """Wait until each notice has had a last try, which may be under way already; what failed then stays pending."""
        self._last_round = True
        self._news.set()
        await self._idle.wait()

    async def _deliver(self, notice: Notice) -> None:
        tries = 0
        while True:
            tries += 1
            error = await self._try(notice)
            if error is None:
                self._note(notice.id, Delivery(sink=self.name, state="delivered", tries=tries))
                self._publish(NoticeSent(sink=self.name, notice=notice.id, purpose=notice.purpose, tries=tries))
                return
            wait = wait_s(tries, self._chance(), error.after_s) if error.again else None
            if wait is None:
                self._fail(notice, tries, str(error))
                return
            self._note(notice.id, Delivery(sink=self.name, tries=tries, error=str(error)))
            if self._last_round:
                return
            await self._pause(wait, may_hasten=error.after_s is None)

    async def _try(self, notice: Notice) -> SinkError | None:
        try:
            async with asyncio.timeout(DEADLINE_S):
                await self._sink.send(notice)
        except SinkError as error:
            return error
        except TimeoutError:
            return SinkError(f"no answer within {DEADLINE_S:g} s")
        except Exception as error:  # noqa: BLE001 (whatever a sink does, the others and the bot live on)
            return SinkError(f"it failed ({type(error).__name__})", again=False)
        return None

    async def _pause(self, seconds: float, *, may_hasten: bool) -> None:
        """Wait; a newer notice ends that, because it says that something has changed, and so does the end."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not self._last_round and (left := until - loop.time()) > 0:
            self._news.clear()
            try:
                async with asyncio.timeout(left):
                    await self._news.wait()
            except TimeoutError:
                return
            if may_hasten:
                return

    def _fail(self, notice: Notice, tries: int, error: str) -> None:
        self._note(notice.id, Delivery(sink=self.name, state="failed", tries=tries, error=error))
        self._publish(NoticeFailed(sink=self.name, notice=notice.id, error=error))
