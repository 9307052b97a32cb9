"""What is counted of a fleet, as one host sees it."""

from collections.abc import Mapping
from typing import NamedTuple


class FleetFigures(NamedTuple):
    """A fleet at one moment."""

    database_up: bool
    hosts: int
    """Those that are there, this one too, and do not just leave."""
    held: int
    """Accounts that this host has."""
    free: int
    """Accounts that are to run and that no host has."""
    came: Mapping[str, int]
    """Accounts that have come to this host since it began, by why."""
    lease_left_s: float | None = None
    """For how long this host still believes in the lease that ends first; None without one."""
