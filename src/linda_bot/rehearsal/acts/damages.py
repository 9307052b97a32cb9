"""Damage to a session's files: a backup takes their place, and a code is shown only when none is left."""

import asyncio
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from linda_bot.kernel.tasks import spawn_task
from linda_bot.rehearsal import targets
from linda_bot.rehearsal.bot import CODE_SIGN, RehearsedBot
from linda_bot.rehearsal.figures import counted
from linda_bot.rehearsal.record import Record
from linda_bot.rehearsal.stage import Stage
from linda_bot.rehearsal.values import Series
from linda_bot.sessions.catalogue import all_backups
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.store import side_files

_JUNK = 4096
_BURST, _IN_THE_MIDST_S = 60, 0.2
_SAID = 3
_SOON = {"LINDA_BACKUP__AFTER_STABLE": "0.2", "LINDA_BACKUP__EVERY": "0.5"}


async def corruption(stage: Stage, record: Record) -> None:
    """The store is overwritten, then the newest backup too, then every backup: only then a code is shown, with why."""
    bot = await _with_backups(stage, 2)
    junk(bot.paths.store)
    record.sample(Series.RECOVERY, await bot.restart())
    await bot.ping()
    await bot.stop()
    junk(bot.paths.store)
    junk(all_backups(bot.paths)[0].copy)
    record.sample(Series.RECOVERY, await bot.restart())
    await bot.ping()
    record.figure = f"2 recoveries, {counted(bot.codes_shown - 1, 'code')}, {record.seconds(Series.RECOVERY)}"
    record.expect(bot.codes_shown == 1, "a code was shown although there was a good backup")
    aside = len(list(bot.paths.cache.glob("quarantine-*")))
    record.expect(aside >= 1, "what was damaged was not set aside")
    await bot.stop()
    junk(bot.paths.store)
    for backup in all_backups(bot.paths):
        junk(backup.copy)
    run = await bot.start()
    await run.wait_for(CODE_SIGN)
    record.figure += "; a code when no backup was left"
    record.expect("Linking is needed" in run.screen, "the code was shown without the reason")
    record.expect(bot.phone.pairings == 1, f"the phone had to link it {bot.phone.pairings} times")
    record.under(Series.RECOVERY, targets.READY_S)


async def clear(stage: Stage, record: Record) -> None:
    """`linda-bot clear`: the session is set aside; the next start shows a code and goes back to no backup."""
    bot = await _with_backups(stage, 1)
    ran = await bot.command("clear", "--yes")
    record.expect(ran.code == 0, f"`linda-bot clear` ended with exit code {ran.code}")
    aside = Path(ran.document["quarantine"] or "nowhere")
    record.expect((aside / "session.db").is_file(), "the session was not set aside")
    record.expect(not bot.paths.store.exists(), "the session is still in its place")
    run = await bot.start()
    code = await run.qr_text()
    record.figure = "set aside; 1 new code"
    await bot.phone.scan(code)
    await run.ready()
    async with stage.newcomer() as friend:
        await bot.ping(friend=friend)
    record.figure += ", linked anew"
    pairings = bot.phone.pairings
    record.expect(pairings == 2, f"the phone has linked {pairings} devices, not 2")  # noqa: PLR2004


async def session_corruption(stage: Stage, record: Record) -> None:
    """Every file of the session in turn: cut short, emptied, deleted, filled with junk."""
    bot = await _with_backups(stage, 1)
    for words, damage in _DAMAGES.items():
        damage(bot.paths)
        record.sample(Series.RECOVERY, await bot.restart())
        record.expect(bot.codes_shown == 1, f"a code was shown when {words}")
        await bot.ping()
        await bot.stop()
    record.figure = (
        f"{counted(len(_DAMAGES), 'damage')}, {counted(bot.codes_shown - 1, 'code')}, {record.seconds(Series.RECOVERY)}"
    )
    record.expect(bot.phone.pairings == 1, f"the phone had to link it {bot.phone.pairings} times")
    record.under(Series.RECOVERY, targets.READY_S)


async def power_loss(stage: Stage, record: Record) -> None:
    """The power goes while messages come and go; and once the disk has only an older store, file by file."""
    bot = await _with_backups(stage, 1)
    await bot.restart()
    writing = spawn_task(bot.write(_BURST), name="burst")
    try:
        await asyncio.sleep(_IN_THE_MIDST_S)
        await bot.power_off()
    finally:
        writing.cancel()
    _other_boot(bot.paths)
    record.sample(Series.RESTART, await bot.restart())
    await bot.settle()
    await bot.ping(within_s=20)
    kept = _copy_of(bot.paths, bot.paths.data_dir / "as-it-was")
    await bot.say(_SAID)
    await bot.answers(_SAID)
    await bot.power_off()
    _lay_over(kept, bot.paths)
    _other_boot(bot.paths)
    record.sample(Series.RESTART, await bot.restart())
    # Nobody writes first: that would begin a new chain of Signal counters, and hide that the old ones are used again.
    await bot.say(_SAID)
    await bot.answers(_SAID)
    record.figure = (
        f"2 losses, {counted(bot.codes_shown - 1, 'code')}, all {_SAID} messages sent from an older store arrived,"
        f" ready in {record.seconds(Series.RESTART)}"
    )
    record.expect(bot.codes_shown == 1, "a code was shown although the device is still linked")
    record.expect(bot.phone.pairings == 1, f"the phone had to link it {bot.phone.pairings} times")
    record.under(Series.RESTART, targets.READY_S)


def junk(file: Path) -> None:
    """Fill a file with what means nothing, and take the files beside it away."""
    for side in side_files(file):
        side.unlink(missing_ok=True)
    file.write_bytes(os.urandom(_JUNK))


async def _with_backups(stage: Stage, count: int) -> RehearsedBot:
    """Return a linked bot that is stopped and has so many backups."""
    bot = await stage.linked_bot(**_SOON, LINDA_BACKUP__KEEP="5")
    await bot.now.wait_for("Backup backup-", times=count)
    await bot.stop()
    return bot


def _half(paths: SessionPaths) -> None:
    os.truncate(paths.store, paths.store.stat().st_size // 2)


def _empty(paths: SessionPaths) -> None:
    paths.store.write_bytes(b"")


def _deleted(paths: SessionPaths) -> None:
    for file in (paths.store, *side_files(paths.store)):
        file.unlink(missing_ok=True)


def _status(paths: SessionPaths) -> None:
    paths.device_status.write_bytes(os.urandom(100))


def _history(paths: SessionPaths) -> None:
    for file in (paths.history, paths.summary):
        os.truncate(file, file.stat().st_size // 2)


_DAMAGES: Mapping[str, Callable[[SessionPaths], None]] = {
    "the store was cut short": _half,
    "the store was empty": _empty,
    "the store was deleted": _deleted,
    "device-status.json was junk": _status,
    "the history and the summary were cut short": _history,
}


def _copy_of(paths: SessionPaths, place: Path) -> Path:
    """Copy a store in use file by file, the log last: what a disk may have after a power loss."""
    place.mkdir(mode=0o700, exist_ok=True)
    for file in (paths.store, *side_files(paths.store)):
        if file.is_file():
            shutil.copyfile(file, place / file.name)
    return place


def _lay_over(place: Path, paths: SessionPaths) -> None:
    for file in (paths.store, *side_files(paths.store)):
        file.unlink(missing_ok=True)
        if (place / file.name).is_file():
            shutil.copyfile(place / file.name, file)


def _other_boot(paths: SessionPaths) -> None:
    """Have it look as if the machine had been started anew."""
    mark = json.loads(paths.run_mark.read_text())
    paths.run_mark.write_text(json.dumps({**mark, "bootId": "another boot"}))
