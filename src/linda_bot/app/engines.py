"""Where engines come from."""

from linda_bot.app.job import Job
from linda_bot.whatsapp.adapter import EngineClient


class Engines:
    """Makes an account's clients, the first of them from the engine that was started ahead."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._ahead = job.engine
        self._last: EngineClient | None = None

    def make_client(self) -> EngineClient:
        """Return the client for the next attempt."""
        ahead, self._ahead = self._ahead, None
        self._last = EngineClient(self._job.engine_command, self._job.engine_environment, process=ahead)
        return self._last

    def extend(self, right_s: float) -> None:
        """Let the engine that there is be there for so many seconds from now on."""
        if self._last is not None:
            self._last.extend(right_s)

    def kill(self) -> None:
        """End the engine that there is at once."""
        if self._last is not None:
            self._last.kill()
