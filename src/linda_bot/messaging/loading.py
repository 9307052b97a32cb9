"""Loading a user's handlers from a file or a module."""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from linda_bot.kernel.errors import UsageError
from linda_bot.messaging.router import Router


def load_router(source: str) -> Router:
    """Return the module-level `router` of a Python file (`bot.py`) or module (`package.bot`).

    Raises UsageError, in one line, when it cannot be found or loaded, or has no router.
    """
    module = _load_file(Path(source)) if source.endswith(".py") else _load_module(source)
    router = getattr(module, "router", None)
    if not isinstance(router, Router):
        message = f"{source} has no `router`; begin with: from linda_bot import Router; router = Router()"
        raise UsageError(message)
    return router


def _load_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if not path.is_file() or spec is None or spec.loader is None:
        message = f"there is no handler file {path}; check LINDA_HANDLERS or --handlers"
        raise UsageError(message)
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    try:
        spec.loader.exec_module(module)
    except UsageError:
        raise
    except Exception as error:
        message = f"{path} cannot be loaded: {_where(error, str(path))}{type(error).__name__}: {error}"
        raise UsageError(message) from error
    return module


def _load_module(name: str) -> ModuleType:
    sys.path.insert(0, str(Path.cwd()))  # as `python -m` does, so that a bot's own package is found
    try:
        return importlib.import_module(name)
    except UsageError:
        raise
    except Exception as error:
        message = f"the handlers {name} cannot be loaded: {type(error).__name__}: {error}"
        raise UsageError(message) from error


def _where(error: Exception, path: str) -> str:
    """Return the line of the user's file that an error came from."""
    line = 0
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.lineno:
        line = error.lineno
    return f"line {line}: " if line else ""
