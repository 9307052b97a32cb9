"""Starting the engine ahead of everything else, from a first glance at the command line."""

import os
import signal
import sys
from pathlib import Path
from typing import NamedTuple

from linda_bot.kernel.terminal import has_terminal
from linda_bot.whatsapp.spawn import ENGINE_COMMAND, EngineProcess, end_if_ours, spawn_engine

SANDBOX_ENGINE_COMMAND = (sys.executable, "-P", "-m", "linda_bot.sandbox.engine")
SANDBOX_ENVIRONMENT_FILE = "engine.env"


class EngineChoice(NamedTuple):
    """Which engine a command line asks for, and the process that was started ahead, if one was."""

    command: tuple[str, ...]
    environment: dict[str, str]
    process: EngineProcess | None = None


def start_engine_ahead(arguments: list[str]) -> EngineChoice:
    """Start an engine if the command line is going to need one; it does nothing before it is told to.

    Until the daemon listens to signals itself, SIGINT and SIGTERM end the process at once, with code 0: nothing has
    begun yet. SIGHUP does so too when the terminal is gone; one that somebody sends on purpose does nothing, and under
    nohup it stays ignored.
    """
    choice = choose_engine(arguments)
    if arguments[:1] != ["run"] or not {"-h", "--help"}.isdisjoint(arguments):
        return choice
    process: EngineProcess | None = None
    on_terminal = has_terminal()

    def quit_at_once(_signal: int, _frame: object) -> None:
        if process is not None:  # one that is just being started ends by itself: nobody holds its pipes any more
            end_if_ours(process)
        os._exit(0)

    def hang_up(number: int, frame: object) -> None:
        if on_terminal and not has_terminal():
            quit_at_once(number, frame)

    signal.signal(signal.SIGINT, quit_at_once)
    signal.signal(signal.SIGTERM, quit_at_once)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, hang_up)
    try:
        process = spawn_engine(choice.command, choice.environment)
    except OSError:
        return choice  # it is tried again, and told, when the client starts
    return choice._replace(process=process)


def choose_engine(arguments: list[str]) -> EngineChoice:
    """Return the sandbox's engine for `--sandbox DIR`, else the one that talks to WhatsApp."""
    directory = sandbox_directory(arguments)
    if directory is None:
        return EngineChoice(ENGINE_COMMAND, {})
    return EngineChoice(SANDBOX_ENGINE_COMMAND, read_environment(directory / SANDBOX_ENVIRONMENT_FILE))


def sandbox_directory(arguments: list[str]) -> Path | None:
    """Return what follows `--sandbox`, if it is there."""
    for position, argument in enumerate(arguments):
        if argument == "--sandbox" and position + 1 < len(arguments):
            return Path(arguments[position + 1])
        if argument.startswith("--sandbox="):
            return Path(argument.partition("=")[2])
    return None


def read_environment(path: Path) -> dict[str, str]:
    """Read KEY=VALUE lines; nothing when there is no such file."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    return dict(line.split("=", 1) for line in lines if "=" in line)
