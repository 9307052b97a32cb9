"""What is read out of the installed client library instead of being copied: token tables, root key, protobufs.

The shared library is looked at in the memory of a process that has loaded it; the package `neonize` itself, which
takes a third of a second to import, is not imported.
"""

import ctypes
import importlib
import importlib.util
import json
import platform
import struct
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.files import UnreadableFileError, read_json, write_json

ROOT_KEY = bytes.fromhex("142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b")
"""The public key that whatsmeow trusts (whatsmeow handshake.go, WACertPubKey)."""

_FIRST_TOKEN = b"xmlstreamstart"
_SINGLES = 236
_DOUBLE_TABLES, _DOUBLES = 4, 256
_STRING_HEADER = struct.Struct("<QQ")
_LONGEST_TOKEN = 100


class Tokens(NamedTuple):
    """The dictionaries of the binary node format, version 3."""

    single: tuple[str, ...]
    double: tuple[tuple[str, ...], ...]


class _Mapping(NamedTuple):
    start: int
    end: int
    writable: bool

    def read(self) -> bytes:
        return ctypes.string_at(self.start, self.end - self.start)


def load_tokens(directory: Path) -> Tokens:
    """Return the token tables of the installed library; kept in a directory, because reading them takes a process.

    Raises UsageError, in one line that names the library's version, when they are not found.
    """
    kept = directory / f"tokens-{version('neonize')}.json"
    try:
        return _tokens(read_json(kept))
    except (UnreadableFileError, TypeError, ValueError):
        pass
    child = subprocess.run(  # noqa: S603 (our own module)
        [sys.executable, "-m", __name__], capture_output=True, text=True, check=False, timeout=60
    )
    if child.returncode:
        raise UsageError(child.stderr.strip().splitlines()[-1] if child.stderr.strip() else "cannot read the library")
    found = json.loads(child.stdout)
    tokens = _tokens(found)
    write_json(kept, found)
    return tokens


def replace_root_key(new_key: bytes) -> None:
    """Make the client library in this process trust another root; only the sandbox's engine does that.

    Raises UsageError when the key is not there exactly once.
    """
    if len(new_key) != len(ROOT_KEY):
        message = "a root key has 32 bytes"
        raise UsageError(message)
    places = [
        mapping.start + offset
        for mapping in _load_and_map()
        if mapping.writable
        for offset in _find_all(mapping.read(), ROOT_KEY)
    ]
    if len(places) != 1:
        raise UsageError(_not_found("the root key", len(places)))
    ctypes.memmove(places[0], new_key, len(new_key))


def protobufs(name: str) -> ModuleType:
    """Import one of the library's protobuf modules, for example `waAdv.WAAdv_pb2`, without the library."""
    directory = str(_package() / "proto")
    if directory not in sys.path:
        sys.path.append(directory)
    return importlib.import_module(name)


def find_tokens() -> Tokens:
    """Find the token tables in this process's memory; loads the shared library.

    Go keeps a string as a pointer and a length: the first token's header is element 1 of the table of single-byte
    tokens, and the double-byte tables follow.
    """
    mappings = _load_and_map()
    texts = [mapping.start + offset for mapping in mappings for offset in _find_all(mapping.read(), _FIRST_TOKEN)]
    headers = [_STRING_HEADER.pack(address, len(_FIRST_TOKEN)) for address in texts]
    tables = [
        mapping.start + offset - _STRING_HEADER.size
        for mapping in mappings
        for header in headers
        for offset in _find_all(mapping.read(), header)
    ]
    if len(tables) != 1:
        raise UsageError(_not_found("the token table", len(tables)))
    single = _read_strings(tables[0], _SINGLES)
    after = tables[0] + _SINGLES * _STRING_HEADER.size
    double = tuple(
        _read_strings(after + table * _DOUBLES * _STRING_HEADER.size, _DOUBLES) for table in range(_DOUBLE_TABLES)
    )
    if tuple(table[0] for table in double) != ("read-self", "reject", "64", "1724"):
        raise UsageError(_not_found("the double-byte token tables", 0))
    return Tokens(single, double)


def _read_strings(address: int, count: int) -> tuple[str, ...]:
    headers = ctypes.string_at(address, count * _STRING_HEADER.size)
    strings = []
    for pointer, length in _STRING_HEADER.iter_unpack(headers):
        if length > _LONGEST_TOKEN:
            raise UsageError(_not_found("the token table", 0))
        strings.append(ctypes.string_at(pointer, length).decode() if length else "")
    return tuple(strings)


def _tokens(found: object) -> Tokens:
    if not isinstance(found, dict):
        raise TypeError(found)
    return Tokens(tuple(found["single"]), tuple(tuple(table) for table in found["double"]))


def _package() -> Path:
    spec = importlib.util.find_spec("neonize")
    if spec is None or spec.origin is None:
        message = "neonize is not installed; install it: pip install neonize"
        raise UsageError(message)
    return Path(spec.origin).parent


def _load_and_map() -> list[_Mapping]:
    """Load the shared library and return where it lies in memory."""
    libraries = [*_package().glob("neonize-*.so"), *_package().glob("neonize-*.dylib")]
    if len(libraries) != 1:
        raise UsageError(_not_found("the shared library", len(libraries)))
    ctypes.CDLL(str(libraries[0]))
    try:
        maps = Path("/proc/self/maps").read_text()
    except OSError:
        message = f"the sandbox needs /proc, which {platform.system()} does not have; run it on Linux"
        raise UsageError(message) from None
    return list(_mappings_of(maps, str(libraries[0].resolve())))


def _mappings_of(maps: str, library: str) -> Iterator[_Mapping]:
    """Yield the readable mappings of a file (format: proc(5))."""
    for line in maps.splitlines():
        place, mode, _offset, _device, _inode, *name = line.split(maxsplit=5)
        if name and name[0] == library and mode.startswith("r"):
            start, _, end = place.partition("-")
            yield _Mapping(int(start, 16), int(end, 16), "w" in mode)


def _find_all(data: bytes, wanted: bytes) -> Iterator[int]:
    offset = data.find(wanted)
    while offset >= 0:
        yield offset
        offset = data.find(wanted, offset + 1)


def _not_found(what: str, times: int) -> str:
    return (
        f"neonize {version('neonize')} keeps {what} in another way than the sandbox knows (found {times} times); "
        "use neonize 0.5.2"
    )


if __name__ == "__main__":
    try:
        json.dump(find_tokens()._asdict(), sys.stdout)
    except UsageError as error:
        sys.exit(str(error))
