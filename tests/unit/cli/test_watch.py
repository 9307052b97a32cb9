"""The live view: what it shows fits the terminal, is harmless, and ends when somebody says so."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from linda_bot.app.status import BotStatus, OpenAlert
from linda_bot.cli.watch_page import Paper, View, page
from linda_bot.eventlog.reading import parse
from linda_bot.eventlog.redaction import Redactor
from linda_bot.health.stats import last_day
from tests.support.health_samples import series

NOW = datetime(2026, 11, 21, 16, 40, tzinfo=UTC)
EVIL = "\x1b]0;owned\x07[bold]\u202e"
LINES = [
    b'{"timestamp":"2026-11-21T16:39:59.123Z","level":"warning","category":"connection","event":"disconnected"}',
    (
        b'{"timestamp":"2026-11-21T16:40:00Z","level":"info","event":"message_received","text":"a secret \\u001b[2J",'
        b'"chat":"4915112345678@s.whatsapp.net"}'
    ),
    b"{torn 4915112345678 \x1b[2J",
]
STATUS = BotStatus(
    account="default",
    live=True,
    state="reconnecting",
    since="2026-11-21T16:39:59.123Z",
    because=f"4915112345678 {EVIL}",
    linked_number="971505760056",
    last_connected=None,
    restore_count=3,
    last_restore=None,
    last_restore_ms=212,
    backups=0,
    last_backup=None,
    health="degraded",
    health_reasons=("the disk is nearly full",),
    alerts=(OpenAlert(topic="link", kind="down", because=EVIL, advice="", since="2026-11-21T16:39:59.123Z"),),
    pid=7,
    uptime_s=5,
)


def shown(columns: int, rows: int, *, blocks: bool = True, show_numbers: bool = False, trouble: str = "") -> list[str]:
    """Return the lines of a page."""
    veil = None if show_numbers else Redactor(b"k")
    view = View(STATUS, trouble, last_day(series(NOW, 1), NOW), tuple(map(parse, LINES)), veil, NOW)
    return [line.plain for line in page(view, Paper(columns, rows, blocks, show_numbers))]


@pytest.mark.parametrize("blocks", [True, False])
@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 40), (40, 12), (20, 5), (1, 1)])
def test_it_fits_the_terminal(columns: int, rows: int, *, blocks: bool) -> None:
    """Whatever its size is; in ASCII where nothing else can be shown."""
    lines = shown(columns, rows, blocks=blocks)

    assert len(lines) <= rows
    assert all(len(line) <= columns for line in lines)
    assert blocks or "".join(lines).isascii()


def test_what_it_tells() -> None:
    """The state and why, the facts, the link of the last day, and the newest lines at the end."""
    lines = shown(120, 40)

    assert lines[1].startswith("● reconnecting for ")
    assert lines[2].startswith("  49151******78 ")
    assert any(re.match(r"health +degraded.*the disk is nearly full", line) for line in lines)
    assert any(re.match(r"last 24 hours +█{40}", line) for line in lines)
    assert lines[-3:][0].split()[1] == "disconnected"
    assert "message received" in lines[-2]
    assert shown(120, 40, trouble="no bot runs")[1] == "● runs, but does not answer  no bot runs"


def test_nothing_private_and_nothing_that_steers_the_terminal() -> None:
    """Numbers when they are asked for, texts then too; escapes never."""
    said = "\n".join(shown(200, 40))
    asked_for = "\n".join(shown(200, 40, show_numbers=True))

    assert not [secret for secret in ("4915112345678", "971505760056", "a secret") if secret in said]
    assert all(secret in asked_for for secret in ("4915112345678", "971505760056", "a secret"))
    assert not [letter for letter in said + asked_for if not letter.isprintable() and letter != "\n"]


@pytest.mark.slow
@pytest.mark.parametrize("key", ["q", "interrupt", "gone"])
def test_it_ends_and_gives_the_terminal_back(tmp_path: Path, key: str) -> None:
    """At `q`, at Ctrl+C, and when the terminal goes; the bot, if there is one, does not notice."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    before = termios.tcgetattr(theirs)
    command = [sys.executable, "-m", "linda_bot", "watch", "--data-dir", str(tmp_path), "--every", "0.2"]
    environment = {**os.environ, "TERM": "xterm"}
    running = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    try:
        screen = _read_until(ours, b"process")
        assert b"\x1b[?1049h" in screen
        if key == "gone":
            os.close(theirs)
            os.close(ours)
            assert running.wait(10) is not None
            return
        if key == "interrupt":
            running.send_signal(signal.SIGINT)
        else:
            os.write(ours, key.encode())
        screen = _read_until(ours, b"\x1b[?1049l")
        assert running.wait(10) == 0
        assert termios.tcgetattr(theirs) == before
    finally:
        running.kill()
        running.wait()
        if key != "gone":
            os.close(theirs)
            os.close(ours)


def _read_until(descriptor: int, sign: bytes) -> bytes:
    """Return what is on the screen, once a sign is."""
    found, give_up_at = b"", time.monotonic() + 15
    while sign not in found:
        assert time.monotonic() < give_up_at, found
        if select.select([descriptor], [], [], 0.1)[0]:
            found += os.read(descriptor, 65536)
    return found
