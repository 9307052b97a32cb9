"""The command line: what there is, and how an error becomes one line and an exit code."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Sequence

from linda_bot.cli.ahead import EngineChoice
from linda_bot.cli.options import make_parser
from linda_bot.kernel.errors import ExitCode, LindaError

_ISSUE_TEXT = "This is a bug of linda-bot's; please report it with the lines above."


def run_command(arguments: Sequence[str], ahead: EngineChoice, started_at: float) -> int:
    """Run the command and return its exit code; an error is told on stderr."""
    options = make_parser(arguments).parse_args(arguments)
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
