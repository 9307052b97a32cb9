"""What Prometheus is told: names, units and help texts of all figures, from what is known at the moment."""

from collections.abc import Callable, Iterable, Iterator, Mapping
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
from linda_bot.health.grades import Grade
from linda_bot.health.samples import Readings

_PREFIX = "linda_bot_"
_MB = 1024.0 * 1024.0
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
    """Return all figures in Prometheus's text format; what is not known is left out."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Bot(facts))
    return generate_latest(registry)


class _Bot(Collector):
    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        facts = self._facts
        yield InfoMetricFamily(f"{_PREFIX}build", "Which versions run", value=dict(facts.build))
        for name, text, value in _GAUGES:
            known = value(facts)
            if known is not None:
                yield GaugeMetricFamily(_PREFIX + name, text, value=known)
        for name, text, value in _COUNTERS:
            known = value(facts)
            if known is not None:
                yield CounterMetricFamily(_PREFIX + name, text, value=known)
        for kind, families in ((GaugeMetricFamily, _LABELLED_GAUGES), (CounterMetricFamily, _LABELLED_COUNTERS)):
            for name, text, label, values in families:
                family = kind(_PREFIX + name, text, labels=[label])
                for each, number in values(facts):
                    if number is not None:
                        family.add_metric([each], number)
                if family.samples:
                    yield family
        yield _histogram("handler_duration_seconds", "How long handlers took", facts.counters.handling)
        yield _histogram("send_duration_seconds", "How long the server took to take a message", facts.counters.sending)


def _histogram(name: str, text: str, durations: Durations) -> HistogramMetricFamily:
    buckets = [("+Inf" if bound == float("inf") else f"{bound:g}", float(n)) for bound, n in durations.cumulated()]
    return HistogramMetricFamily(_PREFIX + name, text, buckets=buckets, sum_value=durations.total_s)


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
