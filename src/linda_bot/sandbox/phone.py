"""The phone of an account: it links devices."""

from typing import TYPE_CHECKING

from linda_bot.sandbox import pairing, pairing_code

if TYPE_CHECKING:
    from linda_bot.sandbox.server import Sandbox


class Phone:
    """The phone of an account."""

    def __init__(self, server: "Sandbox", number: str) -> None:
        self.number = number
        self._server = server

    async def scan(self, code: str) -> None:
        """Scan the text of a QR code and link the device that shows it; raises pairing.ScanError."""
        account = self._server.registry.open_account(self.number)
        await pairing.scan(self._server.waiting_session(pairing.ref_of(code)), code, account)

    async def enter_code(self, code: str) -> None:
        """Type the pairing code that a device shows, like `ABCD-EFGH`, and link it; raises pairing.ScanError.

        The device must have asked for it with this phone's number.
        """
        account = self._server.registry.open_account(self.number)
        await pairing_code.enter(self._server.code_requests(), code, account)

    @property
    def pairings(self) -> int:
        """How many devices it has linked in all."""
        return self._server.registry.pairings(self.number)
