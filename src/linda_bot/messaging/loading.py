"""Loading a bot author's handlers from a file or a module, also once more after a change."""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from linda_bot.kernel.current import ACCOUNT
from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.masking import printable
from linda_bot.messaging.own_modules import Home, make_importable
from linda_bot.messaging.router import Router
from linda_bot.messaging.shelves import alone, home_on_shelf, keep


class Loaded(NamedTuple):
    """Handlers, and where they came from."""

    router: Router
    files: tuple[Path, ...]
    """When one of these changes, load anew: the author's own modules, not the libraries that they use."""


def load_router(source: str) -> Router:
    """Return the module-level `router` of a Python file (`bot.py`) or module (`package.bot`).

    Raises UsageError, in one line, when it cannot be found or loaded, or has no router.
    """
    return load_handlers(source).router


def load_handlers(source: str) -> Loaded:
    """Return the handlers of a Python file (`bot.py`) or module (`package.bot`); a second time, as they are now.

    Modules beside the file, or in the same package, are imported anew with it; each of several accounts has its own,
    whatever they are called. Raises UsageError, in one line with
    the file and the line, when something is wrong; the modules of the last time are in their places then.
    """
    path = Path(source).absolute() if source.endswith(".py") else None
    if path is not None and not path.is_file():
        raise UsageError(f"there is no handler file {source}; check LINDA_HANDLERS or --handlers")
    place = path.parent if path else Path.cwd()
    key = str((ACCOUNT.get(), path or (source, Path.cwd())))
    with alone(key):
        make_importable(place)
        home = home_on_shelf(key) or (Home.around_file(path) if path else Home.around_module(source))
        with _renewed(home, source):
            module = _run_file(home.main, path) if path else importlib.import_module(source)
            router = _router_of(module, source)
        keep(key, home, str(place))
        return Loaded(router, home.files())


@contextmanager
def _renewed(home: Home, source: str) -> Iterator[None]:
    """Have the author's modules imported anew in the block; when it fails, the old ones are back after it."""
    old = home.take_out()
    try:
        yield
    except BaseException as error:
        home.take_out()  # what was loaded until then
        sys.modules.update(old)
        if isinstance(error, Exception | SystemExit):
            raise UsageError(_account(error, home, source)) from error
        raise


def _run_file(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None  # a name that ends in .py has a loader
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _router_of(module: ModuleType, source: str) -> Router:
    router = getattr(module, "router", None)
    if not isinstance(router, Router):
        raise UsageError(f"{source} has no `router`; begin with: from linda_bot import Router; router = Router()")
    for decorator in router.unfinished:
        bracketed = f"{decorator.partition('(')[0]}()"
        raise UsageError(f"{source}: @{decorator} has no function below it; or are its brackets missing: @{bracketed}")
    return router


def _account(error: BaseException, home: Home, source: str) -> str:
    """Return what went wrong and where, in one line."""
    place = _place(error, home, source)
    reason = printable(" ".join(str(error).split()))
    if isinstance(error, UsageError):
        return f"{source}, {place}: {reason}" if place else reason
    if isinstance(error, ImportError) and "relative import" in reason:
        reason += f"; load it as a module of its package: {Path(source).absolute().parent.name}.{Path(source).stem}"
    return f"{source} cannot be loaded: {f'{place}: ' if place else ''}{type(error).__name__}: {reason}"


def _place(error: BaseException, home: Home, source: str) -> str:
    """Return the line of the author's code that an error came from, with the file unless it is the handler file."""
    file, line = "", 0
    trace = error.__traceback__
    while trace is not None:
        if home.holds(trace.tb_frame.f_code.co_filename):
            file, line = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        file, line = error.filename, error.lineno
    if not line:
        return ""
    is_main = source.endswith(".py") and Path(file).name == Path(source).name
    return f"line {line}" if is_main else f"{Path(file).name}, line {line}"
