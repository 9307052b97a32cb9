"""A notice: what a person is told, in words and for programs; pure."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from linda_bot.health.alerting.incident import Incident, Instant, Now
from linda_bot.health.alerting.policy import Purpose
from linda_bot.kernel.masking import mask_line, printable
from linda_bot.kernel.spans import span

_KINDS = {
    "down": ("the link is down", "the link was down"),
    "session_damaged": ("the session was damaged", "the session was damaged"),
    "banned": ("WhatsApp has banned the account for a while", "WhatsApp had banned the account for a while"),
    "outdated": (
        "WhatsApp does not accept the client library any more",
        "WhatsApp did not accept the client library any more",
    ),
    "replaced": ("another program uses its linked device", "another program used its linked device"),
    "logged_out": ("WhatsApp has logged it out", "WhatsApp had logged it out"),
    "session_lost": ("the session is lost", "the session was lost"),
    "log_trouble": ("the log cannot be written", "the log could not be written"),
    "gave_up": ("it has ended and cannot help itself", "it had ended and could not help itself"),
}
"""What is wrong, and what was; kinds of other topics say it themselves."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent."""

    id: str
    """The same at each try, so that a receiver can tell a repetition."""
    purpose: Purpose
    topic: str
    kind: str
    """The gravest kind of the incident so far."""
    kinds: tuple[str, ...]
    subject: str
    body: str
    because: str
    advice: str
    account: str
    host: str
    incident: str
    """The same in all notices of an incident."""
    began_at: Instant
    at: Instant
    lasted_s: float
    """How long the incident has been open, or was."""

    @property
    def payload(self) -> dict[str, object]:
        """What programs get: the fields, with `type` and `timestamp` where webhooks commonly have them."""
        fields: dict[str, object] = msgspec.to_builtins(self)
        return {"type": f"alert.{self.purpose}", "timestamp": fields.pop("at"), **fields}


class Sender(NamedTuple):
    """Which bot it is that tells."""

    account: str
    host: str
    mask: bool = True

    def clean(self, text: str) -> str:
        """Return a text without control characters and, unless numbers may be shown, without numbers."""
        shown = printable(text)
        return mask_line(shown) if self.mask else shown


def compose(purpose: Purpose, incident: Incident, sender: Sender, now: Now) -> Notice:
    """Say it."""
    clean = sender.clean
    last = incident.troubles[-1]
    lasted_s = incident.lasted_s if incident.over_at else incident.open_for(now)
    account, host = clean(sender.account), clean(sender.host)
    words = f"{incident.topic}: {incident.kind.replace('_', ' ')}"
    what = clean(_KINDS.get(incident.kind, (words, words))[incident.over_at is not None])
    subject, lines = _texts(purpose, incident, what, lasted_s, clean)
    return Notice(
        id=f"{incident.id}-{incident.told}",
        purpose=purpose,
        topic=clean(incident.topic),
        kind=clean(incident.kind),
        kinds=tuple(clean(trouble.kind) for trouble in incident.troubles),
        subject=f"linda-bot {account} on {host}: {subject}",
        body="\n".join(lines),
        because=clean(last.because),
        advice=clean(last.advice),
        account=account,
        host=host,
        incident=incident.id,
        began_at=incident.began_at,
        at=now.wall,
        lasted_s=round(lasted_s, 1),
    )


def trial_notice(sender: Sender, now: Now, test_id: str) -> Notice:
    """Return a notice that says only that it can be sent."""
    account, host = sender.clean(sender.account), sender.clean(sender.host)
    return Notice(
        id=f"{test_id}-1",
        purpose=Purpose.TEST,
        topic="test",
        kind="test",
        kinds=("test",),
        subject=f"linda-bot {account} on {host}: this is a test",
        body="Alerts of this bot arrive here.\nWhat to do: nothing.",
        because="",
        advice="nothing",
        account=account,
        host=host,
        incident=test_id,
        began_at=now.wall,
        at=now.wall,
        lasted_s=0.0,
    )


def _texts(
    purpose: Purpose, incident: Incident, what: str, lasted_s: float, clean: Callable[[str], str]
) -> tuple[str, list[str]]:
    last = incident.troubles[-1]
    since = f"Since: {_local(incident.began_at)}"
    why = [f"Why: {_sentence(clean(last.because))}"] if last.because else []
    advice = [f"What to do: {_stopped(clean(last.advice))}"] if last.advice else []
    match purpose:
        case Purpose.RECOVERY:
            return f"all is well again after {span(lasted_s)}", [f"{_sentence(what)} {_period(incident)}"]
        case Purpose.MISSED:
            return f"{what}, but that is over", [f"{_sentence(what)} {_period(incident)}", *why]
        case Purpose.REMINDER:
            still = f"{what}, for {span(lasted_s)} now"
            return still, [_sentence(still), *why, since, *advice]
        case Purpose.ESCALATION:
            return f"it got worse: {what}", [_sentence(what), *why, since, *advice]
        case _:
            return what, [_sentence(what), *why, since, *advice]


def _period(incident: Incident) -> str:
    end = incident.over_at or incident.began_at
    return f"That was from {_local(incident.began_at)} to {_local(end)}, {span(incident.lasted_s)}."


def _local(at: Instant) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M %Z")


def _sentence(text: str) -> str:
    return _stopped(text[:1].upper() + text[1:])


def _stopped(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
