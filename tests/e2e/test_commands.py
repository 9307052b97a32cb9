"""The commands around a session, with the real console script on a session that was really linked."""

import asyncio
import io
import json
import os
import shutil
import signal
import sys
import tarfile
from pathlib import Path
from typing import NamedTuple

import pytest

from linda_bot.kernel.errors import ExitCode
from linda_bot.sandbox.bot_process import BotProcess, console_script
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from tests.e2e.conftest import BOT, StartBot


class Ran(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> dict[str, object]:
        """Return the document on stdout."""
        found: dict[str, object] = json.loads(self.out)
        return found


async def command(data_dir: Path, *arguments: str | Path, typed: str = "", **environment: str) -> Ran:
    """Run the console script to its end."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LINDA_")}
    process = await asyncio.create_subprocess_exec(
        *console_script(),
        *(str(argument) for argument in arguments),
        "--data-dir",
        str(data_dir),
        env={**inherited, **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(typed.encode()), 30)
    assert process.returncode is not None
    assert b"Traceback" not in err
    return Ran(process.returncode, out.decode(), err.decode())


@pytest.fixture
def home(sandbox: Sandbox) -> Path:
    """The bot's data directory."""
    return sandbox.directory / "bot"


@pytest.fixture
async def stopped_bot(linked_bot: BotProcess) -> None:
    """A bot that was linked and has come to an orderly end, which made a backup."""
    assert await linked_bot.stop() == 0


def left_in(directory: Path) -> dict[str, bytes]:
    """Return the files of a session, whatever they hold, but not the locks and the socket."""
    return {file.name: file.read_bytes() for file in directory.iterdir() if file.suffix not in (".lock", ".sock")}


async def test_with_the_bot_running_the_safe_ones_work_and_the_others_name_it(
    home: Path, linked_bot: BotProcess
) -> None:
    """Info, doctor, backups, backup and export look or copy; restore, clear and import refuse: exit code 3."""
    exported = home / "moved.tar"
    for arguments in (("info",), ("doctor", "--offline"), ("backups",), ("backup",), ("export", exported)):
        ran = await command(home, *arguments)
        assert ran.code == 0, ran
    before = left_in(home / "sessions" / "session-default")
    for arguments in (("restore", "--yes"), ("clear", "--yes"), ("import", exported)):
        ran = await command(home, *arguments)
        assert ran.code == ExitCode.SESSION_HELD
        assert f"pid {linked_bot.pid}" in ran.err
        assert ran.err.count("\n") == 1
    assert left_in(home / "sessions" / "session-default") == before
    assert (await command(home, "info", "--json")).json()["running"] is not None


async def test_numbers_are_masked_unless_asked_for(home: Path, stopped_bot: None) -> None:
    """In tables and in JSON."""
    for arguments in (("info",), ("info", "--json"), ("backups",), ("backups", "--json")):
        assert BOT not in (await command(home, *arguments)).out
        assert BOT in (await command(home, *arguments, "--show-numbers")).out


async def test_the_doctor_is_content_only_with_a_linked_session(
    home: Path, stopped_bot: None, sandbox: Sandbox
) -> None:
    """Exit code 0 when all is well; WhatsApp is asked through the proxy that the engine uses too."""
    well = await command(home, "doctor", "--json", **sandbox.environment)
    checks = {check["name"]: check for check in well.json()["checks"]}  # type: ignore[attr-defined]

    assert well.code == 0, well.out
    assert checks["network"]["ok"] is True
    assert [name for name in checks if name[0].isdigit()] == [
        "1 session directory",
        "2 session.db",
        "3 integrity",
        "4 device",
        "5 metadata",
    ]
    unreachable = await command(home, "doctor", **{**sandbox.environment, "https_proxy": "http://127.0.0.1:9"})
    assert unreachable.code == ExitCode.UNWELL
    assert "cannot be reached" in unreachable.out
    (home / "sessions" / "session-default" / "session.db").unlink()
    shutil.rmtree(home / ".session-cache")
    gone = await command(home, "doctor", "--offline")
    assert gone.code == ExitCode.UNWELL
    assert "shows a QR code" in gone.err


async def test_the_doctor_mends(home: Path, stopped_bot: None, start_bot: StartBot) -> None:
    """Modes, junk state files, leftovers, and a damaged store where there is a good backup."""
    session = home / "sessions" / "session-default"
    (session / "session.db").write_bytes(b"not a database")
    (session / "session-history.json").write_text("{junk")
    (session / ".device-status.json.1.new").write_text("half")
    session.chmod(0o755)
    assert (await command(home, "doctor", "--offline")).code == ExitCode.UNWELL
    mended = await command(home, "doctor", "--offline", "--fix")

    assert mended.code == 0, mended
    assert session.stat().st_mode & 0o777 == 0o700
    assert (session / "session-history.json.unreadable").read_text() == "{junk"
    assert not list(session.glob(".*.new"))
    bot = await start_bot()
    await bot.ready()
    assert "█" not in bot.screen


async def test_a_backup_is_put_back_and_the_bot_comes_back(
    home: Path, stopped_bot: None, start_bot: StartBot, sandbox: Sandbox, friend: Contact
) -> None:
    """A whole session is replaced only when asked for, and kept; no code is shown, and answers arrive."""
    refused = await command(home, "restore")
    assert refused.code == ExitCode.USAGE
    assert "--yes" in refused.err
    done = await command(home, "restore", "1", "--yes", "--json")
    restored = done.json()

    assert done.code == 0
    assert restored["restored"]["name"] == "backup-default-001"  # type: ignore[index]
    assert restored["kept"] == "backup-default-002"
    assert Path(str(restored["quarantine"]), "session.db").exists()
    bot = await start_bot()
    await bot.ready()
    assert (await friend.ask(BOT, "!ping")).text == "pong"
    assert sandbox.phone(BOT).pairings == 1


async def test_a_wrong_name_says_which_there_are(home: Path, stopped_bot: None) -> None:
    """One line, exit code 2."""
    ran = await command(home, "restore", "backup-default-077", "--yes")

    assert ran.code == ExitCode.USAGE
    assert "there are: backup-default-001" in ran.err


async def test_clear_leads_to_a_code_and_restore_leads_back(home: Path, stopped_bot: None, start_bot: StartBot) -> None:
    """Cleared backups are not put back by themselves, only on request."""
    assert (await command(home, "clear")).code == ExitCode.USAGE
    cleared = await command(home, "clear", "--yes", "--json")
    assert Path(str(cleared.json()["quarantine"]), "session.db").exists()
    bot = await start_bot()
    await bot.qr_text()
    await bot.stop(signal.SIGTERM)
    history = json.loads((home / "sessions" / "session-default" / "session-history.json").read_text())
    assert "session_cleared" in [entry["eventType"] for entry in history]
    assert "device_linked" in [entry["eventType"] for entry in history]

    assert (await command(home, "restore", "--yes")).code == 0
    again = await start_bot()
    await again.ready()


async def test_a_removed_device_is_not_put_back_unless_forced(
    home: Path, linked_bot: BotProcess, sandbox: Sandbox, start_bot: StartBot
) -> None:
    """WhatsApp would refuse it; the refusal says so."""
    assert (await command(home, "backup")).code == 0
    await sandbox.remove_device(BOT)
    await linked_bot.qr_text()
    await linked_bot.stop()
    refused = await command(home, "restore", "1")
    assert refused.code == ExitCode.USAGE
    assert "--force" in refused.err
    assert (await command(home, "restore", "--yes")).code == ExitCode.UNWELL

    assert (await command(home, "restore", "1", "--force")).code == 0
    bot = await start_bot()
    await bot.qr_text()
    assert "logged this device out" in bot.screen


async def test_a_session_moves_to_another_machine(
    home: Path, stopped_bot: None, sandbox: Sandbox, start_bot: StartBot, tmp_path: Path
) -> None:
    """The archive holds all that is needed; a second one over a whole session is refused."""
    archive, elsewhere = tmp_path / "moved.tar", tmp_path / "elsewhere"
    assert (await command(home, "export", archive)).code == 0
    assert archive.stat().st_mode & 0o777 == 0o600
    assert "is there already" in (await command(home, "export", archive)).err
    assert (await command(elsewhere, "import", archive)).code == 0
    again = await command(elsewhere, "import", archive)
    assert again.code == ExitCode.USAGE
    assert "--force" in again.err

    bot = await start_bot("--data-dir", elsewhere)
    await bot.ready()
    assert sandbox.phone(BOT).pairings == 1


async def test_an_encrypted_session_needs_its_key(home: Path, stopped_bot: None, tmp_path: Path) -> None:
    """With the key it moves, without or with another it does not, and nothing is changed."""
    key, other, archive = tmp_path / "key", tmp_path / "other", tmp_path / "moved.tar"
    for file in (key, other):
        assert (await command(home, "backup", "--new-key", file)).code == 0
    assert (await command(home, "export", archive, LINDA_BACKUP__KEY_FILE=str(key))).code == 0
    assert b"SQLite format 3" not in archive.read_bytes()
    without = await command(tmp_path / "a", "import", archive)
    wrong = await command(tmp_path / "b", "import", archive, LINDA_BACKUP__KEY_FILE=str(other))
    right = await command(tmp_path / "c", "import", archive, LINDA_BACKUP__KEY_FILE=str(key))

    assert (without.code, wrong.code, right.code) == (ExitCode.USAGE, ExitCode.USAGE, 0)
    assert "LINDA_BACKUP__KEY_FILE" in without.err
    assert "not with the key given" in wrong.err
    assert not (tmp_path / "b" / "sessions" / "session-default" / "session.db").exists()


async def test_another_accounts_session_is_refused(home: Path, stopped_bot: None, tmp_path: Path) -> None:
    """In the archive, and laid in the directory; nothing is overwritten."""
    archive, other = tmp_path / "moved.tar", "15550001111"
    assert (await command(home, "export", archive)).code == 0
    imported = await command(tmp_path / "a", "import", archive, "--account", other)
    assert imported.code == ExitCode.USAGE
    assert "another number" in imported.err

    shutil.copytree(home / "sessions" / "session-default", home / "sessions" / f"session-{other}")
    shutil.copytree(home / ".session-cache" / "backup-default-001", home / ".session-cache" / f"backup-{other}-001")
    before = left_in(home / "sessions" / f"session-{other}")
    for arguments in (("restore", "--yes"), ("restore", "1", "--force"), ("import", archive, "--force")):
        ran = await command(home, *arguments, "--account", other)
        assert ran.code in (ExitCode.USAGE, ExitCode.UNWELL)
        assert ran.err.count("\n") == 1
    assert left_in(home / "sessions" / f"session-{other}")["session.db"] == before["session.db"]


def hostile_archives(good: bytes) -> dict[str, bytes]:
    """Return archives that no export writes."""

    def made(*members: tuple[tarfile.TarInfo, bytes], base: bool = True) -> bytes:
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as target:
            if base:
                with tarfile.open(fileobj=io.BytesIO(good)) as source:
                    for member in source:
                        target.addfile(member, source.extractfile(member))
            for member, content in members:
                member.size = len(content)
                target.addfile(member, io.BytesIO(content))
        return stream.getvalue()

    def link(name: str, kind: bytes) -> tarfile.TarInfo:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "/etc/passwd"
        return member

    upwards = tarfile.TarInfo("../../escaped.txt")
    absolute = tarfile.TarInfo("/tmp/escaped.txt")
    return {
        "upwards": made((upwards, b"x")),
        "absolute": made((absolute, b"x")),
        "symlink": made((link("device-status.json", tarfile.SYMTYPE), b""), base=False),
        "hard link": made((link("session.db", tarfile.LNKTYPE), b""), base=False),
        "twice": made((tarfile.TarInfo("manifest.json"), b"{}")),
        "no manifest": made((tarfile.TarInfo("session.db"), b"x"), base=False),
        "junk manifest": made((tarfile.TarInfo("manifest.json"), b"[" * 9000), base=False),
        "empty": b"",
        "junk": os.urandom(4096),
        "cut": good[: len(good) // 2],
        "bit flipped": good[:200_000] + bytes([good[200_000] ^ 1]) + good[200_001:],
    }


async def test_hostile_archives_are_refused(home: Path, stopped_bot: None, tmp_path: Path) -> None:
    """Each in one clear line; nothing is written outside, nothing of them stays."""
    assert (await command(home, "export", tmp_path / "good.tar")).code == 0
    for name, content in hostile_archives((tmp_path / "good.tar").read_bytes()).items():
        archive, target = tmp_path / "hostile.tar", tmp_path / "target"
        archive.write_bytes(content)
        ran = await command(target, "import", archive)

        assert ran.code in (ExitCode.USAGE, ExitCode.UNWELL), (name, ran)
        assert ran.err.count("\n") == 1, (name, ran)
        assert not list(tmp_path.rglob("escaped*")), name
        assert not list(target.rglob("session.db*")), name
        shutil.rmtree(target)


async def test_a_link_in_place_of_the_session_directory_is_refused(
    home: Path, stopped_bot: None, tmp_path: Path
) -> None:
    """By every command that would follow it."""
    session = home / "sessions" / "session-default"
    session.rename(tmp_path / "elsewhere")
    session.symlink_to(tmp_path / "elsewhere")
    before = left_in(tmp_path / "elsewhere")
    for arguments in (("info",), ("restore", "1", "--yes"), ("clear", "--yes"), ("backup",), ("doctor", "--offline")):
        ran = await command(home, *arguments)
        assert ran.code != 0, (arguments, ran)
    assert left_in(tmp_path / "elsewhere") == before


async def test_help_does_not_import_what_it_does_not_use() -> None:
    """`linda-bot --help` is quick."""
    script = "import sys; sys.argv[1:] = ['--help']\ntry:\n from linda_bot.__main__ import main; main()\nfinally:\n"
    script += " print([name for name in ('rich', 'pydantic', 'sqlite3', 'aiohttp', 'asyncio') if name in sys.modules])"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()

    assert out.decode().splitlines()[-1] == "[]"
