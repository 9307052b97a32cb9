"""What the entries of a history mean, in words: tables that the ledger reads; pure."""

import re
from collections.abc import Callable
from typing import NamedTuple

from linda_bot.connection.ledger.entries import Entry
from linda_bot.connection.lifecycle import Finding, LinkState
from linda_bot.kernel.spans import span

ROUTINE, NOTABLE, WEIGHTY = 0, 1, 2
"""How much a chapter matters."""


class Telling(NamedTuple):
    """How an entry is told that needs nothing of what was before it."""

    word: str
    """The machine's word for it."""
    weight: int
    say: Callable[[Entry], str]
    details: Callable[[Entry], tuple[str, ...]] = lambda _entry: ()
    says_why: bool = False
    """Whether its reason is told; of others the chapter before it is the reason."""
    linked: bool | None = None
    """Whether the bot is linked after it; None when that stays as it is."""


def _just(text: str) -> Callable[[Entry], str]:
    return lambda _entry: text


def _with(text: str, fact: str, lead: str = ": ") -> Callable[[Entry], str]:
    """Say a text, and a fact after it if there is one."""
    return lambda entry: f"{text}{lead}{entry.text(fact)}" if entry.text(fact) else text


def _times(entry: Entry, text: str) -> str:
    return f"{text} ({entry.times} times)" if entry.times > 1 else text


def _restored(entry: Entry) -> str:
    who = "A person put" if entry.text("by") == "person" else "The bot put"
    backup = entry.text("backup") or "a backup"
    return f"{who} {backup} in the place of the session"


def _not_used(entry: Entry) -> tuple[str, ...]:
    return tuple(f"not used: {line}" for line in entry.texts("passedOver"))


def _judged(entry: Entry) -> str:
    lost = entry.number("pending")
    unread = f", {lost} of the messages since could not be read" if lost else ", every message since could be read"
    return f"The verdict on what was put back: {entry.text('status') or 'unknown'}{unread}"


def _phone(entry: Entry) -> str:
    days = entry.number("days")
    return f"Nothing had come from the account's phone for {days} days; WhatsApp unlinks devices after about 14"


def _asked(entry: Entry) -> str:
    if entry.facts.get("taken") is True:
        return "A person asked for a new connection"
    state = entry.text("state").replace("_", " ")
    return f"A person asked for a new connection, in vain{f': the link was {state}' if state else ''}"


TELLINGS = {
    "device_linked": Telling("linked", WEIGHTY, _just("A phone linked the bot"), linked=True),
    "session_cleared": Telling(
        "cleared", WEIGHTY, _just("A person cleared the session with `linda-bot clear`"), linked=False
    ),
    "logout_asked": Telling(
        "logged_out_by_person", WEIGHTY, _just("A person logged the bot out with `linda-bot logout`"), linked=False
    ),
    "session_imported": Telling(
        "imported",
        WEIGHTY,
        _just("A person brought the session in from another place with `linda-bot import`"),
        linked=True,
    ),
    "session_restored": Telling("restored", WEIGHTY, _restored, _not_used, says_why=True, linked=True),
    "restore_gave_up": Telling("restore_gave_up", WEIGHTY, _just("No backup could be used"), _not_used, linked=False),
    "session_went_back": Telling(
        "went_back", WEIGHTY, _just("New Signal sessions were begun with all contacts"), says_why=True
    ),
    "restore_judged": Telling("restore_judged", NOTABLE, _judged),
    "backup_failed": Telling(
        "backup_failed", NOTABLE, lambda entry: _times(entry, _with("A backup could not be made", "error")(entry))
    ),
    "phone_not_seen": Telling("phone_not_seen", NOTABLE, _phone),
    "pairing_code_shown": Telling("pairing_code", NOTABLE, _just("A pairing code was shown, to be typed on the phone")),
    "pairing_code_refused": Telling("pairing_code_refused", NOTABLE, _with("WhatsApp gave no pairing code", "error")),
    "reconnect_asked": Telling("reconnect_asked", NOTABLE, _asked),
    "bot_paused": Telling("paused", NOTABLE, _just("A person paused the bot with `linda-bot pause`")),
    "bot_resumed": Telling("resumed", NOTABLE, _just("The pause ended with `linda-bot resume`")),
}
"""Entries that are told as they are."""

SILENT = frozenset(
    {
        "starting", "restoring", "stopping", "stopped", "restore_started", "restore_authenticated", "restore_complete",
        "session_backed_up", "alert_cleared", "stream_replaced", "client_outdated", "refresh_started", "alive",
        "logging_out",
    }
)  # fmt: skip
"""Entries that say nothing which others do not say as well."""

TROUBLES = {
    Finding.GRACE_OVER: ("lost", "The connection was lost and did not come back by itself"),
    Finding.SILENT: ("silent", "WhatsApp did not answer any more, though the connection seemed open"),
    Finding.ENGINE_LOST: ("engine_lost", "The engine, the process with the client library, died"),
    Finding.UNREACHABLE: ("unreachable", "WhatsApp could not be reached"),
    Finding.REFUSED: ("refused", "WhatsApp refused the login for a reason that may pass"),
    Finding.RENEWAL_DUE: ("renewed", "The link was renewed in good order"),
    Finding.SOCKET_LOST: ("lost", "The connection was lost"),
}
"""Findings that a new engine may cure: the machine's word, and ours."""

SPOILT = {
    Finding.SESSION_DAMAGED: ("damaged", WEIGHTY, "the session was damaged"),
    Finding.WRONG_ACCOUNT: ("wrong_account", WEIGHTY, ""),
    Finding.QR_ROUND_OVER: ("linking_failed", NOTABLE, ""),
    Finding.SESSION_MISSING: ("missing", NOTABLE, "there was no session to restore"),
}
"""Findings about the session or the phone, not about the line: the machine's word, how much it matters, our words."""

_PAST = {
    "there is no session yet": "the session's files were gone",
    "the store is empty (session.db)": "the store was empty (session.db)",
    "the session holds no linked device": "the session held no linked device",
    "the session's store is older than it was": "the session's store was older than it had been",
}
"""Reasons that were true when they were written down."""

STATE_TELLINGS = {
    LinkState.REPLACED: ("replaced", "Another program used this linked device, and WhatsApp gave the connection to it"),
    LinkState.OUTDATED: (
        "outdated",
        "WhatsApp did not accept this version of the client library any more (405); upgrading neonize helps",
    ),
}

_LOGOUTS = {
    "401": "WhatsApp answered 401: the device was removed on the phone, or WhatsApp dropped it",
    "403": "WhatsApp answered 403: the account's phone is gone or locked",
    "406": "WhatsApp answered 406: it logged this device out",
}
LOGGED_OUT = "WhatsApp logged this device out: it was removed on the phone, or WhatsApp dropped it"

SHORT_CAUSES = {
    "logged_out": "WhatsApp had logged the device out",
    "logged_out_by_person": "a person had logged the bot out",
    "cleared": "a person had cleared the session",
    "restore_gave_up": "the session was lost and no backup could be used",
    "damaged": "the session was damaged",
    "wrong_account": "the phone that was linked belonged to another account",
}
"""Why the bot had to be linked anew, by the chapter that did it."""


GAVE_UP_AFTER = {
    "logged_out": SHORT_CAUSES["logged_out"],
    "replaced": "another program used this linked device again and again",
    "outdated": "WhatsApp did not accept this version of the client library",
    "qr": "nobody scanned the QR codes",
}
"""Why the bot gave up, by the last chapter of weight."""


def banned(seconds: int, because: str) -> str:
    """Say that WhatsApp has banned the account, and for how long if that is known."""
    if seconds:
        return f"WhatsApp banned the account for {span(seconds)}"
    found = re.search(r"for (\d{1,9}) s\b", because)
    return f"WhatsApp banned the account for {span(int(found[1]))}" if found else "WhatsApp banned the account"


def logged_out(because: str) -> str:
    """Say why WhatsApp logged the device out, from the reason that was noted."""
    found = re.search(r"\((\d{3})\)", because)
    return _LOGOUTS.get(found[1], LOGGED_OUT) if found else LOGGED_OUT


def past(because: str) -> str:
    """Return a reason as it is told later."""
    for now, then in _PAST.items():
        if because.startswith(now):
            return then + because.removeprefix(now)
    return because


def lower_first(text: str) -> str:
    """Return a sentence as the part of another one; names keep their capitals."""
    return text if text.startswith(("WhatsApp", "SQLite", "QR", "LINDA")) else text[:1].lower() + text[1:]
