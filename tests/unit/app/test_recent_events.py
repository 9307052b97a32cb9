"""The last events: from the log and from the bus, each once, and masked."""

import asyncio
import json
from datetime import datetime
from pathlib import Path

import pytest

from linda_bot.app.recent_events import SHOWN, Happening, RecentEvents
from linda_bot.connection.events import AttemptFailed, PingAnswered
from linda_bot.eventlog.lines import time_text
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.events import utc_now
from linda_bot.messaging.events import HandlerFailed
from linda_bot.whatsapp.events import MessageReceived
from tests.support.fake_scene import incoming
from tests.support.health_samples import MORNING

NUMBER = "971505760056"


class Bot:
    """A bus and a log."""

    def __init__(self, logs: Path) -> None:
        self.bus = EventBus()
        self.logs = logs
        self.recent = RecentEvents(self.bus, logs, "default")
        logs.mkdir(parents=True)

    def log(
        self, name: str, at: datetime = MORNING, level: str = "info", account: str = "default", **facts: object
    ) -> None:
        """Write a line into the log."""
        line = {"timestamp": time_text(at), "level": level, "category": "connection", "event": name, "account": account}
        with (self.logs / "events.jsonl").open("a") as file:
            file.write(json.dumps({**line, **facts}) + "\n")

    def seen(self) -> tuple[Happening, ...]:
        """Return what is shown."""
        return self.recent.with_heard(self.recent.read_log())


@pytest.fixture
def bot(tmp_path: Path) -> Bot:
    """The bot."""
    return Bot(tmp_path / "logs")


async def settled() -> None:
    """Let what was published be heard."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_nobody_watches(bot: Bot) -> None:
    """The log's last events, without its details, other bots' lines and what is no event."""
    bot.log("first", level="warning", because="a reason", attempt=3)
    bot.log("detail", level="debug")
    bot.log("of_another", account="other")
    with (bot.logs / "events.jsonl").open("a") as file:
        file.write("no event\n")
    bot.log("last")
    assert bot.seen() == (
        Happening(MORNING, "warning", "first", 'because="a reason" attempt=3'),
        Happening(MORNING, "info", "last", ""),
    )


def test_there_are_only_so_many(bot: Bot) -> None:
    """The newest."""
    for number in range(50):
        bot.log(f"event_{number}")
    assert [each.name for each in bot.seen()] == [f"event_{number}" for number in range(50 - SHOWN, 50)]


def test_no_log_is_no_event(bot: Bot) -> None:
    """And no failure."""
    assert bot.seen() == ()


def test_what_the_log_was_told_to_hold_is_masked(bot: Bot) -> None:
    """Numbers have their pseudonyms, texts their lengths, and nothing steers a terminal."""
    bot.log("message", text="a secret", chat=f"{NUMBER}@s.whatsapp.net", because="\x1b[2J", sender_name="Jane")
    (seen,) = bot.seen()
    assert NUMBER not in seen.facts
    assert "97*56~" in seen.facts
    assert "<8 characters>" in seen.facts
    assert "Jane" not in seen.facts
    assert seen.facts.isprintable()


async def test_what_is_heard_is_there_at_once_and_masked(bot: Bot) -> None:
    """Without details, and without what a stranger wrote, also where an error quotes it."""
    with bot.recent.watching():
        await settled()
        bot.bus.publish(MessageReceived(message=incoming("my secret"), conversation="c"))
        bot.bus.publish(PingAnswered(took_ms=3))
        failure = f"cannot read 'my secret' of {NUMBER}"
        bot.bus.publish(HandlerFailed(id="1", chat="c", handler="echo", error=failure, trace="line\nline"))
        await settled()
        *_, last = seen = bot.seen()
    assert last.name == "handler_failed"
    assert last.level == "error"
    assert "ping_answered" not in {each.name for each in seen}
    for each in seen:
        assert "my secret" not in each.facts
        assert NUMBER not in each.facts
        assert each.facts.isprintable()


async def test_what_was_heard_and_is_logged_is_shown_once(bot: Bot) -> None:
    """Two of the same moment stay two, and all are in order of time."""
    with bot.recent.watching():
        await settled()
        bot.log("before")
        at = utc_now()
        for _ in range(2):
            event = AttemptFailed(finding="unreachable", because="x", at=at)
            bot.bus.publish(event)
            bot.log("attempt_failed", at, "warning", finding="unreachable", because="x, as the log says it")
        await settled()
        seen = bot.seen()
        assert [each.name for each in seen] == ["before", "attempt_failed", "attempt_failed"]
        assert bot.recent.with_heard(()) == seen[1:]
    assert bot.recent.with_heard(()) == ()


async def test_news_are_waited_for(bot: Bot) -> None:
    """Every event is some, also a detail; nobody who watches, none."""
    bot.bus.publish(PingAnswered(took_ms=3))
    with bot.recent.watching(), bot.recent.watching():
        await settled()
        before = bot.recent.revision
        waiting = asyncio.create_task(bot.recent.changed_since(before))
        await settled()
        assert not waiting.done()
        bot.bus.publish(PingAnswered(took_ms=3))
        assert await waiting == before + 1
        assert await bot.recent.changed_since(before) == before + 1


async def test_who_stops_watching_ends_nothing_for_the_others(bot: Bot) -> None:
    """Only with the last of them the bus is left alone."""
    with bot.recent.watching():
        with bot.recent.watching():
            await settled()
        bot.bus.publish(AttemptFailed(finding="x", because="y"))
        await settled()
        assert len(bot.recent.with_heard(())) == 1
    await settled()
    for _ in range(1000):
        bot.bus.publish(AttemptFailed(finding="x", because="y"))
    assert bot.bus.dropped == 0, "an inbox is open that nobody reads"
