"""What stands on the overview of a house of each account; pure."""

from collections import Counter
from collections.abc import Sequence

from linda_bot.app import status_words
from linda_bot.app.answers import AccountView
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.sentences import sentence
from linda_bot.kernel.spans import span
from linda_bot.sessions.device_status import moment
from linda_bot.web.pages.texts import SHORT, USUAL, fit

_TONES = {"running": "wait", "waiting": "wait", "unlinked": "wait", "failed": "bad", "ended": "bad", "paused": "pause"}
"""How a phase looks where the link says nothing; any other is no trouble of this process."""

_LINK_TONES = {"green": "good", "red": "bad", "dim": "off"}
_WORDS = {
    "running": "beginning",
    "waiting": "waiting for its turn",
    "unlinked": "needs a phone",
    "failed": "failed, begins again",
    "elsewhere": "on another host",
}
"""What a phase is called, where that is another word."""

_SEVERAL = {"needs a phone": "need a phone"}
_GRADES = {"healthy": "good", "degraded": "wait", "unhealthy": "bad"}


def facts_of(view: AccountView) -> dict[str, object]:
    """Return the facts of an account's part; every text is fit to be shown."""
    is_linked = view.phase == "running" and view.state != ""
    since = view.state_since if is_linked else view.since
    why = "" if view.state == LinkState.CONNECTED else (view.because if is_linked else view.why)
    return {
        "tone": tone_of(view),
        "phase": view.phase,
        "name": fit(view.account, SHORT),
        "headline": fit(headline_of(view), SHORT),
        "since": moment(since),
        "why": sentence(fit(why, USUAL)),
        "linked_number": fit(view.linked_number, SHORT) if view.linked_number not in (view.account, "") else "",
        "health": "" if view.health == "unknown" else fit(view.health, SHORT),
        "health_tone": _GRADES.get(view.health, "off"),
        "alerts": view.alerts,
        "host": fit(view.host, SHORT),
        "next_try": span(view.next_try_s) if view.next_try_s is not None else "",
    }


def summary_of(views: Sequence[AccountView]) -> dict[str, object]:
    """Return how many accounts there are of each kind, and how the worst of them looks."""
    tones = Counter(map(tone_of, views))
    others = Counter(_kind_of(view) for view in views if view.state != LinkState.CONNECTED)
    return {
        "tone": next((tone for tone in ("bad", "wait", "pause") if tones[tone]), "good" if views else "off"),
        "count": len(views),
        "connected": sum(view.state == LinkState.CONNECTED for view in views),
        "others": [
            (fit(_SEVERAL.get(words, words) if number > 1 else words, SHORT), number)
            for words, number in others.most_common()
        ],
    }


def headline_of(view: AccountView) -> str:
    """Return in a few words how an account is."""
    if view.phase == "running" and view.state:
        return view.state.replace("_", " ")
    return _WORDS.get(view.phase, view.phase)


def _kind_of(view: AccountView) -> str:
    """Return under which word an account is counted."""
    return "failed" if view.phase == "failed" else headline_of(view)


def tone_of(view: AccountView) -> str:
    """Return how an account looks."""
    if view.phase == "running" and view.state:
        colour = next((colour for state, colour in status_words.COLOURS.items() if state == view.state), "")
        return _LINK_TONES.get(colour, "wait")
    return _TONES.get(view.phase, "off")
