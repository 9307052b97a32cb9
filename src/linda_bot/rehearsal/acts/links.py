"""The link to WhatsApp: that it stays, what is told of it, and that it comes back."""

import asyncio
import signal
import time

from linda_bot.rehearsal import targets
from linda_bot.rehearsal.bot import CODE_SIGN, RehearsedBot
from linda_bot.rehearsal.figures import counted, seconds_text
from linda_bot.rehearsal.processes import gone
from linda_bot.rehearsal.record import Record
from linda_bot.rehearsal.stage import Stage
from linda_bot.rehearsal.values import Series
from linda_bot.sandbox.bot_process import LISTENING

_HELD_FOR_S = 10.0
_MESSAGE_EVERY_S = 0.5
_NETWORK_GONE_FOR_S = 3.0


async def stability(stage: Stage, record: Record) -> None:
    """One login lasts: no reconnect, and every message is answered."""
    bot = await stage.linked_bot(LINDA_KEEP_ALIVE__EVERY="2")
    logins, until = stage.sandbox.counts["login"], time.monotonic() + _HELD_FOR_S
    while time.monotonic() < until:
        record.sample(Series.ANSWER, await bot.ping(within_s=targets.ANSWER_S))
        record.expect(stage.sandbox.online(bot.number), "the server has lost it")
        await asyncio.sleep(_MESSAGE_EVERY_S)
    again = stage.sandbox.counts["login"] - logins
    answers = record.values(Series.ANSWER)
    record.figure = (
        f"{counted(again, 'reconnect')} in {_HELD_FOR_S:g} s, {len(answers)} answers in {record.seconds(Series.ANSWER)}"
    )
    record.expect(again == 0, f"it logged in {again} times more")
    health = (await bot.command("status")).document["health"]
    record.expect(health in {"healthy", None}, f"its health is {health}")


async def state_accuracy(stage: Stage, record: Record) -> None:
    """What `status` and device-status.json say is what the server knows, whatever has happened."""
    bot = stage.bot()
    agreed: list[str] = []

    async def compare(moment: str, *, active: bool, states: set[str]) -> None:
        """Wait until both agree with what is so."""

        def file_agrees() -> bool:
            return bool((bot.written(bot.paths.device_status) or {}).get("isActive")) is active

        # After a kill nobody is left to change the file: `status` knows better.
        if moment != "killed":
            await bot.until(file_agrees, f"{moment}: device-status.json does not say isActive {active}")
        told = (await bot.command("status")).document
        record.expect(told["state"] in states, f"{moment}: `status` says {told['state']!r}")
        record.expect(told["live"] is (told["pid"] is not None), f"{moment}: `status` contradicts itself")
        agreed.append(moment)
        record.figure = f"{counted(len(agreed), 'moment')}: {', '.join(agreed)}"

    run = await bot.start()
    await run.wait_for(CODE_SIGN)
    await compare("linking", active=False, states={"linking"})
    await bot.phone.scan(await run.qr_text())
    await run.ready()
    await compare("linked", active=True, states={"connected"})
    stage.sandbox.front.refuse = True
    stage.sandbox.drop(bot.number)
    await run.wait_for("lost", within_s=targets.NOTICED_S)
    await compare("no network", active=False, states={"transient_disconnect", "reconnecting"})
    stage.sandbox.front.refuse = False
    await _back(stage, bot)
    await compare("back", active=True, states={"connected"})
    await bot.stop(signal.SIGKILL)
    await compare("killed", active=False, states={"stopped", "dead", "ended", "unknown"})
    await bot.restart()
    await bot.stop()
    await compare("stopped", active=False, states={"stopped"})


async def network_loss(stage: Stage, record: Record) -> None:
    """The line is cut and nothing can be reached for a while; then it comes back by itself."""
    bot = await stage.linked_bot()
    stage.sandbox.front.refuse = True
    stage.sandbox.drop(bot.number)
    await bot.write(2)
    await asyncio.sleep(_NETWORK_GONE_FOR_S)
    record.expect(not stage.sandbox.online(bot.number), "it did not lose its line")
    stage.sandbox.front.refuse = False
    began = time.monotonic()
    await _back(stage, bot)
    record.sample(Series.RECOVERY, time.monotonic() - began)
    await bot.answers(2)
    record.figure = f"back {record.seconds(Series.RECOVERY)} after the network, 2 of 2 messages answered"
    _same_link(bot, record)
    record.under(Series.RECOVERY, targets.BACK_AFTER_LOSS_S)


async def client_crash(stage: Stage, record: Record) -> None:
    """The client library's process is killed; the bot starts another one."""
    bot = await stage.linked_bot()
    engine = bot.engine()
    began = time.monotonic()
    engine.kill()
    await bot.now.wait_for(LISTENING, times=2, within_s=targets.BACK_AFTER_LOSS_S)
    record.sample(Series.RECOVERY, time.monotonic() - began)
    await bot.ping()
    record.figure = f"listening again after {record.seconds(Series.RECOVERY)}"
    record.expect(not await gone([engine], within_s=1), "the killed process is still there")
    _same_link(bot, record)
    record.under(Series.RECOVERY, targets.READY_S)


async def device_removal(stage: Stage, record: Record) -> None:
    """The phone removes the device: the bot says so, keeps the old files, and shows a new code by itself."""
    bot = await stage.linked_bot()
    began = time.monotonic()
    await stage.sandbox.remove_device(bot.number)
    await bot.now.wait_for("logged this device out", within_s=targets.NOTICED_S)
    await bot.now.wait_for(CODE_SIGN, times=2)
    took_s = time.monotonic() - began
    record.figure = f"a new code after {seconds_text(took_s)}"
    await bot.phone.scan(await bot.now.qr_text())
    await bot.now.wait_for(LISTENING, times=2)
    async with stage.newcomer() as friend:
        await bot.ping(friend=friend)
    record.figure += ", linked anew without a restart"
    aside = len(list(bot.paths.cache.glob("quarantine-*")))
    record.expect(aside == 1, f"{aside} old sessions were set aside, not 1")
    record.expect(bot.phone.pairings == 2, f"the phone has linked {bot.phone.pairings} devices, not 2")  # noqa: PLR2004
    record.expect(took_s < targets.NOTICED_S, f"the new code came after {seconds_text(took_s)}")


async def _back(stage: Stage, bot: RehearsedBot) -> None:
    await bot.until(
        lambda: stage.sandbox.online(bot.number), "it did not come back", within_s=targets.BACK_AFTER_LOSS_S
    )


def _same_link(bot: RehearsedBot, record: Record) -> None:
    record.expect(bot.codes_shown == 1, "a code was shown although the phone had not removed the device")
    record.expect(bot.phone.pairings == 1, f"the phone had to link it {bot.phone.pairings} times")
