"""Whoever checks the types of a bot sees those of linda-bot, all of them: what `py.typed` promises."""

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.support.public_names import MODULES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("basedpyright") is None, reason="there is no type checker; `make types` installs it"),
]

_NOT_A_NAME = {"linda_bot.__version__"}
"""The checker passes over names that begin with an underscore."""


def test_every_public_name_is_completely_typed() -> None:
    """Names, parameters, results and attributes, and those of the types that they speak of; nothing is inferred."""
    symbols: dict[str, Any] = {symbol["name"]: symbol for symbol in _checked()["symbols"]}
    public = set(_public_names())
    ours = {
        name: symbol
        for name, symbol in symbols.items()
        if any(name == each or name.startswith(f"{each}.") for each in public)
    }

    assert {f"{module.__name__}.{name}" for module in MODULES for name in module.__all__} - set(ours) <= _NOT_A_NAME
    assert _incomplete(ours) == []


def _public_names() -> Iterator[str]:
    """Yield what is public as authors write it, and as it is called where it is defined."""
    for module in MODULES:
        for name in module.__all__:
            yield f"{module.__name__}.{name}"
            found = getattr(import_module(module.__name__), name)
            if inspect.isclass(found) or inspect.isfunction(found):
                yield f"{found.__module__}.{found.__qualname__}"


def _incomplete(symbols: dict[str, Any]) -> list[str]:
    """Return those whose type is not told in full, each with why."""
    return [
        f"{name}: {'; '.join(each['message'] for each in symbol['diagnostics']) or 'a type that it speaks of'}"
        for name, symbol in symbols.items()
        if symbol["isTypeAmbiguous"] or not symbol["isTypeKnown"]
    ]


def _checked() -> Any:
    """Return what the type checker says of each name in the package that is not private."""
    command = [sys.executable, "-m", "basedpyright", "--verifytypes", "linda_bot", "--ignoreexternal", "--outputjson"]
    # With --verifytypes it passes over --pythonpath and looks for packages where the first `python` of the path does.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    # Its exit code is about all of the package, our own insides included.
    ran = subprocess.run(
        command, capture_output=True, text=True, timeout=110, check=False, env={**os.environ, "PATH": path}
    )
    return json.loads(ran.stdout)["typeCompleteness"]
