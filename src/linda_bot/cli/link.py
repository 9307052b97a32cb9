"""`linda-bot link`."""

import argparse

import msgspec

from linda_bot.cli.control_client import bot_of
from linda_bot.cli.output import print_json, say
from linda_bot.cli.places import place_for
from linda_bot.kernel.errors import ExitCode
from linda_bot.kernel.spans import span

_WITHIN_S = 10.0


class _Invitation(msgspec.Struct, frozen=True):
    url: str
    valid_s: float


def link(options: argparse.Namespace) -> int:
    """Print a link to the pairing page of the running bot, alone on stdout: it works once."""
    made = bot_of(place_for(options, here=True).paths).ask("POST", "/api/v1/link", _Invitation, {}, within_s=_WITHIN_S)
    if options.json:
        print_json(msgspec.structs.asdict(made), show_numbers=True)  # a ticket may look like a number
    else:
        print(made.url)
    say(f"Whoever opens it first sees the code, once, within {span(made.valid_s)}.")
    return ExitCode.OK
