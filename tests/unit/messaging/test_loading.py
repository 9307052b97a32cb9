"""Loading a user's handlers."""

from pathlib import Path

import pytest

from linda_bot.kernel.errors import UsageError
from linda_bot.messaging.loading import load_router

BOT = "from linda_bot import Router\nrouter = Router()\n@router.command('hi')\nasync def hi(message):\n    pass\n"


def test_a_file(tmp_path: Path) -> None:
    """Also one whose name is no module name."""
    file = tmp_path / "my first-bot.py"
    file.write_text(BOT)

    assert list(load_router(str(file)).commands) == ["hi"]


def test_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found from the working directory, as `python -m` does."""
    (tmp_path / "shop_of_bots").mkdir()
    (tmp_path / "shop_of_bots" / "teller.py").write_text(BOT)
    monkeypatch.setattr("sys.path", [])

    assert list(load_router("shop_of_bots.teller").commands) == ["hi"]


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("x = 1", "has no `router`"),
        ("def broken(:", "line 1: SyntaxError"),
        ("\n\n1 / 0", "line 3: ZeroDivisionError"),
        ("import no_such_library", "line 1: ModuleNotFoundError"),
        ("from linda_bot import Router\nrouter = Router()\nrouter.command('a b')", "one word"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, code: str, hint: str) -> None:
    """With the place in the user's file."""
    file = tmp_path / "bot.py"
    file.write_text(code)

    with pytest.raises(UsageError) as caught:
        load_router(str(file))
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file() -> None:
    """Says which setting to look at."""
    with pytest.raises(UsageError, match="LINDA_HANDLERS"):
        load_router("nowhere.py")
