"""The command line: what there is, and how an error becomes one line and an exit code."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from linda_bot import __version__
from linda_bot.cli.ahead import EngineChoice
from linda_bot.kernel.errors import ExitCode, LindaError

_ISSUE_TEXT = "This is a bug of linda-bot's; please report it with the lines above."


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        self.exit(ExitCode.USAGE, f"{self.prog}: {message} (try: {self.prog} --help)\n")


def run_command(arguments: Sequence[str], ahead: EngineChoice, started_at: float) -> int:
    """Run the command and return its exit code; an error is told on stderr."""
    options = _parser().parse_args(arguments)
    options.ahead, options.started_at = ahead, started_at
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except LindaError as error:
        print(f"linda-bot: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return ExitCode.OK
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else Python complains once more at its exit
        return ExitCode.OK
    except Exception:  # noqa: BLE001 (the last place where anything can be said)
        import traceback

        with contextlib.suppress(OSError):
            traceback.print_exc()
            print(_ISSUE_TEXT, file=sys.stderr)
        return ExitCode.BUG


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="linda-bot",
        description="A WhatsApp bot daemon whose session survives everything.",
        epilog="Settings come from the environment and from .env, see .env.example.",
    )
    parser.add_argument("--version", action="version", version=f"linda-bot {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_run(commands)
    _add_demo(commands)
    return parser


def _add_run(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = commands.add_parser("run", help="run the bot; shows a QR code when it is not linked yet")
    parser.add_argument("--data-dir", type=Path, help="where sessions and logs are kept (default: this directory)")
    parser.add_argument("--account", help="the account's phone number in international format")
    parser.add_argument("--no-qr", action="store_true", help="never show a QR code: exit when linking is needed")
    parser.add_argument("--handlers", metavar="BOT.PY", help="a Python file or module with your `router`")
    parser.add_argument("--sandbox", type=Path, metavar="DIR", help="talk to the sandbox that runs in DIR")
    parser.set_defaults(command=_run)


def _add_demo(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = commands.add_parser("demo", help="see it link, answer, be killed and come back, without a phone")
    parser.set_defaults(command=_demo)


def _run(options: argparse.Namespace) -> int:
    from linda_bot.cli.run import run

    return run(options)


def _demo(_options: argparse.Namespace) -> int:
    from linda_bot.cli.demo import demo

    return demo()
