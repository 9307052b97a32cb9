"""`linda-bot init`: the files of a first bot, and what to do with them."""

import argparse
import os
import shlex
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

from linda_bot.cli.output import say
from linda_bot.kernel.errors import ExitCode, UsageError

_BOT = '''\
"""A WhatsApp bot: every function below a decorator gets messages. Its test is in test_my_bot.py."""

from linda_bot import Message, Router, filters

router = Router()


@router.command("add")
async def add(message: Message, first: float, second: float) -> None:
    """adds two numbers"""
    await message.reply(f"{first + second:g}")


@router.message(filters.contains("hello"))
async def greet(message: Message) -> None:
    """Answer whoever says hello."""
    await message.reply(f"hello, {message.sender_name}")


# Where to go on:
#   @router.command("name")            a command; its arguments are typed by the function's
#   @router.message(filters.media())   what comes with a file: await message.download()
#   state: State                       an argument: what the bot remembers of a chat, across restarts
#   await message.reply_image("a.jpg"), message.react("👍"), message.reply(text, quote=True)
#   @router.on_startup                 gets the Bot, which writes to people unasked: await bot.send_text(...)
# Docs: messages.md has all of it, testing.md the test kit.
'''

_TEST = '''\
"""Tests of my_bot.py, without a phone and in milliseconds: python -m pytest"""

from linda_bot.testing import MakeBot, messages

from my_bot import router


async def test_add(make_bot: MakeBot) -> None:
    """Words become the numbers that the handler asks for."""
    bot = make_bot(router)

    answers = await bot.feed("!add 2 3")

    assert answers.texts == ["5"]


async def test_who_gets_it_wrong_is_told_how_it_is_done(make_bot: MakeBot) -> None:
    """That comes with the command."""
    bot = make_bot(router)

    answers = await bot.feed("!add 2 apples")

    assert answers.texts[0].endswith("Usage: !add FIRST SECOND")


async def test_greeting(make_bot: MakeBot) -> None:
    """Whoever says hello is greeted; a picture without a word is not answered."""
    bot = make_bot(router)

    await bot.feed("Hello there")
    bot.assert_replied("hello, Ann")

    await bot.feed(messages.image())
    bot.assert_no_reply()
'''

_GITIGNORE = """\
# What linda-bot writes. Whoever has a session is the bot.
/sessions/
/.session-cache/
/session-state.json
/messages/
/logs/
.env
# The sandbox.
/play/
/code.png
# Python.
__pycache__/
.pytest_cache/
.venv/
"""

_ENV = """\
# Settings of the bot; take the # away from what you change. .env.example of linda-bot has all of them.

# The handlers that `linda-bot run` loads.
#LINDA_HANDLERS=my_bot.py
# Your phone number: the bot's owner, for filters.owner.
#LINDA_OWNERS=["4915112345678"]
# What a command begins with.
#LINDA_COMMAND_PREFIX=!
# The bot's own phone number; by default whichever scans the code.
#LINDA_ACCOUNT=971505760056
"""

_FILES = {"my_bot.py": _BOT, "test_my_bot.py": _TEST, ".gitignore": _GITIGNORE, ".env": _ENV}
_PRIVATE = frozenset({".env"})


def init(options: argparse.Namespace) -> int:
    """Write the files of a first bot into a directory, and say what to do with them."""
    directory: Path = options.directory
    _write(directory)
    say(f"Written to {directory}: {', '.join(_FILES)}.")
    say("What to do next:")
    for purpose, command in _next_steps(directory):
        say(f"  {purpose}:")
        say(f"    {command}")
    return ExitCode.OK


def _write(directory: Path) -> None:
    """Write all the files or none, and nothing over another file."""
    try:
        taken = [name for name in _FILES if os.path.lexists(directory / name)]
        if taken:
            place = "this directory" if directory == Path() else str(directory)
            raise UsageError(f"{place} has {_listed(taken)} already; nothing was written: name another one")
        with ExitStack() as undoing:
            for parent in (each for each in (*reversed(directory.parents), directory) if not each.exists()):
                parent.mkdir()
                undoing.callback(parent.rmdir)
            for name, text in _FILES.items():
                file = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _mode(name))
                undoing.callback((directory / name).unlink)
                with os.fdopen(file, "w", encoding="utf-8") as stream:
                    stream.write(text)
            undoing.pop_all()
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise UsageError(f"{error.filename or directory} cannot be written: {reason}; nothing was written") from None


def _mode(name: str) -> int:
    return 0o600 if name in _PRIVATE else 0o666


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _next_steps(directory: Path) -> list[tuple[str, str]]:
    """Return what there is to do, and the command for it."""
    steps = []
    if directory.absolute() != Path.cwd():
        steps.append(("go there", f"cd {shlex.quote(str(directory))}"))
    if find_spec("pytest") is None:
        steps.append(("get what runs tests", "python -m pip install pytest"))
    if find_spec("aiohttp") is None or find_spec("zxingcpp") is None:
        steps.append(("get a WhatsApp to try it on", "python -m pip install 'linda-bot[sandbox]'"))
    return [
        *steps,
        ("run its tests", "python -m pytest"),
        ("start a WhatsApp on this machine, without a phone or an account", "linda-bot sandbox serve play"),
        (
            "in a second terminal, start the bot on it",
            "linda-bot run --sandbox play --handlers my_bot.py --qr-file code.png",
        ),
        ("in a third one, be the phone that links it", "linda-bot sandbox scan play code.png"),
        ("and somebody who writes to it", "linda-bot sandbox send play '!add 2 3'"),
        ("on the real WhatsApp, scan its code with your phone", "linda-bot run --handlers my_bot.py"),
    ]
