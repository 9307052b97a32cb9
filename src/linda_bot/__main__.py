"""The console script: `linda-bot`, or `python -m linda_bot`.

For `run` the engine process is started before anything else is imported: loading the client library is the largest
part of a restart, and the daemon's own imports take place meanwhile.
"""

import sys
import time

STARTED_AT = time.monotonic()


def main() -> None:
    """Run a command and exit with its code."""
    if sys.platform == "win32":
        sys.exit("linda-bot runs on Linux and macOS; on Windows, run it in WSL")
    from linda_bot.kernel.standard_streams import fill_standard_streams

    fill_standard_streams()
    arguments = sys.argv[1:]
    from linda_bot.cli.ahead import start_engine_ahead

    ahead = start_engine_ahead(arguments)
    from linda_bot.cli.main import run_command

    sys.exit(run_command(arguments, ahead, STARTED_AT))


if __name__ == "__main__":
    main()
