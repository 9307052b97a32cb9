"""Running tests against a module that has a fault, in a process of its own; nothing is written to the disk."""

import importlib
import os
import resource
import sys
from collections.abc import Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType
from typing import NoReturn

SOURCES = Path(__file__).parents[2] / "src" / "linda_bot"
_MOST_S = 20
_PYTEST = (
    "-x",
    "-q",
    "--tb=no",
    "--assert=plain",
    f"--timeout={_MOST_S}",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "-p",
    "no:playwright",
)
_NEVER_AHEAD = ("linda_bot", "tests", "trials", "conftest", "looptime", "anyio", "xdist", "pytest", "_hypothesis", "__")
"""What is not to be imported before pytest does it: our own modules, and its plugins."""


class _Substitute(MetaPathFinder, InspectLoader):
    """Gives one module another source."""

    def __init__(self, path: str, source: str) -> None:
        self._name = "linda_bot." + path.removesuffix(".py").replace("/", ".")
        self._file = str(SOURCES / path)
        self._source = source

    def find_spec(self, fullname: str, _path: object, _target: ModuleType | None = None) -> ModuleSpec | None:
        return spec_from_loader(fullname, self, origin=self._file) if fullname == self._name else None

    def get_source(self, _fullname: str) -> str:
        return self._source

    def get_code(self, _fullname: str) -> CodeType:
        return compile(self._source, self._file, "exec")


def start(path: str, source: str, tests: Sequence[str]) -> int:
    """Run tests in a new process, with another source for one module; return the process's number.

    Its status is 0 when all tests have passed, which nobody wants. A test that takes too long has failed.
    """
    child = os.fork()
    if not child:
        _run(path, source, tests)
    return child


def warm_up(tests: Sequence[str]) -> None:
    """Import the libraries that these tests want, so that it is not done for each fault again."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _quietly()
        import pytest  # (here, as for the faults)

        status = pytest.main([*_PYTEST, *tests])
        names = [name for name in sys.modules if not name.startswith(_NEVER_AHEAD)]
        with os.fdopen(writing, "w") as pipe:
            pipe.write("\n".join([str(int(status)), *names]))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        result, *names = pipe.read().split("\n")
    os.waitpid(child, 0)
    if result != "0":
        raise SystemExit(f"the tests do not pass without any fault: python -m pytest {' '.join(tests)}")
    for name in names:
        try:
            importlib.import_module(name)
        except Exception:  # noqa: BLE001 (what cannot be imported ahead is imported later)
            continue
    from hypothesis import Phase, settings

    settings.register_profile("mutants", deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate))
    os.environ["HYPOTHESIS_PROFILE"] = "mutants"  # that an example fails is enough; the smallest one takes long to find


def _run(path: str, source: str, tests: Sequence[str]) -> NoReturn:
    status = 1
    try:
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_CPU, (3 * _MOST_S, 3 * _MOST_S))
        _quietly()
        sys.meta_path.insert(0, _Substitute(path, source))
        import pytest

        status = int(pytest.main([*_PYTEST, *tests]))
    finally:
        os._exit(status)


def _quietly() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
