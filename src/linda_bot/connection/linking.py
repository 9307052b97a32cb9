"""The DeviceLinker: gets a phone to link this device, by QR code or by pairing code."""

import asyncio

from linda_bot.connection.events import LinkingCompleted, LinkingStarted, PairingCodeIssued, PairingCodeRefused
from linda_bot.connection.lifecycle import Finding
from linda_bot.connection.pairing_wish import PairingWish
from linda_bot.connection.policy import Ending
from linda_bot.connection.reasons import judge_round_end
from linda_bot.connection.road import Expect
from linda_bot.kernel.bus import EventBus
from linda_bot.whatsapp.events import ClientEvent, PairFailed, PairSucceeded, QrIssued, QrRoundEnded
from linda_bot.whatsapp.port import ClientError, WhatsAppClient

ROUND_S = 160.0
"""How long one round lasts: a code of 60 s and five of 20 s (whatsmeow qrchan.go); a pairing code ends with it."""

_SLACK_S = 15.0
"""How much later than due the next code may come."""


class DeviceLinker:
    """One round of linking: an engine's codes, from the first to the scan or the last."""

    linking = True
    new_device = True

    def __init__(
        self, bus: EventBus, *, round_number: int, rounds: int, first_code_s: float, wish: PairingWish
    ) -> None:
        """Take which of how many rounds this is, how long the first code and, after the scan, the login may take.

        `wish` tells on which phone a pairing code will be typed, if on any.
        """
        self._bus = bus
        self._round = round_number
        self._rounds = rounds
        self._first_code_s = first_code_s
        self._wish = wish
        self._code_ends_at: float | None = None
        self._round_ends_at = 0.0
        self._code_is_there = asyncio.Event()

    def announce(self, why: str) -> None:
        """Say that a round begins."""
        self._bus.publish(LinkingStarted(round=self._round, rounds=self._rounds, why=why))

    def begin(self) -> Expect:
        """Expect the first code."""
        because = f"WhatsApp did not send a QR code within {self._first_code_s:g} s"
        return Expect(self._first_code_s, Ending(Finding.UNREACHABLE, because))

    def judge(self, event: ClientEvent, now: float) -> Ending | Expect | None:
        """Follow the codes; our own clock ends a round in which the library falls silent."""
        match event:
            case QrIssued(valid_s=valid_s):
                if self._code_ends_at is None:
                    self._round_ends_at = now + ROUND_S
                    self._code_is_there.set()
                self._code_ends_at = now + valid_s
                within_s = min(valid_s, self._round_ends_at - now) + _SLACK_S
                return Expect(within_s, Ending(Finding.QR_ROUND_OVER, "no new QR code came"))
            case QrRoundEnded(outcome="success") | PairSucceeded():
                late = Ending(Finding.UNREACHABLE, "the login after linking did not come")
                return Expect(self._first_code_s, late)
            case QrRoundEnded(outcome="err-scanned-without-multidevice"):
                return None  # not the end: the phone may be updated and scan again
            case QrRoundEnded(outcome=outcome):
                left_s = None if self._code_ends_at is None else self._code_ends_at - now
                return judge_round_end(outcome, code_left_s=left_s)
            case PairFailed(reason=reason):
                return Ending(Finding.QR_ROUND_OVER, f"linking did not succeed: {reason}")
            case _:
                return None

    async def beside(self, client: WhatsAppClient) -> Ending:
        """Ask for a pairing code where one is wanted; the QR codes stay good beside it."""
        await self._code_is_there.wait()  # before that the library cannot be asked
        async for number in self._wish.numbers():
            try:
                code = await client.pair_phone(number)
            except ClientError as error:
                self._bus.publish(PairingCodeRefused(number=number, error=str(error)))
            else:
                valid_s = max(self._round_ends_at - asyncio.get_running_loop().time(), 0.0)
                self._bus.publish(PairingCodeIssued(number=number, code=code, valid_s=valid_s))
        raise AssertionError

    def arrived(self, number: str, _took_s: float) -> None:
        """Say that the device is linked."""
        self._bus.publish(LinkingCompleted(number=number))
