"""What surrounds a process and can turn bad: the wall clock, and the speed of the disk.

A small library is preloaded into the bot's processes. It shifts what Python sees as the time of day and delays what is
brought to the disk; the client library asks the kernel for the time without it, so that its clock stays right.
"""

import mmap
import shutil
import subprocess
from pathlib import Path
from struct import pack_into

_SOURCE = Path(__file__).with_name("weather.c")
_NANOSECONDS = 1_000_000_000
_CLOCK, _DISK, _SIZE = 0, 8, 16


class Weather:
    """The weather of the processes that were started with its `environment`."""

    def __init__(self, directory: Path, library: Path) -> None:
        file = directory / "weather"
        file.write_bytes(bytes(_SIZE))
        self.environment = {"LD_PRELOAD": str(library), "WEATHER_FILE": str(file)}
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), _SIZE)

    def clock_off_by(self, seconds: float) -> None:
        """Have the wall clock jump to so many seconds beside the right time, and stay there."""
        pack_into("=q", self._shared, _CLOCK, round(seconds * _NANOSECONDS))

    def disk_slower_by(self, seconds: float) -> None:
        """Have every fsync take so much longer."""
        pack_into("=q", self._shared, _DISK, round(seconds * _NANOSECONDS))

    def close(self) -> None:
        """Let the file go."""
        self._shared.close()


def make_weather(directory: Path) -> Weather | None:
    """Compile the library into a directory and return the weather; None where there is no C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    library = directory / "weather.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, _SOURCE, "-ldl"], check=True)
    return Weather(directory, library)
