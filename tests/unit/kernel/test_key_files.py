"""Keys in files of their own."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from linda_bot.kernel.key_files import KEY_BYTES, make_key, read_key, replace_key


def test_made_once(tmp_path: Path) -> None:
    """Kept where nobody else can read it, with nothing left beside it."""
    path = tmp_path / "sessions" / ".key"
    assert read_key(path) is None
    key = make_key(path)
    assert make_key(path) == read_key(path) == key
    assert len(key) == KEY_BYTES
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    fresh = replace_key(path)
    assert read_key(path) == fresh != key
    assert list(path.parent.iterdir()) == [path]


def test_two_make_one(tmp_path: Path) -> None:
    """Bots that start together have the same."""
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: make_key(tmp_path / ".key"), range(40)))) == 1
    assert [file.name for file in tmp_path.iterdir()] == [".key"]


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_what_is_no_key_is_replaced(tmp_path: Path, content: bytes) -> None:
    """It is of use to nobody."""
    path = tmp_path / ".key"
    path.write_bytes(content)
    assert read_key(path) is None
    assert make_key(path) == read_key(path)


def test_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system that knows none."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links")

    monkeypatch.setattr(os, "link", refuse)
    key = make_key(tmp_path / ".key")
    assert read_key(tmp_path / ".key") == key
    assert [file.name for file in tmp_path.iterdir()] == [".key"]


def test_where_nothing_can_be_kept(tmp_path: Path) -> None:
    """That is told, and the old one stays."""
    path = tmp_path / ".key"
    path.mkdir()
    for change in (make_key, replace_key):
        with pytest.raises(OSError, match="directory"):
            change(path)
    assert path.is_dir()
