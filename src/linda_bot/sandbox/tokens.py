"""The token dictionaries of the binary node format, read out of the installed client library.

`python -m linda_bot.sandbox.tokens` prints them as JSON. It runs in a process of its own, because it loads the shared
library with its Go runtime, which nobody wants in the process of the server.
"""

import ctypes
import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.files import UnreadableFileError, read_json, write_json
from linda_bot.sandbox.library import find_all, library_file, library_version, load_and_map, not_found

_FIRST_TOKEN = b"xmlstreamstart"
_FIRST_DOUBLES = ("read-self", "reject", "64", "1724")
_SINGLES = 236
_DOUBLES = 256
_STRING_HEADER = struct.Struct("<QQ")
_LONGEST_TOKEN = 100
_WITHIN_S = 60


class Tokens(NamedTuple):
    """The dictionaries of the binary node format, version 3."""

    single: tuple[str, ...]
    double: tuple[tuple[str, ...], ...]


def load_tokens(directory: Path) -> Tokens:
    """Return the dictionaries of the installed library; kept in a directory, because reading them takes a process.

    Raises UsageError, in one line that names the library's version, when they are not found.
    """
    kept = directory / f"tokens-{library_version()}-{library_file().stat().st_size}.json"
    try:
        return _checked(read_json(kept))
    except (UnreadableFileError, KeyError, TypeError, ValueError):
        pass
    child = subprocess.run(  # noqa: S603 (our own module)
        [sys.executable, "-m", __name__], capture_output=True, text=True, check=False, timeout=_WITHIN_S
    )
    if child.returncode:
        lines = child.stderr.strip().splitlines()
        raise UsageError(lines[-1] if lines else f"reading neonize's dictionaries failed (exit {child.returncode})")
    found = json.loads(child.stdout)
    tokens = _checked(found)
    write_json(kept, found)
    return tokens


def find_tokens() -> Tokens:
    """Find the dictionaries in this process's memory; loads the shared library.

    Go keeps a string as a pointer and a length: the first token's header is element 1 of the table of single-byte
    tokens, and the double-byte tables follow it at once. Raises UsageError when that is not so.
    """
    mappings = load_and_map()
    texts = [mapping.start + offset for mapping in mappings for offset in find_all(mapping.read(), _FIRST_TOKEN)]
    headers = [_STRING_HEADER.pack(address, len(_FIRST_TOKEN)) for address in texts]
    tables = [
        mapping.start + offset - _STRING_HEADER.size
        for mapping in mappings
        for header in headers
        for offset in find_all(mapping.read(), header)
    ]
    if len(tables) != 1:
        raise UsageError(not_found("the token table", len(tables)))
    single = _read_strings(tables[0], _SINGLES)
    after = tables[0] + _SINGLES * _STRING_HEADER.size
    double = tuple(
        _read_strings(after + table * _DOUBLES * _STRING_HEADER.size, _DOUBLES) for table in range(len(_FIRST_DOUBLES))
    )
    if tuple(table[0] for table in double) != _FIRST_DOUBLES:
        raise UsageError(not_found("the double-byte token tables", 0))
    return Tokens(single, double)


def _read_strings(address: int, count: int) -> tuple[str, ...]:
    headers = ctypes.string_at(address, count * _STRING_HEADER.size)
    strings = []
    for pointer, length in _STRING_HEADER.iter_unpack(headers):
        if length > _LONGEST_TOKEN:
            raise UsageError(not_found("the token table", 0))
        strings.append(ctypes.string_at(pointer, length).decode() if length else "")
    return tuple(strings)


def _checked(found: object) -> Tokens:
    """Return dictionaries of the right sizes; raises KeyError, TypeError or ValueError for others."""
    if not isinstance(found, dict):
        raise TypeError(found)
    tokens = Tokens(tuple(found["single"]), tuple(tuple(table) for table in found["double"]))
    sizes = [len(tokens.single), *(len(table) for table in tokens.double)]
    if sizes != [_SINGLES, *(_DOUBLES for _ in _FIRST_DOUBLES)]:
        raise ValueError(sizes)
    return tokens


if __name__ == "__main__":
    try:
        json.dump(find_tokens()._asdict(), sys.stdout)
    except UsageError as error:
        sys.exit(str(error))
