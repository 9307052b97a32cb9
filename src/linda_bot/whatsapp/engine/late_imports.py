"""Importing the client library without what only link previews and media need.

`import neonize` loads an HTTP stack, an image library, a phone number database and more (two thirds of the time and a
third of the memory of the import), none of which a text bot ever calls. Each module named in `LATE_MODULES` is put
off until one of its names is used: called, asked for an attribute, or tested with isinstance. Then the real module
is imported, so media and previews work as ever. A name that is not imported by the library costs nothing here, and a
use that this does not foresee costs the import, nothing else.
"""

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from io import StringIO
from threading import RLock
from types import ModuleType
from typing import Any

LATE_MODULES = frozenset(
    {
        "PIL.Image",
        "PIL.ImageSequence",
        "concurrent.futures.process",
        "httpx",
        "linkpreview",
        "magic",  # it also needs libmagic, which is then asked for only when there is a medium to look at
        "neonize.ext.interactive_message",
        "neonize.ext.interactive_message.base",
        "neonize.utils.ffmpeg",  # with the next one the reason why asyncio would be loaded
        "neonize.utils.sticker",
        "phonenumbers",
        "requests",
        "segno",
        "tqdm",
    }
)

_importing = RLock()


def put_off(names: frozenset[str] = LATE_MODULES) -> None:
    """Put off the import of these modules, except of those that are loaded already."""
    sys.meta_path.insert(0, _LateFinder(names))


@contextmanager
def no_shells() -> Iterator[None]:
    """Answer `uname -a` without a shell: the library asks for it three times while it is imported (utils/platform.py).

    Each would cost milliseconds, and leave an orphan behind when the engine is killed just then.
    """
    real = os.popen

    def popen(command: str, *arguments: Any, **options: Any) -> Any:
        return StringIO(" ".join(os.uname())) if command == "uname -a" else real(command, *arguments, **options)

    os.popen = popen  # type: ignore[assignment]
    try:
        yield
    finally:
        os.popen = real


def real_module(name: str) -> ModuleType:
    """Import a module that was put off, and return it."""
    with _importing:
        parts = name.split(".")
        for count in range(1, len(parts) + 1):  # its packages must be real too
            part = ".".join(parts[:count])
            if isinstance(sys.modules.get(part), _LateModule):
                del sys.modules[part]
                for finder in sys.meta_path:
                    if isinstance(finder, _LateFinder):
                        finder.names -= {part}
        return importlib.import_module(name)


class _LateName:
    """Stands for one name of a module that is not imported yet."""

    def __init__(self, module: str, name: str) -> None:
        self.__late = (module, name)

    def _real(self) -> object:
        module, name = self.__late
        return getattr(real_module(module), name)

    def __call__(self, *args: object, **kwargs: object) -> object:
        return self._real()(*args, **kwargs)  # type: ignore[operator]

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):  # typing and copying look for these; that is no use of the module
            raise AttributeError(name)
        return getattr(self._real(), name)

    def __or__(self, other: object) -> object:  # stands in annotations such as `str | Image.Image`
        return object

    __ror__ = __or__

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self._real())  # type: ignore[arg-type]


class _LateModule(ModuleType):
    """A module whose names are stand-ins."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return _LateName(self.__name__, name)


class _LateLoader:  # importlib.abc would cost as much as half of what is saved here
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _LateModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Execute nothing: that is the point."""


class _LateFinder:
    def __init__(self, names: frozenset[str]) -> None:
        self.names = names

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self.names:
            return None
        return ModuleSpec(fullname, _LateLoader(), is_package=True)  # type: ignore[arg-type]
