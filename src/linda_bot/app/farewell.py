"""Taking the device off the account while no bot runs: an engine of its own, for one request."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from linda_bot.connection.reasons import OUTDATED, how_engine_ended, judge_connect_error
from linda_bot.connection.unlinking import NOT_TOLD, why_still_linked
from linda_bot.kernel.errors import ExitCode, LindaError, UsageError
from linda_bot.kernel.spans import span
from linda_bot.sessions.catalogue import retire
from linda_bot.sessions.manager import SessionManager
from linda_bot.sessions.opening import close_session, open_session
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.quarantine import set_aside
from linda_bot.sessions.validation import Verdict
from linda_bot.whatsapp.adapter import EngineClient
from linda_bot.whatsapp.events import (
    ClientEvent,
    ClientOutdated,
    Connected,
    ConnectEnded,
    ConnectFailed,
    EngineExited,
    LoggedOut,
    StreamReplaced,
    TemporarilyBanned,
)
from linda_bot.whatsapp.port import ClientError, LinkRequest, WhatsAppClient

_BECAUSE = "a person asked for it"
_CONNECT_WITHIN_S = 30.0


class StillLinkedError(LindaError):
    """WhatsApp was not told; nothing was changed."""

    exit_code = ExitCode.UNWELL


class _Login(NamedTuple):
    """How an attempt to log in ended."""

    why_not: str = ""
    was_gone: bool = False


class Farewell(NamedTuple):
    """What came of it."""

    set_aside: Path | None
    was_gone: bool
    """Whether WhatsApp did not know the device any more."""


async def log_out(
    manager: SessionManager, command: Sequence[str], environment: Mapping[str, str], *, in_sandbox: bool
) -> Farewell:
    """Log in, unlink, and set the session aside; raises StillLinkedError, UsageError, SessionHeldError."""
    paths = manager.paths
    async with manager.held() as book:
        if manager.sandbox is not in_sandbox:
            raise UsageError(
                "the session belongs to a sandbox: add --sandbox DIR"
                if manager.sandbox
                else "the session belongs to WhatsApp, not to a sandbox: leave --sandbox out"
            )
        opening = await asyncio.to_thread(open_session, paths)
        found = opening.validation
        if found.verdict is not Verdict.RESTORABLE or found.identity is None:
            raise UsageError(f"there is no session that could log in: {found.why}; see linda-bot doctor")
        try:
            was_gone = await _tell_whatsapp(EngineClient(command, environment), paths)
        finally:
            await asyncio.to_thread(close_session, paths)
        retire(paths, found.identity.fingerprint, "logged_out", _BECAUSE)
        book.remember()
        place = set_aside(paths, _BECAUSE)
        book.note("logout_asked")
        book.note("logged_out", because=_BECAUSE)
        book.change(device_linked=False, is_active=False, restore_status="logged_out")
        return Farewell(place, was_gone)


async def _tell_whatsapp(client: WhatsAppClient, paths: SessionPaths) -> bool:
    """Log in and unlink; return whether WhatsApp had done so before. The client is gone then."""
    # With the mailbox: what was written to the bot meanwhile is not lost, should the same number be linked again.
    request = LinkRequest(store=paths.store, mailbox=paths.mailbox)
    try:
        await client.start(request)
        login = await _login(client)
        if login.why_not:
            raise StillLinkedError(f"{NOT_TOLD}: {login.why_not}")
        if not login.was_gone:
            await client.logout()
        return login.was_gone
    except ClientError as error:
        raise StillLinkedError(why_still_linked(error)) from error
    finally:
        await client.stop()


async def _login(client: WhatsAppClient) -> _Login:
    """Wait until it is known whether there is a login."""
    try:
        async with asyncio.timeout(_CONNECT_WITHIN_S):
            async for event in client.events():
                found = _judged(event)
                if found is not None:
                    return found
    except TimeoutError:
        return _Login(why_not=f"there was no login within {_CONNECT_WITHIN_S:g} s")
    return _Login(why_not="the engine ended")


def _judged(event: ClientEvent) -> _Login | None:  # noqa: PLR0911 (one case an event)
    """Return what an event says of a login, if anything."""
    match event:
        case Connected():
            return _Login()
        case LoggedOut():
            return _Login(was_gone=True)
        case ConnectEnded(error=error):
            return _Login(why_not=judge_connect_error(error).because)
        case ConnectFailed(code=code, reason=reason):
            return _Login(why_not=f"WhatsApp refused the login (code {code}) {reason}".rstrip())
        case StreamReplaced():
            return _Login(why_not="another client logged in with this device")
        case TemporarilyBanned(expires_in_s=seconds):
            return _Login(why_not=f"WhatsApp has banned this account for {span(seconds)}")
        case ClientOutdated():
            return _Login(why_not=OUTDATED)
        case EngineExited(code=code):
            return _Login(why_not=how_engine_ended(code))
        case _:
            return None
