"""What the rounds of a seed came to, for a file and for people; pure."""

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from trials.chaos.trial import Round


class Result(msgspec.Struct, frozen=True):
    """A whole run of one seed."""

    version: str
    seed: int
    minutes: float
    rounds: int
    acts: Mapping[str, int]
    left_out: tuple[str, ...]
    """What this machine could not do, and why."""
    starts: int
    messages: int
    answered: int
    lost: int
    """As many as the documentation says may be; more is a violation."""
    unknown: int
    memory_mb: tuple[float, float]
    """The least and the most, in the calm after a round."""
    slowest_up_s: float
    """The longest that it took after a round until the bot answered, and everything had settled."""
    violations: Mapping[int, tuple[str, ...]]
    """By the number of the round."""


def result_of(
    rounds: Sequence[Round], *, version: str, seed: int, took_s: float, known: Sequence[str], left_out: tuple[str, ...]
) -> Result:
    """Sum up the rounds of a seed; every known act is there, also one that never came."""
    memory = [each.size["memory_mb"] for each in rounds if each.size]
    acts = Counter(done.act for each in rounds for done in each.acts)
    return Result(
        version=version,
        seed=seed,
        minutes=round(took_s / 60, 1),
        rounds=len(rounds),
        acts={name: acts[name] for name in known},
        left_out=left_out,
        starts=sum(each.starts for each in rounds),
        messages=sum(each.sent for each in rounds),
        answered=sum(each.answered for each in rounds),
        lost=sum(each.lost for each in rounds),
        unknown=sum(each.unknown for each in rounds),
        memory_mb=(min(memory, default=0.0), max(memory, default=0.0)),
        slowest_up_s=max((each.up_after_s for each in rounds), default=0.0),
        violations={each.number: each.violations for each in rounds if each.violations},
    )


def table(results: Sequence[Result]) -> str:
    """Return Markdown: what was done in each run, and what came of it."""
    rows = {
        "minutes": [f"{each.minutes:g}" for each in results],
        "rounds": [f"{each.rounds}" for each in results],
        "blows": [f"{sum(each.acts.values()):,}" for each in results],
        "starts of the bot": [f"{each.starts:,}" for each in results],
        "messages written": [f"{each.messages:,}" for each in results],
        "answered, each once": [f"{each.answered:,}" for each in results],
        "lost, as documented": [f"{each.lost:,}" for each in results],
        "answers unknown, as documented": [f"{each.unknown:,}" for each in results],
        "memory in the calm, MB": [f"{each.memory_mb[0]:.0f} to {each.memory_mb[1]:.0f}" for each in results],
        "**violations**": [f"**{sum(map(len, each.violations.values()))}**" for each in results],
    }
    head = ["| | " + " | ".join(f"seed {each.seed}" for each in results) + " |", "| --- " * (len(results) + 1) + "|"]
    lines = [f"| {name} | {' | '.join(values)} |" for name, values in rows.items()]
    acts = [(name, sum(each.acts.get(name, 0) for each in results)) for name in results[0].acts] if results else []
    return "\n".join([*head, *lines, "", "Blows: " + ", ".join(f"{name} {count}" for name, count in acts) + "."])
