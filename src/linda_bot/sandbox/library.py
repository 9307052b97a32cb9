"""The installed client library, without importing it: where it lies in memory, the root key it trusts, its protobufs.

The package `neonize` takes a third of a second to import; loading its shared library alone takes a few milliseconds.
This file is on the start path of the sandbox's engine, so it imports next to nothing.
"""

import ctypes
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from linda_bot.kernel.errors import UsageError

HOST = "web.whatsapp.com"
"""What the client library dials."""

MEDIA_HOST = "mmg.whatsapp.net"
"""Where our server sends it for files; it dials what it is told, without asking twice."""

ROOT_KEY = bytes.fromhex("142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b")
"""The public key that whatsmeow trusts (whatsmeow handshake.go, WACertPubKey)."""


class BadMessageError(Exception):
    """Bytes that are not the protobuf message that they should be."""


class Mapping(NamedTuple):
    """A readable part of the shared library in this process's memory."""

    start: int
    end: int
    writable: bool

    def read(self) -> bytes:
        """Return a copy of it."""
        return ctypes.string_at(self.start, self.end - self.start)


def replace_root_key(new_key: bytes) -> None:
    """Make the client library in this process trust another root; only the sandbox's engine does that.

    Raises UsageError when the key is not there exactly once.
    """
    if len(new_key) != len(ROOT_KEY):
        message = f"a root key has {len(ROOT_KEY)} bytes, not {len(new_key)}"
        raise UsageError(message)
    places = [
        mapping.start + offset
        for mapping in load_and_map()
        if mapping.writable
        for offset in find_all(mapping.read(), ROOT_KEY)
    ]
    if len(places) != 1:
        raise UsageError(not_found("the root key", len(places)))
    ctypes.memmove(places[0], new_key, len(new_key))


def protobufs(name: str) -> ModuleType:
    """Import one of the library's protobuf modules, for example `waAdv.WAAdv_pb2`, without the library."""
    directory = str(_package() / "proto")
    if directory not in sys.path:
        sys.path.append(directory)
    return importlib.import_module(name)


def parse(kind: Any, data: bytes) -> Any:
    """Return the protobuf message of a class that some bytes are; raises BadMessageError."""
    try:
        return kind.FromString(data)
    except Exception as error:  # protobuf's own exception cannot be named without importing protobuf
        message = f"these bytes are no {kind.__name__}"
        raise BadMessageError(message) from error


def library_version() -> str:
    """Return the installed version of neonize."""
    from importlib.metadata import version  # several milliseconds; on the start path only a failure needs it

    return version("neonize")


def library_file() -> Path:
    """Return the shared library; raises UsageError when there is not exactly one."""
    found = [*_package().glob("neonize-*.so"), *_package().glob("neonize-*.dylib")]
    if len(found) != 1:
        raise UsageError(not_found("the shared library", len(found)))
    return found[0]


def load_and_map() -> list[Mapping]:
    """Load the shared library and return where it lies in memory; raises UsageError where that cannot be known."""
    library = library_file()
    ctypes.CDLL(str(library))
    try:
        maps = Path("/proc/self/maps").read_text()
    except OSError:
        message = f"the sandbox needs /proc, which this system ({sys.platform}) does not have; run it on Linux"
        raise UsageError(message) from None
    return list(mappings_of(maps, str(library.resolve())))


def mappings_of(maps: str, library: str) -> Iterator[Mapping]:
    """Yield the readable mappings of a file (format: proc(5))."""
    for line in maps.splitlines():
        place, mode, _offset, _device, _inode, *name = line.split(maxsplit=5)
        if name and name[0] == library and mode.startswith("r"):
            start, _, end = place.partition("-")
            yield Mapping(int(start, 16), int(end, 16), "w" in mode)


def find_all(data: bytes, wanted: bytes) -> Iterator[int]:
    """Yield every place of some bytes."""
    offset = data.find(wanted)
    while offset >= 0:
        yield offset
        offset = data.find(wanted, offset + 1)


def not_found(what: str, times: int) -> str:
    """Say that the library is not built as the sandbox knows it."""
    return (
        f"neonize {library_version()} keeps {what} in another way than the sandbox knows (found {times} times); "
        "use neonize 0.5.2"
    )


def _package() -> Path:
    spec = importlib.util.find_spec("neonize")
    if spec is None or spec.origin is None:
        message = "neonize is not installed; install it: pip install neonize"
        raise UsageError(message)
    return Path(spec.origin).parent
