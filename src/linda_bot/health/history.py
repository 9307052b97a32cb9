"""The health record on disk: one sample a line, small for ever, readable while somebody writes it."""

import os
import stat
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

import msgspec

from linda_bot.health.samples import Sample, Why
from linda_bot.health.thinning import MOST, thinned
from linda_bot.kernel.files import clear_drafts, write_atomic
from linda_bot.sessions.paths import SessionPaths

_LARGEST = 32 * 1024 * 1024
_NEWLINE = b"\n"

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Sample)


class Record(NamedTuple):
    """What the files say."""

    samples: list[Sample]
    """Oldest first."""
    unfinished: Sample | None = None
    """What has happened since the last of them, as far as it was noted."""
    spoilt: int = 0
    """How many lines could not be understood."""

    @property
    def everything(self) -> list[Sample]:
        """All of it, the unfinished one included."""
        return [*self.samples, self.unfinished] if self.unfinished else self.samples


def read_record(paths: SessionPaths) -> Record:
    """Read the record, also while a bot writes it; raises OSError where a file is there but cannot be read."""
    lines = _content(paths.health_log).split(_NEWLINE)
    found, spoilt = [], 0
    for line in lines:
        sample = _sample(line)
        if sample is not None:
            found.append(sample)
        elif line.strip():
            spoilt += 1
    found.sort(key=lambda sample: sample.at)
    return Record(found, _unfinished(paths, found), spoilt)


class HealthHistory:
    """Writes the record; every method may be called from any thread, blocks, and may raise OSError."""

    def __init__(self, paths: SessionPaths) -> None:
        self._paths = paths
        self._one_at_a_time = threading.Lock()
        self._count = 0
        """How many lines there are, at the most."""

    def begin(self, now: datetime) -> None:
        """Take over what the run before has left: its last minutes, and a record that has grown."""
        with self._one_at_a_time:
            self._paths.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
            for file in (self._paths.health_log, self._paths.health_now):
                clear_drafts(file.parent, of=file.name)
            self._rewrite(now, take_over=True)

    def append(self, samples: Sequence[Sample], now: datetime) -> None:
        """Write samples down; where they are many, the record is made smaller."""
        with self._one_at_a_time:
            self._append(samples)
            self._count += len(samples)
            if self._count > MOST:
                self._rewrite(now)

    def compact(self, now: datetime) -> None:
        """Make older samples coarser."""
        with self._one_at_a_time:
            self._rewrite(now)

    def note(self, sample: Sample) -> None:
        """Keep what is unfinished, for the case that nothing more can be written."""
        draft = self._paths.health_now.with_name(f".{self._paths.health_now.name}.new")
        with self._one_at_a_time:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(draft, flags, 0o600)
            with os.fdopen(descriptor, "wb") as file:  # a kill is survived; a power loss may cost the minute
                file.write(_encoder.encode(sample))
            draft.replace(self._paths.health_now)

    def _append(self, samples: Iterable[Sample]) -> None:
        path = self._paths.health_log
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(0, "it is not a file", str(path))
            size = found.st_size
            is_torn = size > 0 and os.pread(descriptor, 1, size - 1) != _NEWLINE
            data = (_NEWLINE if is_torn else b"") + b"".join(_line(sample) for sample in samples)
            try:
                _write(descriptor, data)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(descriptor, size)  # all of them come again
                raise
        finally:
            os.close(descriptor)

    def _rewrite(self, now: datetime, *, take_over: bool = False) -> None:
        """Make the file small; what is unfinished goes into it only where it is of a run that has ended."""
        record = read_record(self._paths)
        kept = thinned(record.everything if take_over else record.samples, now)
        if kept != record.samples or record.spoilt:
            write_atomic(self._paths.health_log, b"".join(map(_line, kept)))
        self._count = len(kept)
        if take_over and record.unfinished is not None:
            self._paths.health_now.unlink(missing_ok=True)


def _unfinished(paths: SessionPaths, samples: Sequence[Sample]) -> Sample | None:
    """Return what was noted, unless it is in the record by now."""
    try:
        noted = _sample(_content(paths.health_now))
    except OSError:
        return None
    # What begins before the last sample ends was noted before that sample was taken.
    if noted is None or (samples and noted.began < samples[-1].at):
        return None
    return msgspec.structs.replace(noted, why=Why.INTERRUPTED)


def _content(path: "os.PathLike[str]") -> bytes:
    """Return a file's content, of a very large one the end; nothing where there is none. Raises OSError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return b""
    try:
        opened = os.fdopen(descriptor, "rb")
    except OSError:  # a directory, for example
        os.close(descriptor)
        raise
    with opened as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(0, "it is not a file", str(path))
        file.seek(max(found.st_size - _LARGEST, 0))
        return file.read(_LARGEST)


def _sample(line: bytes) -> Sample | None:
    try:
        found = _decoder.decode(line)
    except (msgspec.DecodeError, ValueError, RecursionError):  # half a surrogate pair, or torn, or somebody else's
        return None
    aware = found.at.tzinfo is not None and found.began.tzinfo is not None
    return found if aware else None


def _line(sample: Sample) -> bytes:
    return _encoder.encode(sample) + _NEWLINE


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
