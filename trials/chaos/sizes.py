"""How much a bot holds, and how much it may."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

_MB = 1e6
_MORE_MEMORY, _MEMORY_ROOM_MB = 1.5, 40.0
"""What it may grow to: half as much again for what was measured after the first message, and a queue of messages."""
_MORE_DESCRIPTORS, _MORE_THREADS, _MORE_TASKS = 4, 8, 4
_FILES_AT_MOST, _DISK_AT_MOST_MB = 90, 80.0


class Size(NamedTuple):
    """What a bot holds at one moment, daemon and engine together unless said otherwise."""

    memory_mb: float
    """Proportional set size."""
    descriptors: int
    """Of the daemon."""
    threads: int
    """Of the daemon."""
    processes: int
    tasks: int
    files: int
    """In the data directory."""
    disk_mb: float


def measure(pid: int, data_dir: Path, tasks: int) -> Size:
    """Measure a daemon and its children; raises psutil.Error when it has just ended."""
    daemon = psutil.Process(pid)
    family = [daemon, *daemon.children(recursive=True)]
    files = [path for path in data_dir.rglob("*") if path.is_file() and ".damaged-" not in path.name]
    return Size(
        memory_mb=round(sum(each.memory_full_info().pss for each in family) / _MB, 1),
        descriptors=daemon.num_fds(),
        threads=daemon.num_threads(),
        processes=len(family),
        tasks=tasks,
        files=len(files),
        disk_mb=round(sum(path.stat().st_size for path in files) / _MB, 2),
    )


def too_large(size: Size, healthy: Size) -> Iterator[str]:
    """Say what is more than it may be, given what the same bot held before anything had happened. Pure."""
    bounds = {
        "memory_mb": healthy.memory_mb * _MORE_MEMORY + _MEMORY_ROOM_MB,
        "descriptors": healthy.descriptors + _MORE_DESCRIPTORS,
        "threads": healthy.threads + _MORE_THREADS,
        "processes": healthy.processes,
        "tasks": healthy.tasks + _MORE_TASKS,
        "files": _FILES_AT_MOST,
        "disk_mb": _DISK_AT_MOST_MB,
    }
    for name, bound in bounds.items():
        if (found := getattr(size, name)) > bound:
            yield f"{name} is {found}, and may be {bound:g}"
