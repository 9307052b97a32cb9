"""What the health watch looks at, and where: each reading is taken where it costs nobody's time."""

import asyncio
import os
from datetime import datetime

from linda_bot.app.health import Surroundings
from linda_bot.app.health_news import HealthNews
from linda_bot.health.machine import free_bytes, memory_mb, open_files, total_bytes
from linda_bot.health.probe import Part
from linda_bot.health.samples import Readings
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.events import utc_now
from linda_bot.sessions.catalogue import all_backups
from linda_bot.sessions.device_status import moment
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.store import side_files


def readers(around: Surroundings, news: HealthNews, bus: EventBus) -> dict[str, Part]:
    """Return what takes the readings, by a name for each."""

    async def machine() -> Readings:
        return await asyncio.to_thread(_machine, news.engine_pid)

    async def files() -> Readings:
        return await asyncio.to_thread(_files, around.job.paths)

    async def mailbox() -> Readings:
        counts = await around.talk.store.counts()
        return Readings(
            inbox_waiting=counts.waiting,
            inbox_aside=counts.set_aside,
            outbox_pending=counts.pending + counts.sending,
            outbox_unknown=counts.unknown,
            outbox_failed=counts.failed,
        )

    async def bot() -> Readings:
        found, status = around.guard.guard, around.book.status
        return Readings(
            guard_active=found.active,
            guard_caught=found.caught if found.active else None,
            phone_seen_s=_age_s(moment(status.phone_last_seen or status.linked_at)),
            bus_drops=bus.dropped,
            lines_lost=around.lines_lost(),
            paused=around.talk.pause.is_on,
        )

    return {"the machine": machine, "the files": files, "the mailbox": mailbox, "the bot": bot}


def _machine(engine_pid: int | None) -> Readings:
    return Readings(
        daemon_mb=memory_mb(os.getpid()),
        engine_mb=None if engine_pid is None else memory_mb(engine_pid),
        open_files=open_files(),
    )


def _files(paths: SessionPaths) -> Readings:
    backups = all_backups(paths)
    return Readings(
        backups=len(backups),
        backup_age_s=_age_s(backups[0].manifest.created) if backups else None,
        store_bytes=total_bytes((paths.store, *side_files(paths.store))),
        disk_free_bytes=free_bytes(paths.data_dir),
    )


def _age_s(at: datetime | None) -> float | None:
    return None if at is None else round(max((utc_now() - at).total_seconds(), 0.0), 1)
