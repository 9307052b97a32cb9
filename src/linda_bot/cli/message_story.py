"""What is said of messages: one line and its style; pure. Of a message that is handled as it should, nothing."""

from linda_bot.cli.story_line import GREEN, RED, YELLOW, Line, span
from linda_bot.connection.events import GuardWithdrawn
from linda_bot.kernel.events import Event
from linda_bot.kernel.masking import printable
from linda_bot.kernel.sentences import sentence
from linda_bot.messaging.events import (
    BotPaused,
    BotResumed,
    HandlerBlocked,
    HandlerFailed,
    HandlersKept,
    HandlersReloaded,
    HookFailed,
    MailboxTrouble,
    MessageMissing,
    MessageSetAside,
    SendExpired,
    SendFailed,
)
from linda_bot.whatsapp.events import InboxBlocked, InboxUnblocked


def message_line(event: Event) -> Line | None:  # noqa: C901, PLR0911, PLR0912 (one case an event)
    """Return what is said of an event; None where nothing is."""
    match event:
        case HandlerFailed(again_in_s=None):
            return Line(f"The handler {event.handler} failed: {printable(event.error)} (trace in the log)", RED)
        case HandlerFailed(again_in_s=seconds):
            assert seconds is not None
            again = f"tried again in {span(seconds)}"
            return Line(f"The handler {event.handler} failed, {again}: {printable(event.error)}", YELLOW)
        case MessageSetAside():
            return Line(f"A message was set aside, {printable(event.because)}; see linda-bot inbox", RED)
        case HandlerBlocked():
            cure = "use await, or asyncio.to_thread for what has none"
            where = f"in {printable(event.where)}"
            return Line(
                f"The handler {event.handler} blocked the whole bot for {span(event.for_s)} {where}: {cure}", RED
            )
        case HookFailed():
            return Line(f"The hook {event.hook} failed: {printable(event.error)} (trace in the log)", RED)
        case SendFailed(outcome="unknown"):
            return Line(
                f"Nobody knows whether an answer arrived: {printable(event.error)}; see linda-bot outbox", YELLOW
            )
        case SendFailed():
            return Line(f"An answer was not sent: {printable(event.error)}; see linda-bot outbox", RED)
        case SendExpired(count=count):
            some = "A message" if count == 1 else f"{count} messages"
            return Line(f"{some} could not be sent for {span(event.after_s)}, and will not be any more.", RED)
        case MessageMissing():
            return Line("A message could not be read, and its sender's phone has not sent it again.", YELLOW)
        case MailboxTrouble() | InboxBlocked():
            return Line(sentence(printable(event.because)), YELLOW)
        case InboxUnblocked():
            return Line("Messages are taken again.", GREEN)
        case GuardWithdrawn():
            slow = "Each answer waits until its contact is quiet, so that none is lost"
            return Line(f"{slow}: {printable(event.because)}", YELLOW)
        case BotPaused():
            return Line("Paused: nothing is handled or sent, messages are kept. To go on: linda-bot resume", YELLOW)
        case BotResumed(after_s=seconds):
            return Line(f"Resumed after a pause of {span(seconds)}.", GREEN)
        case HandlersReloaded():
            return Line("The handlers were loaded anew.", GREEN)
        case HandlersKept():
            return Line(f"The old handlers go on: {printable(event.error)}", RED)
        case _:
            return None
