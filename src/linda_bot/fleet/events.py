"""What happens between hosts, in our words; told by the host that does it or that sees it."""

from linda_bot.kernel.events import Category, Event, Severity


class LeaseGranted(Event, frozen=True, kw_only=True):
    """This host may run an account."""

    category = Category.SESSION

    account: str
    fence: int
    """The number of the lease; each one of an account is higher than those before."""


class LeaseLost(Event, frozen=True, kw_only=True):
    """This host may not run an account any more; its engine was ended at once."""

    category = Category.SESSION
    severity = Severity.WARNING

    account: str
    fence: int
    because: str


class LeaseReleased(Event, frozen=True, kw_only=True):
    """This host has let go of an account, in good order."""

    category = Category.SESSION

    account: str
    fence: int
    why: str
    """`handed_over`: another host shall have it; `released`: it is paused or removed."""
    took_s: float
    """From when its end was begun."""


class AccountMoved(Event, frozen=True, kw_only=True):
    """An account has come to this host."""

    category = Category.SESSION

    account: str
    from_host: str
    """Who had it last; empty for nobody."""
    to_host: str
    why: str
    """`claimed`: nobody had it; `handed_over`: another host gave it; `taken_over`: another host's lease ran out."""
    seconds: float
    """For how long nobody had it."""


class HostJoined(Event, frozen=True, kw_only=True):
    """Another host takes part."""

    category = Category.SESSION

    host: str
    capacity: int
    """How many accounts it takes at most."""


class HostLost(Event, frozen=True, kw_only=True):
    """Another host has gone, or nothing was heard of it for as long as a lease lasts."""

    category = Category.SESSION

    host: str
    has_left: bool
    """Whether it said so."""

    @property
    def weight(self) -> Severity:
        """A warning where it has not."""
        return Severity.INFO if self.has_left else Severity.WARNING


class FleetTrouble(Event, frozen=True, kw_only=True):
    """The shared database cannot be used for now; unless that passes, this host's leases run out."""

    category = Category.HEALTH
    severity = Severity.WARNING

    because: str


class FleetRecovered(Event, frozen=True, kw_only=True):
    """The shared database can be used again."""

    category = Category.HEALTH

    because: str
    """What was wrong."""
    after_s: float
