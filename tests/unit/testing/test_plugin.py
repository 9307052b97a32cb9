"""The plugin in the projects of others: with pytest alone, and beside other plugins."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"

BOT = """
from linda_bot import Router

router = Router()

@router.command("hello")
async def hello(message):
    await message.reply(f"hello, {message.sender_name}")

@router.on_shutdown
async def end():
    print("THE END")
"""

GOOD = """
from my_bot import router

async def test_hello(make_bot):
    bot = make_bot(router)
    assert (await bot.feed("!hello")).texts == ["hello, Ann"]

class TestMore:
    async def test_in_a_class(self, make_bot, tmp_path):
        bot = make_bot(handlers="my_bot.py")
        assert (await bot.feed("!hello")).texts == ["hello, Ann"]
"""

ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "linda_bot.testing.plugin"}
BESIDE_ASYNCIO = {**ALONE, "PYTEST_PLUGINS": "linda_bot.testing.plugin,pytest_asyncio.plugin"}
FUNCTION_FIXTURES = ("-o", "asyncio_default_fixture_loop_scope=function")


class Project:
    """Somebody's directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.write("pytest.ini", "[pytest]\n")

    def write(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text)

    def test(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """Run pytest there, warnings being errors; return its exit code and what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", *arguments],
            cwd=self.directory,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with a bot and its tests."""
    made = Project(tmp_path)
    made.write("my_bot.py", BOT)
    made.write("test_my_bot.py", GOOD)
    return made


def test_the_plugin_imports_nothing() -> None:
    """It is loaded in every test run of everybody."""
    code = (
        "import pytest, sys; before = set(sys.modules); import linda_bot.testing.plugin;"
        "print(sorted(set(sys.modules) - before))"
    )

    loaded = subprocess.check_output([sys.executable, "-c", code], text=True)

    assert loaded.strip() == "['linda_bot', 'linda_bot.testing', 'linda_bot.testing.plugin']"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "arguments"),
    [
        (ALONE, ()),
        (BESIDE_ASYNCIO, FUNCTION_FIXTURES),
        (BESIDE_ASYNCIO, (*FUNCTION_FIXTURES, "-o", "asyncio_mode=auto")),
        (
            BESIDE_ASYNCIO,
            (*FUNCTION_FIXTURES, "-o", "asyncio_mode=auto", "-o", "asyncio_default_test_loop_scope=session"),
        ),
        ({}, FUNCTION_FIXTURES),
    ],
    ids=["alone", "strict", "auto", "session loop", "all plugins"],
)
def test_async_tests_run(project: Project, environment: Mapping[str, str], arguments: tuple[str, ...]) -> None:
    """Whatever plugins there are; the shutdown hooks run at the end, and no warning is left."""
    code, said = project.test("-s", "--strict-markers", "--strict-config", *arguments, **environment)

    assert code == 0, said
    assert "2 passed" in said
    assert said.count("THE END") == 2


@pytest.mark.slow
def test_a_failure_explains_itself(project: Project) -> None:
    """With what the bot did instead, or with the handler's own line."""
    project.write(
        "test_my_bot.py",
        "from linda_bot import Router\nfrom my_bot import router\n"
        "async def test_reply(make_bot):\n"
        "    bot = make_bot(router)\n"
        "    await bot.feed('!hello')\n"
        "    bot.assert_replied('bye')\n"
        "async def test_error(make_bot):\n"
        "    broken = Router()\n"
        "    @broken.message()\n"
        "    async def handler(message):\n"
        "        raise LookupError('lost')\n"
        "    await make_bot(broken).feed('hi')\n",
    )

    code, said = project.test(**ALONE)

    assert code == 1
    assert "AssertionError: expected a reply 'bye', but: <answers to text '!hello' by the handler hello: <text" in said
    assert "raise LookupError('lost')" in said
    assert "2 failed" in said
    assert "THE END" in said


@pytest.mark.slow
def test_nobody_elses_tests_are_touched(project: Project) -> None:
    """An async test without our fixtures is not ours, and a fixture of the same name is its author's."""
    project.write(
        "test_my_bot.py",
        "import pytest\n"
        "@pytest.fixture\n"
        "def contact(): return 'mine'\n"
        "def test_mine(contact): assert contact == 'mine'\n"
        "async def test_without(): pass\n",
    )

    code, said = project.test(**ALONE)

    assert code == 1
    assert "1 failed, 1 passed" in said
    assert "async def functions are not natively supported" in said


@pytest.mark.slow
def test_without_the_sandbox(project: Project) -> None:
    """Tests that need it are skipped with a line that says what to install; others run."""
    project.write("conftest.py", "import sys\nsys.modules['zxingcpp'] = None\n")
    project.write("test_real.py", "async def test_real(linked_bot, contact): pass\n")

    code, said = project.test("-rs", **ALONE)

    assert code == 0, said
    assert "2 passed, 1 skipped" in said
    assert "needs the sandbox (zxingcpp is missing): pip install 'linda-bot[sandbox]'" in said


@pytest.mark.slow
def test_handlers_that_are_not_named_or_not_there(project: Project) -> None:
    """One line says how."""
    project.write(
        "test_my_bot.py",
        "import pytest\n"
        "async def test_unnamed(linked_bot): pass\n"
        "@pytest.mark.linda_handlers('her_bot.py')\n"
        "async def test_missing(linked_bot): pass\n",
    )

    code, said = project.test(**ALONE)

    assert code == 1
    assert 'say which handlers to run: @pytest.mark.linda_handlers("my_bot.py"), or linda_handlers = my_bot.py' in said
    assert re.search(r"there is no handler file \S*her_bot.py", said)


@pytest.mark.slow
def test_the_examples_of_the_guide(project: Project) -> None:
    """All of them pass, the ones on the sandbox too."""
    for name, code in re.findall(r"```python\n# (\w+\.py)\n(.*?)```", (DOCS / "testing.md").read_text(), re.DOTALL):
        project.write(name, code)

    code, said = project.test("--strict-markers", **ALONE)

    assert code == 0, said
    assert "9 passed" in said
