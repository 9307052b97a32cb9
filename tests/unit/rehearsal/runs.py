"""Runs as they might have gone."""

from linda_bot.rehearsal.values import Machine, Outcome, Run, Sample, Series, Unit, Verdict


def an_outcome(
    name: str = "4",
    *,
    verdict: Verdict = Verdict.PASSED,
    figure: str = "1 restart",
    reason: str = "",
    samples: tuple[Sample, ...] = (),
) -> Outcome:
    """Return what came of a rehearsal."""
    return Outcome(
        name=name,
        title="Session restore",
        shows="that it comes back",
        target="under 10 s",
        figure=figure,
        verdict=verdict,
        reason=reason,
        samples=samples,
    )


def measured(series: Series, *values: float, unit: Unit = Unit.SECONDS) -> tuple[Sample, ...]:
    """Return samples, one a second."""
    return tuple(Sample(series=series, value=value, unit=unit, at_s=at) for at, value in enumerate(values))


def a_run(*outcomes: Outcome, interrupted: bool = False, handlers: str = "") -> Run:
    """Return a run with these outcomes."""
    return Run(
        began_at="2026-02-07T08:00:00+00:00",
        took_s=12.3,
        machine=Machine(
            system="Linux", processors=2, memory_mb=4096, python="3.11.7", linda_bot="0.1.0", neonize="0.5.2"
        ),
        own_settings=("LINDA_COMMAND_PREFIX",),
        overridden={"LINDA_HTTP": "each bot has its own"},
        handlers=handlers,
        rehearsals=outcomes,
        interrupted=interrupted,
    )
