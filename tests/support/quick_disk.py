"""A directory that is forgotten with the test: in memory, where the machine has such a place."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

_MEMORY = Path("/dev/shm")


@contextmanager
def quick_directory() -> Iterator[Path]:
    """Yield an empty directory."""
    with TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None, prefix="linda-bot-") as directory:
        yield Path(directory)
