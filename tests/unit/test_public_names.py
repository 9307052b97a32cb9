"""What bot authors import."""

import subprocess
import sys
from types import ModuleType

import pytest

import linda_bot
import linda_bot.testing
from tests.support.public_names import MODULES, WRITTEN_DOWN, surface


@pytest.mark.parametrize(
    ("module", "name"),
    [pytest.param(module, name, id=f"{module.__name__}.{name}") for module in MODULES for name in module.__all__],
)
def test_every_public_name_is_there(module: ModuleType, name: str) -> None:
    """And is seen by `dir`."""
    assert hasattr(module, name)
    assert name in dir(module)


@pytest.mark.parametrize("module", [linda_bot, linda_bot.testing])
def test_other_names_are_not(module: ModuleType) -> None:
    """As in any module."""
    with pytest.raises(AttributeError, match="no attribute 'Robot'"):
        module.Robot  # noqa: B018 (looking it up is the point)


def test_no_public_name_comes_or_goes_unawares() -> None:
    """Whoever changes what authors can write says so: `python -m tests.support.public_names`, and the changelog."""
    assert surface() == WRITTEN_DOWN.read_text().splitlines()


def test_importing_the_package_loads_nothing() -> None:
    """Each part comes with its first use."""
    code = "import sys, linda_bot; print([name for name in sys.modules if name.startswith('linda_bot.')])"

    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_the_api_needs_no_heavy_library() -> None:
    """Handlers are loaded at each start of the daemon."""
    code = (
        "import sys; from linda_bot import *; print([n for n in ('pydantic', 'rich', 'mimetypes') if n in sys.modules])"
    )
    code = code.replace("import *", "import Message, Router, filters, rate_limit")

    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
