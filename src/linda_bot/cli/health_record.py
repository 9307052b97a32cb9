"""The health record, for the commands that show it."""

from linda_bot.health.history import Record, read_record
from linda_bot.kernel.errors import ExitCode, LindaError, reason_of
from linda_bot.sessions.paths import SessionPaths


class UnreadableRecordError(LindaError):
    """The health record is there but cannot be read."""

    exit_code = ExitCode.UNWELL


def load_record(paths: SessionPaths) -> Record:
    """Read the health record, also while a bot writes it; raises UnreadableRecordError."""
    try:
        return read_record(paths)
    except OSError as error:
        reason = reason_of(error)
        raise UnreadableRecordError(f"the health record {paths.health_log} cannot be read: {reason}") from error
