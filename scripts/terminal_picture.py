"""Write docs/pictures/terminal.svg: a bot is linked, killed and started again, as a person saw it in a terminal.

Recorded from the real program on two pseudo-terminals, against the sandbox. What is changed: the temporary directory is
called /home/me, and pauses are shortened. Run it on a machine that has nothing else to do: the figures are its own.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from linda_bot.sandbox.bot_process import LISTENING
from scripts.recording import PROMPT, Line, Shell, Span, Studio
from scripts.terminal_svg import Window, draw

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "terminal.svg"
_HOME = "/home/me"
_COLUMNS, _LINES = 90, 40
_FRIENDS_LINES = 8
_RUN = "linda-bot run --sandbox play --qr-file code.png"
_AFTER = 0.6
"""How many seconds a person would wait between two things."""


def main() -> None:
    """Play it, and draw what was seen."""
    with tempfile.TemporaryDirectory() as place:
        bot, friend = _play(Path(place))
    windows = (
        Window("the bot", _COLUMNS, _LINES, bot),
        Window("the phone, and a friend", _COLUMNS, _FRIENDS_LINES, friend),
    )
    PICTURE.write_text(draw(windows, prompt=PROMPT, title="linda-bot is linked, killed, and comes back without a code"))


def _play(home: Path) -> tuple[list[Line], list[Line]]:
    """Link a bot, ask it, kill it, ask again, start it again; return both screens."""
    directory = home / "bot"
    directory.mkdir()
    environment = {
        **{name: value for name, value in os.environ.items() if name in {"LANG", "LC_ALL", "TZ"}},
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
    }
    program = Path(sys.executable).with_name("linda-bot")
    server = subprocess.Popen(  # noqa: S603 (our own program)
        [program, "sandbox", "serve", "play"], cwd=directory, env=environment, stderr=subprocess.PIPE, text=True
    )
    studio = Studio()
    try:
        assert server.stderr is not None
        server.stderr.readline()
        with (
            Shell(studio, directory, environment, columns=_COLUMNS, lines=_LINES) as bot,
            Shell(studio, directory, environment, columns=_COLUMNS, lines=_FRIENDS_LINES) as friend,
        ):
            bot.type(_RUN)
            bot.wait_for("Waiting for the scan")
            friend.run("linda-bot sandbox scan play code.png")
            bot.wait_for(LISTENING)
            friend.run("linda-bot sandbox send play '!ping'")
            studio.rest(_AFTER)
            friend.run(f"kill -9 {_pid(directory, environment)}")
            bot.wait_for("Killed")
            bot.wait_for(PROMPT, times=2)
            friend.type("linda-bot sandbox send play '!ping'  # while it is dead")
            studio.rest(_AFTER)
            bot.type(_RUN)
            bot.wait_for(LISTENING, times=2)
            friend.wait_for("pong", times=2)
            studio.rest(_AFTER)
            return _at_home(bot.lines(), home), _at_home(friend.lines(), home)
    finally:
        server.terminate()
        server.communicate()


def _pid(directory: Path, environment: dict[str, str]) -> int:
    """Return the bot's, as `linda-bot status` knows it."""
    told = subprocess.run(  # noqa: S603 (our own program)
        [Path(sys.executable).with_name("linda-bot"), "status", "--json", "--data-dir", "play/bot"],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r'"pid": (\d+)', told.stdout)
    assert found is not None, told.stdout + told.stderr
    return int(found.group(1))


def _at_home(lines: list[Line], home: Path) -> list[Line]:
    """Call the temporary directory by the name that the documents use."""
    return [
        Line(line.at, tuple(Span(span.text.replace(str(home), _HOME), span.style) for span in line.spans))
        for line in lines
    ]


if __name__ == "__main__":
    main()
