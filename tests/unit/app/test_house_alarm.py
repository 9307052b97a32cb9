"""Whom a host's own troubles are told to, in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from linda_bot.app.alerting import WANTED
from linda_bot.app.events import AccountChanged
from linda_bot.app.house_alarm import HouseAlarm, HouseAlerts
from linda_bot.app.job import Job
from linda_bot.connection.incidents import Patience
from linda_bot.fleet.events import FleetRecovered, FleetTrouble
from linda_bot.kernel.alerts import AlertCleared, AlertRaised
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.events import Event
from linda_bot.settings import Settings

pytestmark = pytest.mark.looptime

SHOP, CLUB = "971505760056", "971505760057"
TROUBLE = FleetTrouble(because="the database does not answer")
WELL_AGAIN = FleetRecovered(because="the database does not answer", after_s=1.0)


def account(name: str, phase: str, because: str = "") -> AccountChanged:
    """Return the news that an account is in a phase."""
    return AccountChanged(account=name, phase=phase, because=because)


@asynccontextmanager
async def alarmed() -> AsyncIterator[tuple[EventBus, list[tuple[int, Event]]]]:
    """Watch over a bus: told after 180 s, over after 60 s."""
    bus = EventBus()
    told: list[tuple[int, Event]] = []
    loop = asyncio.get_running_loop()
    began_at = loop.time()

    async def listen() -> None:
        with bus.subscribe(WANTED, name="test") as events:
            async for event in events:
                told.append((round(loop.time() - began_at), event))  # noqa: PERF401 (each as it comes)

    with bus.subscribe((FleetTrouble, FleetRecovered, AccountChanged), name="alarm") as events:
        alarm = HouseAlarm(Patience(down_for=180, up_for=60), bus)
        tasks = [asyncio.ensure_future(work) for work in (listen(), alarm.run(events))]
        await asyncio.sleep(0)
        yield bus, told
        assert not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()


async def test_a_database_that_is_away_for_long_is_told_once_and_its_return() -> None:
    """Not at once, and not when it comes back for a moment."""
    async with alarmed() as (bus, told):
        bus.publish(TROUBLE)
        await asyncio.sleep(170)
        assert told == []
        bus.publish(WELL_AGAIN)
        await asyncio.sleep(5)
        bus.publish(TROUBLE)
        await asyncio.sleep(100)
        assert [(at, event.kind) for at, event in told if isinstance(event, AlertRaised)] == [
            (180, "database_unusable")
        ]
        bus.publish(WELL_AGAIN)
        await asyncio.sleep(100)
        (_, raised), (at, cleared) = told
        assert isinstance(raised, AlertRaised)
        assert (raised.topic, raised.because) == ("fleet", TROUBLE.because)
        assert isinstance(cleared, AlertCleared)
        assert (at, cleared.topic, cleared.after_s) == (335, "fleet", 335.0)


async def test_a_short_outage_is_nobodys_concern() -> None:
    """Nor are many of them, each far from the other."""
    async with alarmed() as (bus, told):
        for _ in range(10):
            bus.publish(TROUBLE)
            await asyncio.sleep(30)
            bus.publish(WELL_AGAIN)
            await asyncio.sleep(300)
        assert told == []


async def test_an_account_that_fails_again_and_again_is_told_of() -> None:
    """The tries in between are no recovery; a life that lasts is; one that a person has paused is expected to rest."""
    async with alarmed() as (bus, told):
        for _ in range(10):
            for phase in ("waiting", "running", "failed"):
                bus.publish(account(SHOP, phase, "its handlers cannot be loaded" if phase == "failed" else ""))
                await asyncio.sleep(10)
        (at, raised), *more = told
        assert more == []
        assert isinstance(raised, AlertRaised)
        assert (at, raised.topic, raised.because) == (200, "accounts", f"{SHOP}: its handlers cannot be loaded")
        bus.publish(account(CLUB, "failed", "x"))
        bus.publish(account(SHOP, "running"))
        await asyncio.sleep(100)
        bus.publish(account(CLUB, "paused"))
        await asyncio.sleep(300)
        assert [type(event) for _, event in told] == [AlertRaised, AlertCleared]


@pytest.mark.looptime(False)  # noqa: FBT003 (a command takes real time)
async def test_the_house_has_a_memory_and_a_name_of_its_own(tmp_path: Path) -> None:
    """What it raises is remembered beside what its accounts do, and told under its name."""
    notice = tmp_path / "told"
    command = tmp_path / "tell"
    command.write_text(f'#!/bin/sh\necho "$LINDA_ALERT_ACCOUNT $LINDA_ALERT_TOPIC $LINDA_ALERT_BECAUSE" > {notice}\n')
    command.chmod(0o700)
    settings = Settings.model_validate(
        {"data_dir": tmp_path, "alert": {"command": str(command), "after": 1, "clear_after": 1}}
    )
    job = Job(settings=settings, engine_command=(), engine_environment={}, engine=None)
    bus, stop = EventBus(), asyncio.Event()
    alerts = HouseAlerts(job, bus, stop)
    async with alerts.watching() as waiting:
        bus.publish(TROUBLE)
        bus.publish(AlertRaised(topic="log", kind="log_trouble", because=f"{SHOP} is too long", advice="x"))
        await asyncio.sleep(1.2)
        async with alerts.telling(waiting) as desk:
            while not notice.exists():
                await asyncio.sleep(0.1)
            assert not desk.done()
            stop.set()
    memory = msgspec.json.decode((tmp_path / "logs" / ".alerts-house.json").read_bytes())
    assert {each["topic"] for each in memory["incidents"]} == {"log", "fleet"}
    assert notice.read_text().startswith("house ")
