"""Standard error that nobody waits for."""

import os
import time
from collections.abc import Iterator
from typing import TextIO

import pytest

from linda_bot.cli.patient_stream import PatientStream


@pytest.fixture
def pipe() -> Iterator[tuple[int, TextIO]]:
    """A pipe: the descriptor to read, and the stream to write."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w", encoding="ascii") as stream:
        yield reading, stream
    os.close(reading)


def test_everything_arrives_in_order(pipe: tuple[int, TextIO]) -> None:
    """Also what the stream's encoding has no characters for."""
    reading, stream = pipe
    patient = PatientStream(stream)
    patient.write("one\n")
    patient.write("tw\u00f6\n")
    patient.end()

    assert os.read(reading, 100) == b"one\ntw\\xf6\n"
    assert (patient.encoding, patient.isatty(), patient.fileno()) == ("ascii", False, stream.fileno())


@pytest.mark.slow
def test_a_slow_reader_is_told_what_it_missed(pipe: tuple[int, TextIO]) -> None:
    """Nobody waits for it, and no more than a megabyte is kept for it."""
    reading, stream = pipe
    patient = PatientStream(stream)
    line = "x" * 999 + "\n"
    before = time.monotonic()
    for _ in range(5000):
        assert patient.write(line) == 1000
    assert time.monotonic() - before < 2
    os.set_blocking(reading, False)
    shown = _drain(reading)
    patient.write("after that\n")
    shown += _drain(reading)
    patient.end()
    shown += _drain(reading)

    assert shown.endswith("after that\n")
    notices = [row for row in shown.splitlines() if "left out" in row]  # one, unless it was read meanwhile
    missed = sum(int(notice.split("; ")[1].split()[0]) for notice in notices)
    assert missed > 3000
    assert shown.count(line) == 5000 - missed


def test_a_reader_that_is_gone(pipe: tuple[int, TextIO]) -> None:
    """It is no error, and nobody waits at the end."""
    _, stream = pipe
    patient = PatientStream(stream)
    other, writing = os.pipe()
    os.dup2(writing, stream.fileno())
    os.close(writing)
    os.close(other)
    patient.write("for nobody\n")
    before = time.monotonic()
    patient.end()

    assert time.monotonic() - before < 0.4


def _drain(reading: int) -> str:
    """Read until nothing comes for a moment."""
    shown, quiet_since = b"", time.monotonic()
    while time.monotonic() - quiet_since < 0.2:
        try:
            chunk = os.read(reading, 65536)
        except BlockingIOError:
            time.sleep(0.005)
            continue
        shown += chunk
        quiet_since = time.monotonic()
    return shown.decode()
