"""Which fault leads where: one row a fault and a phase, to be read beside docs/link.md.

A row says through which states the link goes, as its history tells them, how soon it is there, and what a person is
told. Times are those of `SETTINGS`, which are shorter than anybody's own.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from linda_bot.kernel.errors import ExitCode
from linda_bot.sandbox.poison import POISON

SETTINGS: Mapping[str, str] = {
    "LINDA_RECONNECT__GRACE": "1",
    "LINDA_RECONNECT__DELAYS": "[0.3]",
    "LINDA_RECONNECT__MAX_ATTEMPTS": "1000",
    "LINDA_RECONNECT__LOGINS_AT_ONCE": "100",
    "LINDA_RECONNECT__LOGIN_SPACING": "0",
    "LINDA_RESTORE__AUTH_TIMEOUT": "3",
    "LINDA_RESTORE__DELAY": "0.2",
    "LINDA_KEEP_ALIVE__EVERY": "1",
    "LINDA_KEEP_ALIVE__TIMEOUT": "1",
    "LINDA_REPLACED__WAIT": "0.3",
    "LINDA_ALERT__AFTER": "4",
    "LINDA_ALERT__CLEAR_AFTER": "0.4",
    "LINDA_BACKUP__AFTER_STABLE": "600",
    "LINDA_LOG__MASK": "false",  # else many a message's id is taken for a phone number
}
LASTS_S = 5.5
"""An outage that is longer than LINDA_ALERT__AFTER by more than a retry takes."""


class Phase(StrEnum):
    """What the link is about when the fault comes."""

    BEFORE_CODE = "before the code"
    CODE_SHOWN = "while a code is shown"
    SCANNED = "at the scan"
    RESTORING = "restoring"
    CONNECTED = "connected"


class Row(NamedTuple):
    """What becomes of one fault in one phase."""

    phase: Phase
    faults: str
    """As on the command line; several are parted by a semicolon."""
    course: str
    """The states from the fault to the end; empty for none, alternatives are parted by a bar."""
    within_s: float = 6
    """From the fault until the link is where it belongs."""
    alerts: str = ""
    """The kinds that are told; one that is connected again also tells that it is over, once. Alternatives as above."""
    pairings: int = 0
    """How often a phone links the device from the fault on."""
    spoilt_scans: int = 0
    """How often it scans besides, and links nothing."""
    exit_code: int | None = None
    """Where the bot ends by itself."""
    times: int = 1
    """How often it happens, each time to a link that is up."""
    unanswered: int = 0
    """Messages that are lost or refused by what the fault is."""
    arguments: tuple[str, ...] = ()
    asked: bool = False
    """Whether a person says, with SIGHUP, that it is time for another try."""
    in_doubt: int = 0
    """Answers that may be lost: nobody knows whether they had left when the line, or the engine, was gone."""
    rare: bool = False
    """Whether it runs only with --all-faults: its end takes a minute to come, or another row takes the same road."""

    @property
    def name(self) -> str:
        """What the test is called."""
        short = self.faults if len(self.faults) <= _LONGEST_NAME else f"{self.faults[:_LONGEST_NAME]}..."
        return " ".join([self.phase, short, *(("three times",) if self.times > 1 else ()), *self.arguments])

    @property
    def ends_up(self) -> bool:
        """Whether the bot listens at the end."""
        return self.exit_code is None and all(way.split(" > ")[-1] in ("", "connected") for way in self.ways)

    @property
    def wears_out(self) -> bool:
        """Whether the bot is of no use for the next row: what is to follow is the end, or depends on the past."""
        return bool(not self.ends_up or self.pairings or self.arguments)

    @property
    def ways(self) -> list[str]:
        """The courses that are right."""
        return [way.strip() for way in self.course.split("|")]


_LONGEST_NAME = 60

BY_ITSELF = "transient_disconnect > connected"
BY_A_NEW_ENGINE = "reconnecting > connected"
GRACE_OVER = "transient_disconnect > reconnecting > connected"
LINKED_ANEW = "logged_out > linking > connected"
AT_THE_SECOND_TRY = "restoring > reconnecting > connected"
LOST_AT_LOGIN = "restoring > connected | restoring > connected > transient_disconnect > connected"
"""What comes right behind the server's yes may be heard before the bot has told that it is connected, or after."""
DEAF_AT_LOGIN = f"{AT_THE_SECOND_TRY} | restoring > connected > reconnecting > connected"

RETRIED_CODES = (400, 409, 413, 414, 415, 418, 500, 501, 503, 599)
"""Failures at login that may pass: an error of the server, or nobody knows what it means."""
PANIC_CODES = (413, 414)
LOGOUT_CODES = (401, 403, 406)
TYPICAL_CODES = (400, 401, 413, 418, 503)
"""One of each kind: a plain failure, a logout, a panic of the library, one without a word for it, one it retries."""
HARMLESS_GARBAGE = ("text", "bad-zlib")
DEADLY_GARBAGE = ("no-node", "empty-body", "one-byte-short")
DEAFENING_GARBAGE = ("undecryptable", "empty-frame", "truncated", "half-length")
TYPICAL_STREAM_ERRORS = ("500", "515")
ANY_GARBAGE = ("random", "noise")
"""What becomes of these depends on their bytes."""
CUTTING_POISON = ("iq-pair-success", "iq-pair-success-without-id")
"""The first makes the library hang up without a word, the second makes it panic."""
LOSING_POISON = ("next-message-enc-version", "next-message-enc-type")
"""The library confirms the message and drops it."""


def _connected() -> Iterator[Row]:
    phase = Phase.CONNECTED
    yield Row(phase, "drop", BY_ITSELF)
    yield Row(phase, "freeze", BY_A_NEW_ENGINE, 8)
    yield Row(phase, "half-open", BY_A_NEW_ENGINE, 8)
    yield Row(phase, "refuse for_s=1", GRACE_OVER, 8)
    yield Row(phase, "bad-gateway for_s=1; drop", GRACE_OVER)
    yield Row(phase, f"bad-gateway for_s={LASTS_S}; drop", GRACE_OVER, 12, alerts="down")
    yield Row(phase, "black-hole for_s=1; drop", GRACE_OVER, 8)
    yield Row(phase, f"black-hole for_s={LASTS_S}; drop", GRACE_OVER, 18, alerts="down", rare=True)
    yield Row(phase, "slow-link delay_ms=150 for_s=2", "")
    for code in RETRIED_CODES:
        # A panic may be noticed before the loss of the line that it follows.
        course = f"{GRACE_OVER} | {BY_A_NEW_ENGINE}" if code in PANIC_CODES else GRACE_OVER
        yield Row(phase, f"login-failure code={code}; drop", course)
    yield Row(phase, "login-failure code=503 count=2; drop", GRACE_OVER)
    for code in LOGOUT_CODES:
        yield Row(
            phase, f"login-failure code={code}; drop", f"transient_disconnect > {LINKED_ANEW}", 8, "logged_out", 1
        )
    yield Row(phase, "login-failure code=402 expire_s=3; drop", "transient_disconnect > banned", alerts="banned")
    yield Row(phase, "login-failure code=402 ban_code=999; drop", GRACE_OVER)
    outdated = "transient_disconnect > outdated > reconnecting > connected"
    yield Row(phase, "login-failure code=405; drop", outdated, alerts="outdated", asked=True)
    yield Row(phase, "silent-login; drop", GRACE_OVER)
    for kind in ("500", "503", "599", "sandbox_new"):
        yield Row(phase, f"stream-error kind={kind}", BY_ITSELF)
    yield Row(phase, "stream-error kind=515", "")
    replaced = "replaced > reconnecting > connected"
    yield Row(phase, "stream-error kind=replaced", replaced, alerts="replaced")
    again = f"{replaced} > {replaced} > replaced"
    yield Row(phase, "stream-error kind=replaced", again, 6, "replaced gave_up", exit_code=ExitCode.REPLACED, times=3)
    yield Row(phase, "stream-error kind=device_removed", LINKED_ANEW, 8, "logged_out", 1)
    yield Row(phase, "remove-device", LINKED_ANEW, 8, "logged_out", 1)
    for kind in ("tls", "noise"):
        yield Row(phase, f"bad-certificate kind={kind}; drop", GRACE_OVER)
    for kind in HARMLESS_GARBAGE:
        yield Row(phase, f"garbage kind={kind}", "")
    for kind in (*DEADLY_GARBAGE, *DEAFENING_GARBAGE):
        course = f"{GRACE_OVER} | {BY_A_NEW_ENGINE}" if kind in DEADLY_GARBAGE else BY_A_NEW_ENGINE
        yield Row(phase, f"garbage kind={kind}", course, 8)
    for kind in ANY_GARBAGE:
        yield Row(phase, f"garbage kind={kind}", f"{BY_A_NEW_ENGINE} | ", 8)
    yield Row(phase, "lose-ack", "", 90, rare=True)
    yield Row(phase, "refuse-message code=463", "", unanswered=1)
    yield Row(phase, "double-message", "")
    for kind in POISON:
        cuts, lost = kind in CUTTING_POISON, int(kind in LOSING_POISON)
        course = BY_A_NEW_ENGINE if cuts else ""
        yield Row(phase, f"poison kind={kind}", course, 10, unanswered=lost, in_doubt=int(cuts))


def _restoring() -> Iterator[Row]:
    phase = Phase.RESTORING
    yield Row(phase, "drop", LOST_AT_LOGIN)
    for fault in ("freeze", "half-open"):
        yield Row(phase, fault, DEAF_AT_LOGIN, 10, rare=fault == "half-open")
    for fault in ("silent-login", "close-pairing step=before-hello", "black-hole for_s=2.5"):
        yield Row(phase, fault, AT_THE_SECOND_TRY, 12, rare=not fault.startswith("black-hole"))
    for fault in ("refuse for_s=1.5", "bad-gateway for_s=1.5"):
        yield Row(phase, fault, AT_THE_SECOND_TRY, 8)
    yield Row(phase, f"bad-gateway for_s={LASTS_S}", AT_THE_SECOND_TRY, 12, alerts="down")
    yield Row(phase, "slow-link delay_ms=60 for_s=2", "restoring > connected")
    for code in RETRIED_CODES:
        course = "restoring > connected" if code in (500, 503) else AT_THE_SECOND_TRY
        yield Row(phase, f"login-failure code={code}", course, rare=code not in TYPICAL_CODES)
    for code in LOGOUT_CODES:
        course, rare = f"restoring > {LINKED_ANEW}", code not in TYPICAL_CODES
        yield Row(phase, f"login-failure code={code}", course, 8, "logged_out", 1, rare=rare)
    ended, code = "restoring > logged_out", ExitCode.LOGGED_OUT
    yield Row(phase, "remove-device", ended, 8, "gave_up", exit_code=code, arguments=("--no-qr",))
    yield Row(phase, "remove-device", f"restoring > {LINKED_ANEW}", 8, "logged_out", 1)
    yield Row(phase, "login-failure code=402 expire_s=3", "restoring > banned", alerts="banned")
    yield Row(phase, "login-failure code=402 ban_code=999", AT_THE_SECOND_TRY)
    outdated = "restoring > outdated > reconnecting > connected"
    yield Row(phase, "login-failure code=405", outdated, alerts="outdated", asked=True)
    for kind in ("500", "503", "515", "599", "sandbox_new"):
        yield Row(phase, f"stream-error kind={kind}", LOST_AT_LOGIN, rare=kind not in TYPICAL_STREAM_ERRORS)
    replaced = _at_login("replaced > reconnecting > connected")
    yield Row(phase, "stream-error kind=replaced", replaced, alerts="replaced")
    yield Row(phase, "stream-error kind=device_removed", _at_login(LINKED_ANEW), 8, "logged_out", 1)
    for kind in ("tls", "noise"):
        yield Row(phase, f"bad-certificate kind={kind}", AT_THE_SECOND_TRY)
    for kind in HARMLESS_GARBAGE:
        yield Row(phase, f"garbage kind={kind}", "restoring > connected")
    for kind in (*DEADLY_GARBAGE, *DEAFENING_GARBAGE):
        yield Row(phase, f"garbage kind={kind}", DEAF_AT_LOGIN, 10, rare=kind != "no-node")
    for kind in ANY_GARBAGE:
        yield Row(phase, f"garbage kind={kind}", f"{DEAF_AT_LOGIN} | restoring > connected", 10, rare=True)
    for kind in CUTTING_POISON:
        yield Row(phase, f"poison kind={kind}", DEAF_AT_LOGIN, 10)
    harmless = [kind for kind in POISON if kind not in (*CUTTING_POISON, *LOSING_POISON)]
    yield Row(phase, "; ".join(f"poison kind={kind}" for kind in harmless), "restoring > connected", 10)


def _at_login(course: str) -> str:
    return f"restoring > {course} | restoring > connected > {course}"


def _linking() -> Iterator[Row]:
    course = "linking > connected"
    phase = Phase.BEFORE_CODE
    for fault in ("refuse for_s=1.5", "bad-gateway for_s=1.5", "slow-link delay_ms=60 for_s=2"):
        yield Row(phase, fault, course, 8, pairings=1)
    yield Row(phase, f"bad-gateway for_s={LASTS_S}", course, 12, pairings=1, rare=True)
    for fault in ("bad-certificate kind=tls", "bad-certificate kind=noise", "close-pairing step=after-handshake"):
        yield Row(phase, fault, course, pairings=1)
    yield Row(phase, "close-pairing step=before-hello", course, 25, pairings=1, rare=True)
    yield Row(phase, "black-hole for_s=1", course, 70, pairings=1, rare=True)
    phase = Phase.CODE_SHOWN
    for fault in (
        "refuse for_s=1.5",
        "close-pairing step=after-codes",
        "bad-gateway for_s=1; close-pairing step=after-codes",
    ):
        yield Row(phase, fault, course, 8, pairings=1)
    yield Row(phase, "slow-link delay_ms=60 for_s=2", course, 8, pairings=1)
    end = ExitCode.LINKING_NEEDED
    for phase, when, spoilt in ((Phase.CODE_SHOWN, "now", 0), (Phase.SCANNED, "scan", 1)):
        yield Row(phase, f"passkey when={when}", "linking", alerts="gave_up", exit_code=end, spoilt_scans=spoilt)
    phase = Phase.SCANNED
    yield Row(phase, "close-pairing step=on-scan", course, pairings=1, spoilt_scans=1)
    yield Row(phase, "close-pairing step=after-515", course, pairings=1)
    unknown = "linking > connected | linking > logged_out > linking > connected"
    yield Row(
        phase, "close-pairing step=after-success", unknown, 70, "logged_out | ", pairings=1, spoilt_scans=1, rare=True
    )
    yield Row(phase, "close-pairing step=after-answer-registered", course, 70, pairings=1, rare=True)
    yield Row(
        phase,
        "close-pairing step=after-answer-unregistered",
        f"linking > {LINKED_ANEW}",
        70,
        "logged_out",
        pairings=1,
        spoilt_scans=1,
        rare=True,
    )
    for fault in ("silent-login", "bad-certificate kind=tls", "refuse for_s=1", "black-hole for_s=1"):
        yield Row(phase, fault, course, 70, pairings=1, rare=True)
    for code in RETRIED_CODES:
        yield Row(phase, f"login-failure code={code}", course, 8, pairings=1, rare=code not in TYPICAL_CODES)
    for code in LOGOUT_CODES:
        yield Row(phase, f"login-failure code={code}", course, 8, pairings=2, rare=code not in TYPICAL_CODES)
    yield Row(phase, "login-failure code=402 expire_s=3", "linking > banned", alerts="banned", pairings=1)
    outdated = "linking > outdated"
    end = ExitCode.CLIENT_OUTDATED
    yield Row(phase, "login-failure code=405", outdated, alerts="gave_up", pairings=1, exit_code=end)


TABLE = (*_connected(), *_restoring(), *_linking())
