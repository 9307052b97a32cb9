"""Write docs/pictures/status.png: the status page of a bot that has run for a week, as a browser shows it.

The bot is made up, the page is the real one. Needs Chromium, and what the tests need.
"""

import asyncio
import io
import json
import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import msgspec
from PIL import Image
from playwright.async_api import async_playwright

from linda_bot.app.status import BotStatus, masked
from linda_bot.connection.events import LinkStateChanged
from linda_bot.connection.lifecycle import LinkState
from linda_bot.health.samples import Readings, Sample
from linda_bot.kernel.events import utc_now
from linda_bot.sessions.device_status import timestamp
from linda_bot.sessions.summary import LastBackup
from linda_bot.settings import Settings
from linda_bot.settings.values import HttpAddress
from linda_bot.web.doors import doors
from linda_bot.web.tcp import bind, reachable
from tests.support.browser import FLAGS, NAMES
from tests.support.fake_front import FakeFront
from tests.support.health_samples import sample
from tests.support.status_samples import bot_status

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "status.png"
_DAYS, _EVERY_S = 8, 300
_OUTAGES = {(130, 3), (61, 40), (20, 1)}
"""So many hours ago, for so many samples."""

_EVENTS = (
    (3, "info", "message_sent", {"chat": "49*78~4f2a1c@s.whatsapp.net", "duration_ms": 11}),
    (3, "info", "message_handled", {"handler": "add", "duration_ms": 2, "answers": 1}),
    (2400, "info", "milestone_reached", {"hours": 20}),
    (9000, "info", "session_backed_up", {"backup": "backup-default-031", "reason": "periodic", "size": 270336}),
    (72100, "info", "link_state_changed", {"old": "reconnecting", "new": "connected"}),
    (72104, "warning", "attempt_failed", {"because": "WhatsApp cannot be reached: network is unreachable"}),
)
"""So many seconds ago, newest first."""


class WeekOld(FakeFront):
    """A bot that has run for a week."""

    async def status(self, *, show_numbers: bool = False) -> BotStatus:
        """Return how it is."""
        now = utc_now()
        began, backed_up = timestamp(now - timedelta(seconds=72100)), timestamp(now - timedelta(seconds=9000))
        found = bot_status(
            since=began,
            last_connected=timestamp(now),
            last_restore=began,
            last_restore_ms=212,
            backups=5,
            last_backup=LastBackup(name="backup-default-031", time=backed_up, size=270_336),
            health_at=timestamp(now - timedelta(seconds=120)),
            phone_last_seen=timestamp(now - timedelta(minutes=50)),
            uptime_s=_DAYS * 86400,
            version="0.1.0",
        )
        return found if show_numbers else masked(found)


def samples(now: datetime) -> Iterator[Sample]:
    """Yield a week of samples, with an outage now and then."""
    chance = Random(1)  # noqa: S311 (a picture)
    down = {hours * 12 - number for hours, count in _OUTAGES for number in range(count)}
    for number in reversed(range(_DAYS * 86400 // _EVERY_S)):
        readings = Readings(
            round_trip_ms=48 + chance.gauss(0, 6) + (30 if number % 90 == 0 else 0),
            daemon_mb=41 + number % 7 / 10,
            engine_mb=45 + chance.random() * 4,
        )
        up_s = 0.0 if number in down else float(_EVERY_S)
        yield sample(now - timedelta(seconds=number * _EVERY_S), _EVERY_S, up_s=up_s, readings=readings)


async def main() -> None:
    """Serve the page, and take the picture."""
    browser = next(found for name in NAMES if (found := shutil.which(name)))
    with tempfile.TemporaryDirectory() as place, bind(HttpAddress("127.0.0.1", 0)) as listener:
        front, now = WeekOld(Path(place)), utc_now()
        front.job.settings = Settings(http=str(reachable(listener)))  # type: ignore[arg-type]
        front.pairing.take(LinkStateChanged(old=LinkState.STARTING, new=LinkState.CONNECTED, because=""))
        paths = front.job.paths
        paths.logs.mkdir(exist_ok=True)
        (paths.logs / "health-default.jsonl").write_bytes(
            b"".join(msgspec.json.encode(each) + b"\n" for each in samples(now))
        )
        lines = [
            {"timestamp": timestamp(now - timedelta(seconds=ago)), "level": level, "event": name, "account": "default"}
            | {"category": "message" if name.startswith("message") else "session", **facts}
            for ago, level, name, facts in reversed(_EVENTS)
        ]
        (paths.logs / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        async with doors(front.as_front, listener), async_playwright() as playwright:
            chromium = await playwright.chromium.launch(executable_path=browser, args=FLAGS)
            page = await chromium.new_page(viewport={"width": 1100, "height": 800}, timezone_id="UTC")
            await page.goto(f"http://{reachable(listener)}/")
            await page.wait_for_timeout(500)
            taken = await page.screenshot(full_page=True)
            await chromium.close()
    PICTURE.parent.mkdir(exist_ok=True)
    # A page has few colours: a third of the bytes.
    Image.open(io.BytesIO(taken)).convert("P", palette=Image.Palette.ADAPTIVE, colors=64).save(PICTURE, optimize=True)


if __name__ == "__main__":
    asyncio.run(main())
