"""Which handler a message goes to, and running it with all that is around it."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from linda_bot.kernel.errors import UsageError
from linda_bot.messaging.arguments import WrongArgumentsError, bind, usage_of
from linda_bot.messaging.filter_algebra import passed
from linda_bot.messaging.handlers import CallNext, Candidate, Middleware, SkipHandler
from linda_bot.messaging.kinds import WRITTEN
from linda_bot.messaging.message import Message
from linda_bot.messaging.parameters import Source, name_of
from linda_bot.messaging.router import Router
from linda_bot.messaging.words import split_command


async def resolve(message: Message, routers: Sequence[Router], prefix: str) -> "Plan | None":
    """Return what to do with a message: a command of any router, else the first general handler; None for nothing."""
    choices = _choices(message, routers, prefix)
    step = await _first_willing(choices)
    return None if step is None else Plan(step, choices, prefix)


class Plan:
    """The handler that a message goes to; run it once."""

    def __init__(self, step: "_Step", others: "Iterator[_Choice]", prefix: str) -> None:
        self._step = step
        self._others = others
        self._prefix = prefix
        self.is_skipped = False
        """After the run: whether every handler that wanted the message has passed it on."""

    @property
    def name(self) -> str:
        """What the log shows: a command's name, else the function's; of the last handler that got the message."""
        return self._step.candidate.handler.name

    @property
    def timeout_s(self) -> float | None:
        """How long the handler may take; None when it does not say."""
        return self._step.candidate.handler.timeout_s

    async def run(self) -> None:
        """Run the handler, and the next one when it raises SkipHandler; its errors come out unless they are dealt with.

        When the words after a command do not fit, the sender is told how it is used.
        """
        while True:
            try:
                return await _run(self._step, self._prefix)
            except SkipHandler:
                following = await _first_willing(self._others)
            if following is None:
                self.is_skipped = True
                return None
            self._step = following


class _Choice(NamedTuple):
    """A handler that gets messages like this one, if its filters let it pass."""

    candidate: Candidate
    message: Message


class _Step(NamedTuple):
    """A handler whose filters have let the message pass, or failed."""

    candidate: Candidate
    message: Message
    match: re.Match[str] | None = None
    failure: Exception | None = None


def _choices(message: Message, routers: Sequence[Router], prefix: str) -> Iterator[_Choice]:
    candidates = [each for router in routers for each in router.candidates() if each.wants(message)]
    word, arguments = split_command(message.text, prefix) if message.kind in WRITTEN else ("", "")
    told = message.with_arguments(arguments)
    for each in candidates:
        if word in each.handler.words:
            yield _Choice(each, told)
    for each in candidates:
        if not each.handler.words:
            yield _Choice(each, message)


async def _first_willing(choices: Iterator[_Choice]) -> _Step | None:
    for candidate, message in choices:
        try:
            verdict = await passed(candidate.filters, message)
        except SkipHandler:
            continue
        except Exception as error:  # noqa: BLE001 (a filter is a stranger's code; its error is the handler's)
            return _Step(candidate, message, failure=error)
        if verdict:
            return _Step(candidate, message, verdict if isinstance(verdict, re.Match) else None)
    return None


async def _run(step: _Step, prefix: str) -> None:
    try:
        await _around(step, prefix)
    except SkipHandler:
        raise
    except Exception as error:
        if not await _is_dealt_with(error, step):
            raise


async def _around(step: _Step, prefix: str) -> None:
    """Run the handler inside its middlewares; raises what its filters have raised."""
    if step.failure is not None:
        raise step.failure

    async def call_handler() -> None:
        await _call(step, prefix)

    call: CallNext = call_handler
    for middleware in reversed(step.candidate.middlewares):
        call = _inside(middleware, step.message, call)
    try:
        await call()
    except SkipHandler as skip:
        if step.message.has_answer:
            raise UsageError(f"{step.candidate.handler.name} raised SkipHandler after it had replied") from skip
        raise


def _inside(middleware: Middleware, message: Message, call: CallNext) -> CallNext:
    async def call_next() -> None:
        await middleware(message, call)

    return call_next


async def _call(step: _Step, prefix: str) -> None:
    """Call the handler with its arguments, or tell the sender how the command is used."""
    handler, message = step.candidate.handler, step.message
    wants_state = any(each.source is Source.STATE for each in handler.parameters)
    state = await message.state() if wants_state else None
    try:
        positional, named = bind(handler.parameters, message.arguments, state=state, match=step.match)
    except WrongArgumentsError as error:
        usage = f"Usage: {prefix}{handler.name} {usage_of(handler.parameters)}"
        await message.reply(f"{error}\n{usage.rstrip()}")
        return
    await handler.function(message, *positional, **named)


async def _is_dealt_with(error: Exception, step: _Step) -> bool:
    """Ask the error handlers, the nearest first."""
    for on_error in step.candidate.error_handlers:
        try:
            if await on_error(step.message, error) is not False:
                return True
        except Exception as another:  # noqa: BLE001 (an error handler is a stranger's code; the first error counts)
            if another is not error:
                error.add_note(f"{name_of(on_error)} failed to deal with it: {type(another).__name__}: {another}")
    return False
