"""`linda-bot run`: link once, restart freely, end well."""

import asyncio
import json
import random
import re
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from linda_bot.kernel.errors import ExitCode
from linda_bot.sandbox.bot_process import BotProcess
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from tests.e2e.conftest import BOT, FRIEND, StartBot, engines_of


def session_dir(sandbox: Sandbox) -> Path:
    """Return where the sandbox's bot keeps its session."""
    return sandbox.directory / "bot" / "sessions" / "session-default"


def device_rows(sandbox: Sandbox) -> list[tuple[object, ...]]:
    """Return the identity in the bot's store."""
    with closing(sqlite3.connect(session_dir(sandbox) / "session.db")) as database:
        return database.execute("SELECT * FROM whatsmeow_device").fetchall()


@pytest.mark.slow
async def test_ten_restarts_need_one_pairing(sandbox: Sandbox, start_bot: StartBot, linked_bot: BotProcess) -> None:
    """Five with SIGTERM, five with SIGKILL at random moments: one pairing, no code after the first."""
    moments = random.Random(7)
    bot, later = linked_bot, []
    for number in range(10):
        if number % 2:
            assert await bot.stop(signal.SIGTERM) == 0
        else:
            await asyncio.sleep(moments.uniform(0, 0.6))  # also in the middle of a start
            await bot.stop(signal.SIGKILL)
        bot = await start_bot()
        later.append(bot)
        if number % 2 == 0:
            await bot.ready()
    await bot.ready()

    assert sandbox.phone(BOT).pairings == 1
    assert sandbox.counts["qr_offered"] == 1
    assert not any("█" in run.screen for run in later)


async def test_the_restart_tells_its_story_in_order(start_bot: StartBot, linked_bot: BotProcess) -> None:
    """Session found, attempt, previous status, authenticated, reactivated, listening."""
    await linked_bot.stop()
    bot = await start_bot()
    await bot.ready()

    story = [
        "Existing session found",
        "Attempt 1 of 3",
        "Previous status: linked, last activity:",
        "Connecting",
        "Authentication successful in",
        "DEVICE REACTIVATED",
        "listening for messages",
    ]
    places = [next(at for at, line in enumerate(bot.lines) if sign in line) for sign in story]
    assert places == sorted(places)


async def test_the_state_files_say_what_is(sandbox: Sandbox, start_bot: StartBot, linked_bot: BotProcess) -> None:
    """device-status.json and session-history.json follow the link; the store is private."""
    await linked_bot.stop()
    stopped = json.loads((session_dir(sandbox) / "device-status.json").read_text())
    bot = await start_bot()
    await bot.ready()
    await asyncio.sleep(0.2)
    running = json.loads((session_dir(sandbox) / "device-status.json").read_text())
    history = json.loads((session_dir(sandbox) / "session-history.json").read_text())

    assert (stopped["number"], stopped["deviceLinked"], stopped["isActive"]) == (BOT, True, False)
    assert (running["isActive"], running["restoreCount"], running["restoreStatus"]) == (True, 1, "ready")
    assert 0 < running["restoreDuration"] < 10_000
    kinds = [entry["eventType"] for entry in history]
    assert kinds.index("device_linked") < kinds.index("restore_authenticated") < kinds.index("restore_complete")
    assert session_dir(sandbox).stat().st_mode & 0o777 == 0o700
    assert (session_dir(sandbox) / "session.db").stat().st_mode & 0o077 == 0


@pytest.mark.slow
async def test_two_hundred_messages_are_answered_once_each(linked_bot: BotProcess, friend: Contact) -> None:
    """Each sent when the last was answered."""
    for _ in range(200):
        assert (await friend.ask(BOT, "!ping")).text == "pong"
    await asyncio.sleep(0.3)

    assert friend.received() == []
    assert friend.dropped_old_counter == 0
    assert linked_bot.screen


async def test_a_burst_is_measured(
    sandbox: Sandbox, linked_bot: BotProcess, friend: Contact, record_property: Callable[[str, object], None]
) -> None:
    """Fifty at once: every answer either arrives, or was dropped by the contact's library for a reused counter.

    The answers are held back until all is written: else the contact's own library would reuse counters too.
    """
    assert (await friend.ask(BOT, "!ping")).text == "pong"
    async with sandbox.holding(FRIEND):
        for _ in range(50):
            await friend.send(BOT, "!ping")
        while sandbox.queued(FRIEND) < 50:
            await asyncio.sleep(0.05)
    answers = 0
    while answers + friend.dropped_old_counter < 50:
        await friend.next_message(within_s=5)
        answers += 1

    record_property("answers", answers)
    record_property("dropped_old_counter", friend.dropped_old_counter)
    assert answers + friend.dropped_old_counter == 50
    assert linked_bot.lines


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
async def test_what_came_while_it_was_down_is_answered_once(
    sandbox: Sandbox, start_bot: StartBot, linked_bot: BotProcess, friend: Contact, ending: signal.Signals
) -> None:
    """Messages wait on the server and are answered after the start."""
    assert (await friend.ask(BOT, "!ping")).text == "pong"
    await linked_bot.stop(ending)
    for _ in range(5):
        await friend.send(BOT, "!ping")
    bot = await start_bot()
    answers = [(await friend.next_message()).text for _ in range(5)]
    await bot.stop()
    bot = await start_bot()
    await bot.ready()
    await asyncio.sleep(0.5)

    assert answers == ["pong"] * 5
    assert friend.received() == []
    assert sandbox.queued(BOT) == 0


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("phase", ["code shown", "server silent", "connected", "waiting to retry"])
async def test_a_signal_ends_it_in_every_phase(
    sandbox: Sandbox, start_bot: StartBot, phase: str, asked: signal.Signals
) -> None:
    """Exit code 0 within 5 s, no process left behind."""
    sandbox.front.black_hole = phase == "server silent"
    sandbox.front.refuse = phase == "waiting to retry"
    bot = await start_bot()
    if phase in ("code shown", "connected"):
        code = await bot.qr_text()
        if phase == "connected":
            await sandbox.phone(BOT).scan(code)
            await bot.ready()
    elif phase == "server silent":
        await bot.wait_for("Linking is needed")
        await asyncio.sleep(0.5)  # until the dial hangs
    else:
        await bot.wait_for("Next try in")
    before = time.monotonic()

    assert await bot.stop(asked) == ExitCode.OK
    assert time.monotonic() - before < 5
    assert engines_of(sandbox.environment["LINDA_SANDBOX_ROOT"]) == []


async def test_a_signal_ends_a_restore_that_hangs(
    sandbox: Sandbox, start_bot: StartBot, linked_bot: BotProcess
) -> None:
    """A linked session and a server that accepts and never answers: exit code 0 within 5 s, the link kept."""
    await linked_bot.stop()
    sandbox.front.black_hole = True
    bot = await start_bot()
    await bot.wait_for("Connecting to WhatsApp")
    await asyncio.sleep(0.5)  # until the dial hangs
    before = time.monotonic()

    assert await bot.stop(signal.SIGINT) == ExitCode.OK
    assert time.monotonic() - before < 5
    assert engines_of(sandbox.environment["LINDA_SANDBOX_ROOT"]) == []
    sandbox.front.black_hole = False
    await (await start_bot()).ready()
    assert sandbox.phone(BOT).pairings == 1


async def test_a_second_signal_ends_it_at_once(sandbox: Sandbox, start_bot: StartBot, linked_bot: BotProcess) -> None:
    """Whoever presses Ctrl+C twice does not wait; the session survives that too."""
    linked_bot.send_signal(signal.SIGINT)
    linked_bot.send_signal(signal.SIGINT)
    before = time.monotonic()
    assert await linked_bot.exited() == ExitCode.OK
    assert time.monotonic() - before < 1

    await (await start_bot()).ready()
    assert sandbox.phone(BOT).pairings == 1


async def test_a_signal_before_anything_has_begun(sandbox: Sandbox) -> None:
    """Ctrl+C while the program is still loading ends it; only the interpreter's own first moments are not ours."""
    codes = []
    for delay in (0.02, 0.06, 0.1, 0.14, 0.3, 0.45, 0.6):
        bot = await BotProcess.start("run", "--sandbox", sandbox.directory)
        await asyncio.sleep(delay)
        codes.append(await bot.stop(signal.SIGINT))
        assert codes[-1] in (ExitCode.OK, -signal.SIGINT) or "KeyboardInterrupt" in bot.screen

    assert codes[-3:] == [ExitCode.OK] * 3


async def test_no_network_at_the_start_costs_nothing(
    sandbox: Sandbox, start_bot: StartBot, linked_bot: BotProcess
) -> None:
    """A clear line, retries by the schedule, the session untouched, no code; back when the server is."""
    await linked_bot.stop()
    identity = device_rows(sandbox)
    sandbox.front.refuse = True
    bot = await start_bot(LINDA_RECONNECT__DELAYS="[0.3,0.4]")
    await bot.wait_for("WhatsApp cannot be reached")
    await bot.wait_for("attempt 2 of 10")
    assert device_rows(sandbox) == identity
    sandbox.front.refuse = False
    await bot.ready()

    assert "█" not in bot.screen
    assert "The session is untouched" in bot.screen


async def test_a_killed_engine_is_replaced(sandbox: Sandbox, linked_bot: BotProcess, friend: Contact) -> None:
    """The daemon lives on, says what happened, and answers again."""
    root = sandbox.environment["LINDA_SANDBOX_ROOT"]
    (engine,) = [process for process in engines_of(root) if process.ppid() == linked_bot.pid]
    engine.kill()
    await linked_bot.wait_for("ended by signal 9")
    await linked_bot.wait_for("listening for messages", times=2)

    assert (await friend.ask(BOT, "!ping")).text == "pong"
    assert sandbox.phone(BOT).pairings == 1


async def test_a_dropped_line_heals(sandbox: Sandbox, linked_bot: BotProcess, friend: Contact) -> None:
    """The library reconnects by itself; the bot says so and answers again."""
    sandbox.drop(BOT)
    await linked_bot.wait_for("Connected again")

    assert (await friend.ask(BOT, "!ping")).text == "pong"


async def test_a_killed_daemon_takes_its_engine_along(sandbox: Sandbox, linked_bot: BotProcess) -> None:
    """The engine ends by itself, in seconds."""
    await linked_bot.stop(signal.SIGKILL)
    give_up_at = time.monotonic() + 4
    while engines_of(sandbox.environment["LINDA_SANDBOX_ROOT"]) and time.monotonic() < give_up_at:
        await asyncio.sleep(0.05)

    assert engines_of(sandbox.environment["LINDA_SANDBOX_ROOT"]) == []


async def test_a_removed_device_is_linked_anew(sandbox: Sandbox, linked_bot: BotProcess) -> None:
    """The phone removes the device: the reason, the old files set aside, a new code; no restart of the bot."""
    await sandbox.remove_device(BOT)
    await linked_bot.wait_for("logged this device out")
    await linked_bot.wait_for("set aside, not deleted")
    await linked_bot.wait_for("Waiting for the scan", times=2)
    await sandbox.phone(BOT).scan(await linked_bot.qr_text())
    await linked_bot.wait_for("listening for messages", times=2)

    assert sandbox.phone(BOT).pairings == 2
    assert len(list((sandbox.directory / "bot" / ".session-cache").glob("quarantine-*"))) == 1


async def test_no_qr_ends_where_linking_is_needed(start_bot: StartBot) -> None:
    """Exit code 4 and what to do."""
    bot = await start_bot("--no-qr")

    assert await bot.exited() == ExitCode.LINKING_NEEDED
    assert "without --no-qr" in bot.screen


async def test_no_qr_ends_where_the_device_was_removed(
    sandbox: Sandbox, start_bot: StartBot, linked_bot: BotProcess
) -> None:
    """Exit code 5 and why."""
    await linked_bot.stop()
    await sandbox.remove_device(BOT)
    bot = await start_bot("--no-qr")

    assert await bot.exited() == ExitCode.LOGGED_OUT
    assert "WhatsApp logged this device out" in bot.screen
    assert "session is kept" not in bot.screen


@pytest.mark.parametrize("with_backup", [True, False])
async def test_a_damaged_store_is_set_aside(
    sandbox: Sandbox, start_bot: StartBot, linked_bot: BotProcess, *, with_backup: bool
) -> None:
    """What was found is kept; a backup takes its place, a code is shown where there is none."""
    await linked_bot.stop()
    if not with_backup:
        shutil.rmtree(sandbox.directory / "bot" / ".session-cache" / "backup-default-001")
    for side in ("session.db-wal", "session.db-shm"):
        (session_dir(sandbox) / side).unlink(missing_ok=True)
    (session_dir(sandbox) / "session.db").write_bytes(b"this was a session once" * 100)
    bot = await start_bot()
    if with_backup:
        await bot.ready()
    else:
        await bot.qr_text()

    assert sandbox.phone(BOT).pairings == 1
    (place,) = (sandbox.directory / "bot" / ".session-cache").glob("quarantine-*")
    assert (place / "session.db").read_bytes().startswith(b"this was a session once")


async def test_a_wrong_phone_is_unlinked_again(sandbox: Sandbox, start_bot: StartBot) -> None:
    """With an account configured, only its phone may link the bot."""
    bot = await start_bot("--account", "15550001111")
    await sandbox.phone(BOT).scan(await bot.qr_text())
    await bot.wait_for("another account")
    await bot.wait_for("Waiting for the scan", times=2)

    assert sandbox.counts["unlinked"] == 1
    assert sandbox.registry.device_ids(BOT) == [0]


async def test_a_second_bot_on_the_session_is_refused(start_bot: StartBot, linked_bot: BotProcess) -> None:
    """Exit code 3 at once, with the holder's pid; the first goes on."""
    before = time.monotonic()
    second = await start_bot()

    assert await second.exited() == ExitCode.SESSION_HELD
    assert time.monotonic() - before < 3
    assert f"pid {linked_bot.pid}" in second.screen


async def test_a_restart_waits_for_the_one_that_is_ending(
    sandbox: Sandbox, start_bot: StartBot, linked_bot: BotProcess
) -> None:
    """A supervisor that starts the next one too early is no error."""
    linked_bot.send_signal(signal.SIGTERM)
    await linked_bot.wait_for("Stopping")
    second = await start_bot()
    await second.ready()

    assert sandbox.phone(BOT).pairings == 1


async def test_handlers_of_a_user(sandbox: Sandbox, tmp_path: Path, start_bot: StartBot, friend: Contact) -> None:
    """A file with a router is all that a first bot needs."""
    file = tmp_path / "my bot.py"
    file.write_text(
        "from linda_bot import Router\n"
        "router = Router()\n"
        "@router.command('hello')\n"
        "async def hello(message):\n"
        "    await message.reply(f'hello, {message.sender_name} ({message.sender_number})')\n"
        "@router.command('broken')\n"
        "async def broken(message):\n"
        "    raise ValueError('oh\\x1b[31m dear')\n"
        "@router.message()\n"
        "async def rest(message):\n"
        "    await message.reply(f'you said {message.text}')\n"
    )
    bot = await start_bot("--handlers", file)
    await sandbox.phone(BOT).scan(await bot.qr_text())
    await bot.ready()

    assert (await friend.ask(BOT, "!hello")).text == f"hello, Ann ({FRIEND})"
    await friend.send(BOT, "!broken")
    await bot.wait_for("The handler broken failed")
    assert (await friend.ask(BOT, "good day")).text == "you said good day"
    assert "!hello" in (await friend.ask(BOT, "!help")).text
    assert "\x1b[31m dear" not in bot.screen


async def test_nothing_personal_is_in_the_log(sandbox: Sandbox, linked_bot: BotProcess, friend: Contact) -> None:
    """No number, no name, no text, no code, whatever was said."""
    await friend.ask(BOT, "!ping secret-word-4711")
    await linked_bot.stop()

    log = (sandbox.directory / "bot" / "logs" / "events.jsonl").read_text()
    assert '"message_received"' in log
    assert '"session_validated"' in log
    for private in (BOT, FRIEND, "Ann", "secret-word", "linked_devices", sandbox.registry.open_account(BOT).lid):
        assert private not in log
        assert private not in linked_bot.screen or private == "Ann"
    assert not re.search(r"(?<![0-9a-f])2@", log + linked_bot.screen)  # a pseudonym may end like that
