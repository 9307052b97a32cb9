"""A module with one small fault in it, and a name for that which outlives other changes of the module; pure."""

import ast
from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import NamedTuple

from trials.mutants.edits import Editor


class Mutant(NamedTuple):
    """A module with a fault."""

    path: str
    """Below `src/linda_bot`."""
    line: int
    name: str
    """Where the fault is and what it is, in words of the source; no two of a module have the same."""
    source: str


def mutants_of(path: str, source: str) -> Iterator[Mutant]:
    """Yield the module with each fault that compiles and says something else."""
    editor = Editor(source)
    original = ast.dump(editor.tree)
    seen: set[str] = {original}
    names: Counter[str] = Counter()
    for scope, edit in editor.edits():
        changed = editor.apply(edit)
        try:
            tree = ast.dump(ast.parse(changed))
        except SyntaxError:
            continue
        if tree in seen:
            continue
        seen.add(tree)
        line, what = _difference(source.splitlines(), changed.splitlines())
        name = f"{path} {scope}: {what}" if scope else f"{path}: {what}"
        names[name] += 1
        if names[name] > 1:
            name = f"{name} ({names[name]})"
        yield Mutant(path, line, name, changed)


def _difference(before: list[str], after: list[str]) -> tuple[int, str]:
    """Return the number of the first line that differs, and what stood and stands there."""
    blocks = [code for code in SequenceMatcher(None, before, after, autojunk=False).get_opcodes() if code[0] != "equal"]
    _, begin, end, new_begin, _ = blocks[0]
    _, _, _, _, new_end = blocks[-1]
    end = blocks[-1][2]
    old = " ".join(line.strip() for line in before[begin:end])
    new = " ".join(line.strip() for line in after[new_begin:new_end])
    return begin + 1, f"{old}  =>  {new}"
