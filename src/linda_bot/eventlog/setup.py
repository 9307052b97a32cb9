"""Where log lines go: always a rotated file of JSON lines, and stderr when the settings say so."""

import logging
import logging.handlers
import os
import sys
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

from linda_bot.eventlog.recorder import fit_line, fit_text, time_text
from linda_bot.settings import LogSettings

Log = Callable[..., object]
LOGGER_NAME = "linda_bot.events"
_FILE_NAME = "events.jsonl"
_FILE_BYTES = 5_000_000
_OLD_FILES = 5


class _PatientFileHandler(logging.handlers.RotatingFileHandler):
    """A file whose disk may be full: says so once and loses lines, not the bot."""

    _told = False
    _failed = False

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).touch(mode=0o600)  # also the file that follows a rotation
        return super()._open()

    def shouldRollover(self, _record: logging.LogRecord) -> bool:  # noqa: N802 (the name is logging's)
        # Not by the length of the line to come, which would be made twice for that.
        return self.stream is not None and self.stream.tell() >= self.maxBytes

    def emit(self, record: logging.LogRecord) -> None:
        self._failed = False
        super().emit(record)
        self._told = self._told and self._failed

    def close(self) -> None:
        with suppress(OSError):  # what cannot be written now is lost; it was told
            super().close()

    def handleError(self, _record: logging.LogRecord) -> None:  # noqa: N802 (the name is logging's)
        self._failed = True
        if not self._told:
            self._told = True
            print(f"the log {self.baseFilename} cannot be written: {sys.exc_info()[1]}", file=sys.stderr)  # noqa: T201


@contextmanager
def logging_to(directory: Path, settings: LogSettings, stream: TextIO | None) -> Iterator[Log]:
    """Send log lines to `events.jsonl` in a directory, and to a stream unless the format is `auto`.

    Yields what writes a line: called with the level's number, the event's name and its facts. Takes over the root
    logger for as long as it lasts, so that what libraries log comes along.
    """
    with _hidden("rich"):
        import structlog  # it would load rich for its tracebacks: 30 ms and 5 MB of a start

    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        _add_timestamp,
    ]
    foreign: list[structlog.typing.Processor] = [
        *shared,
        structlog.processors.format_exc_info,
        partial(_make_fit, mask=settings.mask),
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
        foreign_pre_chain=foreign,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ],
    )
    handlers = list(_file_handlers(directory, as_json))
    if stream is not None and settings.format != "auto":
        shown = logging.StreamHandler(stream)
        readable = structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=foreign,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.dev.ConsoleRenderer(
                    colors=_wants_colours(stream), exception_formatter=structlog.dev.plain_traceback
                ),
            ],
        )
        shown.setFormatter(as_json if settings.format == "json" else readable)
        handlers.append(shown)
    root = logging.getLogger()
    before = root.handlers[:], root.level
    root.handlers[:] = handlers
    root.setLevel(settings.level.upper())
    logging.getLogger("asyncio").setLevel("WARNING")
    try:
        yield structlog.get_logger(LOGGER_NAME).log
    finally:
        for handler in handlers:
            handler.close()
        root.handlers[:], level = before[0], before[1]
        root.setLevel(level)


@contextmanager
def _hidden(module: str) -> Iterator[None]:
    """Make a module that is not loaded yet look as if it were not installed."""
    loaded = module in sys.modules
    if not loaded:
        sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if not loaded:
            del sys.modules[module]


def _file_handlers(directory: Path, formatter: logging.Formatter) -> Iterator[logging.Handler]:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = directory / _FILE_NAME
        handler = _PatientFileHandler(path, maxBytes=_FILE_BYTES, backupCount=_OLD_FILES, encoding="utf-8")
    except OSError as error:
        why = "it is no directory" if isinstance(error, FileExistsError) else (error.strerror or str(error)).lower()
        print(f"there will be no log file in {directory}: {why}", file=sys.stderr)  # noqa: T201
        return
    handler.setFormatter(formatter)
    yield handler


def _wants_colours(stream: TextIO) -> bool:
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def _add_timestamp(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    line["timestamp"] = time_text(datetime.now(UTC))
    return line


def _make_fit(_logger: object, _method: str, line: MutableMapping[str, Any], *, mask: bool) -> MutableMapping[str, Any]:
    """Mask what a library logged; our own events are fit already, by the names of their fields."""
    for name, value in line.items():
        if name == "exception":
            line[name] = fit_text(value, mask=mask)
        elif name not in ("level", "timestamp") and name[0] != "_" and not isinstance(value, int | float | None):
            line[name] = fit_line(str(value), mask=mask)
    return line
