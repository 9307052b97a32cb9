"""The session's files under the link's hands: nobody comes in between, nobody leaves half-way."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from linda_bot.connection import session_files
from linda_bot.connection.session_files import StoredSession
from linda_bot.kernel.flock import locked
from linda_bot.sessions.book import SessionBook
from linda_bot.sessions.paths import SessionPaths


@pytest.fixture
def paths(tmp_path: Path) -> SessionPaths:
    """A session directory with nothing in it."""
    found = SessionPaths(tmp_path, "default")
    found.directory.mkdir(parents=True)
    found.cache.mkdir()
    return found


async def test_what_was_begun_is_ended_before_the_next_begins(
    paths: SessionPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop in the middle of a look: the orderly end is marked after it, not during it."""
    order: list[str] = []

    def slow_look(_paths: SessionPaths) -> None:
        order.append("look begins")
        time.sleep(0.2)
        order.append("look ends")

    monkeypatch.setattr(session_files, "open_session", slow_look)
    monkeypatch.setattr(session_files, "close_session", lambda _paths: order.append("closed"))
    session = StoredSession(paths, SessionBook(paths))
    looking = asyncio.create_task(session.look())
    while not order:
        await asyncio.sleep(0.01)
    looking.cancel()
    await session.close()

    assert order == ["look begins", "look ends", "closed"]
    with pytest.raises(asyncio.CancelledError):
        await looking


async def test_a_backup_that_is_being_made_is_retired_with_the_others(
    paths: SessionPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is of the same linking: without that it would be put back one day."""
    order: list[str] = []
    monkeypatch.setattr(session_files, "retire", lambda *_: order.append("retired"))
    session = StoredSession(paths, SessionBook(paths))
    with locked(paths.backup_lock, wait_s=0):
        retiring = asyncio.create_task(session.retire("removed"))
        await asyncio.sleep(0.1)
        order.append("backup made")
    await retiring

    assert order == ["backup made", "retired"]


async def test_the_history_outlives_a_session_that_is_set_aside(paths: SessionPaths) -> None:
    """Also when nothing has happened yet since the start."""
    earlier = SessionBook(paths)
    earlier.note("device_linked")
    await earlier.close()
    paths.store.write_bytes(b"junk")
    book = SessionBook(paths)
    await StoredSession(paths, book).set_aside("it is damaged")
    book.note("session_quarantined")
    await book.close()

    history = json.loads(paths.history.read_text())
    assert [entry["eventType"] for entry in history] == ["device_linked", "session_quarantined"]
