"""The watch over the bot's health as the bot puts it together: real readings, what events mean, the figures."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from linda_bot.app.health import HealthRoom, Surroundings, hear
from linda_bot.app.health_news import HealthNews
from linda_bot.connection.events import AttemptFailed, LinkStateChanged, PingAnswered, RestoreCompleted
from linda_bot.connection.guarding import GuardKeeper
from linda_bot.connection.incidents import LeftOpen
from linda_bot.connection.lifecycle import Finding, LinkState
from linda_bot.health.counters import Counters
from linda_bot.health.grades import Grade
from linda_bot.health.history import read_record
from linda_bot.health.samples import Why
from linda_bot.kernel.alerts import AlertCleared, AlertRaised
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.events import Event, utc_now
from linda_bot.messaging.events import (
    HandlerFailed,
    MailboxTrouble,
    MessageHandled,
    MessageSent,
    MessageSetAside,
    SendExpired,
    SendFailed,
)
from linda_bot.sessions.book import SessionBook
from linda_bot.sessions.guard import Guard
from linda_bot.whatsapp.events import EngineExited, EngineStarted, MessageReceived, QrIssued
from tests.support.fake_scene import incoming
from tests.support.quick_disk import quick_directory
from tests.unit.app.test_messages import ANN, Bot, echo

UP = LinkState.CONNECTED


def changed(old: str, new: str, finding: str = "") -> LinkStateChanged:
    """Return a change of the link."""
    return LinkStateChanged(old=old, new=new, because="", finding=finding)


async def test_what_events_mean() -> None:
    """Each is counted once, as what it is; a renewal in good order is no reconnect."""
    counters = Counters()
    states: list[str] = []
    news = HealthNews(counters)
    news.follow(states.append)
    told: list[Event] = [
        EngineStarted(pid=7, library_version="0.5", import_ms=1),
        QrIssued(code="2@secret", number=1, valid_s=20),
        changed("linking", UP),
        changed(UP, "transient_disconnect", Finding.SOCKET_LOST),
        AttemptFailed(finding=Finding.UNREACHABLE, because=""),
        AttemptFailed(finding=Finding.UNREACHABLE, because=""),
        changed("reconnecting", UP),
        changed(UP, "reconnecting", Finding.RENEWAL_DUE),
        changed("reconnecting", UP),
        RestoreCompleted(attempt=1, duration_ms=1, number=""),
        PingAnswered(took_ms=120),
        MessageReceived(message=incoming("hello")),
        MessageHandled(id="", chat="", handler="", duration_ms=50),
        MessageSent(id="", chat="", key=1, duration_ms=80),
        HandlerFailed(id="", chat="", handler="", error="", trace=""),
        MessageSetAside(id="", chat="", because=""),
        SendFailed(chat="", key=1, outcome="unknown", error=""),
        SendExpired(chat="", count=4, after_s=1),
        MailboxTrouble(because=""),
        AlertRaised(topic="health", kind="disk", because="", advice=""),
        AlertRaised(kind="down", because="", advice=""),
        AlertCleared(kind="down", after_s=1),
    ]

    for event in told:
        news.take(event)

    totals = counters.totals()
    found = {name: getattr(totals, name) for name in totals.__struct_fields__ if getattr(totals, name)}
    assert found == {
        "reconnects": 1, "restores": 1, "codes": 1, "received": 1, "handled": 1, "sent": 1,
        "handler_errors": 1, "send_failures": 5, "errors": 1,
    }  # fmt: skip
    assert (counters.renewals, counters.attempts, counters.round_trip_ms, counters.set_aside) == (1, 0, 120, 1)
    assert counters.open_alerts == {"health": "disk"}
    assert states == [UP, "transient_disconnect", UP, "reconnecting", UP]
    assert news.engine_pid == 7
    news.take(EngineExited(code=0, asked=True))
    assert news.engine_pid is None


@pytest.fixture
def bot() -> Iterator[Bot]:
    """Return an echo bot."""
    with quick_directory() as directory:
        yield Bot(directory, echo())


async def guarded() -> Guard:
    """Return the state of a guard that holds."""
    return Guard(active=True, caught=3)


def around(bot: Bot, bus: EventBus, left_open: LeftOpen | None = None) -> Surroundings:
    """Return what a watch over a bot looks at."""
    guard = GuardKeeper(bus, guarded, guarded, bot.world.link.client)
    guard.guard = Guard(active=True, caught=3)
    bot.job.paths.directory.mkdir(parents=True, exist_ok=True)
    return Surroundings(bot.job, bot.talk, guard, SessionBook(bot.job.paths), left_open, lines_lost=lambda: 0)


async def test_a_bot_is_watched(bot: Bot) -> None:
    """From before the watch began to its end; asked from the loop or from a thread."""
    room, bus = HealthRoom(), bot.world.bus
    assert (room.sample, room.grade, room.metrics(), room.report().grade) == (None, None, b"", "unknown")
    with hear(bus) as news:
        async with bot.running():
            bot.world.whatsapp.say("hello", sender=ANN)
            assert await bot.until_heard(1) == ["hello"]
            async with room.watching(around(bot, bus), bus, news) as task, asyncio.timeout(10):
                while room.sample is None or room.sample.state != UP:
                    await asyncio.sleep(0.01)
                scraped, in_loop = await asyncio.to_thread(room.metrics), room.metrics()
                report = room.report()
                assert not task.done()

    figures = {
        sample.name: sample.value
        for text in (in_loop, scraped)
        for metric in text_string_to_metric_families(text.decode())
        for sample in metric.samples
    }
    wanted = ("up", "messages_received_total", "messages_sent_total", "guard_caught_total", "backups")
    assert [figures[f"linda_bot_{name}"] for name in wanted] == [1, 1, 1, 3, 0]
    assert figures["linda_bot_open_fds"] > 3
    assert (report.grade, report.reasons) == ("healthy", ())
    record = read_record(bot.job.paths).samples
    assert [record[0].why, record[-1].why] == [Why.START, Why.STOP]
    assert sum(sample.period.received for sample in record) == 1
    assert sum(sample.period.span_s for sample in record) > 0


async def test_a_flood_pushes_no_state_out(bot: Bot) -> None:
    """Thousands of messages at once, and the link goes down just before them."""
    room, bus = HealthRoom(), bot.world.bus
    with hear(bus) as news:
        async with bot.running(), room.watching(around(bot, bus), bus, news), asyncio.timeout(10):
            while room.sample is None:
                await asyncio.sleep(0.01)
            bus.publish(changed(UP, "banned"))
            for number in range(5000):
                bus.publish(MessageReceived(message=incoming(f"{number}")))
            await asyncio.sleep(0.05)
            text = (await asyncio.to_thread(room.metrics)).decode()

    assert 'linda_bot_link_state{state="banned"} 1.0' in text


async def test_an_incident_that_was_open_is_taken_over(bot: Bot) -> None:
    """Its beginning is that of the process before, and it is not told anew."""
    room, bus = HealthRoom(), bot.world.bus
    left_open = LeftOpen("disk", utc_now() - timedelta(hours=2))
    with (
        hear(bus) as news,
        bus.subscribe((AlertRaised, AlertCleared), name="test") as alerts,
    ):
        async with bot.running(), room.watching(around(bot, bus, left_open), bus, news), asyncio.timeout(10):
            while room.grade is not Grade.HEALTHY:
                await asyncio.sleep(0.01)
        assert list(alerts.pending()) == []
