"""The course of a run: one rehearsal after the other, and what came of each."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from linda_bot.kernel.errors import LindaError
from linda_bot.kernel.masking import hide_codes, printable
from linda_bot.rehearsal.bot import why
from linda_bot.rehearsal.record import MissedError, Record
from linda_bot.rehearsal.stage import Stage
from linda_bot.rehearsal.values import Outcome, Rehearsal, Verdict

_WITHIN_S = 75.0
_LONGEST_REASON = 300


async def rehearse(stage: Stage, rehearsal: Rehearsal) -> Outcome:
    """Carry out one rehearsal; raises asyncio.CancelledError only."""
    began = time.monotonic()
    record = Record()
    verdict, reason = Verdict.PASSED, ""
    try:
        async with asyncio.timeout(_WITHIN_S):
            await rehearsal.act(stage, record)
        record.expect(not stage.traceback, "the bot has shown a traceback")
    except MissedError as error:
        verdict, reason = Verdict.FAILED, str(error)
    except LindaError as error:
        verdict, reason = Verdict.FAILED, why(error, stage.last_words)
    except TimeoutError:
        verdict, reason = Verdict.FAILED, f"it was not over after {_WITHIN_S:g} s"
    except (OSError, ValueError, KeyError, TypeError, AttributeError, LookupError) as error:
        # A file or a command of the bot's that says something else than it should.
        verdict, reason = Verdict.FAILED, f"{type(error).__name__}: {error}"
    finally:
        await stage.clear()
    return Outcome(
        name=rehearsal.name,
        title=rehearsal.title,
        shows=rehearsal.shows,
        target=rehearsal.target,
        figure=record.figure,
        verdict=verdict,
        reason=printable(hide_codes(reason), _LONGEST_REASON),
        took_s=round(time.monotonic() - began, 2),
        samples=tuple(record.samples),
    )


async def run_all(
    stage: Stage,
    rehearsals: Sequence[Rehearsal],
    *,
    begins: Callable[[Rehearsal], None],
    ended: Callable[[Outcome], None],
) -> None:
    """Carry rehearsals out in order, and tell of each."""
    for rehearsal in rehearsals:
        begins(rehearsal)
        ended(await rehearse(stage, rehearsal))


def unfinished(rehearsal: Rehearsal) -> Outcome:
    """Return what is said of a rehearsal that a person did not wait for."""
    return Outcome(
        name=rehearsal.name,
        title=rehearsal.title,
        shows=rehearsal.shows,
        target=rehearsal.target,
        figure="",
        verdict=Verdict.UNFINISHED,
        reason="the run was ended before",
    )


async def until_asked(work: "asyncio.Task[None]", asked: asyncio.Event) -> bool:
    """Wait for the end of work, or for somebody to ask for it; return whether somebody did."""
    waiting = asyncio.ensure_future(asked.wait())
    try:
        await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    if work.done():
        await work
        return False
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work
    return True
