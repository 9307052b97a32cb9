"""Where engines come from."""

import os

from linda_bot.app.job import Job
from linda_bot.kernel.errors import ExitCode
from linda_bot.whatsapp.adapter import EngineClient


class Engines:
    """Makes clients, the first of them from the engine that was started ahead."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._ahead = job.engine
        self._last: EngineClient | None = None

    def make_client(self) -> EngineClient:
        """Return the client for the next attempt."""
        ahead, self._ahead = self._ahead, None
        self._last = EngineClient(self._job.engine_command, self._job.engine_environment, process=ahead)
        return self._last

    def abandon(self) -> None:
        """End everything at once: the person has asked twice."""
        if self._last is not None:
            self._last.kill()
        os._exit(ExitCode.OK)
