"""What is said of an event that needs no memory: one line and its style; pure."""

from linda_bot.cli.message_story import message_line
from linda_bot.cli.story_line import DIM, GREEN, RED, YELLOW, Line, span
from linda_bot.connection.events import (
    AttemptFailed,
    BackupFailed,
    HintTaken,
    LinkStateChanged,
    LoginPutOff,
    MilestoneReached,
    PhoneNotSeen,
    PingMissed,
    RefreshPutOff,
    RefreshStarted,
    RestoreAuthenticated,
    RestoreJudged,
    SessionBackedUp,
    SessionQuarantined,
    SessionWentBack,
)
from linda_bot.connection.lifecycle import Finding, LinkState
from linda_bot.eventlog.events import LogLevelChanged, LogRecovered, LogTrouble
from linda_bot.health.alerting.events import NoticeFailed
from linda_bot.health.events import HealthRecordFailed, HealthRecordRecovered
from linda_bot.kernel.alerts import AlertCleared, AlertRaised, AlertReminded
from linda_bot.kernel.events import Event
from linda_bot.kernel.masking import printable
from linda_bot.kernel.sentences import sentence
from linda_bot.web.events import PageOpened
from linda_bot.whatsapp.events import QrRoundEnded


def line_of(event: Event) -> Line | None:  # noqa: C901, PLR0911, PLR0912 (one case an event)
    """Return what is said of an event; None where nothing is, or more than a line."""
    match event:
        case RestoreAuthenticated():
            return Line(f"  Authentication successful in {event.duration_ms / 1000:.2f} s", GREEN)
        case QrRoundEnded(outcome="success"):
            return Line("Code accepted; linking ...", GREEN)
        case QrRoundEnded(outcome="err-scanned-without-multidevice"):
            return Line("The phone's WhatsApp is too old to link devices: update it, then scan again.", YELLOW)
        case AttemptFailed(finding=Finding.SESSION_MISSING):
            return Line(f"Linking is needed: {event.because}.", YELLOW)
        case AttemptFailed():
            return Line(sentence(printable(event.because)), YELLOW)
        case SessionQuarantined():
            return Line(f"The old session was set aside, not deleted: {event.to}", YELLOW)
        case SessionWentBack():
            new = "New Signal sessions are begun, so that no answer is lost."
            return Line(f"{sentence(event.because)} {new}", YELLOW)
        case RestoreJudged():
            return _judged(event)
        case SessionBackedUp():
            return Line(f"  Backup {event.backup} made ({event.reason.replace('_', ' ')}).", DIM)
        case BackupFailed():
            return Line(sentence(printable(event.error)), YELLOW)
        case LinkStateChanged(new=LinkState.TRANSIENT_DISCONNECT):
            return Line("Connection lost; reconnecting ...", YELLOW)
        case LinkStateChanged(old=LinkState.TRANSIENT_DISCONNECT, new=LinkState.CONNECTED):
            return Line("Connected again.", GREEN)
        case LinkStateChanged(new=LinkState.CIRCUIT_OPEN):
            return Line("Too many attempts have failed in a row; they are made more rarely from here on.", YELLOW)
        case LoginPutOff():
            wait = span(event.in_s)
            return Line(
                f"There were many logins lately; the next waits {wait}, so that WhatsApp sees no flood.", YELLOW
            )
        case HintTaken(taken=True, insisted=False, state=LinkState.CONNECTED):
            return Line(f"Testing the link: {event.because}.", DIM)
        case HintTaken(taken=True):
            return Line(f"Reconnecting now: {event.because}.")
        case HintTaken(insisted=True):
            return Line(f"Not reconnecting ({event.because}): {_why_not(event.state)}.")
        case PingMissed():
            return Line(f"WhatsApp does not answer ({printable(event.error)}).", YELLOW)
        case RefreshStarted():
            return Line(f"Refreshing the link, which is {span(event.age_s)} old ...", DIM)
        case RefreshPutOff():
            return Line(f"The refresh waits {span(event.in_s)}: {sentence(printable(event.because))}", YELLOW)
        case MilestoneReached():
            return Line(f"Session milestone: {event.hours} hour{'s' if event.hours > 1 else ''} alive", DIM)
        case PhoneNotSeen():
            return Line(_phone(event), YELLOW)
        case LogTrouble():
            return Line(f"{sentence(printable(event.because))} The bot goes on without it.", YELLOW)
        case LogRecovered():
            return Line(f"The log is written again; {event.lost} lines are missing.", GREEN)
        case LogLevelChanged():
            return Line(f"The log tells {event.to} lines and worse from here on ({event.because}).", DIM)
        case HealthRecordFailed():
            return Line(f"{sentence(printable(event.because))} The bot goes on without it.", YELLOW)
        case HealthRecordRecovered():
            return Line("The health record is written again.", GREEN)
        case AlertRaised(topic="health"):  # of the link it was said before what is wrong
            return Line(f"{sentence(printable(event.because))} What to do: {event.advice}.", RED)
        case AlertRaised(advice=advice) if event.kind != "gave_up":  # that was said with the end itself
            return Line(f"What to do: {advice}.", RED)
        case AlertReminded():
            return Line(f"Not well for {span(event.after_s)} now. What to do: {printable(event.advice)}.", RED)
        case NoticeFailed():
            return Line(f"An alert could not be sent by {event.sink}: {printable(event.error)}.", YELLOW)
        case AlertCleared(topic="health"):
            return Line(f"What was wrong with the bot's health is over after {span(event.after_s)}.", GREEN)
        case AlertCleared():
            return Line(f"All is well again after {span(event.after_s)}.", GREEN)
        case PageOpened():
            return Line(f"Web page: {event.address}")
        case _:
            return message_line(event)


def _why_not(state: str) -> str:
    if state == LinkState.BANNED:
        return "a login during a ban may prolong it"
    if state == LinkState.LINKING:
        return "this bot is to be linked first"
    return "an attempt is under way already"


def _judged(event: RestoreJudged) -> Line:
    style = GREEN if event.verdict == "restored" else YELLOW
    lost = f", {event.pending} could not be read" if event.pending else ""
    again = f", {event.recovered} of them at the second try" if event.recovered else ""
    return Line(f"The restored session: {event.verdict} ({event.received} messages received{again}{lost}).", style)


def _phone(event: PhoneNotSeen) -> str:
    left = f"in about {event.left_days} days" if event.left_days else "any day now"
    return (
        f"Nothing has come from the account's phone for {event.days} days. If it was off or offline, open WhatsApp on "
        f"it: WhatsApp unlinks this device {left} otherwise."
    )
