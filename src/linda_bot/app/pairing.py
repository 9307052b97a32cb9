"""How linking goes, for those who look on from a door: the codes that are valid now, and what has gone wrong."""

import asyncio
from enum import StrEnum

import msgspec

from linda_bot.connection.events import (
    AttemptFailed,
    LinkGaveUp,
    LinkingCompleted,
    LinkingStarted,
    LinkStateChanged,
    LogoutAsked,
    PairingCodeIssued,
    PairingCodeRefused,
    RetryScheduled,
)
from linda_bot.connection.lifecycle import LinkState
from linda_bot.kernel.events import Event, Secret
from linda_bot.whatsapp.events import EngineExited, PairFailed, PairSucceeded, QrIssued, QrRoundEnded

ASK_EVERY_S = 20.0
"""Each request rings on somebody's phone, and WhatsApp refuses those who ask too often."""

_TOO_OLD = "the phone's WhatsApp is too old to link devices: update it, then scan again"


class Stage(StrEnum):
    """How far linking is."""

    STARTING = "starting"
    """It is not known yet whether a phone is needed."""
    ASKING = "asking"
    """WhatsApp is asked for a code."""
    CODE = "code"
    """A code can be scanned."""
    ACCEPTED = "accepted"
    """The phone has scanned or typed a code; the login follows."""
    WAITING = "waiting"
    """The next try comes later."""
    LINKED = "linked"
    ENDED = "ended"
    """The bot stops, or has given up."""


class _Code(msgspec.Struct, frozen=True, kw_only=True):
    """Something with which a phone links the bot, and with it whoever holds that phone."""

    left_s: float

    def __repr__(self) -> str:
        return f"{type(self).__name__}(left_s={self.left_s!r})"


class PairingCode(_Code, frozen=True, kw_only=True):
    """A code to be typed; good for so many seconds."""

    number: str
    """Of the phone on which it is to be typed."""
    code: Secret


class QrCode(_Code, frozen=True, kw_only=True):
    """A code to be scanned; so many seconds later the next one replaces it."""

    text: Secret


class PairingView(msgspec.Struct, frozen=True, kw_only=True):
    """How linking goes at one moment."""

    stage: Stage
    why: str = ""
    """Why linking is needed."""
    failure: str = ""
    """What went wrong last, in this attempt to link; empty for nothing."""
    advice: str = ""
    """What a person is to do about it."""
    round: int = 0
    rounds: int = 0
    """How many rounds of codes there are before the bot gives up; a round lasts some 160 s."""
    qr: QrCode | None = None
    pairing_code: PairingCode | None = None
    code_refused: str = ""
    """Why WhatsApp gave no pairing code."""
    retry_in_s: float | None = None


class Linking(msgspec.Struct, frozen=True, kw_only=True):
    """How the linking of one of several accounts goes."""

    phase: str
    """A word of `app.resident.Phase`."""
    why: str = ""
    pairing: PairingView | None = None
    """None where it does not run, or has just begun."""


class Pairing:
    """Follows the events of one run; codes are held for as long as they are of use."""

    KINDS = (
        AttemptFailed,
        EngineExited,
        LinkGaveUp,
        LinkingCompleted,
        LinkingStarted,
        LinkStateChanged,
        LogoutAsked,
        PairFailed,
        PairingCodeIssued,
        PairingCodeRefused,
        PairSucceeded,
        QrIssued,
        QrRoundEnded,
        RetryScheduled,
    )

    def __init__(self) -> None:
        self._now = PairingView(stage=Stage.STARTING)
        self._qr_ends_at = self._code_ends_at = self._retry_at = 0.0
        self._may_ask_at = 0.0
        self._revision = 0
        self._changed = asyncio.Event()

    @property
    def revision(self) -> int:
        """A number that grows with every change."""
        return self._revision

    def view(self) -> PairingView:
        """Return how it is now; a code whose time is up is none."""
        now, time = self._now, asyncio.get_running_loop().time()
        qr_left_s, code_left_s = self._qr_ends_at - time, self._code_ends_at - time
        return msgspec.structs.replace(
            now,
            qr=msgspec.structs.replace(now.qr, left_s=qr_left_s) if now.qr and qr_left_s > 0 else None,
            pairing_code=msgspec.structs.replace(now.pairing_code, left_s=code_left_s)
            if now.pairing_code and code_left_s > 0
            else None,
            retry_in_s=None if now.retry_in_s is None else max(self._retry_at - time, 0.0),
        )

    async def changed_since(self, revision: int) -> int:
        """Wait until something is other than it was at a revision; return the revision now."""
        while self._revision == revision:
            await self._changed.wait()
        return self._revision

    def ask(self) -> float:
        """Take note that a pairing code is about to be asked for; return how long that must wait, 0 if it need not."""
        time = asyncio.get_running_loop().time()
        if time < self._may_ask_at:
            return self._may_ask_at - time
        self._may_ask_at = time + ASK_EVERY_S
        return 0.0

    def take(self, event: Event) -> None:
        """Take note of an event."""
        before = self._now
        self._now = self._after(event)
        if self._now is not before:
            self._revision += 1
            self._changed.set()
            self._changed = asyncio.Event()

    def _after(self, event: Event) -> PairingView:  # noqa: C901, PLR0911, PLR0912 (one case an event)
        now, time = self._now, asyncio.get_running_loop().time()
        match event:
            case LinkStateChanged():
                return self._moved(event)
            case LinkingStarted():
                kept = now.failure if event.round > 1 else ""
                return PairingView(
                    stage=Stage.ASKING, why=event.why, failure=kept, round=event.round, rounds=event.rounds
                )
            case QrIssued():
                self._qr_ends_at = time + event.valid_s
                code = QrCode(text=event.code, left_s=event.valid_s)
                return msgspec.structs.replace(now, stage=Stage.CODE, qr=code, retry_in_s=None)
            case PairingCodeIssued():
                self._code_ends_at = time + event.valid_s
                typed = PairingCode(number=event.number, code=event.code, left_s=event.valid_s)
                return msgspec.structs.replace(now, pairing_code=typed, code_refused="")
            case PairingCodeRefused():
                return msgspec.structs.replace(now, code_refused=event.error)
            case QrRoundEnded(outcome="success") | PairSucceeded():
                return _without_codes(now, stage=Stage.ACCEPTED, failure="")
            case QrRoundEnded(outcome="err-scanned-without-multidevice"):
                return msgspec.structs.replace(now, failure=_TOO_OLD)
            case PairFailed():
                return _without_codes(now, stage=Stage.ASKING, failure=f"linking did not succeed: {event.reason}")
            case LinkingCompleted():
                return PairingView(stage=Stage.LINKED)
            case LogoutAsked():
                return PairingView(stage=Stage.ENDED, failure="the bot was logged out by a person")
            case LinkGaveUp():
                return _without_codes(now, stage=Stage.ENDED, failure=event.because, advice=event.advice)
            case _ if now.stage is Stage.LINKED:
                return now
            case AttemptFailed(because=because):
                return _without_codes(now, stage=Stage.ASKING, failure=because)
            case RetryScheduled(in_s=in_s):
                self._retry_at = time + in_s
                return _without_codes(now, stage=Stage.WAITING, retry_in_s=in_s)
            case EngineExited() | QrRoundEnded():
                stage = Stage.ASKING if now.stage is Stage.CODE else now.stage
                return _without_codes(now, stage=stage)
            case _:
                return now

    def _moved(self, event: LinkStateChanged) -> PairingView:
        now = self._now
        match event.new:
            case LinkState.CONNECTED | LinkState.RESTORING | LinkState.TRANSIENT_DISCONNECT:
                return now if now.stage is Stage.LINKED else PairingView(stage=Stage.LINKED)
            case LinkState.LOGGED_OUT:
                return PairingView(stage=Stage.STARTING, failure=event.because)
            case LinkState.LINKING if now.stage in (Stage.STARTING, Stage.LINKED, Stage.WAITING):
                return _without_codes(now, stage=Stage.ASKING)
            case LinkState.CIRCUIT_OPEN | LinkState.BANNED | LinkState.OUTDATED | LinkState.REPLACED:
                if now.stage is not Stage.LINKED:
                    return _without_codes(now, stage=Stage.WAITING, failure=event.because)
            case LinkState.STOPPING | LinkState.STOPPED if now.stage not in (Stage.LINKED, Stage.ENDED):
                return _without_codes(now, stage=Stage.ENDED)
            case _:
                pass
        return now


def _without_codes(view: PairingView, **other: object) -> PairingView:
    """Return a view in which there is nothing to scan or type any more, and something is other than it was."""
    return msgspec.structs.replace(view, qr=None, pairing_code=None, retry_in_s=other.pop("retry_in_s", None), **other)
