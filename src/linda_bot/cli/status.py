"""`linda-bot status`: how the bot is, from itself where it runs, else from its files."""

import argparse
import sys

import msgspec

from linda_bot.app.status import BotStatus
from linda_bot.app.status_files import status_from_files
from linda_bot.app.status_words import COLOURS, facts_of, headline, next_step
from linda_bot.cli.control_client import NoBotError, RunningBot, bot_of
from linda_bot.cli.output import print_facts, print_json, say
from linda_bot.cli.places import Place, place_for
from linda_bot.cli.screen import Screen
from linda_bot.cli.story_line import BOLD, DIM, GREEN, RED, RESET, YELLOW
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.errors import ExitCode, LindaError
from linda_bot.kernel.masking import mask_line, printable
from linda_bot.sessions.lock import holder_of

_WITHIN_S = 3.0

_STYLES = {"green": GREEN, "red": RED, "dim": DIM}


def status(options: argparse.Namespace) -> int:
    """Tell how the bot is; exit code 0 only if it runs, answers and is connected."""
    place = place_for(options)
    found, trouble = look(place)
    if options.json:
        host = {} if place.shared is None else {"host": place.shared.host or None}
        print_json({**msgspec.to_builtins(found), **host}, show_numbers=options.show_numbers)
    else:
        _print_page(found, trouble, place, show_numbers=options.show_numbers)
    if trouble:
        say(f"linda-bot: {trouble}")
    return ExitCode.OK if found.live and found.state == LinkState.CONNECTED else ExitCode.UNWELL


def look(place: Place) -> tuple[BotStatus, str]:
    """Return how the bot is, and what kept it from saying so itself.

    Numbers are not masked. Raises NoBotError when the session is another user's, DatabaseTroubleError.
    """
    bot: RunningBot | None = None
    paths = place.paths
    try:
        if place.is_elsewhere:
            return _from_files(place, pid=None), ""
        if holder_of(paths) is not None:
            bot = bot_of(paths)
            found = bot.ask("GET", "/api/v1/status?show_numbers=true", BotStatus, within_s=_WITHIN_S)
            return found, ""
        trouble = ""
    except PermissionError:
        raise NoBotError(f"the session in {paths.directory} is another user's; ask as that user") from None
    except LindaError as error:
        trouble = str(error)
    return _from_files(place, pid=None if bot is None else bot.pid), trouble


def _from_files(place: Place, *, pid: int | None) -> BotStatus:
    if place.shared is None:
        return status_from_files(place.paths, pid=pid)
    from linda_bot.cli.shared_status import status_from_database

    return status_from_database(place.shared, place.paths, pid=pid)


def _print_page(found: BotStatus, trouble: str, place: Place, *, show_numbers: bool) -> None:
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
    if (advice := next_step(found)) and not trouble and not place.is_elsewhere:
        screen.say(f"  What to do: {advice}")
    screen.say("")
    where = "" if place.shared is None or not place.is_elsewhere else place.shared.who_has_it
    facts = ((name, where if where and name == "process" else text) for name, text in facts_of(found))
    print_facts(facts, show_numbers=show_numbers)


def _say_headline(screen: Screen, dot: str, colour: str, text: str) -> None:
    """Write the headline: only its dot in colour, because bright yellow on white cannot be read."""
    screen.say(f"{colour}{dot}{RESET} {BOLD}{text}{RESET}" if screen.colours else f"{dot} {text}")
