"""What happens at the web page's door."""

from typing import ClassVar

from linda_bot.kernel.events import Category, Event, Secret, Severity


class AccessRefused(Event, frozen=True, kw_only=True):
    """Somebody was not let in at the web page; told at most once a minute for an address."""

    category: ClassVar[Category] = Category.HEALTH
    severity: ClassVar[Severity] = Severity.WARNING
    address: str
    """Where they come from."""
    what: str
    """What was wrong, in a few words."""


class PageOpened(Event, frozen=True, kw_only=True):
    """The web page can be opened."""

    category: ClassVar[Category] = Category.SESSION

    address: str
    """What a browser takes."""


class LinkOffered(Event, frozen=True, kw_only=True):
    """Whoever has this link can see the codes with which a phone links the bot, once."""

    category: ClassVar[Category] = Category.SESSION

    url: Secret
    valid_s: float
