"""Blows to one file: bits, ends, kinds and modes of it, and JSON that nobody has written."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from random import Random

PRECIOUS = b"somebody's own file\n"
"""What is in a directory that stands in the place of a file; it must not be deleted either."""

_PAGE = 4096
_DEEP = 200_000
_HUGE = 2_000_000
_HOSTILE: tuple[object, ...] = (
    None,
    True,
    -1,
    2**63,
    2**200,
    1.5,
    float("inf"),
    "",
    "x" * 100_000,
    "\x1b[2J\u202e\x00",
    "\ud800",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999Z",
    "2026-02-30T00:00:00Z",
    [],
    {},
    [[]],
    {"a": {"b": None}},
)

Blow = Callable[[Random, Path], str]
"""Damages one file, which may be missing, and says how; says nothing where it cannot."""


def flip(chance: Random, path: Path) -> str:
    """Flip bits anywhere."""
    data = bytearray(content_of(path))
    if not data:
        return ""
    flips = chance.choice((1, 1, 8, 64, 1000))
    for _ in range(flips):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    return f"has {flips} flipped bits"


def flip_early(chance: Random, path: Path) -> str:
    """Flip one bit where a header is."""
    data = bytearray(content_of(path))
    if not data:
        return ""
    place = chance.randrange(min(len(data), 120))
    data[place] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    return f"has a flipped bit at {place}"


def wipe(chance: Random, path: Path) -> str:
    """Overwrite a page."""
    data = bytearray(content_of(path))
    start = chance.randrange(len(data) // _PAGE + 1) * _PAGE
    with_what = chance.choice((bytes(_PAGE), chance.randbytes(_PAGE)))
    data[start : start + _PAGE] = with_what
    path.write_bytes(data)
    return f"has a page of {'zeros' if not any(with_what) else 'noise'} at {start}"


def truncate(chance: Random, path: Path) -> str:
    """Cut the end off."""
    data = content_of(path)
    length = chance.randrange(len(data) + 1)
    if chance.random() < 0.3:
        length -= length % _PAGE
    path.write_bytes(data[:length])
    return f"cut to {length} bytes"


def append(chance: Random, path: Path) -> str:
    """Add noise at the end."""
    path.write_bytes(content_of(path) + chance.randbytes(chance.choice((1, 100, _PAGE))))
    return "with noise at its end"


def empty(_chance: Random, path: Path) -> str:
    """Leave nothing in it."""
    path.write_bytes(b"")
    return "emptied"


def remove(_chance: Random, path: Path) -> str:
    """Delete it."""
    if not path.exists():
        return ""
    path.unlink()
    return "deleted"


def put_directory(chance: Random, path: Path) -> str:
    """Put a directory in its place."""
    path.unlink(missing_ok=True)
    path.mkdir()
    if chance.random() < 0.5:
        return "is an empty directory"
    (path / "precious").write_bytes(PRECIOUS)
    return "is a directory with a file"


def set_mode(chance: Random, path: Path) -> str:
    """Give it a mode that it should not have."""
    mode = chance.choice((0o000, 0o777, 0o400, 0o200))
    if not path.exists():
        return ""
    if stat.S_ISDIR(path.stat().st_mode) and os.geteuid() != 0:
        mode = 0o777  # a directory of mode 0 could not be looked into by the test either
    path.chmod(mode)
    return f"with mode {mode:04o}"


def junk(chance: Random, path: Path) -> str:
    """Put noise in its place."""
    path.write_bytes(chance.randbytes(chance.choice((1, 100, 10_000))))
    return "is junk"


def half_of_the_store(_chance: Random, path: Path) -> str:
    """Put half of the store in its place."""
    store = path.with_name("session.db")
    data = content_of(store)
    path.write_bytes(data[: len(data) // 2])
    return "is half of the store"


ON_FILES: tuple[Blow, ...] = (
    flip, flip, flip_early, wipe, truncate, append, empty, remove, put_directory, set_mode, junk,
)  # fmt: skip


def _no_object(chance: Random, path: Path) -> str:
    text = chance.choice(("null", "[]", "{}", "1e999", "NaN", '"text"', "[" * 3, "{}{}", " ", "-", '{"a":1,"a":[}'))
    path.write_text(text)
    return f"holds {text!r}"


def _deep(_chance: Random, path: Path) -> str:
    path.write_text("[" * _DEEP + "]" * _DEEP)
    return "holds lists in lists in lists"


def _huge(chance: Random, path: Path) -> str:
    path.write_text(chance.choice(("[" + "1," * _HUGE + "1]", '{"a":"' + "x" * _HUGE * 4 + '"}', "9" * 10_000)))
    return "is huge"


def _not_utf8(chance: Random, path: Path) -> str:
    path.write_bytes(chance.choice((b'{"number": "\xff\xfe"}', '{"number": "1"}'.encode("utf-16"), b"\xc3\x28")))
    return "is not UTF-8"


def _symlink(chance: Random, path: Path) -> str:
    path.unlink(missing_ok=True)
    target = chance.choice(("nowhere", path.name, "session.db", "/proc/self/mem", "/dev/null"))
    path.symlink_to(target)
    return f"is a link to {target}"


def _hostile_values(chance: Random, path: Path) -> str:
    try:
        content = json.loads(content_of(path))
    except ValueError:
        content = None
    places = [content] if not isinstance(content, list) else content
    objects = [each for each in places if isinstance(each, dict) and each]
    if not objects:
        return _no_object(chance, path)
    inside = chance.choice(objects)
    told = []
    for key in chance.sample(sorted(inside), chance.randint(1, min(3, len(inside)))):
        inside[key] = chance.choice(_HOSTILE)
        told.append(f"{key}={str(inside[key])[:30]!a}")
    path.write_text(json.dumps(content))
    return f"says {', '.join(told)}"


ON_JSON: tuple[Blow, ...] = (_no_object, _deep, _huge, _not_utf8, _symlink, _hostile_values, _hostile_values)


def content_of(path: Path) -> bytes:
    """Return a file's content; nothing for what cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
