"""Follow the README and the guides from nothing, and say whether what they promise happens.

Clones this checkout's last commit into a temporary directory, with an empty home and a bare environment, and types what
the documents say: every `$ ` line of their console blocks. What they show below a command must appear, but for figures.
Needs Linux, git, make, Python 3.11 and a package registry, and nothing that is installed beside Python.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from scripts.guides import ROOT, Command, blocks, commands, commands_in, inline
from scripts.recording import Shell, Studio

_HOME = "/home/me"
_PROMPT = "[$?] from-nothing> "
_ENDED = re.compile(r"\[(\d+)\] from-nothing> $")
_KEPT = re.compile(r"(PIP|UV|SSL)_|.*_(PROXY|CA_BUNDLE)$", re.IGNORECASE)
"""Variables that say how this machine reaches a package registry."""
_PATH = "/usr/local/bin:/usr/bin:/bin"
_COLUMNS, _LINES = 120, 60
_WITHIN_S, _TESTS_WITHIN_S, _SIGN_WITHIN_S, _STOP_WITHIN_S = 900, 3000, 60, 15
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_CODE, _UNREACHED = "Waiting for the scan", "cannot be reached"
_VARIES = (
    (re.compile(r"[─═=\-.]{3,}"), "~"),
    (re.compile(r"\b(now|\d[\d.]* (ms|s|seconds|minutes?)( ago)?)\b"), "#"),
    (re.compile(r"\d[\d.,]*\s?(ms|s)\b"), "#"),
    (re.compile(r"\d[\d.]*"), "#"),
    (re.compile(r"\s+"), " "),
)
"""What may be different each time, and what stands for it."""


class Verdict(NamedTuple):
    """What came of it."""

    word: str
    why: str = ""


GOOD = Verdict("as told")


def main() -> int:
    """Follow them; exit code 0 only if everything that can be tried here was as the documents say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--with-tests", action="store_true", help="`make test`, too: takes some twelve minutes")
    parser.add_argument("--keep", action="store_true", help="keep the directory")
    parser.add_argument("--path", default=_PATH, help=f"where programs are looked for, pipx for one: {_PATH}")
    options = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="from-nothing-"))
    home = place / "home"
    home.mkdir()
    commit = subprocess.run(["git", "describe", "--always"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    _say(f"From commit {commit.stdout.strip()} in {place}.")
    trial = Trial(home, options.path)
    try:
        _getting_started(trial)
        _readme(trial, with_tests=options.with_tests)
        _first_bot(trial)
    finally:
        trial.close()
        if options.keep:
            _say(f"Kept in {place}.")
        else:
            shutil.rmtree(place)
    return trial.conclude()


def _getting_started(trial: "Trial") -> None:
    """From the clone to a bot on WhatsApp."""
    trial.document("docs/getting-started.md")
    for command in commands("docs/getting-started.md"):
        trial.do(command)
    trial.stop_all()


def _readme(trial: "Trial", *, with_tests: bool) -> None:
    """The two commands in the same checkout, and the first handler on the sandbox."""
    trial.document("README.md")
    trial.do(Command("cd ~/linda-bot"))
    for command in commands("README.md"):
        if command.line.startswith("make "):
            trial.do(command)
    trial.do(Command("make run"))
    trial.stop_all()
    if with_tests:
        trial.do(Command("make test"), within_s=_TESTS_WITHIN_S)
    else:
        trial.leave_out("make test", "see --with-tests")
    trial.do(Command("mkdir ~/handler && cd ~/handler"))
    (source,) = (text for language, text in blocks("README.md") if language == "python")
    (trial.home / "handler" / "my_bot.py").write_text(source)
    trial.do(Command("linda-bot sandbox serve play"))
    trial.do(Command(f"{inline('README.md', 'linda-bot run --handlers')} --sandbox play --qr-file code.png"))
    trial.do(Command("linda-bot sandbox scan play code.png", ("Linked to +97150*****56 as its device 1.",)))
    for said, answer in (("!add 2 3", "5"), ("!add 2", "3"), ("oh hello", "hello, ")):
        trial.do(Command(f"linda-bot sandbox send play '{said}'", (answer,)))
    trial.stop_all()


def _first_bot(trial: "Trial") -> None:
    """The steps of the guide, its changes to the files included."""
    name = "docs/first-bot.md"
    trial.document(name)
    trial.do(Command("mkdir ~/second && cd ~/second"))
    for language, text in blocks(name):
        if language == "python":
            file = "test_my_bot.py" if "async def test_" in text else "my_bot.py"
            with (trial.home / "second" / "first" / file).open("a") as stream:
                stream.write(f"\n\n{text}")
            continue
        for command in commands_in(text):
            trial.do(command)
    trial.stop_all()


class Trial:
    """A person with a home and nothing else, who types: one terminal to work in, one for each program that goes on."""

    def __init__(self, home: Path, path: str) -> None:
        self.home = home
        self._path = path
        self._closing = ExitStack()
        self._studio = Studio()
        self._others: list[Shell] = []
        self._verdicts: list[Verdict] = []
        self._hand = self._terminal(home)

    def document(self, name: str) -> None:
        """Say which one is followed."""
        _say(f"\n{name}")

    def leave_out(self, line: str, why: str) -> None:
        """Say that a command is not tried, and why."""
        self._tell(line, 0.0, Verdict("left out", why))

    def do(self, command: Command, *, within_s: float = _WITHIN_S) -> None:
        """Type a command and tell what came of it."""
        line = command.line.replace("<this repository>", f"file://{ROOT}")
        first = line.partition(" ")[0]
        if first == "pipx" and shutil.which("pipx", path=self._path) is None:
            self.leave_out(line, "there is no pipx here")
            return
        began = time.monotonic()
        try:
            if line.startswith("linda-bot sandbox serve"):
                verdict = self._goes_on(line, "listens on 127.0.0.1", shown=command.shown)
            elif line == "make run" or (line.startswith("linda-bot run") and "; " not in line):
                signs = (_CODE,) if "--sandbox" in line else (_CODE, _UNREACHED)
                verdict = self._goes_on(line, *signs, shown=command.shown)
            else:
                verdict = self._ends(line, command.shown, within_s)
        except TimeoutError as error:
            verdict = Verdict("FAILED", str(error))
        self._tell(line, time.monotonic() - began, verdict)

    def stop_all(self) -> None:
        """Press Ctrl+C wherever something goes on, the latest first, and expect an orderly end."""
        while self._others:
            shell = self._others.pop()
            began, seen = time.monotonic(), len(shell.screen)
            shell.press("\x03")
            try:
                code = self._status(shell, seen, _STOP_WITHIN_S)
                verdict = GOOD if code in (0, 130) else Verdict("FAILED", f"it ended with exit code {code}")
            except TimeoutError as error:
                verdict = Verdict("FAILED", str(error))
            self._tell("Ctrl+C", time.monotonic() - began, verdict)

    def close(self) -> None:
        """Take all terminals away."""
        self._closing.close()

    def conclude(self) -> int:
        """Say what it comes to, and return the exit code."""
        words = [verdict.word for verdict in self._verdicts]
        counted = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
        _say(f"\n{len(words)} steps: {counted}.")
        return 1 if "FAILED" in words else 0

    def _terminal(self, cwd: Path) -> Shell:
        shell = Shell(
            self._studio,
            cwd,
            _environment(self.home, self._path),
            columns=_COLUMNS,
            lines=_LINES,
            prompt=_PROMPT,
            sign="from-nothing> ",
        )
        return self._closing.enter_context(shell)

    def _goes_on(self, line: str, *signs: str, shown: tuple[str, ...] = ()) -> Verdict:
        """Start a program in a terminal of its own, where the first one is, and wait for one of the signs."""
        shell = self._terminal(self.home)
        where = Path(f"/proc/{self._hand.pid}/cwd").readlink()
        activate = f"{self.home}/bot/.venv/bin/activate"
        seen = len(shell.screen)
        shell.type(f"cd '{where}' && . '{activate}'")
        self._status(shell, seen, _STOP_WITHIN_S)
        seen = len(shell.screen)
        shell.type(line)
        shell.wait_until(
            lambda: any(sign in shell.screen[seen:] for sign in signs) or _ENDED.search(shell.screen[seen:]),
            f"none of {signs} came",
            within_s=_SIGN_WITHIN_S,
        )
        said = shell.screen[seen:]
        self._others.append(shell)
        if _CODE not in said and _UNREACHED in said:
            because = next(each.strip() for each in said.splitlines() if _UNREACHED in each)
            return Verdict("not reached", f"no network to WhatsApp; the bot says so and goes on trying: {because}")
        if not any(sign in said for sign in signs):
            self._others.remove(shell)
            return Verdict("FAILED", f"it ended:\n{said}")
        return self._compared(shown, said)

    def _ends(self, line: str, shown: tuple[str, ...], within_s: float) -> Verdict:
        """Type a command in the first terminal and wait for its end."""
        seen = len(self._hand.screen)
        self._hand.type(line)
        code = self._status(self._hand, seen, within_s)
        said = self._hand.screen[seen:]
        if code != 0:
            return Verdict("FAILED", f"exit code {code}:\n{said}")
        return self._compared(shown, said)

    def _status(self, shell: Shell, seen: int, within_s: float) -> int:
        """Wait for the prompt that comes after a command; return the exit code that stands in it."""
        shell.wait_until(lambda: _ENDED.search(shell.screen[seen:]), "it did not end", within_s=within_s)
        found = _ENDED.search(shell.screen[seen:])
        assert found is not None
        return int(found.group(1))

    def _compared(self, shown: tuple[str, ...], said: str) -> Verdict:
        """Hold what a document shows against what was said, but for figures; a line that is a number is an answer."""
        said = said.replace(str(self.home), _HOME)
        lines, seen = {line.strip() for line in said.splitlines()}, _masked(said)
        for line in shown:
            if line.strip() not in lines if line.strip().isdigit() else _masked(line).strip() not in seen:
                return Verdict("FAILED", f"the document shows {line!r}, but there was:\n{said}")
        return GOOD

    def _tell(self, line: str, took_s: float, verdict: Verdict) -> None:
        self._verdicts.append(verdict)
        why = f": {verdict.why}" if verdict.why else ""
        _say(f"  {took_s:6.1f} s  {line}\n            {verdict.word}{why}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _environment(home: Path, path: str) -> Mapping[str, str]:
    """Return what a person has who has just logged in."""
    kept = {name: value for name, value in os.environ.items() if _KEPT.match(name)}
    return {**kept, "HOME": str(home), "PATH": path, "LANG": "C.UTF-8", "SHELL": "/bin/bash"}


def _masked(text: str) -> str:
    text = _ESCAPE.sub("", text)
    for pattern, instead in _VARIES:
        text = pattern.sub(instead, text)
    return text


if __name__ == "__main__":
    sys.exit(main())
