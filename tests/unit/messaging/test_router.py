"""Which handler a text goes to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot import Message, Router
from linda_bot.kernel.errors import UsageError
from linda_bot.messaging.router import find_route, split_command


async def nothing(message: Message) -> None:
    """Do nothing."""


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("!ping", ("ping", "")),
        ("!PING", ("ping", "")),
        ("!say  hello  there ", ("say", "hello  there")),
        ("!say\nhello", ("say", "hello")),
        ("! ping", ("ping", "")),
        ("!", ("", "")),
        ("ping", ("", "")),
        ("", ("", "")),
        ("hi !ping", ("", "")),
    ],
)
def test_a_command_is_its_first_word(text: str, command: tuple[str, str]) -> None:
    """The prefix, a word, and the rest."""
    assert command == split_command(text, "!")


@given(st.text())
def test_no_text_breaks_the_split(text: str) -> None:
    """Whatever strangers write."""
    word, _ = split_command(text, "!")

    assert not any(letter.isspace() for letter in word)


def test_commands_come_before_general_handlers() -> None:
    """A bot's own catch-all does not swallow the built-in commands."""
    users, builtin = Router(), Router()
    users.message()(nothing)
    builtin.command("ping")(nothing)

    found = find_route("!ping now", "!", [users, builtin])
    assert found is not None
    assert (found.name, found.arguments) == ("ping", "now")
    general = find_route("good day", "!", [users, builtin])
    assert general is not None
    assert general.name == "nothing"


def test_an_own_command_replaces_a_builtin_one() -> None:
    """The first router wins."""
    users, builtin = Router(), Router()

    @users.command("ping")
    async def my_ping(message: Message) -> None:
        """Mine."""

    builtin.command("ping")(nothing)

    found = find_route("!ping", "!", [users, builtin])
    assert found is not None
    assert found.handler is my_ping


def test_nobody_may_want_a_message() -> None:
    """No handler is no error."""
    assert find_route("hello", "!", [Router()]) is None


def test_a_command_name_is_one_word() -> None:
    """Said in one line, with the name."""
    with pytest.raises(UsageError, match="one word, not 'say hello'"):
        Router().command("say hello")


def test_a_command_has_one_handler() -> None:
    """Two would be a riddle."""
    router = Router()
    router.command("ping")(nothing)

    with pytest.raises(UsageError, match="two handlers"):
        router.command("Ping")


def test_the_help_text_is_the_docstring() -> None:
    """Unless another is given."""
    router = Router()
    router.command("a")(nothing)
    router.command("b", help="other")(nothing)

    assert [command.help for command in router.commands.values()] == ["Do nothing.", "other"]
