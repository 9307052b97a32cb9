"""What bot authors can import, and what they find on it: the surface that a release must not change unawares.

`python -m tests.support.public_names` writes it down anew.
"""

import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import linda_bot
import linda_bot.testing
from linda_bot import filters
from linda_bot.testing import messages

WRITTEN_DOWN = Path(__file__).with_name("public_names.txt")
MODULES = (linda_bot, filters, linda_bot.testing, messages)


def surface() -> list[str]:
    """Return every public name with its members, a line each, sorted."""
    return sorted({line for module in MODULES for name in module.__all__ for line in _lines(module.__name__, name)})


def _lines(module: str, name: str) -> Iterator[str]:
    """Yield a name and what stands on it, when it is a class of ours."""
    found = getattr(import_module(module), name)
    yield f"{module}.{name}"
    if inspect.isclass(found) and found.__module__.startswith("linda_bot."):
        inherited = {*dir(object), *dir(Exception), *dir(tuple)}
        declared = {each for base in found.__mro__ for each in vars(base).get("__annotations__", ())}
        for member in {*dir(found), *declared} - inherited:
            if not member.startswith("_"):
                yield f"{module}.{name}.{member}"


if __name__ == "__main__":
    WRITTEN_DOWN.write_text("\n".join([*surface(), ""]))
