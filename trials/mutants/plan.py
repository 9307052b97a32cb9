"""Which modules get faults, and which tests have to notice them: those that are about the module's own rules."""

from collections.abc import Mapping

_CONNECTION = "tests/unit/connection"
_HEALTH = "tests/unit/health"
_ALERTING = f"{_HEALTH}/alerting"
_SESSIONS = "tests/unit/sessions"

PLAN: Mapping[str, tuple[str, ...]] = {
    "connection/lifecycle.py": (f"{_CONNECTION}/test_lifecycle.py",),
    "connection/policy.py": (f"{_CONNECTION}/test_policy.py", f"{_CONNECTION}/test_circuit.py"),
    "connection/circuit.py": (f"{_CONNECTION}/test_circuit.py",),
    "connection/line.py": (f"{_CONNECTION}/test_line.py",),
    "connection/reasons.py": (f"{_CONNECTION}/test_reasons.py",),
    "health/alarm.py": (f"{_HEALTH}/test_alarm.py",),
    "health/alerting/incident.py": (f"{_ALERTING}/test_incident.py", f"{_ALERTING}/test_policy.py"),
    "health/alerting/policy.py": (f"{_ALERTING}/test_policy.py",),
    "health/alerting/quiet.py": (f"{_ALERTING}/test_quiet.py",),
    "health/alerting/retrying.py": (f"{_ALERTING}/test_retrying.py",),
    "health/grades.py": (f"{_HEALTH}/test_grading.py",),
    "health/grading.py": (f"{_HEALTH}/test_grading.py",),
    "health/rule.py": (f"{_HEALTH}/test_rules.py",),
    "health/rules.py": (f"{_HEALTH}/test_rules.py",),
    "health/stats.py": (f"{_HEALTH}/test_stats.py",),
    "health/thinning.py": (f"{_HEALTH}/test_thinning.py",),
    "health/trends.py": (f"{_HEALTH}/test_trends.py",),
    "kernel/spans.py": ("tests/unit/kernel/test_spans.py",),
    "sessions/history.py": (f"{_SESSIONS}/test_history.py",),
    "sessions/retention.py": (f"{_SESSIONS}/test_retention.py",),
}
