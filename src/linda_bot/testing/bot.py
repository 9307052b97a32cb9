"""A bot in the same process as its test: everything between WhatsApp and the handlers is the real thing."""

import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Self, Unpack

from linda_bot.kernel.errors import UsageError
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
from linda_bot.testing.clock import now
from linda_bot.testing.life import Setup
from linda_bot.testing.people import ME, Contact
from linda_bot.testing.record import Record
from linda_bot.testing.stage import Stage
from linda_bot.whatsapp.events import IncomingMessage, ReceiptReceived

_DRAIN_WITHIN_S = 1.0


class TestBot(Assertions):
    """A bot with your handlers, and WhatsApp around it.

    It starts with the first message, and keeps what it has received, sent and remembered through `restart()`.
    Its asserts are about what the last step (`feed`, `advance`, `restart`) has brought.
    """

    __test__ = False
    number: str = ME.number
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
        self._router = self._around((*routers, *loaded))
        setup = Setup(
            directory=Path(tempfile.gettempdir(), f"linda-bot-test-{uuid.uuid4().hex}"),
            router=self._router,
            prefix=prefix,
            owners=frozenset(map(_number_of, owners)),
            handling=Handling(timeout_s=timeout, tries=tries, backlog_within_s=backlog_within_s),
            manners=Manners(pace=Pace(between=pace)),
            bus=self._record,
        )
        self._stage = Stage(setup, self._record)

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
        life = await self._stage.start()
        self._record.meets(message)
        with self._record.step(Answers(message)) as answers:
            since = self._stage.clock.mark()
            answers.seq, conversation = life.intake.take_in(self.number, message)
            if answers.seq:
                done = self._record.expect(answers)
                life.outbox.heard(message.chat)
                life.inbox.wake(conversation)
                await self._stage.until(done, since, f"the {message.kind} {message.text!r:.60} is still being handled")
                await self._stage.drained(since)
            else:
                answers.ignored = "the same message came before"
        self._raise_new_failures(check=check)
        return answers

    async def advance(self, seconds: float, *, check: bool = True) -> Answers:
        """Let time pass at once, with all that is due in it, and return what the bot sent."""
        with self._record.step(Answers()) as answers:  # what waits may go out at the first opportunity
            await self._stage.start()
            await self._stage.pass_time(seconds)
        self._raise_new_failures(check=check)
        return answers

    async def receipt(self, kind: str, of: Sent, *, sender: Contact | None = None) -> None:
        """Have somebody's phone confirm an answer: `delivered`, `read` or `played`."""
        life = await self._stage.start()
        who = sender.jid if sender is not None else of.chat
        event = ReceiptReceived(ids=(of.id,), chat=of.chat, sender=who, kind=kind)
        for hook in self._router.receipt_hooks():
            await hook(event)
        await life.outbox.drain(within_s=_DRAIN_WITHIN_S)

    async def start(self) -> None:
        """Start it, if it is not running; an error of a start-up hook comes out."""
        await self._stage.start()

    async def stop(self) -> None:
        """Stop it as a signal does: what is being handled may end, and the shutdown hooks run."""
        await self._stage.stop()

    async def kill(self) -> None:
        """End it as `kill -9` does: what is being handled is broken off, and handled again after the next start."""
        await self._stage.stop(kill=True)

    async def restart(self, *, check: bool = True) -> Answers:
        """Stop it, unless it was killed, and start it; return what it sent because of messages from before."""
        await self.stop()
        with self._record.step(Answers()) as answers:
            await self.start()
            await self._stage.settle()
        self._raise_new_failures(check=check)
        return answers

    @contextmanager
    def offline(self) -> Iterator[None]:
        """Take the link down for a block: answers wait in the outbox, and go out in the next step after it."""
        line, outbox = self._stage.line, self._stage.life.outbox
        line.up.clear()
        outbox.link_down()
        try:
            yield
        finally:
            line.up.set()
            outbox.link_up(self.number)

    def refuse(self, because: str = "server returned error 479", *, times: int = 1) -> None:
        """Have WhatsApp refuse the next messages that the bot sends."""
        self._stage.refusals += [because] * times

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
        return self._stage.life.bot

    @property
    def now(self) -> datetime:
        """The date and time by the bot's clock."""
        return now()

    def close(self) -> None:
        """End it from outside of the event loop, and delete its files; for the end of a test."""
        self._stage.close()

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
