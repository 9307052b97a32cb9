"""The grades of a bot's health; pure, and light enough for the start."""

from enum import StrEnum


class Grade(StrEnum):
    """How the bot is; the words that users see."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"

    @property
    def gravity(self) -> int:
        """0 for healthy; more is worse."""
        return _GRAVITY[self]


_GRAVITY = {grade: number for number, grade in enumerate(Grade)}
