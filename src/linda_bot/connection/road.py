"""The two roads to a link, restoring and linking, as an attempt sees them."""

from typing import NamedTuple, Protocol

from linda_bot.connection.policy import Ending
from linda_bot.whatsapp.events import ClientEvent
from linda_bot.whatsapp.port import WhatsAppClient


class Expect(NamedTuple):
    """Good news must come within so many seconds; what it means if none does."""

    within_s: float
    otherwise: Ending


class Road(Protocol):
    """How one attempt gets from a started engine to a login."""

    @property
    def linking(self) -> bool:
        """Whether no device is linked yet."""

    @property
    def new_device(self) -> bool:
        """Whether the device is linked just now: if it is the wrong account's, it may be unlinked again."""

    def begin(self) -> Expect:
        """Return what must come first."""

    def judge(self, event: ClientEvent, now: float) -> Ending | Expect | None:
        """Return what an event that only this road knows means; `now` is the loop's time in seconds."""

    async def beside(self, client: WhatsAppClient) -> Ending:
        """Do what the road does beside the events until the login, which cancels it; return only to end the attempt."""

    def arrived(self, number: str, took_s: float) -> None:
        """Take note of the first login of the attempt."""
