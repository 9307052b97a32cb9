"""Backups: that they are made when they should be, are whole, quick, small, and not too many."""

from linda_bot.rehearsal import targets
from linda_bot.rehearsal.bot import RehearsedBot
from linda_bot.rehearsal.figures import counted
from linda_bot.rehearsal.record import Record
from linda_bot.rehearsal.stage import Stage
from linda_bot.rehearsal.values import Series, Unit
from linda_bot.sessions.catalogue import all_backups, fault_of

_MOST_KEPT = 5
_ENOUGH_MESSAGES = 20
_MB = 1024 * 1024
_NEVER = "86400"
_OFTEN = {"LINDA_BACKUP__AFTER_STABLE": "0.2", "LINDA_BACKUP__EVERY": "0.5"}


async def creation(stage: Stage, record: Record) -> None:
    """One at a clean stop, one when the link is stable, then again and again; the newest are kept, each is whole."""
    keep = min(stage.conditions.keep, _MOST_KEPT)  # else it would take as long as there are to be backups
    bot = stage.bot(LINDA_BACKUP__KEEP=str(keep))
    await bot.link(LINDA_BACKUP__AFTER_STABLE=_NEVER)
    await bot.stop()
    record.expect(_reasons(bot) == ["shutdown"], "the first clean stop has left no backup")
    run = await bot.start(**_OFTEN)
    await run.wait_for("(stable)")
    await run.wait_for("(periodic)", times=keep + 1, within_s=30)
    await bot.command("backup")
    await bot.stop()
    events = (await bot.command("logs", "--event", "session_backed_up")).document
    for event in events:
        record.sample(Series.BACKUP_TIME, event["duration_ms"] / 1000)
    kept = all_backups(bot.paths)
    record.figure = f"{len(events)} made in {record.seconds(Series.BACKUP_TIME)}, {len(kept)} kept"
    faults = [fault for backup in kept if (fault := fault_of(backup))]
    record.expect(not faults, f"a backup is not whole: {''.join(faults[:1])}")
    record.expect(len(kept) == keep, f"{counted(len(kept), 'backup')} kept, not {keep}")
    record.expect("manual" in _reasons(bot), "`linda-bot backup` has made none")
    record.under(Series.BACKUP_TIME, targets.BACKUP_S)


async def size(stage: Stage, record: Record) -> None:
    """What a backup takes on the disk, after the session was used."""
    bot = await stage.linked_bot(**_OFTEN, LINDA_BACKUP__KEEP=str(_MOST_KEPT))
    for _ in range(_ENOUGH_MESSAGES):
        await bot.ping()
    await bot.now.wait_for("(periodic)", times=2)
    await bot.stop()
    for backup in reversed(all_backups(bot.paths)):
        on_disk = sum(file.stat().st_size for file in backup.directory.iterdir())
        record.sample(Series.BACKUP_SIZE, on_disk, Unit.BYTES)
    sizes = record.values(Series.BACKUP_SIZE)
    record.expect(bool(sizes), "there is no backup")
    record.figure = f"{max(sizes) / _MB:.2f} MB each, {sum(sizes) / _MB:.2f} MB in all"
    record.expect(max(sizes) > 0, "a backup is empty")
    record.expect(max(sizes) < targets.BACKUP_MB * _MB, f"a backup takes {max(sizes) / _MB:.1f} MB")


def _reasons(bot: RehearsedBot) -> list[str]:
    return [backup.manifest.reason for backup in all_backups(bot.paths)]
