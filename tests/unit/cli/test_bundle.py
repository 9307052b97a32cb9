"""A support bundle can be sent to anybody: secrets lie in every file of a data directory, and none of them is in it."""

import argparse
import json
import stat
import tarfile
from pathlib import Path

import pytest

from linda_bot.cli.bundle import bundle
from linda_bot.kernel.errors import ExitCode, UsageError
from linda_bot.sessions.paths import SessionPaths
from tests.support.stores import back_up, make_session

ACCOUNT = "971505760056"
TEXT, NAME, ORDER = "meet me at the old harbour", "Ann Harbourmaster", "three crates for Berta Blum"
KEY = "q83vEjRWeJq83vEjRWeJq83vEjRWeJq83vEjRWeJq80="
HEX = "8f14e45fceea167a5a36dedd4bea2543c9f0f895fb98ab9159f51fd0297e236d"
QR = "2@Zm9vYmFyYmF6cXV1eA,QUJDREVGR0hJSktM,c2VjcmV0"
ANYWHERE = {
    "number": "4915112345678",
    "written number": "+49 151 1234-5678",
    "jid": "4915112345678@s.whatsapp.net",
    "lid": "257211208731621@lid",
    "group": "120363025246125486@g.us",
    "key": KEY,
    "hex": HEX,
    "qr": QR,
    "pairing code": "K7QF-2M9X",
    "webhook": "hooks/T0KENT0KENT0KEN",
    "backup key": "a-passphrase-that-nobody-guesses",
    "webhook secret": "hunter2hunter2",
    "apprise": "tgram://bottoken/chat",
    "owner": "15550001111",
}
"""What must not be seen in whatever line it stands."""

SECRETS = {
    *ANYWHERE.values(),
    "49151123",
    "2572112087",
    "12036302524",
    "1234-5678",
    "T0KENT0KENT0KEN",
    TEXT,
    NAME,
    ORDER,
    "harbour",
    "Berta",
    "a quotation",
    ACCOUNT,
}
ALL = " and ".join(ANYWHERE.values())


def log_line(event: str, **facts: object) -> str:
    """Return a line of a log that masks nothing."""
    return json.dumps({"timestamp": "2026-11-21T12:00:00.000Z", "level": "info", "event": event, **facts})


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SessionPaths:
    """A session with secrets in every file and in names of files."""
    paths = make_session(tmp_path / "bot", ACCOUNT)
    back_up(paths)
    for name, value in (
        ("ALERT__WEBHOOK", f"https://user:pass@example.org/{ANYWHERE['webhook']}?key={KEY}"),
        ("ALERT__WEBHOOK_SECRET", ANYWHERE["webhook secret"]),
        ("ALERT__COMMAND", f"notify {ORDER}"),
        ("ALERT__APPRISE", json.dumps([ANYWHERE["apprise"]])),
        ("BACKUP__KEY", ANYWHERE["backup key"]),
        ("OWNERS", json.dumps([ANYWHERE["owner"]])),
        ("LINK__PAIR_PHONE", ACCOUNT),
    ):
        monkeypatch.setenv(f"LINDA_{name}", value)
    entry = {"timestamp": "2026-11-21T12:00:00.000Z", "eventType": "attempt_failed", "because": ALL, "text": TEXT}
    paths.history.write_text(json.dumps([entry, {**entry, "eventType": ALL}, ALL, {**entry, ALL: [ALL, {"a": ALL}]}]))
    paths.device_status.write_text(json.dumps({"number": ACCOUNT, "note": ALL, "push_name": NAME, ALL: 4915112345678}))
    paths.summary.write_text(json.dumps({"version": 1, "sessions": {ACCOUNT: {"linkedNumber": ACCOUNT, "x": ALL}}}))
    paths.run_mark.write_text(json.dumps({"bootId": "b", "running": True, "note": ALL}))
    paths.logs.mkdir()
    lines = [
        log_line("message_received", text=TEXT, sender_name=NAME, chat=ANYWHERE["jid"], raw=ALL),
        log_line(
            "message_handled", error=f"no reply to '{TEXT}'", trace=f"File 'x'\n  f()\nValueError: '{TEXT}' {ALL}"
        ),
        log_line("handler_failed", error=ORDER, trace=f"Traceback (most recent call last):\nValueError: {ORDER}"),
        log_line(ORDER, logger="my_shop", customer=ORDER, trace=f"  File x\nKeyError: {ORDER}"),
        log_line("send_failed", error="cannot send 'a quotation that is nowhere else'"),
        log_line("engine_printed", line=ALL, number=4915112345678, owner=1.5550001111e10),
        f'a line of nobody\'s: {ALL} "{TEXT}"',
        ALL,
    ]
    (paths.logs / "events.jsonl").write_text("\n".join(lines))
    (paths.logs / f"health-{ACCOUNT}.jsonl").write_text(log_line("health_checked", because=ALL, text=TEXT))
    (paths.logs / f"{NAME}.txt").write_text(ALL)
    paths.attachments.mkdir(parents=True)
    (paths.attachments / f"{TEXT} {ANYWHERE['number']}.pdf").write_text(ALL)
    paths.mailbox.write_text(ALL)
    (paths.directory / f"{KEY.replace('/', '')}").write_text(ALL)
    (paths.data_dir / "sessions" / ".pseudonym-key").write_bytes(b"pseudonym-key-pseudonym-key-1234")
    with (paths.directory / "session.db-wal").open("ab") as wal:
        wal.write(ALL.encode())
    return paths


def make(paths: SessionPaths, file: Path | None, **options: object) -> int:
    """Run the command."""
    return bundle(argparse.Namespace(data_dir=paths.data_dir, account=ACCOUNT, file=file, show_numbers=False,
                                     **{"json": False, **options}))  # fmt: skip


def contents(file: Path) -> dict[str, str]:
    """Return the files of an archive."""
    with tarfile.open(file) as archive:
        read = {member.name: archive.extractfile(member) for member in archive.getmembers()}
        return {
            name.removeprefix("linda-bot-support/"): stream.read().decode() for name, stream in read.items() if stream
        }


def test_no_secret_is_in_it(paths: SessionPaths, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not in a file, not in a name, not on the screen."""
    file = tmp_path / "help.tar.gz"
    assert make(paths, file) == ExitCode.OK
    found = contents(file)
    whole = "\n".join([*found, *found.values()])
    told = capsys.readouterr()

    assert [secret for secret in SECRETS if secret.lower() in whole.lower()] == []
    assert [secret for secret in SECRETS if secret in told.out + told.err] == []
    assert "pseudonym-key-" not in whole
    assert "SQLite format" not in whole
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_helps_is_in_it(paths: SessionPaths, tmp_path: Path) -> None:
    """Versions, settings, the story, what the doctor says, and lines whose events can be read."""
    make(paths, tmp_path / "help.tar.gz")
    found = contents(tmp_path / "help.tar.gz")
    settings = json.loads(found["settings.json"])
    events = [json.loads(line) for line in found["events.jsonl"].splitlines()]

    assert {
        "versions.json",
        "doctor.json",
        "why.txt",
        "session-history.json",
        "files.txt",
        "health.jsonl",
    } <= found.keys()
    assert json.loads(found["versions.json"])["libraries"]["neonize"]
    assert settings["alert"]["webhook"] == "https://example.org/..."
    assert (settings["backup"]["key"], settings["owners"], settings["backup"]["keep"]) == ("set", "1 set", 5)
    assert events[0]["event"] == "message_received"
    assert events[0]["text"] == f"<{len(TEXT)} characters>"
    assert "ValueError" in events[2]["trace"]
    assert "session.db" in found["files.txt"]
    assert next(check["name"] for check in json.loads(found["doctor.json"])) == "1 session directory"


def test_nothing_is_overwritten(paths: SessionPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is given must be new; without one the next free one of the day is taken."""
    taken = tmp_path / "help.tar.gz"
    taken.write_text("mine")
    with pytest.raises(UsageError, match="there already"):
        make(paths, taken)
    assert taken.read_text() == "mine"
    with pytest.raises(UsageError, match="cannot be written"):
        make(paths, tmp_path / "nowhere" / "help.tar.gz")
    monkeypatch.chdir(tmp_path)
    make(paths, None)
    make(paths, None)
    assert len(list(tmp_path.glob("linda-bot-support-*.tar.gz"))) == 2


def test_an_empty_place_and_damaged_files_are_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be gathered says why."""
    nothing = SessionPaths(tmp_path / "nothing", ACCOUNT)
    assert make(nothing, tmp_path / "a.tar.gz") == ExitCode.OK
    assert not nothing.data_dir.exists()
    capsys.readouterr()
    nothing.directory.mkdir(parents=True)
    nothing.history.write_text("{torn")
    (nothing.data_dir / "logs").write_text("no directory")
    assert make(nothing, tmp_path / "b.tar.gz", json=True) == ExitCode.OK
    assert "could not be gathered" in contents(tmp_path / "b.tar.gz")["session-history.json"]
    told = json.loads(capsys.readouterr().out)
    assert told["file"] == str(tmp_path / "b.tar.gz")
    assert "files.txt" in [member["name"] for member in told["members"]]
