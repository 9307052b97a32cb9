"""What `linda-bot sandbox` makes of what people give it."""

import io
import json
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from linda_bot.cli import sandbox as commands
from linda_bot.cli.ahead import EngineChoice
from linda_bot.cli.main import run_command
from linda_bot.cli.qr import qr_lines
from linda_bot.cli.qr_input import qr_text_from
from linda_bot.kernel.errors import ExitCode, UsageError
from linda_bot.sandbox.control_api import (
    AccountState,
    Answer,
    DeviceState,
    Done,
    FaultState,
    MessagesSent,
    NoteState,
    Question,
    SandboxState,
    Scanned,
)

CODE = f"2@{'r' * 64},{'a' * 44},{'b' * 44},{'c' * 44},6"
BOT, ANN = "971505760056", "4915112345678"
EVIL = "\x1b]0;gotcha\x07\x1b[31mred\u202e"
NOW = datetime.now(UTC)


def picture(*texts: str, kind: str = "PNG", size: int = 6) -> bytes:
    """Return a picture with QR codes side by side."""
    from qrcode.main import QRCode

    images = []
    for text in texts:
        code: QRCode[object] = QRCode(box_size=size)
        code.add_data(text)
        images.append(code.make_image().get_image().convert("L"))
    whole = Image.new(
        "L", (sum(each.width for each in images) or 300, max((each.height for each in images), default=300)), 255
    )
    left = 0
    for each in images:
        whole.paste(each, (left, 0))
        left += each.width
    content = io.BytesIO()
    whole.save(content, kind)
    return content.getvalue()


def screen(code: str = CODE) -> str:
    """Return what a bot prints while it shows a code."""
    return "\n".join(["Linking is needed", *qr_lines(code, colours=True), "  Code 1, valid for 60 s."]) + "\n"


def wrong(what: str) -> str:
    """Return why something cannot be scanned: one line, harmless to a terminal."""
    with pytest.raises(UsageError) as caught:
        qr_text_from(what)
    assert str(caught.value).isprintable()
    return str(caught.value)


class Asked:
    """Stands in for the sandbox: keeps the questions and gives one answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.questions: list[tuple[str, Question]] = []
        self.answer: object = None
        monkeypatch.setattr(commands, "ask", self._ask)

    def _ask(self, _directory: Path, path: str, question: Question, _kind: type[object], *, within_s: float) -> object:
        assert within_s > 0
        self.questions.append((path, question))
        return self.answer


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """A sandbox that answers what the test says."""
    return Asked(monkeypatch)


def run(*arguments: str) -> int:
    """Run a command of the group."""
    return run_command(["sandbox", *arguments], EngineChoice((), {}), 0.0)


@pytest.mark.parametrize("text", [CODE, f"https://wa.me/settings/linked_devices#{CODE}"])
def test_the_text_of_a_code(text: str, tmp_path: Path) -> None:
    """On the command line, and in a file with a line break."""
    assert qr_text_from(text) == text
    (tmp_path / "code.txt").write_text(f"{text}\n")
    assert qr_text_from(str(tmp_path / "code.txt")) == text


def test_a_copied_screen(tmp_path: Path) -> None:
    """The last code counts, also at the end of a log that is longer than what is read."""
    file = tmp_path / "screen.txt"
    file.write_text("x" * 79 + "\n")
    file.write_text(("x" * 79 + "\n") * 30_000 + screen("2@old,a,b,c,1") + screen())
    assert qr_text_from(str(file)) == CODE


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture(tmp_path: Path, kind: str) -> None:
    """Whatever its name is; other codes in it do not matter."""
    (tmp_path / "photo").write_bytes(picture("hello", CODE, kind=kind))
    assert qr_text_from(str(tmp_path / "photo")) == CODE


def test_what_is_no_code(tmp_path: Path) -> None:
    """Each has its own line, which says what would be right."""

    def of(content: bytes, name: str = "file") -> str:
        (tmp_path / name).write_bytes(content)
        return wrong(str(tmp_path / name))

    assert "neither a file nor the text" in wrong("missing.png")
    assert "neither a file nor the text" in wrong(EVIL)
    assert "cannot be read" in wrong("x" * 5000)
    assert "neither a file nor the text" in wrong("nul\x00")
    assert "is a directory" in wrong(str(tmp_path))
    assert "is empty" in of(b"")
    assert "there is no QR code in" in of(b"hello\n")
    assert "there is no QR code in" in of(bytes(range(256)) * 100)
    assert "no QR code in" in of("█".encode() * 100_000)
    assert "not one of WhatsApp's" in of(screen("https://example.org").encode())
    assert "not one of WhatsApp's" in of(picture("hello"))
    assert "no QR code in the picture" in of(picture())
    assert "2 linking codes" in of(picture(CODE, CODE.replace("r", "s")))
    assert "damaged" in of(picture(CODE)[:200])
    assert "damaged" in of(b"\x89PNG\r\n\x1a\n" + b"junk" * 50)
    assert "damaged" in of(b"\xff\xd8\xff" + os.urandom(500))


def test_a_picture_that_would_fill_the_memory(tmp_path: Path) -> None:
    """Its size is looked at before it is unpacked."""
    (tmp_path / "bomb.png").write_bytes(_bomb(60_000))
    assert "60000 x 60000" in wrong(str(tmp_path / "bomb.png"))
    with (tmp_path / "huge.png").open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.truncate(100 * 1024**3)
    assert "too large" in wrong(str(tmp_path / "huge.png"))


def _bomb(side: int) -> bytes:
    """Return the beginning of a picture that says it is that large."""
    import struct
    import zlib

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.slow
def test_a_stream_that_never_ends() -> None:
    """It is given up when it is too long."""
    assert "too long" in wrong("/dev/zero")


@pytest.mark.slow
def test_a_screen_that_goes_on(tmp_path: Path) -> None:
    """A code is taken from a stream as soon as it is whole, while the bot waits for the scan."""
    pipe, whole, scanned = tmp_path / "pipe", screen().encode(), threading.Event()
    os.mkfifo(pipe)

    def write() -> None:
        with pipe.open("wb", buffering=0) as stream:
            for part in (b"linda-bot\n", whole[:1500], whole[1500:]):
                stream.write(part)
                time.sleep(0.4)
            scanned.wait(10)

    writer = threading.Thread(target=write)
    writer.start()
    assert qr_text_from(str(pipe)) == CODE
    scanned.set()
    writer.join()


def test_a_scan_needs_one_thing_to_scan(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    """Not none, not two."""
    assert run("scan", "DIR") == ExitCode.USAGE
    assert run("scan", "DIR", CODE, "--code", "ABCD-EFGH") == ExitCode.USAGE
    assert capsys.readouterr().err.count("say what to scan") == 2
    assert asked.questions == []


def test_a_scan_tells_the_masked_number(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    """In full only when asked for."""
    asked.answer = Scanned(number=BOT, device=3)
    assert run("scan", "DIR", "--code", "ABCD-EFGH") == ExitCode.OK
    assert run("scan", "DIR", CODE, "--json") == ExitCode.OK
    out, err = capsys.readouterr()
    assert "device 3" in err
    assert BOT not in out + err
    assert run("scan", "DIR", CODE, "--show-numbers") == ExitCode.OK
    assert BOT in capsys.readouterr().err


def answered(*texts: str, sent: int = 1, dropped: int = 0) -> MessagesSent:
    """Return how a conversation went."""
    answers = [Answer(text=text, kind="conversation", after_s=0.1) for text in texts]
    return MessagesSent(sender=ANN, to=BOT, sent=sent, took_s=0.1, answers=answers, others=[EVIL], dropped=dropped)


def test_answers_are_the_data(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    """Line by line on stdout, and harmless to a terminal."""
    asked.answer = answered("pong", f"two\nlines {EVIL}")
    assert run("send", "DIR", "!ping") == ExitCode.OK
    out, err = capsys.readouterr()
    assert out.splitlines()[:2] == ["pong", "two"]
    assert "\x1b" not in out + err
    assert "\u202e" not in out + err


def test_no_answer_is_exit_code_1_when_one_was_waited_for(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    """By default one is waited for, but not to a flood."""
    asked.answer = answered()
    assert run("send", "DIR", "hello") == ExitCode.UNWELL
    assert run("send", "DIR", "hello", "--json") == ExitCode.UNWELL
    assert run("send", "DIR", "hello", "--wait", "0") == ExitCode.OK
    assert run("send", "DIR", "hello", "--count", "9") == ExitCode.OK
    assert run("send", "DIR", "hello", "--count", "9", "--wait", "2") == ExitCode.UNWELL
    assert [getattr(question, "wait_s", None) for _, question in asked.questions] == [5, 5, 0, 0, 2]
    assert "No answer came" in capsys.readouterr().err


@pytest.mark.parametrize("wait", ["nan", "-1", "inf", "1e9"])
def test_a_wait_has_a_bound(asked: Asked, wait: str) -> None:
    """It is refused before anything is sent."""
    assert run("send", "DIR", "hello", f"--wait={wait}") == ExitCode.USAGE
    assert asked.questions == []


def test_faults_take_key_and_value(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    """A value may have a `=` in it; what is done is told with masked numbers."""
    asked.answer = Done(said=f"cut the lines of {BOT}")
    assert run("fault", "DIR", "drop", f"number={BOT}", "a=b=c") == ExitCode.OK
    assert getattr(asked.questions[0][1], "parameters", None) == {"number": BOT, "a": "b=c"}
    assert BOT not in capsys.readouterr().err
    for arguments in (["DIR"], [], ["DIR", "drop", "number"], ["DIR", "drop", "--script", "x"]):
        assert run("fault", *arguments) == ExitCode.USAGE
    assert len(asked.questions) == 1


def test_scripts_are_read_with_care(asked: Asked, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One that is missing, too long, no text or no file is refused in one line."""
    asked.answer = Done(said="the script plays")
    (tmp_path / "good").write_text("[]")
    (tmp_path / "long").write_bytes(b" " * 600_000)
    (tmp_path / "junk").write_bytes(b"\xff\xfe")
    assert run("fault", "DIR", "--script", str(tmp_path / "good")) == ExitCode.OK
    capsys.readouterr()
    for name in ("long", "junk", "missing", "."):
        assert run("fault", "DIR", "--script", str(tmp_path / name)) == ExitCode.USAGE
    assert capsys.readouterr().err.count("\n") == 4
    assert len(asked.questions) == 1


def test_the_list_of_faults_needs_no_sandbox(capsys: pytest.CaptureFixture[str]) -> None:
    """As a text for people, and as one JSON document."""
    assert run("fault", "--list") == ExitCode.OK
    assert "drop" in capsys.readouterr().out
    assert run("fault", "DIR", "--list", "--json") == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["drop"]["summary"]


def test_the_state_as_a_text_and_as_json(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers masked, nothing of what it tells steers the terminal."""
    device = DeviceState(device=1, linked_at=None, online=True, queued=4)
    asked.answer = SandboxState(
        directory="/x",
        pid=1,
        port=2,
        since=NOW,
        accounts=[
            AccountState(number=BOT, name=EVIL, contact=False, pairings=1, devices=[device]),
            AccountState(number=ANN, name="Ann", contact=True, pairings=0, devices=[]),
        ],
        counts={"login": 3},
        faults=[FaultState(name="refuse", parameters={"for_s": "9"}, at=NOW, ends_in_s=4.2)],
        script=True,
        notes=[NoteState(at=NOW, what="login_refused", facts={"number": BOT, "reason": EVIL})],
    )
    assert run("state", "DIR") == ExitCode.OK
    text = capsys.readouterr().out
    for part in ("before this start", "login 3", "refuse for_s=9", "4 s left", "login refused", "Ann (contact)"):
        assert part in text
    assert run("state", "DIR", "--json") == ExitCode.OK
    shown = capsys.readouterr().out
    assert json.loads(shown)["accounts"][0]["devices"][0]["queued"] == 4
    assert BOT not in text + shown
    assert "\x1b" not in text
    assert run("state", "DIR", "--json", "--show-numbers") == ExitCode.OK
    assert BOT in capsys.readouterr().out


def test_a_server_is_not_put_just_anywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not where other things are, not in a file, not with a number or a script that is wrong; nothing is made."""
    (tmp_path / "file").touch()
    (tmp_path / "script.json").write_text('[{"fault": "nonsense"}]')
    assert run("serve", str(tmp_path)) == ExitCode.USAGE
    assert run("serve", str(tmp_path / "file")) == ExitCode.USAGE
    assert run("serve", str(tmp_path / "new"), "--number", EVIL) == ExitCode.USAGE
    assert run("serve", str(tmp_path / "new"), "--script", str(tmp_path / "script.json")) == ExitCode.USAGE
    assert not (tmp_path / "new").exists()
    err = capsys.readouterr().err
    assert err.count("\n") == 4
    assert "\x1b" not in err


def test_missing_libraries_are_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With the way to get them."""
    monkeypatch.setattr(commands, "_NEEDED", ("no_such_library",))
    for arguments in (["serve", "DIR"], ["fault", "--list"], ["scan", "DIR", CODE]):
        assert run(*arguments) == ExitCode.USAGE
    assert capsys.readouterr().err.count("pip install 'linda-bot[sandbox]'") == 3


@pytest.mark.parametrize("command", ["--help", "sandbox --help", "sandbox state nowhere"])
def test_what_needs_no_server_does_not_load_one(command: str) -> None:
    """Commands that only ask are quick."""
    script = f"import sys; sys.argv[1:] = {command.split()}\ntry:\n from linda_bot.__main__ import main; main()\n"
    script += "finally:\n print([name for name in ('aiohttp', 'asyncio', 'neonize') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "[]"
