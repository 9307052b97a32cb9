"""Finding one's way in the memory of the client library."""

import json
from pathlib import Path

import pytest

from linda_bot.kernel.errors import UsageError
from linda_bot.sandbox import library, tokens
from linda_bot.sandbox.engine import prepare
from linda_bot.sandbox.library import Mapping, find_all, mappings_of
from tests.unit.sandbox.dictionary import TOKENS

MAPS = """\
7f0000000000-7f0000001000 r--p 00000000 fd:00 11 /a b/lib.so
7f0000001000-7f0000002000 rw-p 00001000 fd:00 11 /a b/lib.so
7f0000002000-7f0000003000 ---p 00002000 fd:00 11 /a b/lib.so
7f0000003000-7f0000004000 rw-p 00000000 00:00 0
7f0000004000-7f0000005000 rw-p 00000000 fd:00 12 /a b/lib.so.other
"""


def test_the_mappings_of_one_file() -> None:
    """Readable ones only; a path may have spaces."""
    assert list(mappings_of(MAPS, "/a b/lib.so")) == [
        Mapping(0x7F0000000000, 0x7F0000001000, writable=False),
        Mapping(0x7F0000001000, 0x7F0000002000, writable=True),
    ]


def test_every_place_is_found() -> None:
    """Overlapping ones as well."""
    assert list(find_all(b"aaxaa a", b"aa")) == [0, 3]
    assert list(find_all(b"aaa", b"aa")) == [0, 1]


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"HTTPS_PROXY": ""},
        {"HTTPS_PROXY": "http://192.0.2.1:8080"},
        {"HTTPS_PROXY": "http://127.0.0.1@192.0.2.1:8080"},
        {"HTTPS_PROXY": "http://127.0.0.1:1", "https_proxy": "http://192.0.2.1:1"},
        {"HTTPS_PROXY": "http://127.0.0.1.example:1"},
        {"HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": "*"},
        {"HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": "localhost,web.whatsapp.com:443"},
        {"HTTPS_PROXY": "http://127.0.0.1:1", "no_proxy": "localhost, .whatsapp.com"},
        {"HTTPS_PROXY": "http://127.0.0.1:1", "no_proxy": "mmg.whatsapp.net"},
        {"HTTPS_PROXY": "http://127.0.0.1:1", "no_proxy": "whatsapp.net"},
        {"HTTP_PROXY": "http://127.0.0.1:1"},
    ],
)
def test_the_sandbox_engine_refuses_to_leave_the_machine(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing in memory is changed before that is sure."""
    monkeypatch.setattr("linda_bot.sandbox.engine.replace_root_key", lambda _: pytest.fail("the root was replaced"))

    with pytest.raises(UsageError, match="only behind a sandbox on this machine"):
        prepare({"LINDA_SANDBOX_ROOT": "00" * 32, **environment})


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_the_sandbox_engine_trusts_the_root_it_is_given(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a proxy on the loopback interface."""
    roots: list[bytes] = []
    monkeypatch.setattr("linda_bot.sandbox.engine.replace_root_key", roots.append)

    prepare({"HTTPS_PROXY": f"http://{host}:1", "no_proxy": "127.0.0.1,.example.org", "LINDA_SANDBOX_ROOT": "ab" * 32})

    assert roots == [b"\xab" * 32]


@pytest.mark.parametrize("root", ["", "zz", "ab" * 31])
def test_a_root_that_is_no_key_is_refused(root: str) -> None:
    """Before anything is looked at."""
    with pytest.raises(UsageError, match="32 bytes"):
        prepare({"HTTPS_PROXY": "http://127.0.0.1:1", "LINDA_SANDBOX_ROOT": root})


@pytest.mark.parametrize("copies", [0, 2])
def test_a_library_that_is_built_in_another_way(copies: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The root key must be there exactly once; the error names the version."""
    import ctypes

    content = library.ROOT_KEY * copies + b"\x00" * 64
    memory = ctypes.create_string_buffer(content, len(content))
    start = ctypes.addressof(memory)
    monkeypatch.setattr(library, "load_and_map", lambda: [Mapping(start, start + len(content), writable=True)])

    with pytest.raises(UsageError, match=rf"neonize {library.library_version()}.*{copies} times"):
        library.replace_root_key(b"\x01" * 32)
    assert memory.raw == content


def test_the_root_key_is_replaced_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands around it stays; a read-only copy is not touched."""
    import ctypes

    content = b"before" + library.ROOT_KEY + b"after"
    memory = ctypes.create_string_buffer(content, len(content))
    start = ctypes.addressof(memory)
    mapping = Mapping(start, start + len(content), writable=True)
    monkeypatch.setattr(library, "load_and_map", lambda: [mapping, mapping._replace(writable=False)])

    library.replace_root_key(b"\x01" * 32)

    assert memory.raw == b"before" + b"\x01" * 32 + b"after"


@pytest.mark.parametrize("kept", ["", "[]", '{"single": [], "double": []}', '{"single": 1, "double": 2}'])
def test_a_spoilt_dictionary_file_is_made_anew(kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A true one is read without a child process."""
    calls: list[object] = []

    class Child:
        returncode, stdout, stderr = 0, json.dumps(TOKENS._asdict()), ""

    def run(*command: object, **_: object) -> Child:
        calls.append(command)
        return Child()

    monkeypatch.setattr("subprocess.run", run)
    assert tokens.load_tokens(tmp_path) == TOKENS
    (file,) = tmp_path.glob("tokens-*.json")
    assert tokens.load_tokens(tmp_path) == TOKENS
    assert len(calls) == 1
    file.write_text(kept)
    assert tokens.load_tokens(tmp_path) == TOKENS
    assert len(calls) == 2


def test_a_library_without_dictionaries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the child says is what is said."""

    class Child:
        returncode, stdout, stderr = 1, "", "warning\nneonize 9 keeps the token table in another way\n"

    monkeypatch.setattr("subprocess.run", lambda *_, **__: Child())
    with pytest.raises(UsageError, match=r"^neonize 9 keeps"):
        tokens.load_tokens(tmp_path)
    assert list(tmp_path.iterdir()) == []
