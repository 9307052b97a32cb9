"""The engine's side of the client library: the store's name, addresses, and what an error means."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from linda_bot.connection.lifecycle import Finding
from linda_bot.connection.reasons import judge_connect_error
from linda_bot.whatsapp.outcomes import lacks_room_for_a_message, request_error
from linda_bot.whatsapp.port import ClientError, NoAnswerError, NotSentError

TRANSLATE = """
import json, sys
from linda_bot.whatsapp.engine.late_imports import put_off
put_off()
from neonize.proto import Neonize_pb2 as pb
from linda_bot.whatsapp.engine.translation import SUBSCRIBED, linked_number, translate, translate_log

def jid(user, server="s.whatsapp.net", device=0):
    return pb.JID(User=user, Server=server, Device=device, RawAgent=0, Integrator=0, IsEmpty=not user)

def shown(event):
    return [type(event).__name__, repr(event)] if event else None

reason = pb.ConnectFailureReason

def event(code, kind, **fields):
    return shown(translate(code, kind(**fields).SerializePartialToString()))

log = pb.LogEntry(Name="Client", Level="WARN", Message="hm").SerializeToString()

print(json.dumps({
    "subscribed": list(SUBSCRIBED),
    "number": linked_number(pb.Device(JID=jid("971505760056", device=4)).SerializePartialToString()),
    "logged_out": event(6, pb.LoggedOut, OnConnect=True, Reason=reason.MAIN_DEVICE_GONE),
    "failure": event(9, pb.ConnectFailure, Reason=reason.BAD_USER_AGENT, Message="no"),
    "ban": event(8, pb.TemporaryBan, Code=pb.TemporaryBan.BROADCAST_LIST, Expire=60),
    "keep_alive": event(4, pb.KeepAliveTimeout, ErrorCount=2, LastSuccess=-62135596800),
    "pair_failed": event(2, pb.PairStatus, Status=pb.PairStatus.ERROR, Error="bad"),
    "unknown": shown(translate(99, b"")),
    "far_future": event(4, pb.KeepAliveTimeout, ErrorCount=2, LastSuccess=2**62),
    "log": shown(translate_log(log)),
    "broken_log": shown(translate_log(log.replace(b"hm", b"h\\xff"))),
}))
"""


@pytest.fixture(scope="module")
def translated() -> dict[str, list[object]]:
    """Translate one event of each kind in a process that may load the library."""
    done = subprocess.run([sys.executable, "-c", TRANSLATE], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[object]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    ("what", "kind", "said"),
    [
        ("logged_out", "LoggedOut", "code=403, on_connect=True"),
        ("failure", "ConnectFailed", "code=409, reason='no'"),
        ("ban", "TemporarilyBanned", "code=106, expires_in_s=60.0"),
        ("keep_alive", "KeepAliveTimedOut", "errors=2, last_success=None"),
        ("pair_failed", "PairFailed", "reason='bad'"),
        ("far_future", "KeepAliveTimedOut", "errors=2, last_success=None"),
        ("log", "EnginePrinted", "line='Client: hm', level='warn'"),
        ("broken_log", "EnginePrinted", "line='Client: h\ufffd', level='warn'"),
    ],
)
def test_an_event_in_our_words(translated: dict[str, list[object]], what: str, kind: str, said: str) -> None:
    """The library's codes are WhatsApp's codes again."""
    assert translated[what] == [kind, f"{kind}({said})"]


def test_receipts_are_not_subscribed_to(translated: dict[str, list[object]]) -> None:
    """An unknown type of receipt would end the library's event pump."""
    assert 18 not in translated["subscribed"]
    assert {2, 3, 6, 12, 17, 44} <= set(translated["subscribed"])
    assert translated["unknown"] is None
    assert translated["number"] == "971505760056"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plain", "with space", "h#x", "q?z", "%41", "a&b=c;d", "ünïcode 猫", "it's"])
def test_a_store_of_any_name_is_that_file(tmp_path: Path, name: str) -> None:
    """SQLite opens exactly the path, with our options in force."""
    store = tmp_path / name / "session.db"
    store.parent.mkdir()
    code = "import pathlib, sys; from linda_bot.whatsapp.engine.library import data_source as name;"
    code += "print(name(pathlib.Path(sys.argv[1])))"
    done = subprocess.run([sys.executable, "-c", code, str(store)], capture_output=True, text=True, check=True)
    uri = f"file:{done.stdout.strip().splitlines()[-1]}?_foreign_keys=on"

    with closing(sqlite3.connect(uri, uri=True)) as database:
        database.execute("CREATE TABLE t (x)")
    assert [entry.name for entry in store.parent.iterdir()] == ["session.db"]
    assert uri.count("?") == 2
    options = uri.partition("?")[2].split("&")
    assert "_txlock=immediate" in options
    assert options[-1] == "_unused=?_foreign_keys=on"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("websocket not connected", NotSentError),
        ("client is nil: ensure client is connected", NotSentError),
        ("the store doesn't contain a device JID", NotSentError),
        ("failed to save cached sessions: transaction: commit: database or disk is full", NotSentError),
        ("failed to prefetch sessions: disk I/O error: no space left on device", NotSentError),
        ("failed to save cached sessions: database is locked (5) (SQLITE_BUSY)", NotSentError),
        ("failed to get device list: websocket disconnected before info query returned response", NotSentError),
        ("timed out waiting for message send response", NoAnswerError),
        ("info query timed out", NoAnswerError),
        ("websocket disconnected before message send returned response", NoAnswerError),
        ("server returned error 463", ClientError),
    ],
)
def test_only_what_provably_did_not_leave_may_be_repeated(text: str, kind: type[ClientError]) -> None:
    """Everything else is not known, or refused for good."""
    assert type(request_error(text)) is kind


@pytest.mark.parametrize(
    ("line", "unwritable"),
    [
        ("Client: Error decrypting message A from B: failed to store session with C: database or disk is full", True),
        ("Client: Error decrypting message A from B: disk I/O error: no space left on device", True),
        ("Client: Error decrypting message A from B: attempt to write a readonly database", True),
        ("Client: Error decrypting message database or disk is full from B: no session found for user C", False),
        ("Client: Failed to store message secret key for A: database or disk is full", False),
        ("Client: Failed to read the frame: unexpected EOF", False),
    ],
)
def test_only_a_message_that_was_not_read_for_lack_of_room_counts(line: str, *, unwritable: bool) -> None:
    """A stranger who calls a message `disk is full` ends no connection."""
    assert lacks_room_for_a_message(line) is unwritable


def test_a_full_disk_is_no_damaged_store() -> None:
    """In whichever of SQLite's words; it is waited for room, and nothing is set aside."""
    for words in ("database or disk is full", "disk I/O error: no space left on device"):
        ending = judge_connect_error(f"failed to upgrade database: {words}")
        assert (ending.finding, ending.is_local) == (Finding.UNREACHABLE, True)
