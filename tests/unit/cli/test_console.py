"""What a person reads."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from linda_bot.cli.ahead import choose_engine, read_environment, sandbox_directory
from linda_bot.cli.console import Console, ago
from linda_bot.cli.qr import half_blocks, qr_lines
from linda_bot.cli.story_line import span
from linda_bot.connection.events import AttemptFailed, LinkGaveUp, RestoreCompleted, RestoreStarted, RetryScheduled
from linda_bot.kernel.events import Event
from linda_bot.messaging.events import HandlerFailed
from linda_bot.sandbox.qr import UnreadableQrError, qr_from_terminal
from linda_bot.whatsapp.events import EngineExited, QrIssued
from linda_bot.whatsapp.spawn import ENGINE_COMMAND


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def told(*events: Event, stream: io.StringIO | None = None) -> str:
    """Return what the console writes of some events."""
    stream = stream or io.StringIO()
    console = Console(stream)
    for event in events:
        console.show(event)
    return stream.getvalue()


def test_numbers_are_masked() -> None:
    """On the screen too: people share screenshots."""
    text = told(RestoreCompleted(attempt=1, duration_ms=5, number="971505760056"))

    assert "97150*****56" in text
    assert "971505760056" not in text


def test_the_first_start_says_how_long_it_took() -> None:
    """Later logins of the same run do not."""
    done = RestoreCompleted(attempt=1, duration_ms=5, number="1")

    assert told(done, done).count("after the start") == 1


def test_a_strangers_text_cannot_steer_the_terminal() -> None:
    """Escapes are shown, not sent."""
    text = told(HandlerFailed(id="1", chat="1@lid", handler="h", error="E: \x1b[2J\u202eevil\n\rnext", trace=""))

    assert "\x1b" not in text
    assert "\u202e" not in text
    assert len(text.splitlines()) == 1


def test_an_end_says_what_to_do() -> None:
    """Why, then what to do."""
    text = told(
        AttemptFailed(finding="replaced", because="another client logged in with this device"),
        LinkGaveUp(exit_code=7, because="", advice="stop the other program"),
    )

    assert text == "Another client logged in with this device.\nWhat to do: stop the other program.\n"


def test_a_retry_says_when_and_that_nothing_is_lost() -> None:
    """Also how many are left."""
    retry = RetryScheduled(in_s=120, attempt=5, attempts=10, because="x")
    restoring = RestoreStarted(attempt=1, attempts=3, previous_status="ready", last_activity=None)

    last = told(restoring, retry).splitlines()[-1]
    assert last == "  The session is untouched. Next try in 2 minutes, attempt 5 of 10."
    assert told(retry) == "  Next try in 2 minutes, attempt 5 of 10.\n"


def test_a_dead_engine_shows_its_last_words() -> None:
    """Three lines at most, harmless."""
    text = told(EngineExited(code=-6, asked=False, last_lines=("a", "b", "panic: \x1b[1m", "goroutine 1")))

    assert text.splitlines() == ["  engine: b", "  engine: panic: \\x1b[1m", "  engine: goroutine 1"]


def test_codes_are_redrawn_in_place_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second code replaces the first; a line in between keeps both."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    codes = [QrIssued(code=f"2@{number}", number=number, valid_s=20) for number in (1, 2)]

    assert "\x1b[J" in told(*codes, stream=Terminal())
    assert "\x1b[J" not in told(
        codes[0], RetryScheduled(in_s=1, attempt=1, attempts=1, because=""), codes[1], stream=Terminal()
    )
    assert "\x1b" not in told(*codes)


def test_a_narrow_terminal_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken picture helps nobody."""
    monkeypatch.setenv("COLUMNS", "20")
    text = told(QrIssued(code="2@x", number=1, valid_s=60), stream=Terminal())

    assert "20 columns" in " ".join(text.split())
    assert "▄" not in text


def test_a_broken_stream_is_no_error() -> None:
    """The bot lives on when nobody reads."""
    stream = io.StringIO()
    console = Console(stream)
    stream.close()
    console.show(RestoreStarted(attempt=1, attempts=3, previous_status="ready", last_activity=None))


@pytest.mark.parametrize("colours", [True, False])
def test_a_drawn_code_can_be_read(colours: bool) -> None:  # noqa: FBT001 (a parameter of the test)
    """By a real decoder, whatever is printed around it."""
    text = "https://wa.me/settings/linked_devices#2@" + "Ab3+/" * 40
    screen = "\n".join(["before", *qr_lines(text, colours=colours), "  Code 1, valid for 60 s."])

    assert qr_from_terminal(screen) == text


def test_a_screen_without_a_code() -> None:
    """Says so."""
    with pytest.raises(UnreadableQrError, match="no QR code"):
        qr_from_terminal("nothing\nhere")


def test_half_blocks_pair_the_rows() -> None:
    """Light is drawn; an odd last row stands alone."""
    assert half_blocks([[True, False], [False, False], [True, True]]) == ["▄█", "▄▄"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (59.7, "1 minute"),
        (60, "1 minute"),
        (3590, "1 hour"),
        (86399, "1 day"),
        (3600, "1 hour"),
        (7300, "2 hours"),
        (86400 * 3, "3 days"),
        (-5, "0 s"),
    ],
)
def test_spans_are_told_in_their_largest_unit(seconds: float, text: str) -> None:
    """Short enough to read at a glance."""
    assert span(seconds) == text


def test_ago() -> None:
    """And what is not known."""
    assert ago(datetime.now(UTC) - timedelta(minutes=3)) == "3 minutes ago"
    assert ago(None) == "unknown"


def test_the_engine_follows_the_command_line(tmp_path: Path) -> None:
    """The sandbox's engine only for --sandbox, in either spelling."""
    (tmp_path / "engine.env").write_text("HTTPS_PROXY=http://127.0.0.1:1\nnonsense\n")

    assert choose_engine(["run", "--no-qr"]).command == ENGINE_COMMAND
    for arguments in (["run", "--sandbox", str(tmp_path)], ["run", f"--sandbox={tmp_path}"]):
        choice = choose_engine(arguments)
        assert "linda_bot.sandbox.engine" in choice.command
        assert choice.environment == {"HTTPS_PROXY": "http://127.0.0.1:1"}
    assert sandbox_directory(["run", "--sandbox"]) is None
    assert read_environment(tmp_path / "none") == {}
