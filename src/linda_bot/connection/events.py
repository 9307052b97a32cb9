"""What happens to the link, in our words."""

from datetime import datetime

from linda_bot.kernel.events import Category, Event, Secret, Severity


class DaemonStarted(Event, frozen=True, kw_only=True):
    """The bot has begun and holds the session."""

    category = Category.SESSION

    pid: int
    version: str
    before: str
    """How the run before it ended, as the session's files show: `first`, `in_order`, `cut_short`, `machine_down`."""


class DaemonStopping(Event, frozen=True, kw_only=True):
    """The bot is about to end."""

    category = Category.SESSION

    why: str
    """`signal`: it was asked to; `done`: it is not to be linked any more; `gave_up`: no retry can help; `error`: a
    person must correct something; `crash`: a bug."""


class DaemonStopped(Event, frozen=True, kw_only=True):
    """The bot has done what it does at its end."""

    category = Category.SESSION

    why: str
    """As in `DaemonStopping`."""
    exit_code: int
    because: str = ""
    """The error that ended it, if one did."""


class LinkStateChanged(Event, frozen=True, kw_only=True):
    """The link moved from one state to another."""

    category = Category.CONNECTION

    old: str
    new: str
    because: str
    finding: str = ""
    """What was found out, in the lifecycle's word."""


class SessionValidated(Event, frozen=True, kw_only=True):
    """The session's files were checked; the points in order, up to the first that cannot be lived with."""

    category = Category.SESSION

    verdict: str
    points: tuple[str, ...]


class RestoreStarted(Event, frozen=True, kw_only=True):
    """An existing session is being brought back."""

    category = Category.SESSION

    attempt: int
    attempts: int
    previous_status: str
    last_activity: datetime | None


class RestoreAuthenticated(Event, frozen=True, kw_only=True):
    """WhatsApp accepted the stored identity."""

    category = Category.SESSION

    attempt: int
    duration_ms: int


class RestoreCompleted(Event, frozen=True, kw_only=True):
    """The session is whole again and the bot listens."""

    category = Category.SESSION

    attempt: int
    duration_ms: int
    number: str


class LinkingStarted(Event, frozen=True, kw_only=True):
    """A round of QR codes begins."""

    category = Category.SESSION

    round: int
    rounds: int
    why: str


class LinkingCompleted(Event, frozen=True, kw_only=True):
    """The device is linked and the bot listens."""

    category = Category.SESSION

    number: str


class AttemptFailed(Event, frozen=True, kw_only=True):
    """An engine's life ended, or could not begin; what follows is decided next."""

    category = Category.CONNECTION
    severity = Severity.WARNING

    finding: str
    because: str
    is_local: bool = False
    """Whether this machine's files are at fault, neither the network nor WhatsApp."""


class RetryScheduled(Event, frozen=True, kw_only=True):
    """Another attempt follows."""

    category = Category.CONNECTION
    severity = Severity.WARNING

    in_s: float
    attempt: int
    """How many attempts have failed in a row."""
    attempts: int
    """After how many the circuit opens."""
    because: str


class SessionQuarantined(Event, frozen=True, kw_only=True):
    """The session's files, or only its store, were moved out of the way, not deleted."""

    category = Category.SESSION
    severity = Severity.WARNING

    to: str
    because: str


class SessionRestored(Event, frozen=True, kw_only=True):
    """A backup was put in the store's place; what was sent and received since then is not in it."""

    category = Category.SESSION
    severity = Severity.WARNING

    backup: str
    made_at: datetime
    because: str
    passed_over: tuple[str, ...]
    """Newer backups that could not be used, each with the reason."""


class RestoreGaveUp(Event, frozen=True, kw_only=True):
    """None of the backups can be used; the session must be linked anew."""

    category = Category.SESSION
    severity = Severity.WARNING

    because: str
    passed_over: tuple[str, ...]


class SessionWentBack(Event, frozen=True, kw_only=True):
    """The store had become older than what was sent from it; new Signal sessions are begun for all contacts."""

    category = Category.SESSION
    severity = Severity.WARNING

    because: str


class RestoreJudged(Event, frozen=True, kw_only=True):
    """Ten minutes after a restore: whether what arrived could be read."""

    category = Category.SESSION

    verdict: str
    received: int
    recovered: int
    """Messages that could not be read at first, and came again."""
    pending: int
    """Messages that could not be read and have not come again."""


class SessionBackedUp(Event, frozen=True, kw_only=True):
    """A verified backup is there."""

    category = Category.SESSION

    backup: str
    reason: str
    size: int
    """Bytes."""
    duration_ms: int


class BackupFailed(Event, frozen=True, kw_only=True):
    """A backup could not be made; those that were there still are."""

    category = Category.SESSION
    severity = Severity.WARNING

    reason: str
    error: str


class BackupsCleanedUp(Event, frozen=True, kw_only=True):
    """Older backups were deleted, because there are enough newer ones."""

    category = Category.SESSION

    backups: tuple[str, ...]


class LoginPutOff(Event, frozen=True, kw_only=True):
    """There were many logins lately: the next one waits, so that WhatsApp sees no flood."""

    category = Category.CONNECTION
    severity = Severity.WARNING

    in_s: float


class HintTaken(Event, frozen=True, kw_only=True):
    """Something said that now is a good time: the network is back, the machine woke up, a person asked."""

    category = Category.CONNECTION

    because: str
    taken: bool
    """Whether a wait was cut short or a link tested or renewed; an attempt that is under way is left alone."""
    insisted: bool
    """Whether a person asked."""
    state: str


class PairingCodeIssued(Event, frozen=True, kw_only=True):
    """A code waits to be typed on the phone."""

    category = Category.SESSION

    number: str
    code: Secret
    valid_s: float


class PairingCodeRefused(Event, frozen=True, kw_only=True):
    """WhatsApp gave no pairing code; the QR codes are still good."""

    category = Category.SESSION
    severity = Severity.WARNING

    number: str
    error: str


class PingAnswered(Event, frozen=True, kw_only=True):
    """A round trip to the server, after a time in which nothing else was heard."""

    category = Category.HEALTH
    severity = Severity.DEBUG

    took_ms: int


class PingMissed(Event, frozen=True, kw_only=True):
    """A round trip to the server was not answered in time."""

    category = Category.HEALTH
    severity = Severity.WARNING

    misses: int
    """In a row."""
    error: str


class RefreshStarted(Event, frozen=True, kw_only=True):
    """The link is renewed in good order: it is backed up, and a new engine is about to follow the old one."""

    category = Category.CONNECTION

    age_s: float
    """How long the engine has lived."""


class RefreshPutOff(Event, frozen=True, kw_only=True):
    """The link is not renewed now."""

    category = Category.CONNECTION
    severity = Severity.WARNING

    because: str
    in_s: float
    """When it is tried again."""


class MilestoneReached(Event, frozen=True, kw_only=True):
    """The session has been alive for another full hour."""

    category = Category.HEALTH

    hours: int


class PhoneSeen(Event, frozen=True, kw_only=True):
    """The account's phone gave a sign of life; told at most once an hour."""

    category = Category.HEALTH
    severity = Severity.DEBUG


class PhoneNotSeen(Event, frozen=True, kw_only=True):
    """Nothing came from the account's phone for days; WhatsApp unlinks devices of a phone that is offline too long."""

    category = Category.HEALTH
    severity = Severity.WARNING

    days: int
    left_days: int
    """Until WhatsApp may unlink this device."""


class GuardSet(Event, frozen=True, kw_only=True):
    """The session's store is guarded against reused counters, so answers are sent at once."""

    category = Category.MESSAGE


class RollBacksCaught(Event, frozen=True, kw_only=True):
    """The guard kept counters from going back; each time the next answer would have been lost."""

    category = Category.MESSAGE

    count: int
    """How many since the last time this was told."""
    total: int
    """How many in the life of this store."""


class GuardWithdrawn(Event, frozen=True, kw_only=True):
    """The session's store is not guarded; each answer waits until its contact is quiet."""

    category = Category.MESSAGE
    severity = Severity.WARNING

    because: str


class LogoutAsked(Event, frozen=True, kw_only=True):
    """A person here had the device taken off the account; the session is set aside, and the bot ends."""

    category = Category.SESSION
    severity = Severity.WARNING


class LinkGaveUp(Event, frozen=True, kw_only=True):
    """No retry can help; the process ends."""

    category = Category.CONNECTION
    severity = Severity.ERROR

    exit_code: int
    because: str
    advice: str
