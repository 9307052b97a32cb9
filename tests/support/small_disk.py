"""A file system of its own that is soon full."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from linda_bot.kernel.errors import LindaError


class NoDiskError(LindaError):
    """No file system can be mounted here."""


@contextmanager
def small_disk(place: Path, *, megabytes: int) -> Iterator[Path]:
    """Yield a directory with so much room, held in memory; raises NoDiskError where that needs root, or a mount."""
    place.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() != 0 or mount is None or umount is None:
        raise NoDiskError("a file system of its own can only be mounted by root")
    made = subprocess.run(
        [mount, "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "linda-test", str(place)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode != 0:
        raise NoDiskError(f"a file system of its own cannot be mounted here: {made.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run([umount, "--lazy", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Fill a file system to the brim; return the file that does it."""
    ballast = disk / "ballast"
    descriptor = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    try:
        size = 65536
        while size:
            try:
                os.write(descriptor, bytes(size))
            except OSError:
                size //= 2
    finally:
        os.close(descriptor)
    return ballast
