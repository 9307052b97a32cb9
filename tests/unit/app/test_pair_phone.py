"""Asking for a pairing code through a door."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from linda_bot.app.front import Front, NotNowError
from linda_bot.app.pairing import Pairing
from linda_bot.connection.events import LinkingStarted, PairingCodeIssued, PairingCodeRefused
from linda_bot.connection.link import Link
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.errors import UsageError
from linda_bot.whatsapp.events import EngineExited, QrIssued

pytestmark = pytest.mark.looptime

NUMBER = "971505760056"
BEGUN = (LinkingStarted(round=1, rounds=10, why=""), QrIssued(code="2@x", number=1, valid_s=60))


class Asked:
    """A link that notes what it is asked for, and answers with an event or not at all."""

    def __init__(self, account: str = "default") -> None:
        self.numbers: list[str] = []
        self.answer: PairingCodeIssued | PairingCodeRefused | EngineExited | None = PairingCodeIssued(
            number=NUMBER, code="ABCD-EFGH", valid_s=160
        )
        self.bus = EventBus()
        self.pairing = Pairing()
        self._account = account

    def pair_phone(self, number: str) -> None:
        self.numbers.append(number)
        if self.answer is not None:
            self.bus.publish(self.answer)
            self.pairing.take(self.answer)

    @property
    def front(self) -> Front:
        rest = cast("Any", None)
        job = cast("Any", SimpleNamespace(settings=SimpleNamespace(account=self._account)))
        return Front(job, self.bus, cast("Link", self), rest, rest, rest, rest, rest, self.pairing)

    def while_linking(self) -> "Asked":
        for event in BEGUN:
            self.pairing.take(event)
        return self


async def test_a_code_is_asked_for_as_people_write_numbers() -> None:
    """And once: the code that is there is the answer to the second question."""
    asked = Asked().while_linking()
    await asked.front.pair_phone("+971 50 576-0056")
    await asked.front.pair_phone(NUMBER)
    assert asked.numbers == [NUMBER]


@pytest.mark.parametrize(
    ("account", "number", "said"),
    [
        ("default", "0501234567", "type the number in international format"),
        ("default", "<script>", "in international format"),
        (NUMBER, "4915112345678", "this bot is for another number"),
    ],
)
async def test_a_wrong_number_is_refused(account: str, number: str, said: str) -> None:
    """Before anybody's phone rings."""
    asked = Asked(account).while_linking()
    with pytest.raises(UsageError, match=said):
        await asked.front.pair_phone(number)
    assert asked.numbers == []


async def test_only_while_linking() -> None:
    """On a linked session the library would break its connection."""
    asked = Asked()
    with pytest.raises(NotNowError, match="linking is not under way"):
        await asked.front.pair_phone(NUMBER)
    assert asked.numbers == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (PairingCodeRefused(number=NUMBER, error="429: rate-overlimit"), "429: rate-overlimit"),
        (EngineExited(code=-9, asked=False), "in time"),
        (None, "in time"),
    ],
)
async def test_no_code(answer: PairingCodeRefused | EngineExited | None, said: str) -> None:
    """Why, and that the other way is still there; who tries again at once is told to wait."""
    asked = Asked().while_linking()
    asked.answer = answer
    with pytest.raises(NotNowError, match=said) as refused:
        await asked.front.pair_phone(NUMBER)
    assert "the QR code does it, too" in str(refused.value)


async def test_who_asks_again_at_once_is_told_to_wait() -> None:
    """Another number is another phone that rings."""
    asked = Asked().while_linking()
    await asked.front.pair_phone(NUMBER)
    with pytest.raises(NotNowError, match="try again in 20 s"):
        await asked.front.pair_phone("4915112345678")
    await asyncio.sleep(20)
    await asked.front.pair_phone("4915112345678")
    assert asked.numbers == [NUMBER, "4915112345678"]
