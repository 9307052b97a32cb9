"""Mailboxes are opened by the hundred here: not on a disk that syncs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.quick_disk import quick_directory


@pytest.fixture
def mail_path() -> Iterator[Path]:
    """Return a directory for a mailbox."""
    with quick_directory() as directory:
        yield directory
