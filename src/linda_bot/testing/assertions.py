"""What a test says of a bot in one line; a failure tells what the bot did instead."""

import re
from collections.abc import Iterable

from linda_bot.messaging.identities import jid_of
from linda_bot.testing.answers import Answers, Sent
from linda_bot.testing.people import Contact

Wanted = str | re.Pattern[str] | None
"""A text as a whole, a pattern that is found in it, or whatever."""


class Assertions:
    """About what the last step of a test has brought."""

    @property
    def answers(self) -> Answers:
        """What the last step has brought."""
        raise NotImplementedError

    def assert_replied(self, text: Wanted = None, *, kind: str | None = None) -> Sent:
        """Assert that there is a reply with this text or caption, of this kind, and return it."""
        __tracebackhide__ = True
        return self._found(self.answers.replies, text, kind, "reply")

    def assert_no_reply(self) -> None:
        """Assert that nothing was said in the chat; a reaction is no reply."""
        __tracebackhide__ = True
        assert not self.answers.replies, f"expected no reply, but: {self.answers!r}"

    def assert_silent(self) -> None:
        """Assert that nothing at all was sent, to nobody."""
        __tracebackhide__ = True
        assert not self.answers.all, f"expected that nothing was sent, but: {self.answers!r}"

    def assert_reacted(self, emoji: str | None = None) -> Sent:
        """Assert that there is a reaction to the message, with this emoji, and return it."""
        __tracebackhide__ = True
        message = self.answers.message
        for sent in self.answers:
            about_it = message is None or sent.target in {message.id, message.target}
            if sent.kind == "reaction" and about_it and (sent.emoji == emoji if emoji is not None else sent.emoji):
                return sent
        raise AssertionError(f"expected the reaction {emoji or 'of any emoji'}, but: {self.answers!r}")

    def assert_sent_to(self, who: Contact | str, text: Wanted = None, *, kind: str | None = None) -> Sent:
        """Assert that a message went to somebody, or into a group, and return it."""
        __tracebackhide__ = True
        jids = who.jids if isinstance(who, Contact) else (jid_of(who),)
        name = who.name if isinstance(who, Contact) else who
        there = [sent for sent in self.answers if sent.is_reply and not sent.chat_ids.isdisjoint(jids)]
        return self._found(there, text, kind, f"message to {name}")

    def assert_handled_by(self, handler: str) -> None:
        """Assert that this handler got the message: a command's name, else the function's."""
        __tracebackhide__ = True
        assert self.answers.handler == handler, f"expected the handler {handler}, but: {self.answers!r}"

    def assert_ignored(self) -> None:
        """Assert that no handler wanted the message."""
        __tracebackhide__ = True
        assert self.answers.ignored, f"expected that no handler wanted it, but: {self.answers!r}"

    def _found(self, among: Iterable[Sent], text: Wanted, kind: str | None, what: str) -> Sent:
        __tracebackhide__ = True
        for sent in among:
            if (kind is None or sent.kind == kind) and _fits(sent.text, text):
                return sent
        shown = "" if text is None else f" {text!r}" if isinstance(text, str) else f" with {text.pattern!r}"
        raise AssertionError(f"expected a {what}{f' of kind {kind}' if kind else ''}{shown}, but: {self.answers!r}")


def _fits(text: str, wanted: Wanted) -> bool:
    if wanted is None:
        return True
    return text == wanted if isinstance(wanted, str) else wanted.search(text) is not None
