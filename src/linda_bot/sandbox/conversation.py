"""A contact writes to an account, and what comes back."""

import asyncio
import math
from collections.abc import Callable

from linda_bot.kernel.errors import LindaError, UsageError
from linda_bot.kernel.masking import mask_number
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.control_api import (
    LONGEST_WAIT_S,
    MOST_MESSAGES,
    Answer,
    MessagesSent,
    NotDoneError,
    Send,
)
from linda_bot.sandbox.forms import NUMBER
from linda_bot.sandbox.people import People
from linda_bot.sandbox.server import Sandbox
from linda_bot.whatsapp.events import IncomingMessage

_SENT_WITHIN_S = 20
_QUIET_S = 0.25
"""When every message has an answer and nothing more comes for so long, the wait is over."""


async def converse(sandbox: Sandbox, people: People, asked: Send, gone: Callable[[], bool]) -> MessagesSent:
    """Send what is asked, wait, and return what came back; ends early when `gone` says that nobody waits for it.

    Raises UsageError for a question that is wrong, NotDoneError or ContactError when a message cannot be sent.
    """
    _check(sandbox, asked)
    loop = asyncio.get_running_loop()
    async with people.contact(asked.sender) as contact:
        others = [message.text for message in contact.received()]
        dropped, began = contact.dropped_old_counter, loop.time()
        if asked.count == 1:
            sent = await _send(contact, asked, gone)
        else:  # a client that sends while it receives may use a Signal counter twice
            async with sandbox.holding(asked.sender):
                sent = await _send(contact, asked, gone)
        last = loop.time()
        answers: list[Answer] = []
        while loop.time() < last + asked.wait_s and not gone():
            try:
                message = await contact.next_message(within_s=min(_QUIET_S, last + asked.wait_s - loop.time()))
            except TimeoutError:
                if len(answers) + contact.dropped_old_counter - dropped >= asked.count:
                    break
                continue
            if _is_from(sandbox, message, asked.to):
                answers.append(Answer(text=message.text, kind=message.kind, after_s=loop.time() - last))
            else:
                others.append(message.text)
        return MessagesSent(
            sender=asked.sender,
            to=asked.to,
            sent=sent,
            took_s=last - began,
            answers=answers,
            others=others,
            dropped=contact.dropped_old_counter - dropped,
        )


def _check(sandbox: Sandbox, asked: Send) -> None:
    wrong = next((number for number in (asked.to, asked.sender) if not NUMBER.fits(number)), None)
    if wrong is not None:
        raise UsageError(f"{wrong[:40]!r} is no phone number; write {NUMBER.says}")
    if asked.sender == asked.to:
        raise UsageError("a contact cannot write to itself; choose another one with --from or --to")
    if not 1 <= asked.count <= MOST_MESSAGES:
        raise UsageError(f"--count is a whole number from 1 to {MOST_MESSAGES}")
    if not (math.isfinite(asked.wait_s) and 0 <= asked.wait_s <= LONGEST_WAIT_S):
        raise UsageError(f"--wait is a number of seconds from 0 to {LONGEST_WAIT_S:.0f}")
    if not asked.text:
        raise UsageError("there is no text to send")
    if len(sandbox.registry.device_ids(asked.to)) == 1:  # the phone alone, and nobody reads what comes there
        raise UsageError(
            f"no device is linked to {mask_number(asked.to)} yet; run a bot, scan its code, or choose --to"
        )


async def _send(contact: Contact, asked: Send, gone: Callable[[], bool]) -> int:
    """Send the messages one after the other; return how many went out."""
    sent = 0
    while sent < asked.count and not gone():
        try:
            async with asyncio.timeout(_SENT_WITHIN_S):
                await contact.send(asked.to, asked.text)
        except (LindaError, TimeoutError) as error:
            why = str(error) or f"the server did not take it within {_SENT_WITHIN_S} s"
            before = f" after {sent} that were" if sent else ""
            raise NotDoneError(f"the message was not sent{before}: {why}; is a fault in force?") from None
        sent += 1
    return sent


def _is_from(sandbox: Sandbox, message: IncomingMessage, number: str) -> bool:
    accounts = (sandbox.registry.account(jid.partition("@")[0]) for jid in (message.sender, message.sender_alt))
    return any(account is not None and account.number == number for account in accounts)
