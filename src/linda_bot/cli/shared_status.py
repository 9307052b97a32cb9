"""How a bot is whose account is in a database, from what is there; changes nothing."""

import msgspec

from linda_bot.app.status import BotStatus, GuardStatus, MailCounts
from linda_bot.app.status_files import status_from_files
from linda_bot.cli.shared_places import SharedAccount
from linda_bot.connection.lifecycle import LinkState
from linda_bot.messaging.review import NO_MAIL, reviewing
from linda_bot.sessions.paths import SessionPaths

_ENDS = (LinkState.STOPPING, LinkState.STOPPED)


def status_from_database(shared: SharedAccount, paths: SessionPaths, *, pid: int | None) -> BotStatus:
    """Return how it is: as it was written down last where a host has it; raises DatabaseTroubleError, UsageError.

    `pid` is that of a bot on this host that does not answer.
    """
    found = status_from_files(paths, pid=pid)
    if shared.host and not shared.is_here:
        last = status_from_files(paths, pid=shared.pid)
        if last.state not in _ENDS:
            found = msgspec.structs.replace(last, because=shared.who_has_it)
    with reviewing(shared.mail) as review:
        messages = MailCounts(**(review.counts() if review else NO_MAIL)._asdict())
    guard = shared.guard()
    return msgspec.structs.replace(
        found,
        messages=messages,
        guard=guard and GuardStatus(active=guard.active, caught=guard.caught, why=guard.why),
        pid=pid,
    )
