"""Which of the imported modules are a bot author's own, so that they are imported anew after a change."""

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

_LIBRARIES = frozenset({"site-packages", "dist-packages"})
_STANDARD_LIBRARY = Path(os.__file__).parent
_US = __name__.partition(".")[0]


class Home(NamedTuple):
    """Where an author's modules are."""

    main: str
    """The name of the module with the handlers."""
    directory: Path | None
    """Where they lie; None when the module was not found."""
    package: str
    """The package that is the author's as a whole; empty for none."""
    others: frozenset[str]
    """What had been imported before the handlers were: somebody else needs it."""

    @classmethod
    def around_file(cls, path: Path) -> "Home":
        """Return the home of a handler file: its directory."""
        stem = path.stem.replace(".", "_")
        is_taken = stem in sys.modules or stem in sys.stdlib_module_names
        return cls(f"{stem}_handlers" if is_taken else stem, path.parent.resolve(), "", frozenset(sys.modules))

    @classmethod
    def around_module(cls, name: str) -> "Home":
        """Return the home of a module: its top-level package, or its directory when it is in none."""
        top = name.partition(".")[0]
        try:
            spec = importlib.util.find_spec(top)
        except (ImportError, ValueError):
            spec = None
        places = list(spec.submodule_search_locations or []) if spec else []
        file = Path(spec.origin) if spec and spec.origin else None
        directory = Path(places[0]) if places else file.parent if file else None
        package = top if places and top != _US else ""
        return cls(name, directory.resolve() if directory else None, package, frozenset(sys.modules))

    def modules(self) -> Iterator[tuple[str, ModuleType]]:
        """Yield the imported modules that are the author's own."""
        for name, module in tuple(sys.modules.items()):
            if self._owns(name, module):
                yield name, module

    def files(self) -> tuple[Path, ...]:
        """Return the source files of these modules."""
        found = (getattr(module, "__file__", None) for _, module in self.modules())
        return tuple(sorted({Path(file).resolve() for file in found if file}))

    def take_out(self) -> dict[str, ModuleType]:
        """Have these modules forgotten, so that they will be imported anew, and return them."""
        taken = dict(self.modules())
        for name, module in taken.items():
            del sys.modules[name]
            compiled = getattr(getattr(module, "__spec__", None), "cached", None)
            if compiled:  # Python takes it to be up to date when a file was changed within a second
                with suppress(OSError):
                    Path(compiled).unlink()
        importlib.invalidate_caches()
        return taken

    def holds(self, file: str) -> bool:
        """Return whether a source file is one of the author's."""
        if self.directory is None or file.startswith("<"):
            return False
        path = Path(file).resolve()
        if not path.is_relative_to(self.directory) or path.is_relative_to(_STANDARD_LIBRARY):
            return False
        inside = path.relative_to(self.directory).parts
        is_library = not self.package and self.directory.name in _LIBRARIES
        return not is_library and not any(part in _LIBRARIES or part.startswith(".") for part in inside)

    def _owns(self, name: str, module: ModuleType) -> bool:
        if name == self.main:
            return True
        top = name.partition(".")[0]
        if self.package:
            return top == self.package
        if name in self.others or top in {_US, "__main__"}:
            return False
        places = [getattr(module, "__file__", None), *getattr(module, "__path__", [])]
        place = next((place for place in places if isinstance(place, str)), None)
        return place is not None and self.holds(place)


def make_importable(directory: Path) -> None:
    """Let modules in a directory be imported by name: after Python's own modules, before installed libraries."""
    entry = str(directory)
    if entry not in sys.path:
        places = (number for number, each in enumerate(sys.path) if Path(each).name in _LIBRARIES)
        sys.path.insert(next(places, len(sys.path)), entry)
