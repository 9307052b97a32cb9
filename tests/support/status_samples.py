"""Bots as they may be, for what shows them."""

from linda_bot.app.status import BotStatus, GuardStatus, MailCounts, OpenAlert
from linda_bot.connection.lifecycle import LinkState
from linda_bot.sessions.summary import LastBackup

NUMBER = "971505760056"
BEGAN = "2026-02-07T08:00:00.000Z"
EVIL = "<script>alert(1)</script>\"' onload=x \u202e\x1b[2J {{ 7*7 }} ]]> &amp; "
ENDLESS = EVIL * 200


def bot_status(state: LinkState = LinkState.CONNECTED, **other: object) -> BotStatus:
    """Return a bot that is well, in such a state, but for what is said to be other."""
    facts: dict[str, object] = {
        "account": "default",
        "live": True,
        "state": state.value,
        "since": BEGAN,
        "because": "",
        "linked_number": NUMBER,
        "last_connected": BEGAN,
        "restore_count": 2,
        "last_restore": BEGAN,
        "last_restore_ms": 1500,
        "backups": 7,
        "last_backup": LastBackup(name="backup-default-007", time=BEGAN, size=4_200_000),
        "health": "healthy",
        "health_at": BEGAN,
        "messages": MailCounts(handled=1284, sent=1190),
        "guard": GuardStatus(active=True, caught=2),
        "phone_last_seen": BEGAN,
        "phone_days_left": 14,
        "uptime_s": 86400,
        "pid": 4242,
        "version": "1.2.3",
    }
    return BotStatus(**(facts | other))  # type: ignore[arg-type]


def hostile_status(text: str = ENDLESS) -> BotStatus:
    """Return a bot of which every text is such a one, and everything is many."""
    alert = OpenAlert(topic=text, kind=text, because=text, advice=text, since=text)
    return bot_status(
        LinkState.LOGGED_OUT,
        account=text,
        since=text,
        because=text,
        linked_number=text,
        last_connected=text,
        last_restore=text,
        last_backup=LastBackup(name=text, time=text, size=10**15),
        health=text,
        health_reasons=(text,) * 50,
        health_at=text,
        messages=MailCounts(waiting=10**9, set_aside=10**9, pending=10**9, unknown=10**9, failed=10**9),
        guard=GuardStatus(active=False, why=text),
        phone_last_seen=text,
        alerts=(alert,) * 50,
        paused_since=text,
        version=text,
        sandbox=True,
    )
