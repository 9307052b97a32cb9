"""What the system says of a bot: its processes and its files."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

from trials.soak.places import kind_of
from trials.soak.record import Load

_ENGINE = ".engine"


class Processes(NamedTuple):
    """A daemon and what it has started."""

    daemon: Load | None
    engine: Load | None
    """The younger one while one takes over from the other."""
    number: int
    """How many there are in all."""


def processes_of(pid: int) -> Processes:
    """Look at a daemon's processes; what has just ended is not there."""
    try:
        children = psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return Processes(None, None, 0)
    engines = sorted((child for child in children if _is_engine(child)), key=lambda child: child.create_time())
    daemon = load_of(pid)
    engine = load_of(engines[-1].pid) if engines else None
    return Processes(daemon, engine, (daemon is not None) + len(children))


def load_of(pid: int) -> Load | None:
    """Return what a process holds; None when it has ended."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            memory = process.memory_full_info()
            return Load(pid, memory.rss, memory.pss, memory.uss, process.num_fds(), process.num_threads())
    except (psutil.Error, OSError):
        return None


def sizes_of(data_dir: Path) -> dict[str, int]:
    """Return how large the files of each kind are, in bytes."""
    sizes: Counter[str] = Counter()
    for path in _files_of(data_dir):
        try:
            sizes[kind_of(path.relative_to(data_dir).as_posix())] += path.lstat().st_size
        except OSError:
            continue  # it was moved or deleted meanwhile
    return dict(sizes)


def _files_of(directory: Path) -> Iterator[Path]:
    for place, _, names in os.walk(directory):
        yield from (Path(place, name) for name in names)


def _is_engine(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and any(_ENGINE in word for word in process.cmdline())
    except psutil.Error:
        return False
