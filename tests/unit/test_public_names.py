"""What bot authors import."""

import subprocess
import sys

import pytest

import linda_bot


@pytest.mark.parametrize("name", linda_bot.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """And is seen by `dir`."""
    assert getattr(linda_bot, name)
    assert name in dir(linda_bot)


def test_other_names_are_not() -> None:
    """As in any module."""
    with pytest.raises(AttributeError, match="no attribute 'Robot'"):
        linda_bot.Robot  # type: ignore[attr-defined]  # noqa: B018 (looking it up is the point)


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
