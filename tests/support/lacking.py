"""Libraries that are not installed, for child processes: what an installation without an extra looks like."""

from collections.abc import Iterable
from pathlib import Path

_HIDE = """
import sys
from importlib.machinery import PathFinder

HIDDEN = {hidden!r}


class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in HIDDEN else super().find_spec(name, path, target)


sys.meta_path[sys.meta_path.index(PathFinder)] = Finder
"""


def hide(libraries: Iterable[str], directory: Path) -> dict[str, str]:
    """Write a module that hides them; return the environment in which children import it at their start.

    They look as if they had never been installed: `find_spec` finds nothing, `import` raises ModuleNotFoundError.
    """
    (directory / "sitecustomize.py").write_text(_HIDE.format(hidden=set(libraries)))
    return {"PYTHONPATH": str(directory)}
