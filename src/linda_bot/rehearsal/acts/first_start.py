"""The first start of a bot: nothing is there yet."""

import signal
import stat
import time
from itertools import pairwise

from linda_bot.rehearsal import targets
from linda_bot.rehearsal.bot import CODE_SIGN
from linda_bot.rehearsal.figures import seconds_text
from linda_bot.rehearsal.record import Record
from linda_bot.rehearsal.stage import Stage
from linda_bot.rehearsal.values import Series
from linda_bot.sandbox.bot_process import LISTENING

_PRIVATE = 0o700
_PARTS_OF_A_CODE = 4


async def system_start(stage: Stage, record: Record) -> None:
    """It starts with the user's settings and handlers, asks for a link, answers commands, and stops in order."""
    bot = stage.bot()
    run = await bot.start()
    record.sample(Series.FIRST_START, await run.wait_for("Linking is needed"))
    record.figure = f"working after {record.seconds(Series.FIRST_START)}"
    await run.wait_for(CODE_SIGN)
    told = (await bot.command("status")).document
    record.expect(told["pid"] == run.pid, "`linda-bot status` does not find the bot that runs")
    record.expect(told["state"] == "linking", f"`linda-bot status` says {told['state']!r}, not 'linking'")
    began = time.monotonic()
    code = await bot.stop(signal.SIGINT)
    took_s = time.monotonic() - began
    record.figure += f", stopped in {seconds_text(took_s)}"
    record.expect(code == 0, f"Ctrl+C ended it with exit code {code}")
    record.expect(took_s < targets.STOP_S, f"Ctrl+C took {seconds_text(took_s)}")
    record.under(Series.FIRST_START, targets.READY_S)


async def first_session(stage: Stage, record: Record) -> None:
    """A scan makes a session: private files, whole, known to the phone, and the bot answers."""
    bot = stage.bot()
    record.sample(Series.FIRST_START, await bot.link())
    record.figure = f"{record.seconds(Series.FIRST_START)} from the scan until it listens"
    record.sample(Series.ANSWER, await bot.ping())
    record.expect(bot.phone.pairings == 1, f"the phone has linked {bot.phone.pairings} devices, not 1")
    await bot.until(
        lambda: (bot.written(bot.paths.device_status) or {}).get("deviceLinked"), "no device-status.json says linked"
    )
    status = bot.written(bot.paths.device_status)
    record.expect(status["number"] == bot.number, "device-status.json has another number")
    mode = stat.S_IMODE(bot.paths.directory.stat().st_mode)
    record.expect(mode == _PRIVATE, f"the session's directory has the mode {mode:o}, not 700")
    info = (await bot.command("info")).document
    wrong = [point["name"] for point in info["points"] if not point["ok"]]
    record.expect(not wrong and len(info["points"]) > 0, f"the session's check does not pass: {', '.join(wrong)}")
    record.under(Series.FIRST_START, targets.LINK_S)


async def qr_display(stage: Stage, record: Record) -> None:
    """The code on the screen can be read by a camera, is the one that the server waits for, and is drawn once."""
    bot = stage.bot()
    run = await bot.start()
    code = await run.qr_text(within_s=targets.QR_S + 5)
    record.sample(Series.FIRST_START, await run.wait_for(CODE_SIGN))
    record.figure = f"readable {record.seconds(Series.FIRST_START)} after the start"
    parts = code.split("#")[-1].split(",")
    record.expect(len(parts) >= _PARTS_OF_A_CODE and all(parts), "the picture's text is no linking code")
    drawn = bot.codes_shown
    record.expect(drawn == 1, f"{drawn} codes were drawn where one was to be scanned")
    await bot.phone.scan(code)
    await run.wait_for("Code accepted")
    await run.ready()
    said = [next(at for at, line in enumerate(run.lines) if sign in line) for sign in (CODE_SIGN, LISTENING)]
    record.expect(all(one < other for one, other in pairwise(said)), "it listened before the code was scanned")
    record.expect(bot.codes_shown == 1, "a code was shown after the scan")
    record.under(Series.FIRST_START, targets.QR_S)
