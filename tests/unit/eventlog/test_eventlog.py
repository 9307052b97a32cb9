"""Events become lines: named, masked, in a file that is rotated."""

import asyncio
import io
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from linda_bot.connection.events import LinkGaveUp, RetryScheduled, SessionQuarantined
from linda_bot.eventlog.events import LogLevelChanged, LogTrouble
from linda_bot.eventlog.lines import line_of
from linda_bot.eventlog.open import open_event_log
from linda_bot.eventlog.pseudonyms import KEY_FILE
from linda_bot.eventlog.redaction import Redactor
from linda_bot.eventlog.setup import places_of, writing_log
from linda_bot.kernel.alerts import AlertRaised
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.events import Event
from linda_bot.messaging.events import HandlerFailed
from linda_bot.settings import LogSettings
from linda_bot.whatsapp.events import (
    Connected,
    EngineExited,
    EnginePrinted,
    IncomingMessage,
    LoggedOut,
    MessageReceived,
    PairSucceeded,
    QrIssued,
)

NOW = datetime(2026, 2, 7, 10, 35, 2, 340_000, tzinfo=UTC)
MESSAGE = IncomingMessage(
    id="3EB0AE55",
    chat="257211208731621@lid",
    sender="257211208731621@lid",
    sender_alt="4915112345678@s.whatsapp.net",
    sender_name="Ann Example",
    text="meet me at the \x1b[31mharbour",
    kind="conversation",
    sent_at=NOW,
    raw=b"257211208731621",
)
EVENTS: list[tuple[Event, str, str, str]] = [
    (Connected(at=NOW, number="971505760056"), "connected", "info", "connection"),
    (MessageReceived(at=NOW, message=MESSAGE), "message_received", "info", "message"),
    (PairSucceeded(at=NOW, number="971505760056", platform="android"), "pair_succeeded", "info", "session"),
    (QrIssued(at=NOW, code="2@verysecret", number=1, valid_s=60), "qr_issued", "info", "session"),
    (LoggedOut(at=NOW, code=401, on_connect=True), "logged_out", "warning", "session"),
    (LinkGaveUp(at=NOW, exit_code=7, because="x", advice="y"), "link_gave_up", "error", "error"),
    (RetryScheduled(at=NOW, in_s=3, attempt=1, attempts=10, because="x"), "retry_scheduled", "warning", "connection"),
    (SessionQuarantined(at=NOW, to="/q", because="x"), "session_quarantined", "warning", "session"),
    (EnginePrinted(at=NOW, line="got 2@verysecret for 971505760056", level="warn"), "engine_printed", "warning", ""),
    (EnginePrinted(at=NOW, line="hello", level="info"), "engine_printed", "debug", ""),
    (EngineExited(at=NOW, code=-6, asked=False, last_lines=("971505760056",)), "engine_exited", "info", "connection"),
    (
        HandlerFailed(at=NOW, id="1", chat="257211208731621@lid", handler="h", error="E: +4915112345678", trace="a\nb"),
        "handler_failed",
        "error",
        "error",
    ),
]


REDACTOR, OPEN = Redactor(b"k"), Redactor(b"k", mask=False)


@pytest.mark.parametrize(("event", "name", "level", "category"), EVENTS)
def test_an_event_has_a_name_a_level_and_a_category(event: Event, name: str, level: str, category: str) -> None:
    """One rule for all."""
    line = line_of(event, REDACTOR)

    assert (line.name, line.severity.name.lower(), line.at) == (name, level, NOW)
    assert category in ("", line.category)


@pytest.mark.parametrize("event", [event for event, *_ in EVENTS])
@pytest.mark.parametrize("redactor", [REDACTOR, OPEN])
def test_nothing_private_is_in_a_line(event: Event, redactor: Redactor) -> None:
    """Masked: no number, name or text. In any case: no code, no raw bytes, no escape."""
    text = " ".join(texts_in(line_of(event, redactor).facts))

    private = ["2@verysecret", "\x1b"]
    if redactor is REDACTOR:
        private += ["971505760056", "4915112345678", "257211208731621", "Ann Example", "harbour"]
    assert not [word for word in private if word in text]
    assert "raw" not in line_of(event, redactor).facts


def texts_in(value: object) -> Iterator[str]:
    """Yield every text as it is; in JSON an escape would no longer look like one."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from texts_in(item)
    else:
        yield str(value)


def test_an_alert_belongs_to_the_health() -> None:
    """Whoever filters by category finds it there, as a warning."""
    line = line_of(AlertRaised(kind="down", because="no network", advice="look at the router"), REDACTOR)

    assert ("warning", "alert_raised", "health") == (line.severity.name.lower(), line.name, line.category)


def test_unmasked_lines_say_everything_else() -> None:
    """For somebody who debugs on his own machine."""
    facts = line_of(MessageReceived(at=NOW, message=MESSAGE), OPEN).facts

    assert facts["sender_name"] == "Ann Example"
    assert facts["text"] == "meet me at the \\x1b[31mharbour"


async def write(
    directory: Path,
    *events: Event,
    stream: io.StringIO | None = None,
    settings: LogSettings | None = None,
    told: list[Event] | None = None,
) -> list[dict[str, object]]:
    """Send events through a log and return its lines."""
    bus = EventBus()
    with bus.subscribe(Event, name="event log", depth=1000) as subscription:
        bus.publish(events[0])  # before the log is opened
        async with (
            open_event_log(directory, settings or LogSettings(), stream, bus=bus) as log,
            log.following(subscription),
        ):
            for event in events[1:]:
                bus.publish(event)
            logging.getLogger("some.library").warning("a line of %s", "its own")
            await asyncio.sleep(0.05)
            with bus.subscribe(Event, name="told", depth=100) as news:
                bus.publish(events[-1])  # just before it is closed
                await asyncio.sleep(0.05)
                if told is not None:
                    told += news.pending()
    if not (directory / "events.jsonl").is_file():  # reading /dev/full would never end
        return []
    try:
        return [json.loads(line) for line in (directory / "events.jsonl").read_text().splitlines()]
    except OSError:
        return []


async def test_every_event_is_a_json_line(tmp_path: Path) -> None:
    """Also those before the log was open and those at its end, and what libraries log."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    lines = await write(tmp_path / "logs", Connected(number="1"), LoggedOut(code=401, on_connect=True))

    names = [line["event"] for line in lines]
    assert names.count("connected") == 1
    assert names.count("logged_out") == 2
    assert "a line of its own" in names
    assert all(list(line)[:5] == ["timestamp", "level", "category", "event", "account"] for line in lines)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(line["timestamp"])) for line in lines)
    assert (tmp_path / "logs" / "events.jsonl").stat().st_mode & 0o077 == 0
    assert (root.handlers, root.level) == before


async def test_the_level_is_kept(tmp_path: Path) -> None:
    """What is below it is not written."""
    lines = await write(
        tmp_path, EnginePrinted(line="noise"), Connected(number="1"), settings=LogSettings(level="debug")
    )
    assert "engine_printed" in [line["event"] for line in lines]
    (tmp_path / "events.jsonl").unlink()
    lines = await write(
        tmp_path, EnginePrinted(line="noise"), Connected(number="1"), settings=LogSettings(level="warning")
    )
    assert [line["event"] for line in lines] == ["a line of its own"]


@pytest.mark.parametrize(("form", "shown"), [("auto", ""), ("json", '{"'), ("console", "logged out")])
async def test_the_stream_gets_what_the_settings_say(tmp_path: Path, form: str, shown: str) -> None:
    """Nothing, JSON, or readable lines without colours."""
    stream = io.StringIO()
    await write(
        tmp_path,
        LoggedOut(code=401, on_connect=True),
        stream=stream,
        settings=LogSettings.model_validate({"format": form}),
    )

    assert stream.getvalue() == "" if form == "auto" else shown in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize("fault", ["a file where the directory should be", "a full disk"])
async def test_a_log_that_cannot_be_written_is_said_once_and_lived_with(tmp_path: Path, fault: str) -> None:
    """As an event, which the screen shows, and as an incident."""
    directory = tmp_path / "logs"
    if fault == "a full disk":
        directory.mkdir()
        (directory / "events.jsonl").symlink_to("/dev/full")
    else:
        directory.touch()
    bus = EventBus()
    told: list[Any] = []
    with bus.subscribe(Event, name="event log", depth=1000) as subscription:
        async with open_event_log(directory, LogSettings(), None, bus=bus) as log, log.following(subscription):
            with bus.subscribe((LogTrouble, AlertRaised), name="told") as news:
                for number in range(3):
                    bus.publish(Connected(number=str(number)))
                    await asyncio.sleep(0.02)
                told = list(news.pending())

    assert [type(event) for event in told] == [LogTrouble, AlertRaised]
    assert "events.jsonl cannot be written: " in told[0].because


async def test_the_level_is_changed_while_it_runs(tmp_path: Path) -> None:
    """Debug mode and back; said in the log, so that a gap has its reason."""
    bus = EventBus()
    with bus.subscribe(Event, name="event log", depth=1000) as subscription:
        async with open_event_log(tmp_path, LogSettings(), None, bus=bus) as log, log.following(subscription):
            for number in range(3):
                bus.publish(EnginePrinted(line=f"noise {number}"))
                await asyncio.sleep(0.05)
                log.levels.toggle("asked")
            log.levels.set("error", "asked")
            with pytest.raises(KeyError):
                log.levels.set("loud", "asked")
            await asyncio.sleep(0.05)
            bus.publish(Connected(number="1"))
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]

    assert [line["line"] for line in lines if line["event"] == "engine_printed"] == ["noise 1"]
    assert [line["to"] for line in lines if line["event"] == "log_level_changed"][:2] == ["debug", "info"]
    assert "connected" not in [line["event"] for line in lines]
    assert LogLevelChanged(to="debug", because="x").category == "health"


async def test_the_key_of_the_pseudonyms_is_kept_away_from_the_log(tmp_path: Path) -> None:
    """People send their logs to each other; the same contact keeps its pseudonym."""
    first = await write(tmp_path / "logs", MessageReceived(message=MESSAGE))
    again = await write(tmp_path / "logs", MessageReceived(message=MESSAGE))
    key = tmp_path / "sessions" / KEY_FILE

    assert {line["chat"] for line in [*first, *again] if "chat" in line} == {again[-1]["chat"]}
    assert key.stat().st_mode & 0o077 == key.parent.stat().st_mode & 0o077 == 0
    assert [file.name for file in (tmp_path / "logs").iterdir()] == ["events.jsonl"]


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("mask", [True, False])
def test_what_a_library_logs_is_harmless_too(tmp_path: Path, form: str, mask: bool) -> None:  # noqa: FBT001
    """Its message, its extras and its traceback: masked, on one line each, without escapes or codes."""
    stream = io.StringIO()
    settings = LogSettings.model_validate({"format": form, "mask": mask})

    def fail() -> None:
        raise ValueError("4915112345678 \x1b[2J 2@verysecret")

    with writing_log(places_of(tmp_path, settings, stream), settings, Redactor(b"k", mask=mask), account="default"):
        try:
            fail()
        except ValueError:
            logging.getLogger("a.library").exception(
                "%s said\n2026 [info] forged \x9b31m",
                "971505760056",
                extra={"who": ["257211208731621@lid"], "n": 5, "event": "e", "logger": "l"},
            )
    shown = stream.getvalue()
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]

    numbers = ["971505760056", "4915112345678", "257211208731621"]
    for text in (shown, *texts_in(lines)):
        assert not [word for word in ("2@verysecret", "\x1b", "\x9b", "\n2026 [info]") if word in text]
    assert [word for word in numbers if word in shown] == ([] if mask else numbers)
    assert (lines[0]["n"], lines[0]["event_"], lines[0]["logger"]) == (5, "e", "a.library")
    assert lines[0]["level"] == "error"
    assert "ValueError: " in shown
    assert lines[0]["trace"].startswith("Traceback (most recent call last):\n")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb"), ("TERM", "xterm")])
def test_colours_are_for_terminals_that_want_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """no-color.org, and terminals that cannot."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, value)
    stream = Terminal()
    settings = LogSettings(format="console")
    with writing_log(places_of(tmp_path, settings, stream), settings, REDACTOR, account="default") as log:
        log.put(Connected(number=""))

    assert ("\x1b" in stream.getvalue()) is (value == "xterm")


def test_rich_is_not_loaded_for_the_log(tmp_path: Path) -> None:
    """Where it is installed, structlog would import it: 30 ms of every start."""
    (tmp_path / "rich").mkdir()
    (tmp_path / "rich" / "__init__.py").touch()
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from pathlib import Path
from linda_bot.eventlog.redaction import Redactor
from linda_bot.eventlog.setup import places_of, writing_log
from linda_bot.settings import LogSettings
with writing_log(places_of(Path({str(tmp_path)!r}), LogSettings(), None), LogSettings(), Redactor(b"k"), account="x"):
    import structlog
    print("rich" in sys.modules)
    import rich
    print(rich.__file__.startswith({str(tmp_path)!r}))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout.split() == ["False", "True"]
