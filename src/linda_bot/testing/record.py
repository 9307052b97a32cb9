"""What happens to a bot under test, and in which step of its test."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.events import Event
from linda_bot.messaging.events import HandlerFailed, MessageHandled, MessageIgnored, MessageSetAside
from linda_bot.testing.answers import Answers, Failure, Sent
from linda_bot.whatsapp.events import IncomingMessage


class Record(EventBus):
    """Takes down every event and every message that was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Sent] = []
        self.read: list[str] = []
        self.failures: list[Failure] = []
        self.last = Answers()
        """Of the last step."""
        self._seen_failures = 0
        self._left_over: dict[str, Exception] = {}
        self._steps: list[Answers] = []
        self._expected: dict[tuple[str, str], tuple[Answers, asyncio.Future[None]]] = {}
        self._names: dict[str, frozenset[str]] = {}

    def publish(self, event: Event) -> None:
        """Take an event down, and hand it on."""
        super().publish(event)
        match event:
            case HandlerFailed():
                self._fail(event)
            case MessageHandled(id=message_id, chat=chat, handler=handler):
                self._end(message_id, chat, handler=handler)
            case MessageIgnored(id=message_id, chat=chat, because=because):
                self._end(message_id, chat, ignored=because)
            case MessageSetAside(id=message_id, chat=chat, because=because):
                self._end(message_id, chat, ignored=because)
            case _:
                pass

    @contextmanager
    def step(self, answers: Answers) -> Iterator[Answers]:
        """Collect in the block what is sent because of a message, or at all."""
        self.last = answers
        self._steps.append(answers)
        try:
            yield answers
        finally:
            self._steps.remove(answers)

    def expect(self, answers: Answers) -> asyncio.Future[None]:
        """Return what is done when the message has been handled."""
        assert answers.message is not None
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._expected[answers.message.id, answers.message.chat] = (answers, done)
        return done

    def meets(self, message: IncomingMessage) -> None:
        """Note who is who."""
        for one, other in ((message.sender, message.sender_alt), (message.chat, message.chat_alt)):
            if other:
                self._names[one] = self._names[other] = frozenset({one, other})

    def names_of(self, jid: str) -> frozenset[str]:
        """Return the known names of a conversation."""
        return self._names.get(jid, frozenset({jid}))

    def take(self, sent: Sent) -> None:
        """Take down what was sent."""
        self.sent.append(sent)
        for answers in self._steps:
            if not sent.causes or not answers.seq or answers.seq in sent.causes:
                answers.all.append(sent)

    def leave_over(self, message_id: str, error: Exception) -> None:
        """Note an error that nobody has dealt with; the event has its text only."""
        self._left_over[message_id] = error

    def unseen_failures(self) -> list[Failure]:
        """Return the failures that ended a message and were not returned before."""
        unseen = self.failures[self._seen_failures :]
        self._seen_failures = len(self.failures)
        return [failure for failure in unseen if failure.is_last]

    def _fail(self, event: HandlerFailed) -> None:
        error: BaseException | None = self._left_over.pop(event.id, None)
        if error is None:  # it was not raised in a handler
            kind = TimeoutError if "took longer" in event.error else RuntimeError
            error = kind(f"the handler {event.handler}: {event.error}")
        self.failures.append(Failure(event.id, event.handler, error, event.again_in_s is None))

    def _end(self, message_id: str, chat: str, *, handler: str = "", ignored: str = "") -> None:
        answers, done = self._expected.pop((message_id, chat), (None, None))
        if answers is not None and done is not None:
            answers.handler, answers.ignored = handler, ignored
            if not done.done():
                done.set_result(None)
