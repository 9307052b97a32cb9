"""`linda-bot status`: how the bot is, from itself where it runs, else from its files."""

import argparse
import sys

import msgspec

from linda_bot.app.status import BotStatus
from linda_bot.app.status_files import status_from_files
from linda_bot.app.status_words import COLOURS, facts_of, headline, next_step
from linda_bot.cli.control_client import NoBotError, RunningBot, bot_of
from linda_bot.cli.output import print_facts, print_json, say
from linda_bot.cli.places import paths_for
from linda_bot.cli.screen import Screen
from linda_bot.cli.story_line import BOLD, DIM, GREEN, RED, RESET, YELLOW
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.errors import ExitCode, LindaError
from linda_bot.kernel.masking import mask_line, printable
from linda_bot.sessions.lock import holder_of
from linda_bot.sessions.paths import SessionPaths

_WITHIN_S = 3.0

_STYLES = {"green": GREEN, "red": RED, "dim": DIM}


def status(options: argparse.Namespace) -> int:
    """Tell how the bot is; exit code 0 only if it runs, answers and is connected."""
    paths = paths_for(options)
    found, trouble = look(paths)
    if options.json:
        print_json(msgspec.to_builtins(found), show_numbers=options.show_numbers)
    else:
        _print_page(found, trouble, show_numbers=options.show_numbers)
    if trouble:
        say(f"linda-bot: {trouble}")
    return ExitCode.OK if found.live and found.state == LinkState.CONNECTED else ExitCode.UNWELL


def look(paths: SessionPaths) -> tuple[BotStatus, str]:
    """Return how the bot is, and what kept it from saying so itself.

    Numbers are not masked. Raises NoBotError when the session is another user's.
    """
    bot: RunningBot | None = None
    try:
        if holder_of(paths) is not None:
            bot = bot_of(paths)
            found = bot.ask("GET", "/api/v1/status?show_numbers=true", BotStatus, within_s=_WITHIN_S)
            return found, ""
        trouble = ""
    except PermissionError:
        raise NoBotError(f"the session in {paths.directory} is another user's; ask as that user") from None
    except LindaError as error:
        trouble = str(error)
    return status_from_files(paths, pid=None if bot is None else bot.pid), trouble


def _print_page(found: BotStatus, trouble: str, *, show_numbers: bool) -> None:
    screen = Screen(sys.stdout)
    state = LinkState(found.state)
    dot = "●" if screen.has_blocks else "*"
    if trouble and found.pid is not None:
        _say_headline(screen, dot, RED, "runs, but does not answer; what follows is from its files")
    else:
        _say_headline(screen, dot, _STYLES.get(COLOURS.get(state, ""), YELLOW), headline(found))
    because = printable(found.because if show_numbers else mask_line(found.because))
    if because and state is not LinkState.CONNECTED and not trouble:
        screen.say(f"  {because}")
    if (advice := next_step(found)) and not trouble:
        screen.say(f"  What to do: {advice}")
    screen.say("")
    print_facts(facts_of(found), show_numbers=show_numbers)


def _say_headline(screen: Screen, dot: str, colour: str, text: str) -> None:
    """Write the headline: only its dot in colour, because bright yellow on white cannot be read."""
    screen.say(f"{colour}{dot}{RESET} {BOLD}{text}{RESET}" if screen.colours else f"{dot} {text}")
