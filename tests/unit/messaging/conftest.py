"""Mailboxes are opened by the hundred here: not on a disk that syncs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import Server
from tests.support.quick_disk import quick_directory


@pytest.fixture
def mail_path() -> Iterator[Path]:
    """Return a directory for a mailbox."""
    with quick_directory() as directory:
        yield directory


@pytest.fixture(scope="session")
def mail_address(postgres: Server) -> str:
    """Return a database for mailboxes, one account each."""
    return postgres.new_database()
