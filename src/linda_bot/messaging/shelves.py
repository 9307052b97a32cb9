"""The modules of several bots in one process: each has its own, also where two of them have the same name.

Python knows a module by its name alone. So the modules of each bot are on a shelf of its own, and only that bot's can
be imported while its handlers are loaded, or when one of its modules imports something later on.
"""

import builtins
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType

from linda_bot.messaging.own_modules import Home

_python_import = builtins.__import__


class _Shelf:
    """The modules of one bot, by name."""

    def __init__(self, home: Home, entry: str, modules: dict[str, ModuleType]) -> None:
        self.home = home
        self.entry = entry
        """What leads to them in Python's path."""
        self.modules = modules


_shelves: dict[str, _Shelf] = {}
_turn = threading.RLock()


def home_on_shelf(key: str) -> Home | None:
    """Return the home of a bot's modules; None where nothing of it was loaded yet."""
    shelf = _shelves.get(key)
    return None if shelf is None else shelf.home


def keep(key: str, home: Home, entry: str) -> None:
    """Remember the modules of a bot that can be imported now; in the block of `alone`."""
    _shelves[key] = _Shelf(home, entry, dict(home.modules()))
    if len(_shelves) > 1:
        builtins.__import__ = _import


@contextmanager
def alone(key: str) -> Iterator[None]:
    """Let no modules of other bots be imported in the block."""
    with _turn:
        others = [shelf for each, shelf in _shelves.items() if each != key]
        own = _shelves.get(key)
        aside = {
            name: module
            for shelf in others
            for name, module in shelf.modules.items()
            if sys.modules.get(name) is module
        }
        for name in aside:
            del sys.modules[name]
        if own is not None:
            sys.modules.update(own.modules)
        own_entry = None if own is None else own.entry
        entries = {shelf.entry for shelf in others} - {own_entry}
        path = [(place, entry) for place, entry in enumerate(sys.path) if entry in entries]
        sys.path[:] = [entry for entry in sys.path if entry not in entries]
        try:
            yield
        finally:
            sys.modules.update(aside)
            for place, entry in path:
                sys.path.insert(place, entry)


def _import(
    name: str,
    globals: Mapping[str, object] | None = None,  # noqa: A002 (Python's own names)
    locals: Mapping[str, object] | None = None,  # noqa: A002
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    """Import what a bot's module asks for from that bot's own modules, if they have it; else as Python does."""
    key = _whose(globals)
    if key is None or (level == 0 and _is_of_nobody(name)):
        return _python_import(name, globals, locals, fromlist, level)
    with alone(key):
        shelf = _shelves[key]
        found = _python_import(name, globals, locals, fromlist, level)
        shelf.modules.update(shelf.home.modules())
        return found


def _whose(names: Mapping[str, object] | None) -> str | None:
    """Return whose module has these names; None for one that is on no shelf."""
    module = None if names is None else names.get("__name__")
    for key, shelf in _shelves.items():
        found = shelf.modules.get(module) if isinstance(module, str) else None
        if found is not None and found.__dict__ is names:
            return key
    return None


def _is_of_nobody(name: str) -> bool:
    """Return whether what is imported was imported before, and is no bot's own."""
    top = name.partition(".")[0]
    return top in sys.modules and not any(top in shelf.modules for shelf in tuple(_shelves.values()))
