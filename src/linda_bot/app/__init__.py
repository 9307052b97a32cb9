"""The composer: builds a bot from its parts, runs it, and takes it apart in order."""

from linda_bot.app.bot import run_bot
from linda_bot.app.job import Job

__all__ = ["Job", "run_bot"]
