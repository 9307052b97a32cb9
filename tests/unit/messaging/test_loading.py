"""Loading a user's handlers, and loading them again."""

import builtins
import gc
import importlib
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from linda_bot import Router
from linda_bot.kernel.current import ACCOUNT
from linda_bot.kernel.errors import UsageError
from linda_bot.messaging.loading import load_handlers, load_router

BOT = "from linda_bot import Router\nrouter = Router()\n@router.command('hi')\nasync def hi(message):\n    pass\n"


@pytest.fixture(autouse=True)
def _own_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave Python's tables of modules as they were."""
    before = dict(sys.modules)
    monkeypatch.setattr("sys.path", list(sys.path))
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    yield
    for name in set(sys.modules) - set(before):
        if "linda_bot" not in name:
            del sys.modules[name]


def bot_that_uses(name: str) -> str:
    """Return handlers whose command comes from a module."""
    return f"import {name}\n{BOT.replace(repr('hi'), f'{name}.WORD')}"


def commands(router: Router) -> list[str]:
    """Return the names of the commands."""
    return list(router.commands)


def test_a_file(tmp_path: Path) -> None:
    """Also one whose name is no module name."""
    file = tmp_path / "my first-bot.py"
    file.write_text(BOT)

    assert commands(load_router(str(file))) == ["hi"]
    assert commands(load_router("my first-bot.py")) == ["hi"]


def test_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found from the working directory, as `python -m` does."""
    (tmp_path / "shop_of_bots").mkdir()
    (tmp_path / "shop_of_bots" / "teller.py").write_text(BOT)
    monkeypatch.setattr("sys.path", [])

    assert commands(load_router("shop_of_bots.teller")) == ["hi"]


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("x = 1", "has no `router`"),
        ("def broken(:", "line 1: SyntaxError"),
        ("\n\n1 / 0", "line 3: ZeroDivisionError"),
        ("import no_such_library", "line 1: ModuleNotFoundError"),
        ("from linda_bot import Router\nrouter = Router()\nrouter.command('a b')", "line 3: .*one word"),
        ("\nexit(1)", "line 2: SystemExit"),
        ("raise ValueError('a\\nb')", "line 1: ValueError: a b"),
        ("from . import other", "relative import.*load it as a module"),
        ("x = 'half \\udc80'\nraise ValueError(x)", "line 2: ValueError"),
        (f"{BOT}\n@router.message\nasync def rest(message):\n    pass\n", r"brackets missing: @router.message\(\)"),
        (f"{BOT}\n@router.command('a')\ndef rest(message):\n    pass\n", "line 7: rest must be async"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, code: str, hint: str) -> None:
    """With the place in the user's file."""
    file = tmp_path / "bot.py"
    file.write_text(code)

    with pytest.raises(UsageError, match=hint) as caught:
        load_router(str(file))
    assert "bot.py" in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    """Is told of as well."""
    file = tmp_path / "bot.py"
    file.write_bytes(b"\xff\x00")

    with pytest.raises(UsageError, match=r"bot\.py cannot be loaded"):
        load_router(str(file))


def test_an_error_beside_the_file(tmp_path: Path) -> None:
    """Names the other file."""
    (tmp_path / "bot.py").write_text("import beside_it\n")
    (tmp_path / "beside_it.py").write_text("\n1 / 0\n")

    with pytest.raises(UsageError, match=r"beside_it\.py, line 2: ZeroDivisionError"):
        load_router(str(tmp_path / "bot.py"))
    (tmp_path / "beside_it.py").write_text("\n\n)\n")
    with pytest.raises(UsageError, match=r"beside_it\.py, line 3: SyntaxError"):
        load_router("bot.py")


def test_a_missing_file_or_module() -> None:
    """Says which setting to look at, or what is not there."""
    with pytest.raises(UsageError, match="LINDA_HANDLERS"):
        load_router("nowhere.py")
    with pytest.raises(UsageError, match="No module named 'nowhere'"):
        load_router("nowhere.at.all")


def test_a_name_that_python_needs_itself(tmp_path: Path) -> None:
    """Handlers called like a standard module are not taken for it, nor are those beside them."""
    (tmp_path / "secrets.py").write_text(f"import calendar\nassert calendar.monthrange\n{BOT}")
    (tmp_path / "calendar.py").write_text("1 / 0")
    sys.modules.pop("secrets", None)

    assert commands(load_router("secrets.py")) == ["hi"]
    assert importlib.import_module("secrets").token_hex


def test_the_files_are_the_authors_own(tmp_path: Path) -> None:
    """Neither libraries nor what lies about unused."""
    (tmp_path / "bot.py").write_text(f"import json, beside_it, parts.one\n{BOT}")
    (tmp_path / "beside_it.py").write_text("import library_in_venv")
    (tmp_path / "unused.py").write_text("")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "one.py").write_text("")
    libraries = tmp_path / ".venv" / "lib" / "site-packages"
    libraries.mkdir(parents=True)
    (libraries / "library_in_venv.py").write_text("")
    sys.path.append(str(libraries))

    files = load_handlers("bot.py").files

    assert [str(file.relative_to(tmp_path)) for file in files] == ["beside_it.py", "bot.py", "parts/one.py"]


def test_the_files_of_a_package(tmp_path: Path) -> None:
    """All of its modules that were imported."""
    package = tmp_path / "bots_for_all"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "words.py").write_text("WORD = 'hi'")
    (package / "bot.py").write_text(f"from . import words\n{BOT}")
    (tmp_path / "elsewhere_used.py").write_text("")

    files = load_handlers("bots_for_all.bot").files

    assert [file.name for file in files] == ["__init__.py", "bot.py", "words.py"]


def test_loading_again_shows_what_has_changed(tmp_path: Path) -> None:
    """In the file and beside it, also within the same second and with the same length."""
    (tmp_path / "bot.py").write_text(bot_that_uses("words_beside"))
    words = tmp_path / "words_beside.py"
    for word in ("one", "two", "six", "ten"):
        words.write_text(f"WORD = {word!r}")
        assert commands(load_router("bot.py")) == [word]

    (tmp_path / "bot.py").write_text(bot_that_uses("words_besides"))
    (tmp_path / "words_besides.py").write_text("WORD = 'new'")
    assert commands(load_router("bot.py")) == ["new"]


def test_loading_a_package_again(tmp_path: Path) -> None:
    """Nothing of it is kept."""
    package = tmp_path / "changing_bots"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "bot.py").write_text(bot_that_uses("changing_bots.words"))
    for word in ("one", "two"):
        (package / "words.py").write_text(f"WORD = {word!r}")
        assert commands(load_router("changing_bots.bot")) == [word]


def test_old_modules_are_not_kept(tmp_path: Path) -> None:
    """A bot that is changed for weeks does not grow."""
    (tmp_path / "bot.py").write_text(bot_that_uses("big_table"))
    (tmp_path / "big_table.py").write_text("WORD = 'hi'\nclass Table: pass\nTABLE = Table()")
    load_router("bot.py")
    tables = []
    for _ in range(3):
        tables.append(weakref.ref(sys.modules["big_table"].TABLE))
        load_router("bot.py")
    gc.collect()

    assert [table() for table in tables] == [None] * 3


def test_a_broken_change_leaves_the_old_modules(tmp_path: Path) -> None:
    """In their places, so that what they import later is theirs; the next change that is whole is loaded."""
    bot, words = tmp_path / "bot.py", tmp_path / "spoken_words.py"
    bot.write_text(bot_that_uses("spoken_words"))
    words.write_text("WORD = 'one'")
    load_router("bot.py")
    old = sys.modules["spoken_words"]

    words.write_text("WORD = 'two'")
    bot.write_text(f"{bot_that_uses('spoken_words')}\n1 / 0")
    for _ in range(2):
        with pytest.raises(UsageError, match="line 8: ZeroDivisionError"):
            load_router("bot.py")
        assert sys.modules["spoken_words"] is old
    bot.write_text("import spoken_words")
    with pytest.raises(UsageError, match="no `router`"):
        load_router("bot.py")
    assert sys.modules["spoken_words"] is old

    bot.write_text(bot_that_uses("spoken_words"))
    assert commands(load_router("bot.py")) == ["two"]


def test_modules_of_others_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What had been imported before, even from the same directory, is somebody else's."""
    (tmp_path / "others_module.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    others = importlib.import_module("others_module")
    (tmp_path / "bot.py").write_text(f"import others_module\n{BOT}")

    for _ in range(2):
        assert [file.name for file in load_handlers("bot.py").files] == ["bot.py"]
        assert sys.modules["others_module"] is others


@pytest.fixture
def _two_bots(tmp_path: Path) -> Iterator[None]:
    """Bots in two directories, with modules of the same names; Python's way of importing is as it was afterwards."""
    for name in ("shop", "club"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "words.py").write_text(f"WORD = {name!r}\n")
        (tmp_path / name / "late_words.py").write_text(f"WORD = 'late-{name}'\n")
        text = "def late():\n    import late_words\n    return late_words.WORD\nrouter.late = late\n"
        (tmp_path / name / "bot.py").write_text(bot_that_uses("words") + text)
    before = builtins.__import__
    yield
    builtins.__import__ = before


@pytest.mark.usefixtures("_two_bots")
def test_modules_of_the_same_name_do_not_mix(tmp_path: Path) -> None:
    """Each bot has its own: at the start, later on, and after a change."""
    shop, club = (load_handlers(str(tmp_path / name / "bot.py")) for name in ("shop", "club"))

    assert [commands(each.router) for each in (shop, club)] == [["shop"], ["club"]]
    assert [each.router.late() for each in (shop, club, shop)] == ["late-shop", "late-club", "late-shop"]  # type: ignore[attr-defined]
    assert {file.parent.name for file in club.files} == {"club"}
    (tmp_path / "shop" / "words.py").write_text("WORD = 'bazaar'\n")
    assert commands(load_router(str(tmp_path / "shop" / "bot.py"))) == ["bazaar"]
    assert commands(load_router(str(tmp_path / "club" / "bot.py"))) == ["club"]


@pytest.mark.usefixtures("_two_bots")
def test_accounts_with_the_same_handlers_share_nothing(tmp_path: Path) -> None:
    """Each account has modules of its own, with what they remember."""
    loaded = []
    for account in ("971505760056", "971505760057"):
        token = ACCOUNT.set(account)
        loaded.append(load_router(str(tmp_path / "shop" / "bot.py")))
        ACCOUNT.reset(token)

    one, other = (each.commands["shop"] for each in loaded)
    assert one is not other


@pytest.mark.usefixtures("_two_bots")
def test_a_module_of_another_bot_is_not_found(tmp_path: Path) -> None:
    """It would be an accident that works until the other one is gone."""
    (tmp_path / "shop" / "only_here.py").write_text("")
    load_router(str(tmp_path / "shop" / "bot.py"))
    (tmp_path / "club" / "bot.py").write_text(bot_that_uses("only_here"))
    with pytest.raises(UsageError, match="No module named 'only_here'"):
        load_router(str(tmp_path / "club" / "bot.py"))
