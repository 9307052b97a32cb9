"""`linda-bot reconnect`."""

import argparse
import os
import signal
import socket
import time
from datetime import UTC, datetime
from typing import NamedTuple

from linda_bot.cli.output import print_json, say
from linda_bot.cli.session import manager_for
from linda_bot.connection.entries import RECONNECT_ASKED
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.errors import ExitCode, LindaError, UsageError
from linda_bot.sessions.device_status import moment
from linda_bot.sessions.information import load_history
from linda_bot.sessions.lock import Holder, holder_of
from linda_bot.sessions.paths import SessionPaths

_LOOK_EVERY_S = 0.1
_DEAF_AFTER_S = 5.0
_WAIT_AT_MOST_S = 86400.0

_NO_USE_WAITING = {
    LinkState.LINKING: "it waits to be linked: scan the QR code that it shows, or type its pairing code",
    LinkState.LOGGED_OUT: "WhatsApp has logged it out, it must be linked anew",
    LinkState.BANNED: "WhatsApp has banned the account for a while, and a login during a ban may prolong it",
    LinkState.OUTDATED: "WhatsApp does not accept this version of the client library",
    LinkState.STOPPING: "it is stopping",
    LinkState.STOPPED: "it has stopped",
}
"""Why a bot in these states does not connect soon."""


class CannotReconnectError(LindaError):
    """There is no bot that could be asked, or it did not come back."""

    exit_code = ExitCode.UNWELL


class Answer(NamedTuple):
    """What became of a request, as the session's history tells."""

    heard: bool = False
    states: tuple[str, ...] = ()
    """What the link was when it was asked, where that is known and nothing was begun, and what it went through since.
    """

    @property
    def connected(self) -> bool:
        """Whether there is a new connection."""
        return self.states[-1:] == (LinkState.CONNECTED,)

    @property
    def why_not(self) -> str:
        """Why no connection is to be expected soon; empty when one is."""
        return next((why for state, why in _NO_USE_WAITING.items() if self.states[-1:] == (state,)), "")


def reconnect(options: argparse.Namespace) -> int:
    """Ask the running bot for a new connection, and wait until it has one; exit code 0 only then."""
    if not 0 < options.wait <= _WAIT_AT_MOST_S:  # not a number is not in between either
        raise UsageError(f"--wait {options.wait:g} is wrong: it must be seconds, more than 0 and at most a day (86400)")
    paths = manager_for(options).paths
    holder = _bot_of(paths)
    asked_at = datetime.now(UTC)
    try:
        os.kill(holder.pid, signal.SIGHUP)
    except ProcessLookupError:
        raise CannotReconnectError("the bot has just ended; start it with `linda-bot run`") from None
    except PermissionError:
        raise CannotReconnectError(f"the bot (pid {holder.pid}) is another user's; ask as that user") from None
    say(f"Asked the bot (pid {holder.pid}) to reconnect ...")
    answer = _wait(paths, asked_at, within_s=options.wait)
    if options.json:
        facts = {"pid": holder.pid, "connected": answer.connected, "states": answer.states}
        print_json(facts, show_numbers=options.show_numbers)
    if not answer.connected:
        raise CannotReconnectError(_why_not(answer, holder.pid, options.wait))
    say(f"Connected again after {(datetime.now(UTC) - asked_at).total_seconds():.1f} s.")
    return ExitCode.OK


def _bot_of(paths: SessionPaths) -> Holder:
    holder = holder_of(paths)
    if holder is None:
        raise CannotReconnectError(f"no bot runs on the session in {paths.directory}; start it with `linda-bot run`")
    if holder.host != socket.gethostname():
        raise CannotReconnectError(f"the bot runs on {holder.host}; ask it there")
    if not holder.takes_hints:
        raise CannotReconnectError(
            f"pid {holder.pid} holds the session, but is no bot that is up (it starts, stops, or is another command); "
            "try again in a moment"
        )
    return holder


def _wait(paths: SessionPaths, asked_at: datetime, *, within_s: float) -> Answer:
    """Return what became of the request: at its end, or after so many seconds."""
    give_up_at = time.monotonic() + within_s
    deaf_at = time.monotonic() + min(_DEAF_AFTER_S, within_s)
    while True:
        answer = _read(paths, asked_at)
        now = time.monotonic()
        if now >= give_up_at or (not answer.heard and now >= deaf_at):
            return answer
        if answer.heard and (answer.connected or answer.why_not):
            return answer
        time.sleep(_LOOK_EVERY_S)


def _read(paths: SessionPaths, asked_at: datetime) -> Answer:
    heard = False
    states: list[str] = []
    for entry in load_history(paths):
        what, at = str(entry.get("eventType")), moment(str(entry.get("timestamp")))
        if at is None or at < asked_at.replace(microsecond=asked_at.microsecond // 1000 * 1000):
            continue  # the history's times have milliseconds
        if what == RECONNECT_ASKED:
            heard = True
            if entry.get("taken"):
                states.clear()  # what was before led to nothing of what was asked for
            elif not states:
                states.append(str(entry.get("state")))
        elif what in LinkState.__members__.values():
            states.append(what)
    return Answer(heard, tuple(states))


def _why_not(answer: Answer, pid: int, wait_s: float) -> str:
    if not answer.heard:
        return f"the bot (pid {pid}) did not react; was it started with nohup, which makes it deaf to SIGHUP?"
    if answer.why_not:
        return f"the bot (pid {pid}) does not connect now: {answer.why_not}"
    now = f" (now: {answer.states[-1].replace('_', ' ')})" if answer.states else ""
    return f"not connected within {wait_s:g} s, the bot goes on trying{now}"
