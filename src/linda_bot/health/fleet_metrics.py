"""What Prometheus is told of a fleet by one of its hosts."""

from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from linda_bot.health.fleet_figures import FleetFigures

_PREFIX = "linda_bot_fleet_"
_WHYS = ("claimed", "handed_over", "taken_over")
"""The words of `fleet.events.AccountMoved`."""


class FleetCollector(Collector):
    """Tells the figures of one moment."""

    def __init__(self, figures: FleetFigures) -> None:
        self._figures = figures

    def describe(self) -> Iterable[Metric]:
        """Nothing is known before."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield them."""
        found = self._figures
        yield _gauge("database_up", "Whether this host can use the shared database", found.database_up)
        yield _gauge("hosts", "Hosts that take part, as this one sees it", found.hosts)
        yield _gauge("accounts_held", "Accounts that this host has", found.held)
        yield _gauge("accounts_free", "Accounts that are to run and that no host has", found.free)
        if found.lease_left_s is not None:
            text = "For how long this host still has the account whose lease ends first, unless it is renewed"
            yield _gauge("lease_left_seconds", text, found.lease_left_s)
        moves = CounterMetricFamily(f"{_PREFIX}moves_total", "Accounts that have come to this host", labels=["why"])
        for why in sorted({*_WHYS, *found.came}):
            moves.add_metric([why], found.came.get(why, 0))
        yield moves


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(_PREFIX + name, text, value=float(value))
