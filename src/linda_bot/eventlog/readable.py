"""A log line as a person reads it: when, how grave, what has happened, the facts; traces below. Pure."""

import json
from collections.abc import Iterator, Mapping

from linda_bot.kernel.ansi import DIM, GREEN, RED, RESET, YELLOW
from linda_bot.kernel.masking import printable

TRACES = frozenset({"trace", "exception", "stack"})
"""Facts that have lines of their own."""

_UNBOUNDED, _LONGEST_NAME, _LONGEST_LEVEL = 100_000, 60, 10
_STYLES = {"debug": DIM, "info": GREEN, "warning": YELLOW, "error": RED}


def readable(when: str, level: str, event: str, facts: Mapping[str, object], *, colours: bool) -> str:
    """Return a line, and those of its traces, without the last newline; the facts are fit to be seen by now."""

    def styled(style: str, text: str) -> str:
        return f"{style}{text}{RESET}" if style and colours else text

    head = f"{styled(DIM, when)}  {styled(_STYLES.get(level, ''), f'{printable(level, _LONGEST_LEVEL):<7}')}  "
    what = printable(event.replace("_", " "), _UNBOUNDED)
    told = " ".join(f"{styled(DIM, f'{name}=')}{text}" for name, text in pairs_of(facts))
    traces = [
        f"    {printable(row, _UNBOUNDED)}"
        for name in sorted(TRACES & facts.keys())
        for row in str(facts[name]).splitlines()
    ]
    return "\n".join([f"{head}{what}{'  ' if told else ''}{told}", *traces])


def pairs_of(facts: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the names of facts and what is said of them; without what says nothing, and without traces."""
    for name, value in facts.items():
        if name in TRACES or value in ("", [], {}, None):
            continue
        said = "; ".join(value) if isinstance(value, list) and all(isinstance(each, str) for each in value) else value
        text = printable(
            said if isinstance(said, str) else json.dumps(said, ensure_ascii=False, default=str), _UNBOUNDED
        )
        yield printable(name, _LONGEST_NAME), f'"{text}"' if not text or " " in text else text
