"""`linda-bot reconnect`."""

import argparse
import time

from linda_bot.app.answers import Reconnected
from linda_bot.cli.control_client import SLACK_S, bot_of
from linda_bot.cli.output import print_json, say
from linda_bot.cli.places import place_for, wait_of
from linda_bot.kernel.errors import ExitCode, LindaError


class CannotReconnectError(LindaError):
    """The bot did not come back."""

    exit_code = ExitCode.UNWELL


def reconnect(options: argparse.Namespace) -> int:
    """Ask the running bot for a new connection, and wait until it has one; exit code 0 only then."""
    wait_s = wait_of(options)
    bot = bot_of(place_for(options, here=True).paths)
    asked_at = time.monotonic()
    say(f"Asked the bot (pid {bot.pid}) to reconnect ...")
    answer = bot.ask("POST", "/api/v1/reconnect", Reconnected, {"within_s": wait_s}, within_s=wait_s + SLACK_S)
    if options.json:
        facts = {"pid": bot.pid, "connected": answer.connected, "states": answer.states}
        print_json(facts, show_numbers=options.show_numbers)
    if not answer.connected:
        raise CannotReconnectError(_why_not(answer, bot.pid, wait_s))
    say(f"Connected again after {time.monotonic() - asked_at:.1f} s.")
    return ExitCode.OK


def _why_not(answer: Reconnected, pid: int, wait_s: float) -> str:
    if answer.why_not:
        return f"the bot (pid {pid}) does not connect now: {answer.why_not}"
    now = f" (now: {answer.states[-1].replace('_', ' ')})" if answer.states else ""
    return f"not connected within {wait_s:g} s, the bot goes on trying{now}"
