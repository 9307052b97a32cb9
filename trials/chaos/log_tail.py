"""What a bot's event log says of bugs, also when it is rotated, cut, or lies on a disk that was full."""

import json
from pathlib import Path

_NO_BUG = "SendError"
"""An answer that WhatsApp has refused is told with a trace of the handler that waited for it."""


class LogTail:
    """Reads each line once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read: dict[int, int] = {}

    def bugs(self) -> list[str]:
        """Return the lines with a trace that have come since the last time."""
        found: list[str] = []
        for file in sorted(self._directory.glob("events.jsonl*")):
            try:
                with file.open("rb") as opened:
                    number = file.stat().st_ino
                    opened.seek(self._read.get(number, 0))
                    whole = opened.read().rpartition(b"\n")[0]
                    self._read[number] = self._read.get(number, 0) + len(whole)
            except OSError:  # just being rotated
                continue
            found += [line for line in whole.decode(errors="replace").splitlines() if _is_bug(line)]
        return found


def _is_bug(line: str) -> bool:
    if '"trace"' not in line and "Traceback" not in line:
        return False
    try:
        return not str(json.loads(line).get("error")).startswith(_NO_BUG)
    except ValueError:  # cut in two by a death, or by a disk that was full
        return False
