"""The pytest plugin: fixtures for the tests of a bot's author.

It is loaded in every test run of everybody who has linda-bot installed, so it imports nothing until a fixture is used.
The fixtures are all synchronous, and an async test that uses one of them runs with any async plugin and with none.
"""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from linda_bot.testing.bot import TestBot
    from linda_bot.testing.protocols import MakeBot, MakeContact, MakeLinkedBot
    from linda_bot.testing.sandbox import LinkedBot, Person, WhatsApp

_INI = "linda_handlers"
_OURS = frozenset({"make_bot", "whatsapp", "contact", "make_contact", "linked_bot", "make_linked_bot"})


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a project say once which handlers are tested on the sandbox."""
    parser.addini(_INI, "the handlers of `linked_bot`: a Python file, or a module with a `router`", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Let a test say which handlers it is about."""
    config.addinivalue_line("markers", f"{_INI}(file_or_module): the handlers of this test's `linked_bot`")


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an async test that uses our fixtures, if no async plugin has taken it."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj) or _OURS.isdisjoint(pyfuncitem.fixturenames):
        return None
    import asyncio

    values = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(pyfuncitem.obj(**values))
    return True


@pytest.fixture
def make_bot() -> "Iterator[MakeBot]":
    """Make bots that get messages in this process: `make_bot(router)`; see linda_bot.testing.TestBot."""
    from linda_bot.testing.bot import TestBot

    made: list[TestBot] = []

    def make(*routers: Any, **options: Any) -> "TestBot":
        made.append(TestBot(*routers, **options))
        return made[-1]

    yield make
    for bot in made:
        bot.close()


@pytest.fixture(scope="session")
def _linda_whatsapp(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[WhatsApp]":
    """The server of the session."""
    from linda_bot.kernel.errors import UsageError

    try:
        import zxingcpp  # noqa: F401 (reads the bot's screen; the sandbox imports it late)

        import linda_bot.testing.sandbox as kit
    except ImportError as error:
        pytest.skip(f"needs the sandbox ({error.name} is missing): pip install 'linda-bot[sandbox]'")
    try:
        server = kit.WhatsApp(tmp_path_factory.mktemp("whatsapp"))
    except UsageError as error:
        pytest.skip(str(error))
    yield server
    server.close()


@pytest.fixture
def whatsapp(_linda_whatsapp: "WhatsApp") -> "Iterator[WhatsApp]":
    """A WhatsApp on this machine, shared by the session's tests; faults end with the test."""
    yield _linda_whatsapp
    _linda_whatsapp.clear()


@pytest.fixture
def make_contact(_linda_whatsapp: "WhatsApp") -> "MakeContact":
    """Make people who write to bots with a real client: `make_contact("15550001111", "Bob")`."""

    def make(number: str, name: str = "") -> "Person":
        person = _linda_whatsapp.person(number, name)
        person.received()  # what came in another test is not of interest
        return person

    return make


@pytest.fixture
def contact(_linda_whatsapp: "WhatsApp") -> "Person":
    """Ann, who writes to bots with a real client."""
    from linda_bot.testing.people import ANN

    person = _linda_whatsapp.person(ANN.number, ANN.name)
    person.received()
    return person


@pytest.fixture
def make_linked_bot(_linda_whatsapp: "WhatsApp", request: pytest.FixtureRequest) -> "Iterator[MakeLinkedBot]":
    """Run bots as people do, linked: `make_linked_bot("my_bot.py", LINDA_COMMAND_PREFIX="/")`."""
    made: list[LinkedBot] = []

    def make(handlers: str | Path | None = None, **settings: str) -> "LinkedBot":
        found = _found(handlers, request) if handlers is not None else _handlers_of(request)
        made.append(_linda_whatsapp.bot(found, settings, importable=request.config.rootpath))
        return made[-1]

    yield make
    for bot in made:
        bot.close()


@pytest.fixture
def linked_bot(_linda_whatsapp: "WhatsApp", request: pytest.FixtureRequest) -> "Iterator[LinkedBot]":
    """`linda-bot run` with your handlers, linked; which ones is said by the mark or the setting `linda_handlers`."""
    bot = _linda_whatsapp.bot(_handlers_of(request), {}, importable=request.config.rootpath)
    _linda_whatsapp.forget_messages()
    yield bot
    bot.close()


def _handlers_of(request: pytest.FixtureRequest) -> str:
    marker = request.node.get_closest_marker(_INI)
    named = str(marker.args[0]) if marker and marker.args else str(request.config.getini(_INI))
    if not named:
        pytest.fail(
            f'say which handlers to run: @pytest.mark.{_INI}("my_bot.py"), or {_INI} = my_bot.py', pytrace=False
        )
    return _found(named, request)


def _found(handlers: str | Path, request: pytest.FixtureRequest) -> str:
    """Return where a handler file is: beside the test, or where pytest's settings are; a module as it is."""
    if not str(handlers).endswith(".py"):
        return str(handlers)
    places = [directory / handlers for directory in (request.path.parent, request.config.rootpath)]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        pytest.fail(f"there is no handler file {' or '.join(map(str, places))}", pytrace=False)
    return str(file)
