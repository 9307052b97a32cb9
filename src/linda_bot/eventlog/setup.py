"""Where log lines go: always a rotated file of JSON lines, and stderr when the settings say so."""

import logging
import logging.handlers
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from linda_bot.settings import LogSettings

LOGGER_NAME = "linda_bot.events"
_FILE_NAME = "events.jsonl"
_FILE_BYTES = 5_000_000
_OLD_FILES = 5


class _PatientFileHandler(logging.handlers.RotatingFileHandler):
    """A file whose disk may be full: says so once and loses lines, not the bot."""

    _told = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the name is logging's)
        error = sys.exc_info()[1]
        if not self._told and isinstance(error, OSError):
            self._told = True
            print(f"the log {self.baseFilename} cannot be written: {error.strerror}", file=sys.stderr)  # noqa: T201

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        if self._told and self.stream is not None:
            self._told = False


@contextmanager
def logging_to(directory: Path, settings: LogSettings, stream: TextIO | None) -> Iterator[None]:
    """Send log lines to `events.jsonl` in a directory, and to a stream unless the format is `auto`.

    Takes over the root logger for as long as it lasts, so that what libraries log comes along.
    """
    structlog = _import_structlog()
    shared = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    as_json = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ],
    )
    handlers = list(_file_handlers(directory, as_json))
    if stream is not None and settings.format != "auto":
        shown = logging.StreamHandler(stream)
        shown.setFormatter(as_json if settings.format == "json" else _readable(structlog, shared, stream))
        handlers.append(shown)
    root = logging.getLogger()
    before = root.handlers[:], root.level
    root.handlers[:] = handlers
    root.setLevel(settings.level.upper())
    logging.getLogger("asyncio").setLevel("WARNING")
    try:
        yield
    finally:
        for handler in handlers:
            handler.close()
        root.handlers[:], level = before[0], before[1]
        root.setLevel(level)


def get_logger(name: str):  # type: ignore[no-untyped-def]  # noqa: ANN201 (structlog is imported late)
    """Return a structlog logger."""
    return _import_structlog().get_logger(name)


def _import_structlog():  # type: ignore[no-untyped-def]  # noqa: ANN202 (a module)
    """Import structlog without rich, which it would load for its tracebacks: 30 ms and 5 MB of a start."""
    hidden = "rich" not in sys.modules
    if hidden:
        sys.modules["rich"] = None  # type: ignore[assignment]
    try:
        import structlog  # noqa: PLC0415
    finally:
        if hidden:
            del sys.modules["rich"]
    return structlog


def _file_handlers(directory: Path, formatter: logging.Formatter) -> Iterator[logging.Handler]:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = directory / _FILE_NAME
        path.touch(mode=0o600)
        handler = _PatientFileHandler(path, maxBytes=_FILE_BYTES, backupCount=_OLD_FILES, encoding="utf-8")
    except OSError as error:
        print(f"there will be no log file: {directory}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return
    handler.setFormatter(formatter)
    yield handler


def _readable(structlog, shared, stream: TextIO) -> logging.Formatter:  # type: ignore[no-untyped-def]  # noqa: ANN001
    formatter: logging.Formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback),
        ],
    )
    return formatter
