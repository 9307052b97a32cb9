"""A server for clients that speak the protocol themselves."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from linda_bot.sandbox.server import Sandbox
from tests.unit.sandbox.dictionary import TOKENS


@pytest.fixture(autouse=True)
def dictionary(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sides use the same words; no child process reads them out of the library."""
    monkeypatch.setattr("linda_bot.sandbox.server.load_tokens", lambda _: TOKENS)


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """A server with nobody on it; no session of it may fail."""
    async with Sandbox(tmp_path / "sandbox") as running:
        yield running
        assert running.counts["failed"] == 0


@pytest.fixture
async def lines() -> AsyncIterator[AsyncExitStack]:
    """Lines that are closed after the test."""
    async with AsyncExitStack() as stack:
        yield stack
