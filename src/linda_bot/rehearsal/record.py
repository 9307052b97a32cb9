"""What is noted while a rehearsal goes on, and held to its target."""

import time
from statistics import median

from linda_bot.kernel.errors import ExitCode, LindaError
from linda_bot.rehearsal.figures import seconds_text
from linda_bot.rehearsal.values import Sample, Series, Unit


class MissedError(LindaError):
    """A target was missed; the text says by what."""

    exit_code = ExitCode.UNWELL


class Record:
    """The notes of one rehearsal: samples, and the figure that stands for them."""

    def __init__(self) -> None:
        self.figure = ""
        """What is told of it so far."""
        self.samples: list[Sample] = []
        self._began = time.monotonic()

    def sample(self, series: Series, value: float, unit: Unit = Unit.SECONDS) -> None:
        """Note a measurement."""
        at_s = round(time.monotonic() - self._began, 3)
        self.samples.append(Sample(series=series, value=round(value, 4), unit=unit, at_s=at_s))

    def values(self, series: Series) -> list[float]:
        """Return what was measured of one kind."""
        return [each.value for each in self.samples if each.series is series]

    def seconds(self, series: Series) -> str:
        """Return times in words: one as it is, of several the middle and the longest."""
        times = self.values(series)
        if len(times) <= 1:
            return "".join(map(seconds_text, times))
        return f"{seconds_text(median(times))}, at most {seconds_text(max(times))}"

    def expect(self, happened: bool, otherwise: str) -> None:  # noqa: FBT001 (it reads like a sentence)
        """Raise MissedError with what is the matter, unless it happened."""
        if not happened:
            raise MissedError(otherwise)

    def under(self, series: Series, bound_s: float) -> None:
        """Raise MissedError unless there are times, and all of them stay under a bound."""
        times = self.values(series)
        self.expect(bool(times), f"{series}: nothing was measured")
        slowest = max(times)
        self.expect(slowest < bound_s, f"{series}: {seconds_text(slowest)}, not under {bound_s:g} s")
