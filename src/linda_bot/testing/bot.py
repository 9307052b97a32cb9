"""A bot in the same process as its test: everything between WhatsApp and the handlers is the real thing."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Self, Unpack

from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.tasks import spawn_task
from linda_bot.messaging.bot import Bot
from linda_bot.messaging.identities import jid_of, number_in
from linda_bot.messaging.inbox import Handling
from linda_bot.messaging.loading import load_router
from linda_bot.messaging.message import Message
from linda_bot.messaging.outbox import Manners
from linda_bot.messaging.pacing import Pace
from linda_bot.messaging.router import Router
from linda_bot.testing import messages
from linda_bot.testing.answers import Answers, Failure, Sent
from linda_bot.testing.assertions import Assertions
from linda_bot.testing.clock import Clock, now
from linda_bot.testing.life import Life, Setup, life
from linda_bot.testing.line import Line
from linda_bot.testing.people import ME, Contact
from linda_bot.testing.record import Record
from linda_bot.whatsapp.events import IncomingMessage, ReceiptReceived

_PATIENCE_S = 10.0
"""How long, in real time, a step of a test may stand still."""
_FINISH_WITHIN_S = 1.0
_LAST_LOOKS = 20


class TestBot(Assertions):
    """A bot with your handlers, and WhatsApp around it.

    It starts with the first message, and keeps what it has received, sent and remembered through `restart()`.
    Its asserts are about what the last step (`feed`, `advance`, `restart`) has brought.
    """

    __test__ = False
    number = ME.number
    """The phone number of the bot's account."""

    def __init__(
        self,
        *routers: Router,
        handlers: str | Path | None = None,
        prefix: str = "!",
        owners: Iterable[Contact | str] = (),
        tries: int = 1,
        timeout: float = 120.0,
        pace: float = 0.0,
        backlog_within_s: float | None = None,
    ) -> None:
        """Take routers, or `handlers` as LINDA_HANDLERS has them, and what the settings of these names say.

        A handler that fails is not tried again, unless `tries` says so.
        """
        loaded = [load_router(str(handlers))] if handlers is not None else []
        self._record = Record()
        self._directory = Path(tempfile.mkdtemp(prefix="linda-bot-test-"))
        self._setup = Setup(
            directory=self._directory,
            router=self._around((*routers, *loaded)),
            prefix=prefix,
            owners=frozenset(_number_of(owner) for owner in owners),
            handling=Handling(timeout_s=timeout, tries=tries, backlog_within_s=backlog_within_s),
            manners=Manners(pace=Pace(between=pace)),
            bus=self._record,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._clock: Clock | None = None
        self._life: Life | None = None
        self._line: Line | None = None
        self._living: asyncio.Task[None] | None = None
        self._starting: asyncio.Future[Life] | None = None
        self._ending: asyncio.Event | None = None
        self._is_killed = False
        self._refusals: list[str] = []

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        self.close()

    # What happens to it.

    async def feed(
        self, what: str | IncomingMessage, *, check: bool = True, **options: Unpack[messages.Options]
    ) -> Answers:
        """Have the bot get a message, and return what it sent until it was done with it.

        A text may come with the options of `messages.text`. An error of the handler that no error handler has dealt
        with comes out of it, unless `check` is False; see `failures`. Where the handling only sleeps, time is passed.
        """
        if isinstance(what, IncomingMessage) and options:
            raise UsageError("a made message has its options already; give them to messages....()")
        message = what if isinstance(what, IncomingMessage) else messages.text(what, **options)
        living, clock = await self._started()
        self._record.meets(message)
        with self._record.step(Answers(message)) as answers:
            since = clock.mark()
            answers.seq, conversation = living.intake.take_in(self.number, message)
            if answers.seq:
                done = self._record.expect(answers)
                living.outbox.heard(message.chat)
                living.inbox.wake(conversation)
                await self._until(done, since, f"the {message.kind} {message.text!r:.60} is still being handled")
                if self._line is not None and self._line.up.is_set():
                    drained = spawn_task(living.outbox.drain(within_s=_PATIENCE_S), name="empty outbox")
                    await self._until(drained, since, "the answers are still being sent", of="outbox")
            else:
                answers.ignored = "the same message came before"
        self._raise_new_failures(check=check)
        return answers

    async def advance(self, seconds: float, *, check: bool = True) -> Answers:
        """Let time pass at once, with all that is due in it, and return what the bot sent."""
        _, clock = await self._started()
        assert self._loop is not None
        with self._record.step(Answers()) as answers:
            end = self._loop.time() + seconds
            await clock.spin()
            while (moment := clock.next_timer(before=end)) is not None:
                clock.jump_to(moment)
                await clock.spin()
            clock.jump_to(end)
            await self._settle()
        self._raise_new_failures(check=check)
        return answers

    async def receipt(self, kind: str, of: Sent, *, sender: Contact | None = None) -> None:
        """Have somebody's phone confirm an answer: `delivered`, `read` or `played`."""
        living, _ = await self._started()
        who = sender.jid if sender is not None else of.chat
        event = ReceiptReceived(ids=(of.id,), chat=of.chat, sender=who, kind=kind)
        for hook in self._setup.router.receipt_hooks():
            await hook(event)
        await living.outbox.drain(within_s=_FINISH_WITHIN_S)

    async def start(self) -> None:
        """Start it, if it is not running; an error of a start-up hook comes out."""
        await self._started()

    async def stop(self) -> None:
        """Stop it as a signal does: what is being handled may end, and the shutdown hooks run."""
        if self._living is not None and self._ending is not None:
            living, self._living = self._living, None
            self._ending.set()
            await living

    async def kill(self) -> None:
        """End it as `kill -9` does: what is being handled is broken off, and handled again after the next start."""
        self._is_killed = True
        await self.stop()

    async def restart(self, *, check: bool = True) -> Answers:
        """Stop it, unless it was killed, and start it; return what it sent because of messages from before."""
        await self.stop()
        with self._record.step(Answers()) as answers:
            await self.start()
            await self._settle()
        self._raise_new_failures(check=check)
        return answers

    @contextmanager
    def offline(self) -> Iterator[None]:
        """Take the link down for a block: answers wait in the outbox, and go out in the next step after it."""
        if self._line is None or self._life is None or self._loop is None:
            raise UsageError("start the bot first: await bot.start()")
        self._line.up.clear()
        self._life.outbox.link_down()
        try:
            yield
        finally:
            self._line.up.set()
            self._life.outbox.link_up(self.number)

    def refuse(self, because: str = "server returned error 479", *, times: int = 1) -> None:
        """Have WhatsApp refuse the next messages that the bot sends."""
        self._refusals += [because] * times

    # What came of it.

    @property
    def answers(self) -> Answers:
        """What the last step has brought."""
        return self._record.last

    @property
    def sent(self) -> list[Sent]:
        """Everything that was sent, from the beginning."""
        return self._record.sent

    @property
    def failures(self) -> list[Failure]:
        """The handlers' errors that no error handler has dealt with, from the beginning."""
        return self._record.failures

    @property
    def read(self) -> list[str]:
        """The ids of the messages that were marked as read."""
        return self._record.read

    @property
    def bot(self) -> Bot:
        """What hooks get, for sending without having been asked; once it has started."""
        if self._life is None:
            raise UsageError("start the bot first: await bot.start()")
        return self._life.bot

    @property
    def now(self) -> datetime:
        """The date and time by the bot's clock."""
        return now()

    def close(self) -> None:
        """End it from outside of the event loop, and delete its files; for the end of a test."""
        if self._living is not None and not self._living.done() and self._loop is not None:
            if self._loop.is_running():
                raise UsageError("stop the bot first: await bot.stop()")
            self._loop.run_until_complete(self.stop())
        shutil.rmtree(self._directory, ignore_errors=True)

    # Its life.

    async def _started(self) -> tuple[Life, Clock]:
        loop = asyncio.get_running_loop()
        if self._living is None or self._living.done() or self._starting is None:
            if not self._directory.is_dir():
                raise UsageError("this TestBot was closed")
            self._loop, self._clock = loop, Clock.of_running_loop()
            self._life, self._is_killed = None, False
            self._starting, self._ending = loop.create_future(), asyncio.Event()
            self._living = spawn_task(self._live(self._starting, self._ending), name="bot under test")
        if self._loop is not loop:
            raise UsageError("this TestBot runs in another event loop; make one for each test")
        await asyncio.wait((self._starting, self._living), return_when=asyncio.FIRST_COMPLETED)
        if not self._starting.done():
            self._living.result()  # raises what has gone wrong
        self._life = self._starting.result()
        assert self._clock is not None
        return self._life, self._clock

    async def _live(self, started: asyncio.Future[Life], ending: asyncio.Event) -> None:
        async with life(self._setup, self._line_on) as living:
            started.set_result(living)
            try:
                await ending.wait()
            except asyncio.CancelledError:  # the event loop ends, and everything in it
                await living.run_shutdown_hooks()
                raise
            if not self._is_killed:
                await living.finish(within_s=_FINISH_WITHIN_S)

    def _line_on(self, mailbox: Path) -> Line:
        self._line = Line(mailbox, self._record.take, self._record.names_of)
        self._line.read, self._line.refusals = self._record.read, self._refusals
        return self._line

    def _around(self, routers: tuple[Router, ...]) -> Router:
        """Return a router around the author's that sees the errors that they leave over."""
        outer = Router()
        for router in routers:
            outer.include(router)
        for decorator in outer.unfinished:
            raise UsageError(f"@{decorator} has no function below it; or are its brackets missing?")

        @outer.error
        async def note(message: Message, error: Exception) -> bool:
            self._record.leave_over(message.id, error)
            return False

        return outer

    # The steps of a test.

    async def _until(self, done: asyncio.Future[None], since: int, what: str, *, of: str = "") -> None:
        """Wait for something, and pass the time whenever what was begun since then only waits."""
        assert self._clock is not None
        assert self._loop is not None
        assert self._life is not None
        stands_since = self._loop.time()
        while not done.done():
            await self._clock.moment(done, *self._life.tasks)
            for ended in (each for each in self._life.tasks if each.done() and not each.cancelled()):
                ended.result()
            if done.done() or self._clock.pass_wait(since, of=of):
                stands_since = self._loop.time()
            elif self._loop.time() - stands_since > _PATIENCE_S:
                raise TimeoutError(
                    f"{what}, and nothing has happened for {_PATIENCE_S:g} s: what is waited for must come from the "
                    "test, so feed it in a task: asyncio.create_task(...)"
                )
        done.result()

    async def _settle(self) -> None:
        """Let everything be done that can be done now."""
        assert self._clock is not None
        assert self._life is not None
        await self._clock.spin()
        if self._line is None or not self._line.up.is_set():
            return
        drained = spawn_task(self._life.outbox.drain(within_s=_PATIENCE_S), name="outbox empty")
        for _ in range(_LAST_LOOKS):
            if not drained.done():
                await self._clock.moment(drained)
        drained.cancel()
        await self._clock.moment()

    def _raise_new_failures(self, *, check: bool) -> None:
        """Raise the first failure that nobody has seen, and that is the end of a message."""
        unseen = self._record.unseen_failures()
        for failure in unseen if check else ():
            raise failure.error


def _number_of(who: Contact | str) -> str:
    number = who.number if isinstance(who, Contact) else number_in(jid_of(who))
    if not number:
        raise UsageError(f"an owner is known by a phone number, which {who!r} does not have")
    return number
