"""The log of a process: what libraries and authors log joins the events, and all of it goes to the same places."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from linda_bot.eventlog.lines import logged_of
from linda_bot.eventlog.log_file import FILE_NAME, LogFile
from linda_bot.eventlog.places import FilePlace, StreamPlace
from linda_bot.eventlog.redaction import Redactor
from linda_bot.eventlog.structured import structlog
from linda_bot.eventlog.writer import LogWriter, Place
from linda_bot.kernel.events import Event, Severity
from linda_bot.settings import LogSettings

_QUIET = ("asyncio", "aiohttp.access", "alembic")
"""Loggers whose small talk nobody needs, not even who looks for a fault."""


class _Bridge(logging.Handler):
    """Takes what is logged with Python's logging along."""

    def __init__(self, writer: LogWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a record over."""
        try:
            self._writer.put(logged_of(record))
        except Exception:  # noqa: BLE001 (its arguments may be anybody's objects)
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the name is logging's)
        """Say where a line is that cannot be formatted, in place of a traceback on the screen."""
        message = f"a log line that cannot be formatted: {sys.exc_info()[1]!r}"
        place = {"where": f"{record.pathname}:{record.lineno}"}
        fault = logging.LogRecord(record.name, logging.WARNING, record.pathname, record.lineno, message, (), None)
        vars(fault).update(place)
        self._writer.put(logged_of(fault))


def places_of(directory: Path, settings: LogSettings, stream: TextIO | None) -> list[Place]:
    """Return the file, and a stream unless the format is `auto`."""
    path = directory / FILE_NAME
    file = LogFile(path, most_bytes=settings.file_bytes, files=settings.files)
    places: list[Place] = [FilePlace(file, f"the log {path}")]
    if stream is not None and settings.format != "auto":
        places.append(StreamPlace(stream, json=settings.format == "json"))
    return places


@contextmanager
def writing_log(
    places: list[Place],
    settings: LogSettings,
    redactor: Redactor,
    *,
    account: str,
    tell: Callable[[Event], None] = lambda _event: None,
) -> Iterator[LogWriter]:
    """Write a log for as long as it lasts; takes over Python's root logger meanwhile.

    `tell` is called, on another thread, when a place cannot be written and when it can be again.
    """
    level = Severity[settings.level.upper()]
    writer = LogWriter(places, redactor, account=account, level=level, tell=tell)
    structlog.configure(  # for handlers whose author logs with structlog
        processors=[structlog.stdlib.filter_by_level, structlog.stdlib.render_to_log_kwargs],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    before = root.handlers[:], root.level
    root.handlers[:] = [_Bridge(writer)]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel("WARNING")
    writer.start()
    try:
        yield writer
    finally:
        writer.close()
        root.handlers[:], old_level = before[0], before[1]
        root.setLevel(old_level)
