"""The ways out, against real processes and a real server on this machine."""

import asyncio
import base64
import json
import os
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from linda_bot.health.alerting.incident import Incident, Now, Trouble
from linda_bot.health.alerting.notice import Notice, compose
from linda_bot.health.alerting.policy import Purpose
from linda_bot.health.alerting.sinks.apprise import AppriseSink, check_addresses
from linda_bot.health.alerting.sinks.command import CommandSink, command_of
from linda_bot.health.alerting.sinks.signing import signature, signing_key
from linda_bot.health.alerting.sinks.sink import SinkError
from linda_bot.health.alerting.sinks.webhook import WebhookSink, address_of, refusal
from linda_bot.kernel.alerts import NOTICE_VARIABLES
from linda_bot.kernel.errors import UsageError
from tests.support.alert_world import NOON, SENDER

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[4] / "docs" / "alerts.md"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOSTILE = "$(touch owned); `touch owned` \x1b[2J\n--help\0 'x' <b>&amp; {0} %s 4915112345678"


def notice(because: str = "no answer") -> Notice:
    """Return an alert."""
    trouble = Trouble("down", because, "look", NOON)
    incident = Incident(id="abc", topic="link", troubles=(trouble,), began_at=NOON, told=1)
    return compose(Purpose.ALERT, incident, SENDER, Now(NOON, 0.0))


def script(place: Path, text: str) -> tuple[str, ...]:
    """Write a program and return its command."""
    file = place / "tell me.sh"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o700)
    return command_of(f"'{file}' --fixed")


async def refused(sink: Any, told: Notice | None = None) -> SinkError:
    """Return the error of a sink that does not take it."""
    with pytest.raises(SinkError) as caught:
        await sink.send(told or notice())
    return caught.value


class Received:
    """A server that takes posts, and answers as it is told."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.endless = False
        self.silent = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.posts.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                outer.silent.wait()
                status, headers = outer.answers.pop(0) if outer.answers else (204, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                while outer.endless:
                    try:
                        self.wfile.write(b"x" * 65536)
                    except OSError:
                        return

            def log_message(self, *_: object) -> None:
                pass

        self.silent.set()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"


@pytest.fixture
def received() -> Iterator[Received]:
    """Yield a running server."""
    place = Received()
    thread = threading.Thread(target=place.server.serve_forever, args=(0.01,))
    thread.start()
    yield place
    place.silent.set()
    place.server.shutdown()
    thread.join()
    place.server.server_close()


# The command.


async def test_a_command_gets_variables_and_json(tmp_path: Path) -> None:
    """Its arguments are its own."""
    out = tmp_path / "out"
    command = script(tmp_path, f'printf "%s|" "$@" "$LINDA_ALERT_KIND" "$LINDA_ALERT_SUBJECT" > {out}; cat >> {out}')
    told = notice()
    await CommandSink(command).send(told)
    arguments, kind, subject, text = out.read_text().split("|")

    assert (arguments, kind, subject) == ("--fixed", "down", told.subject)
    assert json.loads(text) == json.loads(json.dumps(told.payload))


async def test_every_variable_of_the_page_is_there(tmp_path: Path) -> None:
    """And no other, because settings must not be mistaken for one."""
    out = tmp_path / "out"
    await CommandSink(script(tmp_path, f"env > {out}")).send(notice())
    names = set(re.findall(r"^(LINDA_\w+)=", out.read_text(), re.MULTILINE))

    assert names == NOTICE_VARIABLES
    assert names == set(re.findall(r"`(LINDA_ALERT_[A-Z]\w*)`", PAGE.read_text()))


async def test_what_strangers_write_is_only_text(tmp_path: Path) -> None:
    """No argument, no shell, no control characters, no number."""
    out = tmp_path / "out"
    command = script(tmp_path, f'cd {tmp_path}; printf "%s\\n" $# "$LINDA_ALERT_BECAUSE" > {out}; cat >> {out}')
    await CommandSink(command).send(notice(HOSTILE))
    count, because, text = out.read_text().splitlines()

    assert count == "1"
    assert because.isprintable()
    assert "4915112345678" not in because + text
    assert json.loads(text)["because"] == because
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("text", "says", "again"),
    [
        ("echo first; echo second 4915112345678 >&2; exit 3", "exit code 3 (second 49151******78)", True),
        ("exit 127", "exit code 127", False),
        ("kill -9 $$", "ended by signal 9", True),
        ("yes & one=$!; yes >&2 & sleep 0.05; kill $one $!; exit 1", "exit code 1 (y)", True),
    ],
)
async def test_a_command_that_fails(tmp_path: Path, text: str, says: str, *, again: bool) -> None:
    """Is told with its last line."""
    error = await refused(CommandSink(script(tmp_path, text)))

    assert str(error).startswith(says)
    assert error.again is again
    assert len(str(error)) < 200


async def test_a_command_that_hangs_is_killed_with_all_that_it_has_started(tmp_path: Path) -> None:
    """Nothing stays behind."""
    pids = tmp_path / "pids"
    command = script(tmp_path, f"sleep 300 & echo $! $$ > {pids}.new; mv {pids}.new {pids}; wait")
    sending = asyncio.create_task(CommandSink(command).send(notice()))
    while not pids.exists():
        await asyncio.sleep(0)  # so that it may be cancelled while the start is not over yet
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending

    for pid in map(int, pids.read_text().split()):
        for _ in range(500):
            if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                break
            await asyncio.sleep(0.01)
        else:
            pytest.fail("it lives on")


async def test_a_command_that_leaves_something_running_is_done(tmp_path: Path) -> None:
    """Whoever holds its stderr open."""
    pid = tmp_path / "pid"
    await CommandSink(script(tmp_path, f"sleep 60 & echo $! > {pid}")).send(notice())
    left = psutil.Process(int(pid.read_text()))

    assert left.is_running()
    left.kill()


async def test_a_command_that_is_gone(tmp_path: Path) -> None:
    """It may come back."""
    command = script(tmp_path, "exit 0")
    Path(command[0]).unlink()

    assert "no such file" in str(await refused(CommandSink(command)))


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "empty"), ("  ", "empty"), ("'open", "no closing quotation"), ("no-such-program -x", "no-such-program")],
)
def test_a_command_that_cannot_be(text: str, says: str) -> None:
    """Is told in one line."""
    with pytest.raises(UsageError, match=says) as caught:
        command_of(text)
    assert "\n" not in str(caught.value)


def test_a_command_in_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In .env no shell knows what ~ is."""
    script(tmp_path, "exit 0")
    monkeypatch.setenv("HOME", str(tmp_path))

    assert command_of("'~/tell me.sh' '~/x'") == (str(tmp_path / "tell me.sh"), "~/x")


# The webhook.


async def test_a_post_is_signed_as_the_page_says(received: Received) -> None:
    """The page's own code says that it is ours, and that another body is not."""
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert code
    assert len(code[1].strip().splitlines()) <= 10
    names: dict[str, Any] = {}
    exec(code[1], names)  # the page's example
    sink = WebhookSink(address_of(received.url), signing_key(SECRET))
    told = notice()
    await sink.send(told)
    ((path, headers, body),) = received.posts

    assert (path, headers["content-type"], headers["webhook-id"]) == ("/hook", "application/json", told.id)
    assert json.loads(body) == json.loads(json.dumps(told.payload))
    assert names["is_ours"](headers, body, SECRET)
    assert not names["is_ours"](headers, body + b" ", SECRET)
    assert not names["is_ours"](headers, body, "another")


def test_the_example_of_the_page_is_like_a_real_one() -> None:
    """The same fields."""
    example = re.search(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert example

    assert list(json.loads(example[1])) == list(notice().payload)


def test_the_convention() -> None:
    """A value that its own libraries make as well; a plain secret is taken as it is."""
    body = b'{"test": 2432232314}'
    known = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

    assert signature(signing_key(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == known
    assert signing_key("plain text") == b"plain text"
    with pytest.raises(UsageError, match="base64") as caught:
        signing_key("whsec_no base64!")
    assert "no base64" not in str(caught.value)


async def test_without_a_secret_nothing_is_signed(received: Received) -> None:
    """And user and password go into their header."""
    url = received.url.replace("http://", "http://user:p%40ss@")
    await WebhookSink(address_of(url), None).send(notice())
    ((_, headers, _),) = received.posts

    assert "webhook-signature" not in headers
    assert base64.b64decode(headers["authorization"].removeprefix("Basic ")) == b"user:p@ss"


@pytest.mark.parametrize(
    ("status", "headers", "again", "after_s"),
    [
        (500, {}, True, None),
        (503, {"Retry-After": "7"}, True, 7.0),
        (429, {"Retry-After": "nonsense"}, True, None),
        (408, {}, True, None),
        (400, {}, False, None),
        (404, {"Retry-After": "7"}, False, None),
        (410, {}, False, None),
    ],
)
async def test_answers(
    received: Received, status: int, headers: dict[str, str], after_s: float | None, *, again: bool
) -> None:
    """What may pass is tried again, when the receiver wants it."""
    received.answers = [(status, headers)]
    error = await refused(WebhookSink(address_of(received.url), None))

    assert str(error) == f"it answered {status}"
    assert (error.again, error.after_s) == (again, after_s)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("Sat, 07 Feb 2026 12:00:30 GMT", 30), ("Sat, 07 Feb 2026 11:00:00 GMT", 0), ("9" * 30, None), ("-5", None)],
)
def test_a_time_to_come_again(text: str, seconds: float | None) -> None:
    """May be a date."""
    assert refusal(503, text, NOON.timestamp()).after_s == seconds


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirection_is_not_followed(received: Received, status: int) -> None:
    """Whoever answers does not choose who is told."""
    received.answers = [(status, {"Location": received.url.replace("/hook", "/other")})]
    error = await refused(WebhookSink(address_of(received.url), None))

    assert not error.again
    assert "final address" in str(error)
    assert len(received.posts) == 1


async def test_an_answer_without_end(received: Received) -> None:
    """Is not read to its end."""
    received.endless = True
    await WebhookSink(address_of(received.url), None).send(notice())
    received.endless = False


async def test_a_server_that_does_not_answer_gets_no_second_post_meanwhile(received: Received) -> None:
    """The try before is still under way."""
    received.silent.clear()
    sink = WebhookSink(address_of(received.url), None)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await sink.send(notice())
    assert "has not come back" in str(await refused(sink))
    received.silent.set()
    for _ in range(500):
        await asyncio.sleep(0.01)
        try:
            await sink.send(notice())
            break
        except SinkError:
            continue

    assert len(received.posts) == 2


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://user:secret@127.0.0.1:1/secret", "connection refused"),
        ("http://secret.invalid/secret", "looked up"),
    ],
)
async def test_a_server_that_cannot_be_reached(url: str, says: str) -> None:
    """Is told without its address."""
    error = await refused(WebhookSink(address_of(url), None))

    assert says in str(error)
    assert "secret" not in str(error)
    assert error.again


@pytest.mark.parametrize("url", ["https:///x", "http://[::1", "https://host:port/", "https://ho st/", "https://h/\n"])
def test_an_address_that_is_none(url: str) -> None:
    """Is told without what it was."""
    with pytest.raises(UsageError, match="LINDA_ALERT__WEBHOOK is wrong") as caught:
        address_of(url)
    assert url not in str(caught.value)


# Apprise.


async def test_apprise_in_its_own_process(received: Received) -> None:
    """It gets subject and body, and fails without a word of the address."""
    address = received.url.replace("http://", "json://")
    await AppriseSink("apprise", address).send(notice())
    ((_, _, body),) = received.posts
    error = await refused(AppriseSink("apprise", "json://127.0.0.1:1/secret"))

    assert json.loads(body)["title"] == notice().subject
    assert "secret" not in str(error)


def test_addresses_are_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that does it would cost each start half a second; a wrong one is told by its place."""
    good = ["json://127.0.0.1/secret"]
    mark = check_addresses(good, "")
    with pytest.raises(UsageError, match="address 2 of 2") as caught:
        check_addresses([*good, "nix://secret"], mark)
    monkeypatch.setattr("subprocess.run", None)

    assert check_addresses(good, mark) == mark
    assert "secret" not in str(caught.value)
    assert "secret" not in mark


def test_apprise_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says what to do."""
    monkeypatch.setattr("linda_bot.health.alerting.sinks.apprise.find_spec", lambda _: None)

    with pytest.raises(UsageError, match=re.escape("pip install 'linda-bot[notify]'")):
        check_addresses(["json://127.0.0.1"], "")


def test_the_script_of_the_page_does_what_it_says(received: Received, tmp_path: Path) -> None:
    """With another address than that of the internet."""
    text = re.search(r"```sh\n#!/bin/sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert text
    if not any((Path(place) / "curl").exists() for place in os.get_exec_path()):
        pytest.skip("there is no curl")
    command = script(tmp_path, text[1].replace("https://ntfy.sh/my-secret-topic", received.url))
    told = notice()
    asyncio.run(CommandSink(command).send(told))
    ((_, headers, body),) = received.posts

    assert headers["title"] == told.subject
    assert body.decode() == told.body
