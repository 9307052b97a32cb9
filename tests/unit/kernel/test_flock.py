"""Locks that a crash frees."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from linda_bot.kernel.flock import hold_lock, is_held, locked

HOLDER = """
import sys, time
from pathlib import Path
from linda_bot.kernel.flock import hold_lock
hold_lock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_a_death_frees_it(tmp_path: Path) -> None:
    """Until then nobody else gets it; looking takes nothing away."""
    path = tmp_path / "lock"
    assert not is_held(path)
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"

    assert is_held(path)
    with pytest.raises(BlockingIOError):
        hold_lock(path)
    with pytest.raises(BlockingIOError), locked(path, wait_s=0.05):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    assert not is_held(path)
    os.close(hold_lock(path))
    assert path.stat().st_mode & 0o777 == 0o600


def test_who_waits_gets_it_as_soon_as_it_is_free(tmp_path: Path) -> None:
    """And gives it back."""
    path = tmp_path / "lock"
    descriptor = hold_lock(path)
    release = threading.Timer(0.1, os.close, [descriptor])
    release.start()
    begun = time.monotonic()
    with locked(path, wait_s=5):
        assert is_held(path)
    release.join()

    assert time.monotonic() - begun < 2
    assert not is_held(path)


def test_a_directory_in_its_place_is_held_by_nobody(tmp_path: Path) -> None:
    """It cannot be."""
    assert not is_held(tmp_path)
