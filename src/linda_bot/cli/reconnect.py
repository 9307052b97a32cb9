"""`linda-bot reconnect`."""

import argparse
import os
import signal
import socket
import time
from datetime import UTC, datetime

from linda_bot.cli.output import print_json, say
from linda_bot.cli.session import manager_for
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.errors import ExitCode, LindaError
from linda_bot.sessions.device_status import moment
from linda_bot.sessions.information import load_history
from linda_bot.sessions.lock import Holder, holder_of
from linda_bot.sessions.paths import SessionPaths

_LOOK_EVERY_S = 0.1
_DEAF_AFTER_S = 5.0


class CannotReconnectError(LindaError):
    """There is no bot that could be asked, or it did not come back."""

    exit_code = ExitCode.UNWELL


def reconnect(options: argparse.Namespace) -> int:
    """Ask the running bot for a new connection, and wait until it has one; exit code 0 only then."""
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
    words = _wait(paths, asked_at, within_s=options.wait)
    well = bool(words) and words[-1] == LinkState.CONNECTED
    if options.json:
        print_json({"pid": holder.pid, "connected": well, "states": words}, show_numbers=options.show_numbers)
    elif well:
        say(f"Connected again after {(datetime.now(UTC) - asked_at).total_seconds():.1f} s.")
    if well:
        return ExitCode.OK
    if not words:
        message = f"the bot (pid {holder.pid}) did not react; was it started with nohup, which makes it deaf to SIGHUP?"
        raise CannotReconnectError(message)
    raise CannotReconnectError(f"not connected within {options.wait:g} s, the bot goes on trying (now: {words[-1]})")


def _bot_of(paths: SessionPaths) -> Holder:
    holder = holder_of(paths)
    if holder is None:
        raise CannotReconnectError("no bot runs on this session; start it with `linda-bot run`")
    if holder.host != socket.gethostname():
        raise CannotReconnectError(f"the bot runs on {holder.host}; ask it there")
    if not holder.takes_hints:
        raise CannotReconnectError(f"pid {holder.pid} works on the session, but is no bot that has started; try again")
    return holder


def _wait(paths: SessionPaths, asked_at: datetime, *, within_s: float) -> list[str]:
    """Return the states that the link went through since, as the session's history tells."""
    known = {str(state) for state in LinkState}
    give_up_at = time.monotonic() + within_s
    deaf_at = time.monotonic() + min(_DEAF_AFTER_S, within_s)
    while True:
        words = [
            word
            for entry in load_history(paths)
            if (word := str(entry.get("eventType"))) in known
            and (moment(str(entry.get("timestamp"))) or asked_at) > asked_at
        ]
        now = time.monotonic()
        if now >= give_up_at or (not words and now >= deaf_at) or words[-1:] == [LinkState.CONNECTED]:
            return words
        time.sleep(_LOOK_EVERY_S)
