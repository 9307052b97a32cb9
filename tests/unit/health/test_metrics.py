"""The figures for Prometheus: they parse, are named as they should be, and are those that the dashboard asks for."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from linda_bot.app.resident import Phase
from linda_bot.health.counters import Counters
from linda_bot.health.grades import Grade
from linda_bot.health.metrics import PHASES, Facts, house_metrics_text, metrics_text
from linda_bot.health.samples import Readings

DASHBOARD = Path(__file__).parents[3] / "deploy" / "grafana-dashboard.json"
FULL = Readings(
    **{name: 1 for name in Readings.__struct_fields__ if name not in ("guard_active", "paused")},
    guard_active=True,
    paused=False,
)
BUILD = {"version": "1.2.3", "python": "3.11.7", "neonize": '0.5"\\\n2'}


def facts(readings: Readings = FULL, counters: Counters | None = None) -> Facts:
    """Return what there is to tell."""
    return Facts(counters or Counters(), readings, "connected", {"connected": 12.5}, Grade.DEGRADED, BUILD, 1e9, 2e9)


def parsed(told: Facts) -> dict[str, Metric]:
    """Return the metrics by name, read as Prometheus does."""
    return {metric.name: metric for metric in text_string_to_metric_families(metrics_text(told).decode())}


def value(metrics: dict[str, Metric], name: str, **labels: str) -> float:
    """Return one figure."""
    found = [
        sample.value
        for metric in metrics.values()
        for sample in metric.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    assert len(found) == 1, (name, labels, found)
    return found[0]


def test_what_happened_is_told_in_base_units() -> None:
    """Seconds and bytes, counters that end in _total, one label where there is one."""
    counters = Counters()
    counters.connected(again=False, renewed=False)
    counters.connected(again=True, renewed=False)
    counters.connected(again=True, renewed=True)
    counters.message_received(1.0)
    for took_s in (0.004, 0.3, 400.0):
        counters.message_handled(took_s)
    counters.message_unsent("unknown")
    counters.message_unsent("expired", 3)
    counters.message_unsent("something new")
    counters.alert_raised("health", "memory")

    metrics = parsed(facts(Readings(round_trip_ms=250, daemon_mb=2, guard_active=True, idle_s=100), counters))

    expected = {
        "linda_bot_up": 1,
        "linda_bot_reconnects_total": 1,
        "linda_bot_renewals_total": 1,
        "linda_bot_messages_received_total": 1,
        "linda_bot_round_trip_seconds": 0.25,
        "linda_bot_guard_active": 1,
        "linda_bot_last_activity_timestamp_seconds": 2e9 - 100,
        "linda_bot_handler_duration_seconds_count": 3,
        "linda_bot_handler_duration_seconds_sum": pytest.approx(400.304),
    }
    assert {name: value(metrics, name) for name in expected} == expected
    assert value(metrics, "linda_bot_memory_bytes", process="daemon") == 2 * 1024**2
    assert value(metrics, "linda_bot_link_state", state="connected") == 1
    assert value(metrics, "linda_bot_link_state", state="banned") == 0
    assert value(metrics, "linda_bot_link_state_seconds_total", state="connected") == 12.5
    assert value(metrics, "linda_bot_health_grade", grade="degraded") == 1
    assert value(metrics, "linda_bot_alerts_open", topic="health") == 1
    assert value(metrics, "linda_bot_alerts_open", topic="link") == 0
    outcomes = {name: value(metrics, "linda_bot_messages_failed_total", outcome=name) for name in counters.unsent}
    assert outcomes == {"failed": 1, "unknown": 1, "expired": 3}
    buckets = {
        bound: value(metrics, "linda_bot_handler_duration_seconds_bucket", le=bound)
        for bound in ("0.005", "0.5", "+Inf")
    }
    assert buckets == {"0.005": 1, "0.5": 2, "+Inf": 3}
    assert metrics["linda_bot_build_info"].samples[0].labels == BUILD


def test_what_is_not_known_is_left_out() -> None:
    """No zero is made up."""
    metrics = parsed(facts(Readings()))

    assert not {"linda_bot_backup_age_seconds", "linda_bot_memory_bytes", "linda_bot_paused"} & metrics.keys()
    assert "linda_bot_up" in metrics


def test_names_follow_the_conventions() -> None:
    """A prefix, base units, _total for counters only, a help text, few labels with few values."""
    for name, metric in parsed(facts()).items():
        assert re.fullmatch(r"linda_bot_[a-z][a-z0-9_]*", name), name
        assert metric.documentation
        assert not metric.documentation.endswith(".")
        assert not re.search(r"_(ms|mb|kb|minutes|hours|days|percent|milliseconds)(_|$)", name)
        is_counter = metric.type == "counter"
        for sample in metric.samples:
            assert sample.name.endswith("_total") is is_counter, sample.name
            assert set(sample.labels) <= {"state", "grade", "outcome", "process", "topic", "le", *BUILD}
        assert len(metric.samples) <= 20


def test_the_first_scrape_is_whole() -> None:
    """Counters are there from the beginning, else Prometheus misses their first increase."""
    metrics = parsed(facts(Readings()))

    assert value(metrics, "linda_bot_messages_failed_total", outcome="failed") == 0
    assert value(metrics, "linda_bot_handler_errors_total") == 0
    assert value(metrics, "linda_bot_send_duration_seconds_count") == 0


def test_every_figure_on_the_dashboard_is_told() -> None:
    """And every panel asks for the bots that were chosen, at the source that was chosen."""
    dashboard: dict[str, Any] = json.loads(DASHBOARD.read_text())
    told = {sample.name for metric in parsed(facts()).values() for sample in metric.samples}

    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert len(panels) >= 15
    for panel in panels:
        assert panel["description"]
        for target in panel["targets"]:
            names = set(re.findall(r"\blinda_bot_\w+", target["expr"]))
            assert names, panel["title"]
            assert names <= told, names - told
            assert target["expr"].count("$instance") == len(re.findall(r"\blinda_bot_\w+", target["expr"]))
            assert target["datasource"]["uid"] == "${datasource}"


def test_the_dashboard_can_be_imported() -> None:
    """It asks for its data source, has an id for each panel, and none covers another."""
    dashboard: dict[str, Any] = json.loads(DASHBOARD.read_text())

    assert [each["pluginId"] for each in dashboard["__inputs"]] == ["prometheus"]
    assert [each["name"] for each in dashboard["templating"]["list"]] == ["datasource", "instance"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    covered: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not covered & cells, panel["title"]
        covered |= cells


def of_house(told: dict[str, Facts]) -> dict[str, Metric]:
    """Return the metrics of several accounts by name, of which one more does not run."""
    phases = {**dict.fromkeys(told, "running"), "resting": "paused"}
    return {metric.name: metric for metric in text_string_to_metric_families(house_metrics_text(told, phases).decode())}


def test_several_accounts_are_told_apart() -> None:
    """Every figure of an account has its label, those of the process are there once."""
    one, other = facts(), facts(Readings(round_trip_ms=70.0, daemon_mb=1.0, engine_mb=2.0, open_files=3))
    metrics = of_house({"one": one, "other": other})
    assert value(metrics, "linda_bot_round_trip_seconds", account="other") == 0.07
    assert value(metrics, "linda_bot_open_fds") == FULL.open_files
    assert FULL.daemon_mb is not None
    assert value(metrics, "linda_bot_memory_bytes", process="daemon") == FULL.daemon_mb * 1024 * 1024
    assert value(metrics, "linda_bot_memory_bytes", process="engine", account="other") == 2 * 1024 * 1024
    assert value(metrics, "linda_bot_link_state", state="connected", account="one") == 1
    assert value(metrics, "linda_bot_account_phase", phase="paused", account="resting") == 1
    assert value(metrics, "linda_bot_account_phase", phase="running", account="resting") == 0
    assert value(metrics, "linda_bot_build_info") == 1


def test_several_accounts_have_the_names_of_one() -> None:
    """A dashboard needs a label more, and no other names."""
    assert set(of_house({"one": facts()})) - {"linda_bot_account_phase"} == set(parsed(facts()))


def test_accounts_that_all_rest_are_told_of_as_well() -> None:
    """What becomes of them is known."""
    assert set(of_house({})) == {"linda_bot_account_phase"}


def test_the_phases_are_those_that_there_are() -> None:
    """The words are written down twice, for one floor does not know the other."""
    assert set(PHASES) == set(Phase)
