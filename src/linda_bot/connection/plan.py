"""The slice of the settings that a link lives by."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from linda_bot.connection.attempt import Patience
from linda_bot.connection.policy import Rules
from linda_bot.whatsapp.port import LinkRequest


class Plan(NamedTuple):
    """What a link is to do, and how patiently."""

    rules: Rules
    patience: Patience
    device_name: str
    account: str | None
    """The number that must be linked; None for whichever scans the code."""
    pair_phone: str | None = None
    """The number of a phone that links by typing a code; None for scanning."""
    log_level: str = "warning"
    mailbox: Path | None = None
    """Where messages are written down."""
    most_waiting: int = 100_000
    receipts: bool = False
    complete: Callable[[LinkRequest], LinkRequest] = lambda request: request
    """Adds to what an engine is asked where everything is, if that is not in files."""
