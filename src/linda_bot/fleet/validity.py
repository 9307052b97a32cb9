"""Until when a host may believe in its lease; pure.

The database counts a lease from when it grants it, by its own clock. The host counts from when it *sent* the request,
which is earlier, by a clock of its own, and stops believing a margin before the lease's end. So there are never two
hosts that believe in leases of one account, however long requests and answers take, as long as the two clocks' rates
differ by less than `MARGIN` to `1 - MARGIN`; the margin also is what the end of an engine has for its last moment.
"""

MARGIN = 1 / 3
"""Of a lease, at its end."""
RENEWALS = 5
"""How often a lease is renewed in its time, so that three renewals may fail in a row."""


def believed_until(sent_at: float, lease_s: float) -> float:
    """Return until when a lease is believed in that was granted, or renewed, by a request sent at that moment."""
    return sent_at + lease_s * (1 - MARGIN)


def renew_every_s(lease_s: float) -> float:
    """Return the time between two renewals."""
    return lease_s / RENEWALS


def answer_within_s(lease_s: float) -> float:
    """Return how long an answer of the database is waited for: another try must fit in before the lease is over."""
    return lease_s / RENEWALS


def right_s(until: float, now: float) -> float:
    """Return for how long a lease is still believed in; never less than nothing."""
    return max(until - now, 0.0)
