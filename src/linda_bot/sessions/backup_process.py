"""Having a backup made by a process of its own."""

import subprocess
import sys

import msgspec

from linda_bot.sessions.snapshot_job import Job, Outcome

# -P: people's own modules in the working directory may be called like any of Python's.
COMMAND = (sys.executable, "-P", "-m", "linda_bot.sessions.snapshot")
WITHIN_S = 300.0


class BackupProcess:
    """One backup on its way; the calls block, so a daemon makes them on a thread."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False

    def outcome(self, *, within_s: float = WITHIN_S) -> Outcome:
        """Make the backup and return what came of it; after `within_s` seconds it is given up."""
        if self._killed:
            return Outcome(error="no backup was made: the bot stops")
        # A session of its own: Ctrl+C in the terminal is the daemon's to handle.
        try:
            self._process = subprocess.Popen(  # noqa: S603 (this Python, a module of ours)
                COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
            )
        except OSError as error:
            return Outcome(error=f"no backup was made: its process cannot be started ({error.strerror or error})")
        if self._killed:  # between the look above and the start
            self._process.kill()
        try:
            answer, complaint = self._process.communicate(msgspec.json.encode(self._job), timeout=within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.communicate()
            return Outcome(error=f"no backup was made: it took longer than {within_s:g} s")
        try:
            return msgspec.json.decode(answer, type=Outcome)
        except msgspec.DecodeError:
            lines = complaint.decode(errors="replace").strip().splitlines()
            return Outcome(error=f"no backup was made: {lines[-1] if lines else 'its process was ended'}")

    def kill(self) -> None:
        """End it at once; what it leaves is cleared away by the next one."""
        self._killed = True
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
