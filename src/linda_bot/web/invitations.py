"""One-shot links to the pairing page, offered while a phone is needed, so that nobody has to ask for one."""

from typing import Protocol

from linda_bot.app.front import NotNowError
from linda_bot.app.pairing import Pairing, PairingView, Stage
from linda_bot.kernel.bus import EventBus
from linda_bot.web.events import LinkOffered

_NEEDED = frozenset({Stage.ASKING, Stage.CODE})
_OVER = frozenset({Stage.LINKED, Stage.ENDED})


class Host(Protocol):
    """Who hands out one-shot links."""

    def invite(self) -> tuple[str, float]:
        """Return a new one, and for how many seconds it is valid."""

    def is_open(self, url: str) -> bool:
        """Return whether one can still be used."""


class Invitations:
    """Offers a link when linking begins, and another one with each round at which the last is of no more use."""

    def __init__(self, pairing: Pairing, bus: EventBus, host: Host) -> None:
        self._pairing = pairing
        self._bus = bus
        self._host = host
        self._url = ""
        self._round = 0
        """The last one that was seen."""

    def asked(self) -> tuple[str, float]:
        """Return a link to who has asked for one, and for how many seconds it is valid; raises NotNowError."""
        if self._pairing.view().stage is Stage.LINKED:
            raise NotNowError("the bot is linked already: there is nothing to scan")
        return self._host.invite()

    async def run(self) -> None:
        """Offer them until cancelled."""
        revision = self._pairing.revision
        while True:
            self._look(self._pairing.view())
            revision = await self._pairing.changed_since(revision)

    def _look(self, view: PairingView) -> None:
        if view.stage in _OVER:
            self._url, self._round = "", 0
        # Before its first round it is not announced yet why a phone is needed.
        if view.stage not in _NEEDED or view.round in (0, self._round):
            return
        self._round = view.round
        if not self._url or not self._host.is_open(self._url):
            self._url, valid_s = self._host.invite()
            self._bus.publish(LinkOffered(url=self._url, valid_s=valid_s))
