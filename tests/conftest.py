"""What every test needs: nobody's own settings, and a directory to work in that is not the checkout."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.postgres import Server, find_binaries, running_server

# No deadline: a busy machine is no fault of the code. The same examples in each run, so that a red build can be
# repeated; HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the number of random damages, of deaths and of waiting messages be chosen."""
    group = parser.getgroup("linda-bot")
    group.addoption("--damages", type=int, help="how many random damages the bot has to survive (default: 9)")
    group.addoption("--all-faults", action="store_true", help="also those faults whose end takes a minute to come")
    group.addoption("--damage-seed", type=int, help="the first of them; without --damages, the only one")
    group.addoption("--kills", type=int, default=4, help="how often the bot is killed in a flood (default: 4)")
    group.addoption("--flood", type=int, default=500, help="how many messages wait before a start (default: 500)")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what takes a minute, unless it is asked for."""
    if item.get_closest_marker("rare") and not item.config.getoption("--all-faults"):
        pytest.skip("see --all-faults")


@pytest.fixture(scope="session", autouse=True)
def _no_loop_unasked() -> None:
    """Let there be no event loop outside of async tests.

    looptime asks the policy for one in sync tests too; before the first async test that would make a loop that
    nobody closes (Python 3.11) or a deprecation warning (3.12, 3.13).
    """
    asyncio.set_event_loop(None)


@pytest.fixture(autouse=True)
def _nobodys_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide LINDA_ variables, proxies and a `.env`, so that a contributor's running bot changes no test."""
    for name in tuple(os.environ):
        if name.startswith("LINDA_") or name.upper() in {"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"}:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server of this test run's own; `new_database` makes an empty database in it."""
    binaries = find_binaries()
    if binaries is None:
        assert os.environ.get("POSTGRES_TESTS") != "required", "there is no PostgreSQL; see scripts/postgres"
        pytest.skip("there is no PostgreSQL; scripts/postgres installs it")
    with running_server(binaries) as server:
        yield server
