"""`linda-bot send`, `pause`, `resume` and `logout`."""

import argparse
import asyncio
import sys
from datetime import UTC, datetime

import msgspec

from linda_bot.app.answers import Lasting, LoggedOut, Sent
from linda_bot.cli.control_client import SLACK_S, BotRefusedError, NoBotError, bot_of
from linda_bot.cli.output import asked, print_json, say
from linda_bot.cli.places import place_for, wait_of
from linda_bot.kernel.errors import ExitCode, LindaError, UsageError
from linda_bot.kernel.masking import mask_line
from linda_bot.kernel.spans import span
from linda_bot.messaging import contents
from linda_bot.messaging.identities import jid_of
from linda_bot.sessions.book import SessionBook
from linda_bot.sessions.device_status import moment
from linda_bot.sessions.lock import holder_of
from linda_bot.sessions.paths import SessionPaths

_LONGEST_INPUT = 512 * 1024
_PAUSE_WITHIN_S = 15.0
_LOGOUT_WITHIN_S = 60.0
_BY_HAND = (
    "to do it by hand, remove the device on the phone (WhatsApp > Settings > Linked devices), then `linda-bot clear`"
)


class NotSentError(LindaError):
    """A message was not sent, or nobody knows."""

    exit_code = ExitCode.UNWELL


def send(options: argparse.Namespace) -> int:
    """Send a text through the running bot; exit code 0 when it is sent, or waits where it is not lost."""
    wait_s = wait_of(options, may_be_zero=True)
    jid = jid_of(options.to)
    content = contents.text(_read_input() if options.text == "-" else options.text)
    bot = bot_of(place_for(options, here=True).paths)
    body = {"to": jid, "text": content.text, "within_s": wait_s}
    done = bot.ask("POST", "/api/v1/send", Sent, body, within_s=wait_s + SLACK_S)
    to = jid if options.show_numbers else mask_line(jid)
    if options.json:
        print_json({"to": to, **msgspec.structs.asdict(done)}, show_numbers=True)  # ids look like numbers
    if done.outcome == "sent":
        say(f"Sent to {to}.")
        return ExitCode.OK
    if done.outcome in ("queued", "sending"):
        waits = "Not sent yet" if done.outcome == "queued" else "Not confirmed yet"
        because = f": {done.because}" if done.because else ""
        say(f"{waits}{because}.")
        say(f"It is kept as number {done.key} of the outbox and goes out by itself: do not send it again.")
        return ExitCode.OK
    if done.outcome == "unknown":
        raise NotSentError(f"nobody knows whether it arrived ({done.because}); decide with linda-bot outbox")
    raise NotSentError(f"not sent: {done.because}; see linda-bot outbox")


def pause(options: argparse.Namespace) -> int:
    """Have nothing handled and nothing sent until `resume`."""
    done = _pausing(options, "pause")
    if not done.changed:
        since = moment(done.paused_since)
        ago = f", for {span((datetime.now(UTC) - since).total_seconds())}" if since else ""
        say(f"The bot is paused already{ago}.")
    else:
        say("Paused: nothing is handled or sent, messages are kept, the link stays. To go on: linda-bot resume")
    if done.not_kept:
        say(f"But the next start will know nothing of it, because it cannot be written down ({done.not_kept}).")
    return ExitCode.OK


def resume(options: argparse.Namespace) -> int:
    """End a pause."""
    done = _pausing(options, "resume")
    say("Resumed: what has waited is handled and sent." if done.changed else "The bot is not paused.")
    if done.not_kept:
        say(f"But the next start will be paused again: remove the file ({done.not_kept}).")
    return ExitCode.OK


def logout(options: argparse.Namespace) -> int:
    """Unlink the bot from its phone, and set the session aside."""
    place = place_for(options, here=True)
    paths = place.paths
    if not place.has_session():
        say(f"There is no session {paths.account} in {place.shown}: nothing is linked.")
        return ExitCode.OK
    running = bot_of(paths) if holder_of(paths) is not None else None
    question = "The phone forgets this bot, its backups become worthless, and it must be linked anew. Log out?"
    if not asked(question, yes=options.yes):
        say("Nothing was changed.")
        return ExitCode.OK
    try:
        if running is None:
            aside = _log_out_without_bot(options)
        else:
            aside = running.ask("POST", "/api/v1/logout", LoggedOut, {}, within_s=_LOGOUT_WITHIN_S).set_aside
    except BotRefusedError as error:
        raise BotRefusedError(f"{error}; {_BY_HAND}") from None
    if options.json:
        print_json({"set_aside": aside, "pid": running and running.pid}, show_numbers=options.show_numbers)
    say("Logged out: the phone does not know this bot any more.")
    if aside:
        say(f"The session is set aside, of no more use: {aside}")
    if running is not None:
        say("The bot has ended, with exit code 0.")
    say("To link it anew: linda-bot run")
    return ExitCode.OK


def _pausing(options: argparse.Namespace, verb: str) -> Lasting:
    """Ask the bot; where none runs, leave word for its next start."""
    paths = place_for(options, here=True).paths
    if holder_of(paths) is not None:
        done = bot_of(paths).ask("POST", f"/api/v1/{verb}", Lasting, {}, within_s=_PAUSE_WITHIN_S)
    else:
        done = asyncio.run(_leave_word(paths, begin=verb == "pause"))
        say("No bot runs; this is for its next start.")
    if options.json:
        print_json({"paused_since": done.paused_since}, show_numbers=True)
    return done


async def _leave_word(paths: SessionPaths, *, begin: bool) -> Lasting:
    from linda_bot.app.status import time_of
    from linda_bot.messaging.pause import Pause

    if not paths.directory.is_dir():
        raise NoBotError(f"there is no session in {paths.directory}; start a bot with `linda-bot run`")
    pause = Pause(paths.pause)
    was_on, since = pause.is_on, pause.since
    if was_on == begin:
        return Lasting(changed=False, paused_since=time_of(since))
    if trouble := await (pause.begin() if begin else pause.end()):
        raise UsageError(f"this cannot be written down: {trouble}")
    book = SessionBook(paths)  # so that the story has it
    if begin:
        book.note("bot_paused", at=pause.since)
    else:
        book.note("bot_resumed", seconds=round((datetime.now(UTC) - since).total_seconds()) if since else 0)
    await book.close()
    return Lasting(changed=True, paused_since=time_of(pause.since))


def _log_out_without_bot(options: argparse.Namespace) -> str | None:
    from linda_bot.app.farewell import StillLinkedError, log_out
    from linda_bot.cli.session import manager_for

    say("No bot runs: logging in, to tell WhatsApp ...")
    choice = options.ahead
    work = log_out(manager_for(options), choice.command, choice.environment, in_sandbox=options.sandbox is not None)
    try:
        done = asyncio.run(work)
    except StillLinkedError as error:
        raise StillLinkedError(f"{error}; {_BY_HAND}") from None
    if done.was_gone:
        say("WhatsApp did not know the device any more.")
    return str(done.set_aside) if done.set_aside else None


def _read_input() -> str:
    """Return what is written to stdin, without the line break at its end; raises UsageError."""
    try:
        content = sys.stdin.buffer.read(_LONGEST_INPUT + 1)
        if len(content) > _LONGEST_INPUT:
            raise UsageError(f"this is too long for a message: at most {contents.LONGEST_TEXT} characters")
        return content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise UsageError("this is no UTF-8 text; write it in UTF-8") from None
