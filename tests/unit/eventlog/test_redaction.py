"""What the log never shows."""

import base64
import logging
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from linda_bot.eventlog.lines import line_of, line_of_logged, logged_of, remember_texts
from linda_bot.eventlog.places import as_json
from linda_bot.eventlog.redaction import Redactor
from linda_bot.whatsapp.events import IncomingMessage, MessageReceived
from scripts.events_page import event_kinds
from tests.support.event_samples import NOW, sample_of

KEY = b"k" * 32
NUMBER = "4915112345678"
PACK = 25
"""How many secrets stand in one text: a text of a log line ends somewhere."""
OUR_WORDS = {"category", "chat", "conversation", "field", "handler", "kind", "new", "old", "outcome", "sender"}
WORDS = ["harbour", "Übermut", "d'accord", "船", '"quoted"', "meadow", "naïve", "🙂", "back\\slash", "tomorrow"]


@pytest.fixture
def redactor() -> Redactor:
    """One that masks."""
    return Redactor(KEY)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (NUMBER, "49*78~bfed2a"),
        (f"+{NUMBER}", "49*78~bfed2a"),
        ("+49 151 1234-5678", "49*78~bfed2a"),
        (f"{NUMBER}@s.whatsapp.net", "49*78~bfed2a@s.whatsapp.net"),
        (f"{NUMBER}:12@s.whatsapp.net", "49*78~bfed2a:12@s.whatsapp.net"),
        (f"session-{NUMBER}", "session-49*78~bfed2a"),
        ("1234567", "*~"),
        ("2@abc,def", "<QR code>"),
        ("https://wa.me/settings/linked_devices#2@abc", "<QR code>"),
        ("ABCD-EF12", "<pairing code>"),
        ("a" * 64, "<key>"),
        ("9f" * 32, "<key>"),
        (base64.b64encode(bytes(range(100, 132))).decode(), "<key>"),
    ],
)
def test_what_is_hidden(redactor: Redactor, text: str, shown: str) -> None:
    """Each in the middle of a line, too."""
    assert shown in redactor.line(text)
    assert f" {shown}" in redactor.line(f"got {text} from the wire")
    assert text not in redactor.line(f"got {text} from the wire")


@pytest.mark.parametrize(
    "text",
    [
        "3EB03ACCAE96573568AD50",
        "2026-11-21T16:57:31.943Z",
        "/home/Anna/projects2/whatsappbotdata/sessions/session-default/session.db",
        "quarantine-default-20261121T164000Z-damaged",
        "TemporarilyUnavailableBecauseOfMaintenance",
        "backup-default-003",
        "connection_state_has_changed_for_the_worse",
        "took 1234 ms, 56 messages, code 401",
    ],
)
def test_what_is_left_alone(redactor: Redactor, text: str) -> None:
    """Ids, times, paths and names: without them a log is of no use."""
    assert redactor.line(text) == text


def test_a_pseudonym_is_stable_and_the_data_directorys_own(redactor: Redactor) -> None:
    """The same contact in each line; another in another directory, so that no list of all numbers helps."""
    assert redactor.number(NUMBER) == Redactor(KEY).number(NUMBER) != Redactor(b"x" * 32).number(NUMBER)
    assert redactor.number(NUMBER) != redactor.number("4915112345679")


def test_without_masks_secrets_stay_hidden() -> None:
    """Somebody who debugs wants the numbers; nobody wants the keys in a file."""
    shown = Redactor(KEY, mask=False).line(f"{NUMBER} 2@abc,def ABCD-EF12 {'9f' * 32}")

    assert shown == f"{NUMBER} <QR code> <pairing code> <key>"


def test_what_an_error_quotes_is_recognised(redactor: Redactor) -> None:
    """The whole of a message, in any spelling, and the pieces that Python's errors quote; not what only looks alike."""
    redactor.remember("pay 12 to Zoë\n'now'", "Zoë Example")

    assert redactor.line(r"KeyError: \"pay 12 to Zoë\n'now'\"") == r"KeyError: \"<19 characters>\""
    assert redactor.line("no such name: Zoë Example") == "no such name: <11 characters>"
    assert redactor.line("invalid literal for int(): 'Zoë'") == "invalid literal for int(): '<3 characters>'"
    assert redactor.line("'NoneType' object has no attribute 'x'") == "'NoneType' object has no attribute 'x'"


class Corpus:
    """Secrets of all kinds, always the same."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def numbers(self) -> Iterator[str]:
        chance = self._chance
        while True:
            digits = str(chance.randrange(10**9, 10**15))
            yield digits
            yield f"+{digits}"
            yield f"+{digits[:2]} {digits[2:5]} {digits[5:8]}-{digits[8:]}"
            yield f"{digits}@s.whatsapp.net"
            yield f"{digits}:{chance.randrange(99)}@s.whatsapp.net"
            yield f"{chance.randrange(10**14, 10**15)}@lid"
            yield f"{chance.randrange(10**17, 10**18)}@g.us"
            yield f"tel{digits}x"

    def keys(self) -> Iterator[str]:
        chance = self._chance
        while True:
            raw = chance.randbytes(32)
            yield base64.b64encode(raw).decode()
            yield base64.urlsafe_b64encode(raw).decode().rstrip("=")
            yield base64.b64encode(chance.randbytes(33)).decode()
            yield base64.b64encode(chance.randbytes(64)).decode()
            yield raw.hex()
            yield raw.hex().upper()
            yield f"2@{base64.b64encode(chance.randbytes(90)).decode()},{base64.b64encode(raw).decode()}"
            yield "-".join("".join(chance.choices("123456789ABCDEFGHJKLMNPQRSTVWXYZ", k=4)) for _ in range(2))

    def texts(self) -> Iterator[str]:
        while True:
            yield f"{' '.join(self._chance.choices(WORDS, k=4))} {self._chance.randrange(10**6)}"

    def names(self) -> Iterator[str]:
        while True:
            yield f"{self._chance.choice(WORDS).title()} Ex{self._chance.randrange(10**5)}"


def leaks(secrets: list[str], shown: str) -> list[str]:
    """Return the secrets that stand in what was shown."""
    return [secret for secret in secrets if secret in shown or _digits(secret) in shown]


def _digits(secret: str) -> str:
    digits = "".join(letter for letter in secret.partition("@")[0].partition(":")[0] if letter.isdecimal())
    return digits if len(digits) >= 7 and digits in secret.replace(" ", "").replace("-", "") else secret


@pytest.mark.slow
def test_ten_thousand_secrets_through_every_event_and_logger(redactor: Redactor) -> None:
    """Numbers, JIDs, LIDs, keys, QR texts and codes anywhere; names and texts of messages where errors quote them."""
    corpus = Corpus(7)
    numbers, keys, texts, names = corpus.numbers(), corpus.keys(), corpus.texts(), corpus.names()
    kinds = event_kinds()
    count, found = 0, []
    while count < 10_000:
        plain = [next(each) for _ in range(PACK) for each in (numbers, keys)]
        personal = [next(each) for _ in range(5) for each in (texts, names)]
        count += len(plain) + len(personal)
        for text, name in zip(personal[::2], personal[1::2], strict=True):
            found += leaks([text, name], shown_of(received(text, name), redactor))
        for number, kind in enumerate(kinds):
            some, quoted = plain[number % 7 :: 7], personal[number % 5 :: 5]
            found += leaks([*some, *quoted], shown_of(sample_of(kind, texts_with(some, quoted)), redactor))
        found += leaks([*plain[:12], *personal], logged("; ".join([*plain[:12], *personal]), redactor))

    assert found == []


def texts_with(plain: list[str], quoted: list[str]) -> Callable[[str], str]:
    """Return what makes a text of secrets for each field; a stranger's words cannot get into all of them."""

    def text(name: str) -> str:
        if name in ("id", "ids", "level"):
            return "3EB0AE5512345678"
        return " and ".join(["it said", *plain, *([] if name in OUR_WORDS else quoted)])

    return text


def received(text: str, name: str) -> MessageReceived:
    """Return a message of somebody."""
    return MessageReceived(
        at=NOW,
        message=IncomingMessage(
            id="3EB0AE5512345678", chat="x@lid", sender="x@lid", sender_name=name, text=text, kind="text", sent_at=NOW
        ),
    )


def shown_of(event: Any, redactor: Redactor) -> str:
    """Return how an event is logged."""
    remember_texts(event, redactor)
    line = line_of(event, redactor)
    return as_json({**line.facts, "event": line.name})


def logged(text: str, redactor: Redactor) -> str:
    """Return how a library's line, with an extra and a traceback, is shown."""

    def fail() -> None:
        raise ValueError(text)

    try:
        fail()
    except ValueError as error:
        record = logging.makeLogRecord(
            {"msg": "it said %s", "args": (text,), "who": text, "name": "a.library", "levelno": 40}
        )
        record.exc_info = (type(error), error, error.__traceback__)
    line = line_of_logged(logged_of(record), redactor)
    return as_json({**line.facts, "event": line.name})
