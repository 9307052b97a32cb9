"""What Prometheus is told: names, units and help texts of all figures, from what is known at the moment."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from linda_bot.health import states
from linda_bot.health.counters import Counters, Durations
from linda_bot.health.fleet_figures import FleetFigures
from linda_bot.health.fleet_metrics import FleetCollector
from linda_bot.health.grades import Grade
from linda_bot.health.samples import Readings

_PREFIX = "linda_bot_"
_MB = 1024.0 * 1024.0
PHASES = ("waiting", "running", "unlinked", "paused", "failed", "ended", "elsewhere")
"""The words of `app.resident.Phase`."""

_OF_THE_PROCESS = frozenset({"open_fds", "disk_free_bytes", "event_loop_lag_seconds", "log_lines_lost_total"})
"""What several accounts of a process have in common."""

_MEMORY_OF_DAEMON = (f"{_PREFIX}memory_bytes", "daemon")
_ALERT_TOPICS = ("link", "health", "log")


class Facts(NamedTuple):
    """Everything that is told."""

    counters: Counters
    readings: Readings
    state: str
    state_seconds: Mapping[str, float]
    """For how many seconds the link was in each state, since the start."""
    grade: Grade
    build: Mapping[str, str]
    """Versions, by what they are of."""
    started_at: float
    """Seconds since 1970, as everything that is called a timestamp."""
    now: float


class _Gauge(NamedTuple):
    name: str
    text: str
    value: Callable[[Facts], float | None]


class _Labelled(NamedTuple):
    """A gauge or counter with one label."""

    name: str
    text: str
    label: str
    values: Callable[[Facts], Iterable[tuple[str, float | None]]]


def metrics_text(facts: Facts) -> bytes:
    """Return all figures of a bot in Prometheus's text format; what is not known is left out."""
    return _text(_Figures([_Of((), facts)]))


def house_metrics_text(
    facts: Mapping[str, Facts], phases: Mapping[str, str], fleet: FleetFigures | None = None
) -> bytes:
    """Return all figures of several accounts, by the names that they are to have, and those of their process once.

    `phases` says what becomes of each of them, also of those that do not run; `fleet` is for accounts that several
    hosts share.
    """
    figures = _Figures([_Of((account,), each) for account, each in facts.items()], phases)
    return _text(figures) if fleet is None else _text(figures, FleetCollector(fleet))


def _text(*collectors: Collector) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    for each in collectors:
        registry.register(each)
    return generate_latest(registry)


class _Of(NamedTuple):
    """Whose figures they are."""

    account: tuple[str, ...]
    """The label's value; none for a bot that is alone."""
    facts: Facts


class _Figures(Collector):
    def __init__(self, bots: Sequence[_Of], phases: Mapping[str, str] | None = None) -> None:
        self._bots = bots
        self._phases = phases
        self._labels = [] if phases is None else ["account"]

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        if self._bots:
            build = dict(self._bots[0].facts.build)
            yield InfoMetricFamily(f"{_PREFIX}build", "Which versions run", value=build)
        if self._phases is not None:
            yield _phase(self._phases)
        for kind, families in ((GaugeMetricFamily, _GAUGES), (CounterMetricFamily, _COUNTERS)):
            for each in families:
                yield from self._plain(kind, each)
        for kind, labelled in ((GaugeMetricFamily, _LABELLED_GAUGES), (CounterMetricFamily, _LABELLED_COUNTERS)):
            for name, text, label, values in labelled:
                yield from self._labelled(kind(_PREFIX + name, text, labels=[*self._labels, label]), values)
        for name, text, durations in _HISTOGRAMS:
            family = HistogramMetricFamily(_PREFIX + name, text, labels=self._labels)
            for account, facts in self._bots:
                buckets, total_s = _buckets(durations(facts))
                family.add_metric(account, buckets, total_s)
            if family.samples:
                yield family

    def _plain(self, kind: "type[GaugeMetricFamily | CounterMetricFamily]", each: "_Gauge") -> Iterator[Metric]:
        is_shared = bool(self._labels) and each.name in _OF_THE_PROCESS
        family = kind(_PREFIX + each.name, each.text, labels=[] if is_shared else self._labels)
        for account, facts in self._bots[:1] if is_shared else self._bots:
            known = each.value(facts)
            if known is not None:
                family.add_metric(() if is_shared else account, known)
        if family.samples:
            yield family

    def _labelled(
        self,
        family: GaugeMetricFamily | CounterMetricFamily,
        values: Callable[[Facts], Iterable[tuple[str, float | None]]],
    ) -> Iterator[Metric]:
        for number, (account, facts) in enumerate(self._bots):
            for word, known in values(facts):
                is_shared = bool(account) and (family.name, word) == _MEMORY_OF_DAEMON
                if known is not None and not (is_shared and number):
                    family.add_metric([*(("",) if is_shared else account), word], known)  # an empty label is none
        if family.samples:
            yield family


def _phase(phases: Mapping[str, str]) -> Metric:
    text = "What becomes of an account: 1 for the phase that it is in"
    family = GaugeMetricFamily(f"{_PREFIX}account_phase", text, labels=["account", "phase"])
    for account, phase in phases.items():
        for word in sorted({*PHASES, phase}):
            family.add_metric([account, word], float(word == phase))
    return family


def _buckets(durations: Durations) -> tuple[list[tuple[str, float]], float]:
    found = [("+Inf" if bound == float("inf") else f"{bound:g}", float(n)) for bound, n in durations.cumulated()]
    return found, durations.total_s


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _moment(facts: Facts, age_s: float | None) -> float | None:
    return None if age_s is None else facts.now - age_s


def _flags(words: Iterable[str], which: str) -> Iterable[tuple[str, float]]:
    return [(word, float(word == which)) for word in words]


def _alerts(facts: Facts) -> Iterable[tuple[str, float]]:
    open_alerts = facts.counters.open_alerts
    return [(topic, float(topic in open_alerts)) for topic in dict.fromkeys((*_ALERT_TOPICS, *sorted(open_alerts)))]


_GAUGES = (
    _Gauge(
        "up", "Whether the link to WhatsApp is up and logged in", lambda facts: float(facts.state == states.CONNECTED)
    ),
    _Gauge("start_time_seconds", "When the bot was started, as a Unix time", lambda facts: facts.started_at),
    _Gauge("paused", "Whether a person has paused the bot", lambda facts: _flag(facts.readings.paused)),
    _Gauge("session_age_seconds", "Since the login; only while the link is up", lambda f: f.readings.session_age_s),
    _Gauge("link_down_seconds", "For how long the link has been down", lambda facts: facts.readings.down_for_s),
    _Gauge(
        "reconnect_attempts", "Attempts to connect that have failed in a row", lambda facts: facts.readings.attempts
    ),
    _Gauge(
        "round_trip_seconds",
        "Duration of the last round trip to the server",
        lambda facts: _scaled(facts.readings.round_trip_ms, 0.001),
    ),
    _Gauge(
        "last_activity_timestamp_seconds",
        "When a message came or went last, as a Unix time",
        lambda facts: _moment(facts, facts.readings.idle_s),
    ),
    _Gauge(
        "phone_last_seen_timestamp_seconds",
        "When the account's phone gave a sign of life last, as a Unix time",
        lambda facts: _moment(facts, facts.readings.phone_seen_s),
    ),
    _Gauge("open_fds", "Open file descriptors of the daemon", lambda facts: facts.readings.open_files),
    _Gauge("backups", "Backups of the session that there are", lambda facts: facts.readings.backups),
    _Gauge("backup_age_seconds", "Age of the newest backup", lambda facts: facts.readings.backup_age_s),
    _Gauge("store_bytes", "Size of the session's store with its log", lambda facts: facts.readings.store_bytes),
    _Gauge(
        "disk_free_bytes", "Room on the disk of the data directory", lambda facts: facts.readings.disk_free_bytes
    ),
    _Gauge(
        "guard_active",
        "Whether the guard against lost answers holds",
        lambda facts: _flag(facts.readings.guard_active),
    ),
    _Gauge(
        "event_loop_lag_seconds",
        "By how much the event loop was late, at the worst since the last health sample",
        lambda facts: _scaled(facts.readings.loop_lag_ms, 0.001),
    ),
)  # fmt: skip


def _flag(value: bool | None) -> float | None:  # noqa: FBT001 (it is a value, not a mode)
    return None if value is None else float(value)


_COUNTERS = (
    _Gauge("reconnects_total", "Links that came back after a loss", lambda facts: facts.counters.reconnects),
    _Gauge("renewals_total", "Links that were renewed in good order", lambda facts: facts.counters.renewals),
    _Gauge("restores_total", "Existing sessions that were brought back", lambda facts: facts.counters.restores),
    _Gauge("qr_codes_shown_total", "QR codes that were shown", lambda facts: facts.counters.codes),
    _Gauge("messages_received_total", "Messages that came", lambda facts: facts.counters.received),
    _Gauge("messages_handled_total", "Messages that a handler finished with", lambda facts: facts.counters.handled),
    _Gauge("messages_sent_total", "Messages that the server took", lambda facts: facts.counters.sent),
    _Gauge("messages_set_aside_total", "Messages that could not be handled", lambda facts: facts.counters.set_aside),
    _Gauge("handler_errors_total", "Tries of handlers that failed", lambda facts: facts.counters.handler_errors),
    _Gauge("errors_total", "Other events that are errors", lambda facts: facts.counters.errors),
    _Gauge(
        "guard_caught_total",
        "Answers that the guard has saved in the life of the session's store",
        lambda facts: facts.readings.guard_caught,
    ),
    _Gauge(
        "log_lines_lost_total", "Lines that the event log could not write", lambda facts: facts.readings.lines_lost
    ),
    _Gauge(
        "bus_events_dropped_total",
        "Events that a part of the bot was too slow to take",
        lambda facts: facts.readings.bus_drops,
    ),
)  # fmt: skip

_LABELLED_GAUGES = (
    _Labelled(
        "link_state", "In which state the link is: 1 for that one", "state",
        lambda facts: _flags(sorted(states.ALL), facts.state),
    ),
    _Labelled(
        "health_grade", "How the bot is: 1 for that grade", "grade", lambda facts: _flags(Grade, facts.grade)
    ),
    _Labelled(
        "memory_bytes", "Memory in use, shared memory counted in shares where the system tells it", "process",
        lambda facts: (
            ("daemon", _scaled(facts.readings.daemon_mb, _MB)),
            ("engine", _scaled(facts.readings.engine_mb, _MB)),
        ),
    ),
    _Labelled(
        "inbox_messages", "Messages to be handled, and those that a person must decide on", "state",
        lambda facts: (("waiting", facts.readings.inbox_waiting), ("set_aside", facts.readings.inbox_aside)),
    ),
    _Labelled(
        "outbox_messages", "Messages to be sent, and those that were not, or of which nobody knows", "state",
        lambda facts: (
            ("pending", facts.readings.outbox_pending),
            ("unknown", facts.readings.outbox_unknown),
            ("failed", facts.readings.outbox_failed),
        ),
    ),
    _Labelled("alerts_open", "Whether an incident is open", "topic", _alerts),
)  # fmt: skip

_LABELLED_COUNTERS = (
    _Labelled(
        "link_state_seconds_total", "For how long the link was in each state", "state",
        lambda facts: ((state, facts.state_seconds.get(state, 0.0)) for state in sorted(states.ALL)),
    ),
    _Labelled(
        "messages_failed_total", "Messages of ours that were not sent, or not for sure, by what became of them",
        "outcome", lambda facts: facts.counters.unsent.items(),
    ),
)  # fmt: skip

_HISTOGRAMS: tuple[tuple[str, str, Callable[[Facts], Durations]], ...] = (
    ("handler_duration_seconds", "How long handlers took", lambda facts: facts.counters.handling),
    ("send_duration_seconds", "How long the server took to take a message", lambda facts: facts.counters.sending),
)
