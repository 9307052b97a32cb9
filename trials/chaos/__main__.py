"""Have everything go wrong at once, for as long as wanted: `python -m trials.chaos --seed 1 --for 20m`.

`--rounds 7-9` plays only some rounds of a seed, as to see one again that has failed.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import msgspec

from linda_bot import __version__
from trials.chaos.acts import ACTS
from trials.chaos.results import Result, result_of, table
from trials.chaos.schedule import plan
from trials.chaos.trial import Round, keep_evidence, open_stage, play
from trials.durations import seconds_of

_KEPT = Path("build/chaos")


async def run(
    seed: int, numbers: Iterator[int], until: float, *, only: Sequence[str], quiet: bool
) -> tuple[list[Round], tuple[str, ...]]:
    """Play rounds until the time is over; a round with a violation ends its world, and the next one has another."""
    rounds: list[Round] = []
    left_out: tuple[str, ...] = ()
    weights = {name: act.weight for name, act in ACTS.items() if name in only or not only}
    is_over = False
    while not is_over:
        with tempfile.TemporaryDirectory(prefix="linda-bot-chaos-", ignore_cleanup_errors=True) as directory:
            async with open_stage(Path(directory)) as stage:
                left_out = stage.left_out
                while not is_over:
                    number = next(numbers, None)
                    if number is None or time.monotonic() > until:
                        is_over = True
                        break
                    played = await play(
                        stage, plan(seed, number, weights), f"{seed}-{number}", (lambda _: None) if quiet else print
                    )
                    rounds.append(played)
                    _tell(seed, played)
                    if played.violations:
                        place = _KEPT / f"seed-{seed}-round-{number}"
                        shutil.rmtree(place, ignore_errors=True)
                        keep_evidence(stage, Path(directory), place)
                        (place / "round.json").write_bytes(msgspec.json.format(msgspec.json.encode(played)))
                        print(f"    kept in {place}; to see it again: make chaos SEED={seed} ROUNDS={number}")
                        break
    return rounds, left_out


def _tell(seed: int, played: Round) -> None:
    fate = f"{played.answered} of {played.sent} answered, {played.lost} lost, {played.unknown} unknown"
    verdict = "; ".join(played.violations) or "well"
    print(
        f"seed {seed} round {played.number}: {len(played.acts)} acts, {played.starts} starts, {fate},"
        f" {played.took_s:g} s, {played.size.get('memory_mb', 0):g} MB: {verdict}",
        flush=True,
    )


def known(text: str) -> tuple[str, ...]:
    """Return the acts that are named, parted by commas; raises ValueError for one that there is not."""
    names = tuple(filter(None, map(str.strip, text.split(","))))
    for name in names:
        if name not in ACTS:
            message = f"there is no act {name[:40]!r}; there are {', '.join(ACTS)}"
            raise ValueError(message)
    return names


def numbers_of(text: str) -> Iterator[int]:
    """Return the numbers of rounds, `7` or `7-9`, without an end for an empty text; raises ValueError."""
    if not text:
        return count(1)
    first, _, last = text.partition("-")
    if not first.isdecimal() or not (last or first).isdecimal() or not 0 < int(first) <= int(last or first):
        message = f"{text[:40]!r} are no rounds; write for example 7 or 7-9"
        raise ValueError(message)
    return iter(range(int(first), int(last or first) + 1))


def main() -> int:
    """Run it; return 1 when anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m trials.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="decides on what happens when (default: 1)")
    parser.add_argument("--for", dest="lasts", default="20m", help="how long, for example 90s, 20m, 8h (default: 20m)")
    parser.add_argument("--rounds", default="", help="only these rounds of the seed, for example 7 or 7-9")
    parser.add_argument("--only", default="", help=f"only such acts, parted by commas: {', '.join(ACTS)}")
    parser.add_argument("--quiet", action="store_true", help="one line a round")
    parser.add_argument("--result", type=Path, help="a file for what it came to, as JSON")
    parser.add_argument("--table", type=Path, nargs="+", metavar="RESULT", help="only print such files as a table")
    options = parser.parse_args()
    if options.table:
        print(table([msgspec.json.decode(file.read_bytes(), type=Result) for file in options.table]))
        return 0
    try:
        only = known(options.only)
        lasts_s, numbers = seconds_of(options.lasts), numbers_of(options.rounds)
    except ValueError as error:
        parser.error(str(error))
    began = time.monotonic()
    rounds, left_out = asyncio.run(run(options.seed, numbers, began + lasts_s, only=only, quiet=options.quiet))
    found = result_of(
        rounds,
        version=__version__,
        seed=options.seed,
        took_s=time.monotonic() - began,
        known=tuple(ACTS),
        left_out=left_out,
    )
    if options.result:
        options.result.parent.mkdir(parents=True, exist_ok=True)
        options.result.write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    print(table([found]))
    for number, violations in found.violations.items():
        print(f"round {number}:", *violations, sep="\n  ")
    return 1 if found.violations else 0


if __name__ == "__main__":
    sys.exit(main())
