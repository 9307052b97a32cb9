"""On what it is measured."""

import os
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from linda_bot import __version__
from linda_bot.rehearsal.values import Machine

_MB = 1024 * 1024


def this_machine() -> Machine:
    """Return what this machine is, without its name."""
    return Machine(
        system=f"{platform.system()} {platform.release()} ({platform.machine()})",
        processors=os.cpu_count() or 1,
        memory_mb=_memory_mb(),
        python=platform.python_version(),
        linda_bot=__version__,
        neonize=_version_of("neonize"),
    )


def _memory_mb() -> int | None:
    with suppress(ValueError, OSError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MB
    return None


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
