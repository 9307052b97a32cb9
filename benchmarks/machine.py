"""What is measured on, with what, and when."""

import importlib.metadata
import os
import platform
import time
from pathlib import Path

from linda_bot import __version__

_CPU_INFO = Path("/proc/cpuinfo")


def measured_on() -> dict[str, object]:
    """Return the head of a file of results: the machine, the versions, the time (UTC)."""
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "load": round(os.getloadavg()[0], 2),
        },
        "versions": {
            "linda-bot": __version__,
            "neonize": importlib.metadata.version("neonize"),
            "python": platform.python_version(),
        },
    }


def _processor() -> str:
    """Return its name; that of its kind where the system does not tell."""
    if _CPU_INFO.exists():
        for line in _CPU_INFO.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
