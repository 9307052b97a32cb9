"""`linda-bot inbox` and `linda-bot outbox`: the messages that need a person."""

import argparse
import time
from collections.abc import Callable, Sequence

from linda_bot.cli.output import asked, print_json, print_table, say
from linda_bot.cli.places import mailbox_for
from linda_bot.cli.story_line import span
from linda_bot.kernel.errors import ExitCode, UsageError
from linda_bot.kernel.masking import mask_text
from linda_bot.messaging.review import Received, Review, ToSend, reviewing
from linda_bot.whatsapp.mailbox import Inbound, Outbound

_LONGEST_TEXT = 60
_ALL = "all"

_Row = tuple[int, Inbound | Outbound, str, float, str, str, str]
"""Number, state, who, when, kind, text and error of a message."""


def inbox(options: argparse.Namespace) -> int:
    """List the messages that were set aside, or decide on them."""
    with reviewing(mailbox_for(options)) as review:
        found = review.received(waiting=options.waiting) if review else []
        aside = [each.key for each in found if each.state is Inbound.SET_ASIDE]
        if options.retry:
            return _decide(review, options.retry, aside, "will be handled again", Review.handle_again)
        if options.forget:
            keys = _chosen(options.forget, aside)
            if not asked(f"Forget {_messages(len(keys))} for good?", yes=options.yes):
                return ExitCode.USAGE
            return _decide(review, options.forget, aside, "forgotten", Review.forget)
    if options.json:
        _print_json(found, options)
    elif not found:
        say("No message needs you: none was set aside.")
    else:
        rows = [
            (each.key, each.state, each.sender, each.received_at, each.kind, each.text, each.error) for each in found
        ]
        _print_table(("number", "state", "from", "came", "kind", "text", "because"), rows, options)
        say("Have one handled again: linda-bot inbox --retry NUMBER (or all); let go of it: --forget NUMBER.")
    return ExitCode.OK


def outbox(options: argparse.Namespace) -> int:
    """List the messages that are not sent, or not for sure, or decide on them."""
    with reviewing(mailbox_for(options)) as review:
        found = review.to_send() if review else []
        if options.retry:
            again = [each.key for each in found if each.state in (Outbound.UNKNOWN, Outbound.FAILED)]
            return _decide(review, options.retry, again, "will be sent again", Review.send_again)
        if options.drop:
            still = [each.key for each in found if each.state is not Outbound.SENDING]
            keys = _chosen(options.drop, still)
            if not asked(f"Delete {_messages(len(keys))} for good, without sending?", yes=options.yes):
                return ExitCode.USAGE
            return _decide(review, options.drop, still, "deleted", Review.drop)
    if options.json:
        _print_json(found, options)
    elif not found:
        say("Everything was sent.")
    else:
        rows = [(each.key, each.state, each.chat, each.created_at, each.kind, each.text, each.error) for each in found]
        _print_table(("number", "state", "to", "written", "kind", "text", "because"), rows, options)
        if any(each.state is Outbound.UNKNOWN for each in found):
            say("Unknown: it may have arrived; sending it again may send it twice.")
        say("Send one again: linda-bot outbox --retry NUMBER (or all); delete it: --drop NUMBER.")
    return ExitCode.OK


def _decide(
    review: Review | None,
    choice: str,
    possible: Sequence[int],
    what: str,
    change: Callable[[Review, Sequence[int]], int],
) -> int:
    keys = _chosen(choice, possible)
    count = change(review, keys) if review else 0
    say(f"{_messages(count)} {what}.")
    return ExitCode.OK


def _chosen(choice: str, possible: Sequence[int]) -> Sequence[int]:
    """Return the numbers that a person means; raises UsageError for one that is not there."""
    if choice == _ALL:
        return possible
    if not choice.isdecimal() or int(choice) not in possible:
        listed = ", ".join(map(str, possible[:5]))
        there_is = f"there are: {listed}" if listed else "there is none at all"
        raise UsageError(f"there is no message {choice[:20]!r} to decide on; {there_is}")
    return [int(choice)]


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count} messages"


def _age(moment: float) -> str:
    return f"{span(time.time() - moment)} ago"


def _print_table(heads: Sequence[str], rows: Sequence[_Row], options: argparse.Namespace) -> None:
    shown = [
        (str(key), _word(state).replace("_", " "), who, _age(at), kind, _cut(_text(text, options)), error)
        for key, state, who, at, kind, text, error in rows
    ]
    print_table(heads, shown, show_numbers=options.show_numbers)


def _print_json(found: Sequence[Received] | Sequence[ToSend], options: argparse.Namespace) -> None:
    listed = [{**each._asdict(), "state": _word(each.state), "text": _text(each.text, options)} for each in found]
    print_json(listed, show_numbers=options.show_numbers)


def _word(state: Inbound | Outbound) -> str:
    return state.name.lower()


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"


def _text(text: str, options: argparse.Namespace) -> str:
    return text if options.show_texts else mask_text(text) if text else ""
