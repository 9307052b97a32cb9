"""What the machine says of processes and disks: Linux in full, elsewhere what there is; every unknown is None."""

import shutil
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_KB_A_MB = 1024.0
_PS_WITHIN_S = 2.0


def memory_mb(pid: int, proc: Path = _PROC) -> float | None:
    """Return a process's memory: its proportional set size, or what is resident where that cannot be read."""
    if not proc.is_dir():
        return _resident_by_ps(pid)
    # A page that two processes share counts half for each, so that daemon and engine can be added.
    found = _kilobytes(proc / str(pid) / "smaps_rollup", "Pss:")
    if found is None:
        found = _kilobytes(proc / str(pid) / "status", "VmRSS:")
    return None if found is None else round(found / _KB_A_MB, 1)


def open_files() -> int | None:
    """Return how many descriptors this process has open."""
    for directory in ("/proc/self/fd", "/dev/fd"):
        with suppress(OSError):
            return len(list(Path(directory).iterdir())) - 1  # one of them is that of the listing
    return None


def free_bytes(directory: Path) -> int | None:
    """Return how much room the disk has that a directory is on."""
    try:
        return shutil.disk_usage(directory).free
    except OSError:
        return None


def total_bytes(files: Iterable[Path]) -> int | None:
    """Return how large files are in all; those that are not there are nothing. None when there is none."""
    sizes = []
    for file in files:
        with suppress(OSError):
            sizes.append(file.stat().st_size)
    return sum(sizes) if sizes else None


def _kilobytes(file: Path, name: str) -> int | None:
    try:
        with file.open("rb") as lines:
            for line in lines:
                if line.startswith(name.encode()):
                    return int(line.split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return None


def _resident_by_ps(pid: int) -> float | None:
    command = ("/bin/ps", "-o", "rss=", "-p", str(pid))
    try:
        told = subprocess.run(command, capture_output=True, timeout=_PS_WITHIN_S, check=False)  # noqa: S603 (fixed)
        return round(int(told.stdout) / _KB_A_MB, 1)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
