"""Who writes in tests; all numbers are made up."""

from dataclasses import dataclass

from linda_bot.kernel.errors import UsageError
from linda_bot.messaging.identities import jid_of

_LEAST_LID = 10**14
_FACTOR = 48_271


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody on WhatsApp."""

    name: str = "Ann"
    number: str = "4915112345678"
    """The phone number, with its country code and without `+`; empty for somebody whose number WhatsApp keeps."""
    lid: str | None = None
    """The other identity, such as `123456789012345@lid`; made from the number by default, empty for none."""

    def __post_init__(self) -> None:
        """Refuse who could not be written to."""
        if not self.jids:
            raise UsageError("a Contact needs a number, a lid, or both")
        for jid in self.jids:
            jid_of(jid)

    @property
    def jids(self) -> tuple[str, ...]:
        """Their addresses; the first is the one that WhatsApp uses: the LID where there is one."""
        phone = f"{self.number}@s.whatsapp.net" if self.number else ""
        return tuple(jid for jid in (_made_from(self.number) if self.lid is None else self.lid, phone) if jid)

    @property
    def jid(self) -> str:
        """The address that comes with their messages."""
        return self.jids[0]

    @property
    def alt(self) -> str:
        """The other address; empty when there is none."""
        return self.jids[1] if len(self.jids) > 1 else ""


def _made_from(number: str) -> str:
    """Return a LID that is always the same for a number; empty for none."""
    return f"{_LEAST_LID + int(number) * _FACTOR % (9 * _LEAST_LID)}@lid" if number.isdecimal() else ""


ANN = Contact("Ann", "4915112345678")
"""Who writes when nobody is named."""

BOB = Contact("Bob", "15550001111")
"""Somebody else."""

ME = Contact("Linda", "971505760056")
"""The bot's own account."""

GROUP = "120363041234567890@g.us"
"""A group, for `group=GROUP`."""
