"""The control socket: what it answers, and that nothing that is asked can end the server."""

import asyncio
import io
import os
import random
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import aiohttp
import msgspec
import pytest

from linda_bot.kernel.errors import ExitCode, LindaError, UsageError
from linda_bot.sandbox import control_client
from linda_bot.sandbox.control import Control
from linda_bot.sandbox.control_api import (
    LONGEST_BODY,
    SOCKET,
    Done,
    InjectFault,
    MessagesSent,
    PlayScript,
    Question,
    SandboxState,
    Scan,
    Scanned,
    Send,
    ShowState,
)
from linda_bot.sandbox.server import Sandbox
from linda_bot.whatsapp.events import IncomingMessage
from linda_bot.whatsapp.port import NotSentError
from tests.unit.sandbox.code_companion import ask_for_code, finish
from tests.unit.sandbox.companion import code_of, connect, link, new_companion, sign
from tests.unit.sandbox.dictionary import TOKENS

pytestmark = pytest.mark.slow

BOT, ANN, BOB = "971505760056", "4915112345678", "15550001111"
SECRET = b"adv secret of thirty-two bytes!!"
A = TypeVar("A")
Ask = Callable[[str, Question, type[A]], Awaitable[A]]


class FakeContact:
    """A contact whose messages the bot answers in a way that the test chooses."""

    def __init__(self) -> None:
        self.online = True
        self.dropped_old_counter = 0
        self.inbox: asyncio.Queue[IncomingMessage] = asyncio.Queue()
        self.answers: list[str] = []
        self.sent: list[str] = []
        self.broken = False

    def arrives(self, text: str, sender: str = BOT) -> None:
        """Put a message into the inbox."""
        jid = f"{sender}@s.whatsapp.net"
        self.inbox.put_nowait(IncomingMessage(id="1", chat=jid, sender=jid, text=text, sent_at=datetime.now(UTC)))

    async def send(self, number: str, text: str) -> None:
        if self.broken:
            raise NotSentError("there is no connection")
        self.sent.append(f"{number}: {text}")
        for answer in self.answers:
            self.arrives(answer)

    async def next_message(self, *, within_s: float) -> IncomingMessage:
        async with asyncio.timeout(within_s):
            return await self.inbox.get()

    def received(self) -> list[IncomingMessage]:
        return [self.inbox.get_nowait() for _ in range(self.inbox.qsize())]


@pytest.fixture(autouse=True)
def _dictionary(monkeypatch: pytest.MonkeyPatch) -> None:
    """No child process reads the words out of the library."""
    monkeypatch.setattr("linda_bot.sandbox.server.load_tokens", lambda _: TOKENS)


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """A server with nobody on it."""
    async with Sandbox(tmp_path / "sandbox") as running:
        yield running


@pytest.fixture
async def control(sandbox: Sandbox) -> AsyncIterator[Control]:
    """Its control socket."""
    async with Control(sandbox) as running:
        yield running


@pytest.fixture
def ann(monkeypatch: pytest.MonkeyPatch) -> FakeContact:
    """The contact that every number is."""
    contact = FakeContact()

    @asynccontextmanager
    async def opened(_sandbox: Sandbox, _number: str, _name: str = "") -> AsyncIterator[FakeContact]:
        contact.online = True
        yield contact

    monkeypatch.setattr(Sandbox, "contact", opened)
    return contact


async def ask(sandbox: Sandbox, path: str, question: Question, kind: type[A]) -> A:
    """Ask as a command does, from another thread."""
    return await asyncio.to_thread(control_client.ask, sandbox.directory, path, question, kind, within_s=10)


async def refused(sandbox: Sandbox, path: str, question: Question) -> LindaError:
    """Ask for something that is refused, and return how."""
    with pytest.raises(LindaError) as caught:
        await ask(sandbox, path, question, Done)
    assert "\n" not in str(caught.value)
    return caught.value


async def raw(sandbox: Sandbox, said: bytes) -> bytes:
    """Say bytes on the socket and return what comes back until the other end hangs up or is silent."""
    reader, writer = await asyncio.open_unix_connection(sandbox.directory / SOCKET)
    writer.write(said)
    try:
        async with asyncio.timeout(0.3):
            return await reader.read()
    except (TimeoutError, ConnectionError):
        return b""
    finally:
        writer.close()


async def test_only_the_owner_gets_in(sandbox: Sandbox, control: Control) -> None:
    """The socket is for its owner only, in a directory that is."""
    assert stat.S_IMODE((sandbox.directory / SOCKET).stat().st_mode) == 0o600
    assert stat.S_IMODE(sandbox.directory.stat().st_mode) == 0o700


async def test_a_scan_links_and_says_which_device(sandbox: Sandbox, control: Control) -> None:
    """It is answered when the device has finished; a number that is not named is the sandbox's own."""
    device = new_companion()
    async with connect(sandbox, device) as client:
        await client.greet(**device.registration)
        code = code_of(await client.hear(), device, SECRET)
        scan = asyncio.ensure_future(ask(sandbox, "/scan", Scan(qr=code), Scanned))
        await client.say(sign(await client.hear(), device, SECRET))
        assert await scan == Scanned(number=BOT, device=1)
    assert (await refused(sandbox, "/scan", Scan(qr=code))).exit_code == ExitCode.UNWELL
    assert "scan the code that the bot shows now" in str(await refused(sandbox, "/scan", Scan(qr=code)))


async def test_a_device_that_does_not_finish_is_told(
    sandbox: Sandbox, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it signs wrongly."""
    monkeypatch.setattr("linda_bot.sandbox.control._LINKED_WITHIN_S", 0.1)
    device = new_companion()
    async with connect(sandbox, device) as client:
        await client.greet(**device.registration)
        code = code_of(await client.hear(), device, SECRET)
        assert "did not finish" in str(await refused(sandbox, "/scan", Scan(qr=code)))


async def test_a_pairing_code_links_as_well(sandbox: Sandbox, control: Control) -> None:
    """Answered when the device has finished; a wrong one is told."""
    device = new_companion()
    async with connect(sandbox, device) as client:
        await client.greet(**device.registration)
        await client.hear()
        shown = await ask_for_code(client, device, BOT, "1234ABCD")
        typed = asyncio.ensure_future(refused(sandbox, "/scan", Scan(code="1234-ABCE")))
        await finish(client, device, shown)
        assert "the code is wrong" in str(await typed)
        scan = asyncio.ensure_future(ask(sandbox, "/scan", Scan(code="1234-abcd"), Scanned))
        secret = await finish(client, device, shown)
        await client.say(sign(await client.hear_until_child("pair-success"), device, secret))
        assert await scan == Scanned(number=BOT, device=1)


async def test_what_cannot_be_scanned(sandbox: Sandbox, control: Control) -> None:
    """Nothing, both, a number that is none, no code of WhatsApp's, a pairing code that nobody shows."""
    for question, code in (
        (Scan(), ExitCode.USAGE),
        (Scan(qr="2@a,b,c,d,e", code="ABCD-EFGH"), ExitCode.USAGE),
        (Scan(qr="2@a,b,c,d,e", number="../../etc"), ExitCode.USAGE),
        (Scan(qr="hello"), ExitCode.UNWELL),
        (Scan(code="ABCD-EFGH"), ExitCode.UNWELL),
        (Scan(code="\x1b[31m"), ExitCode.UNWELL),
    ):
        error = await refused(sandbox, "/scan", question)
        assert error.exit_code == code
        assert "\x1b" not in str(error)


async def test_an_answer_ends_the_wait(sandbox: Sandbox, control: Control, ann: FakeContact) -> None:
    """Each message needs one; what was there before, and what others write, is told apart."""
    await link(sandbox, BOT)
    ann.arrives("too late")
    ann.arrives("hello from Bob", BOB)
    ann.answers = ["pong", "and more"]
    done = await ask(sandbox, "/send", Send(text="!ping", wait_s=60), MessagesSent)

    assert [answer.text for answer in done.answers] == ["pong", "and more"]
    assert done.others == ["too late", "hello from Bob"]
    assert (done.sender, done.to, done.sent) == (ANN, BOT, 1)
    assert ann.sent == [f"{BOT}: !ping"]


async def test_no_answer_is_no_error(sandbox: Sandbox, control: Control, ann: FakeContact) -> None:
    """The wait is as long as was said; a flood is not waited for unless it is said."""
    await link(sandbox, BOT)
    assert (await ask(sandbox, "/send", Send(text="hello", wait_s=0.3), MessagesSent)).answers == []
    assert (await ask(sandbox, "/send", Send(text="hello", count=30), MessagesSent)).sent == 30
    assert len(ann.sent) == 31


async def test_a_client_that_has_ended_is_opened_anew(sandbox: Sandbox, control: Control, ann: FakeContact) -> None:
    """At the next message."""
    await link(sandbox, BOT)
    await ask(sandbox, "/send", Send(text="one"), MessagesSent)
    ann.online = False
    await ask(sandbox, "/send", Send(text="two"), MessagesSent)
    assert ann.online


async def test_what_cannot_be_sent(sandbox: Sandbox, control: Control, ann: FakeContact) -> None:
    """Nothing is sent, and the reason says what would be right."""
    assert "no device is linked" in str(await refused(sandbox, "/send", Send(text="hello")))
    await link(sandbox, BOT)
    for question in (
        Send(text=""),
        Send(text="hello", count=0),
        Send(text="hello", count=10**9),
        Send(text="hello", wait_s=-1),
        Send(text="hello", wait_s=1e9),
        Send(text="hello", sender=BOT),
        Send(text="hello", sender="../../../tmp"),
        Send(text="hello", to="1"),
        Send(text="hello", to=BOB),
    ):
        assert (await refused(sandbox, "/send", question)).exit_code == ExitCode.USAGE
    assert ann.sent == []
    ann.broken = True
    assert "there is no connection" in str(await refused(sandbox, "/send", Send(text="hello")))


async def test_the_number_of_contacts_has_a_bound(
    sandbox: Sandbox, control: Control, ann: FakeContact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is a process."""
    monkeypatch.setattr("linda_bot.sandbox.people._MOST", 1)
    await link(sandbox, BOT)
    await ask(sandbox, "/send", Send(text="hello"), MessagesSent)
    assert "--from" in str(await refused(sandbox, "/send", Send(text="hello", sender=BOB)))


async def test_two_callers_take_turns(
    sandbox: Sandbox, control: Control, ann: FakeContact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A contact writes for one of them; the other one is told when that takes too long."""
    monkeypatch.setattr("linda_bot.sandbox.people._BUSY_FOR_S", 0.2)
    await link(sandbox, BOT)
    waiting = asyncio.ensure_future(ask(sandbox, "/send", Send(text="one", wait_s=0.8), MessagesSent))
    await asyncio.sleep(0.1)
    assert "another call" in str(await refused(sandbox, "/send", Send(text="two")))
    await waiting
    assert len(ann.sent) == 1


async def test_faults_are_carried_out_and_told(sandbox: Sandbox, control: Control) -> None:
    """What lasts is in the state until it is over or cleared."""
    done = await ask(sandbox, "/fault", InjectFault(name="bad-gateway", parameters={"for_s": "60"}), Done)
    await ask(sandbox, "/fault", InjectFault(name="login-failure", parameters={"code": "503"}), Done)
    state = await ask(sandbox, "/state", ShowState(), SandboxState)

    assert done.said
    assert sandbox.front.refuse
    assert [(fault.name, fault.ends_in_s is not None) for fault in state.faults] == [
        ("bad-gateway", True),
        ("login-failure", False),
    ]
    await ask(sandbox, "/fault", InjectFault(name="clear"), Done)
    assert not sandbox.front.refuse
    assert (await ask(sandbox, "/state", ShowState(), SandboxState)).faults == []


async def test_what_is_no_fault(sandbox: Sandbox, control: Control) -> None:
    """One line, harmless to a terminal."""
    for question in (
        InjectFault(name=""),
        InjectFault(name="\x1b]0;gotcha\x07"),
        InjectFault(name="drop", parameters={"nobody": "1"}),
        InjectFault(name="login-failure"),
        InjectFault(name="bad-gateway", parameters={"for_s": "nan"}),
    ):
        error = await refused(sandbox, "/fault", question)
        assert error.exit_code == ExitCode.USAGE
        assert str(error).isprintable()


async def test_a_script_plays_by_itself(sandbox: Sandbox, control: Control) -> None:
    """One at a time; `clear` ends it."""
    script = '[{"fault": "bad-gateway"}, {"after_s": 600, "fault": "clear"}]'
    assert "2 faults in 600 s" in (await ask(sandbox, "/script", PlayScript(script=script), Done)).said
    while not sandbox.front.refuse:
        await asyncio.sleep(0.01)
    assert (await ask(sandbox, "/state", ShowState(), SandboxState)).script
    assert "another script" in str(await refused(sandbox, "/script", PlayScript(script=script)))
    await ask(sandbox, "/fault", InjectFault(name="clear"), Done)
    assert not (await ask(sandbox, "/state", ShowState(), SandboxState)).script
    assert not sandbox.front.refuse


async def test_a_script_that_fails_is_noted(
    sandbox: Sandbox, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And leaves room for the next one; a wrong one is refused whole."""
    assert (await refused(sandbox, "/script", PlayScript(script="[[["))).exit_code == ExitCode.USAGE

    async def broken(*_: object) -> list[str]:
        raise UsageError("it cannot be done")

    with monkeypatch.context() as patched:
        patched.setattr("linda_bot.sandbox.faults.play", broken)
        await ask(sandbox, "/script", PlayScript(script="[]"), Done)
        while not sandbox.counts["script_failed"]:
            await asyncio.sleep(0.01)
    await ask(sandbox, "/script", PlayScript(script="[]"), Done)
    while not sandbox.counts["script_done"]:
        await asyncio.sleep(0.01)


async def test_the_state_tells_accounts_devices_and_notes(sandbox: Sandbox, control: Control) -> None:
    """In the order of their first use, and no more notes than asked for."""
    await link(sandbox, BOT)
    sandbox.phone(ANN)
    state = await ask(sandbox, "/state", ShowState(notes=2), SandboxState)

    assert (state.port, state.pid) == (sandbox.front.port, os.getpid())
    assert [account.number for account in state.accounts] == [BOT, ANN]
    (device,) = state.accounts[0].devices
    assert (device.online, device.queued) == (False, 0)
    assert device.linked_at is not None
    assert abs((datetime.now(UTC) - device.linked_at).total_seconds()) < 10
    assert [note.what for note in state.notes] == ["qr_offered", "paired"]
    assert state.counts["paired"] == 1


@pytest.mark.parametrize("path", ["/scan", "/send", "/fault", "/script", "/state", "/nowhere"])
async def test_junk_does_not_end_the_server(sandbox: Sandbox, control: Control, path: str) -> None:
    """Every answer is JSON with an error; the next question is answered."""
    bodies = (
        b"",
        b"null",
        b"[1]",
        b"[" * 100_000,
        b'{"nobody": 1}',
        b'{"text": 5}',
        b'{"text": "\\ud800"}',
        b'{"name": {}}',
        b"\xff\xfe\x00",
        b'{"count": 1e400}',
        b'{"notes": 99999999999999999999999}',
        b'{"qr": "' + b"2@," * 100_000 + b'"}',
        b"x" * (LONGEST_BODY + 1),
        random.Random(7).randbytes(5000),
    )
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(sandbox.directory / SOCKET))) as session:
        for body in bodies:
            async with session.post(f"http://sandbox{path}", data=io.BytesIO(body)) as answer:
                if path == "/state" and answer.status == 200:
                    continue
                assert 400 <= answer.status < 500, body[:50]
                assert (await answer.json())["error"]
        async with session.get(f"http://sandbox{path}") as answer:
            assert answer.status in (404, 405)
    assert (await ask(sandbox, "/state", ShowState(), SandboxState)).pid == os.getpid()


async def test_what_is_no_http_does_not_end_the_server(sandbox: Sandbox, control: Control) -> None:
    """Junk, half a request, a caller that hangs up, a body that never comes."""
    for said in (
        b"",
        b"\x00" * 5000,
        b"GET",
        b"POST /send HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST /send HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
        b"POST /state HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ):
        await raw(sandbox, said)
    assert (await ask(sandbox, "/state", ShowState(), SandboxState)).pid == os.getpid()


async def test_a_fault_of_ours_is_told_and_survived(
    sandbox: Sandbox, control: Control, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The trace is logged where the server runs."""

    async def broken(*_: object) -> str:
        raise RuntimeError("a bug")

    monkeypatch.setattr("linda_bot.sandbox.faults.inject", broken)
    error = await refused(sandbox, "/fault", InjectFault(name="drop"))
    assert "a bug" in str(error)
    assert error.exit_code == ExitCode.UNWELL
    assert "a question to the sandbox failed" in caplog.text
    assert (await ask(sandbox, "/state", ShowState(), SandboxState)).pid == os.getpid()


async def test_a_long_path_works(tmp_path: Path) -> None:
    """A unix socket's address has room for 107 bytes; the directory may be deeper."""
    deep = tmp_path.joinpath(*["directory" * 5] * 5)
    async with Sandbox(deep) as sandbox, Control(sandbox):
        assert len(str(sandbox.directory / SOCKET)) > 200
        assert (await ask(sandbox, "/state", ShowState(), SandboxState)).directory == str(deep)
    assert not (deep / SOCKET).exists()


async def test_why_nobody_answers(tmp_path: Path, sandbox: Sandbox) -> None:
    """No directory, no sandbox, one without a control socket, one that was killed, something else in its place."""

    def asked(directory: Path) -> str:
        with pytest.raises(UsageError) as caught:
            control_client.ask(directory, "/state", ShowState(), SandboxState, within_s=1)
        return str(caught.value)

    assert "no sandbox runs in" in asked(tmp_path / "nowhere")
    assert "no sandbox runs in" in asked(tmp_path)
    assert "part of another program" in asked(sandbox.directory)
    (tmp_path / "file").touch()
    assert "is not a directory" in asked(tmp_path / "file")
    async with Sandbox(tmp_path / "killed") as killed:
        async with Control(killed):
            (killed.directory / SOCKET).rename(tmp_path / "socket")
        (tmp_path / "socket").rename(killed.directory / SOCKET)
    assert "was killed" in asked(killed.directory)
    async with Sandbox(tmp_path / "killed") as again, Control(again):  # the old socket is in nobody's way
        assert (await ask(again, "/state", ShowState(), SandboxState)).pid == os.getpid()
    (tmp_path / "killed" / SOCKET).write_text("not a socket")
    async with Sandbox(tmp_path / "killed") as again:
        with pytest.raises(UsageError, match="cannot make"):
            await Control(again).__aenter__()


async def test_a_server_that_hangs_is_told(tmp_path: Path) -> None:
    """In one line, after the time that the command allows."""
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / SOCKET))
        silent.listen()
        with pytest.raises(LindaError, match=r"not answered within 0\.2 s"):
            control_client.ask(tmp_path, "/state", ShowState(), SandboxState, within_s=0.2)


async def test_a_question_that_is_too_long_is_not_asked(sandbox: Sandbox, control: Control) -> None:
    """Nor one that is no text."""
    assert "too long" in str(await refused(sandbox, "/send", Send(text="x" * LONGEST_BODY)))
    assert "UTF-8" in str(await refused(sandbox, "/send", Send(text="\udcff")))
    assert msgspec.json.decode(msgspec.json.encode(Send(text="x")), type=Send) == Send(text="x")
