"""What needs the sandbox, where linda-bot was installed without it."""

from pathlib import Path

import pytest

from linda_bot.kernel.errors import ExitCode
from tests.support.commands import run_command
from tests.support.lacking import hide

OF_THE_SANDBOX = ("cryptography", "trustme", "xeddsa", "zxingcpp")
"""What `pip install 'linda-bot[sandbox]'` brings, as modules."""


@pytest.mark.parametrize("hidden", [OF_THE_SANDBOX, *((name,) for name in OF_THE_SANDBOX)], ids="+".join)
@pytest.mark.parametrize("words", [("rehearse",), ("demo",), ("sandbox", "serve", "play")], ids=" ".join)
async def test_what_to_install_is_said_in_one_line(
    words: tuple[str, ...], hidden: tuple[str, ...], tmp_path: Path
) -> None:
    """Whichever of the libraries is missing, exit code 2, and nothing was begun."""
    ran = await run_command(*words, environment=hide(hidden, tmp_path))

    assert ran.code == ExitCode.USAGE, ran.told
    (line,) = ran.told.splitlines()
    assert "pip install 'linda-bot[sandbox]'" in line
    assert "is missing" in line
    assert ran.out == ""
    assert not (tmp_path / "play").exists()


async def test_the_rest_needs_no_extra(tmp_path: Path) -> None:
    """A bot without a sandbox looks after itself: what is hidden is not asked for."""
    environment = hide((*OF_THE_SANDBOX, "apprise"), tmp_path)

    assert (await run_command("--version", environment=environment)).code == 0
    assert (await run_command("backups", "--data-dir", tmp_path / "bot", environment=environment)).code == 0
    ended = await run_command("run", "--no-qr", "--data-dir", tmp_path / "bot", environment=environment)
    assert ended.code == ExitCode.LINKING_NEEDED, ended.told
