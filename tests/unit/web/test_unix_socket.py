"""The control socket: where it is, who may trust it, and what it costs a bot that nobody asks."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from linda_bot.app.status import BotStatus
from linda_bot.cli import control_client
from linda_bot.cli.control_client import BotHangsError, BotRefusedError, NoBotError, RunningBot, bot_of
from linda_bot.kernel.errors import UsageError
from linda_bot.kernel.files import write_json
from linda_bot.sessions.lock import Holder, acquire_lock
from linda_bot.sessions.paths import SessionPaths
from linda_bot.web import place as places
from linda_bot.web.doors import doors
from linda_bot.web.place import LONGEST_PATH, listen, remove, socket_of
from tests.support.fake_front import FakeFront

HERE = Holder(os.getpid(), socket.gethostname(), "", "listening")


@pytest.fixture
def far(home: Path) -> SessionPaths:
    """Return a session whose path no address has room for."""
    paths = SessionPaths(home / ("far" * 30), "default")
    paths.directory.mkdir(mode=0o700, parents=True)
    assert len(os.fsencode(paths.control)) > LONGEST_PATH
    return paths


@pytest.fixture
def no_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be on a system without /proc."""
    monkeypatch.setattr(places, "_DESCRIPTORS", Path("/nowhere"))


@pytest.fixture
def deaf(front: FakeFront) -> Iterator[RunningBot]:
    """A bot that listens and does not answer."""
    listener = listen(front.job.paths)
    yield RunningBot(front.job.paths, HERE)
    listener.close()


async def ask(paths: SessionPaths) -> BotStatus:
    """Ask as a command does."""
    bot = RunningBot(paths, HERE)
    return await asyncio.to_thread(bot.ask, "GET", "/api/v1/status", BotStatus, within_s=5)


async def test_it_is_there_for_its_owner_while_the_bot_runs(front: FakeFront) -> None:
    """And gone afterwards."""
    async with doors(front.as_front):
        assert front.job.paths.control.stat().st_mode & 0o777 == 0o600
        assert (await ask(front.job.paths)).state == "connected"
        assert (await ask(front.job.paths)).live
    assert list(front.job.paths.directory.iterdir()) == []
    async with doors(front.as_front):  # nobody comes
        pass
    assert list(front.job.paths.directory.iterdir()) == []


async def test_what_a_killed_bot_has_left_is_replaced(front: FakeFront) -> None:
    """A socket on which nobody listens; a file of somebody's that stands in its place is not touched."""
    listen(front.job.paths).close()
    assert front.job.paths.control.is_socket()
    async with doors(front.as_front):
        assert (await ask(front.job.paths)).live
    front.job.paths.control.write_text("precious")
    async with doors(front.as_front):
        assert socket_of(front.job.paths) is None
    assert front.job.paths.control.read_text() == "precious"


async def test_where_there_can_be_none_the_bot_lives_on(front: FakeFront, caplog: pytest.LogCaptureFixture) -> None:
    """It says so once."""
    front.job.paths.directory.rmdir()
    async with doors(front.as_front):
        pass
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "no such file" in caplog.text


async def test_a_long_path(front: FakeFront, far: SessionPaths) -> None:
    """Where the system has a way to it, it makes no difference."""
    front.job.paths = far
    async with doors(front.as_front):
        if sys.platform == "linux":
            assert socket_of(far) == far.control
        assert (await ask(far)).state == "connected"
    assert list(far.directory.iterdir()) == []


async def test_a_long_path_elsewhere(front: FakeFront, far: SessionPaths, no_descriptors: None) -> None:
    """The socket is in a directory of its own, which only its owner may enter, and is found through a pointer."""
    front.job.paths = far
    async with doors(front.as_front):
        place = socket_of(far)
        assert place is not None
        assert place.parent.stat().st_mode & 0o777 == 0o700
        assert far.control_pointer.stat().st_mode & 0o777 == 0o600
        assert (await ask(far)).state == "connected"
    assert list(far.directory.iterdir()) == []
    assert not place.parent.exists()
    listen(far).close()  # of a bot that is killed
    left = socket_of(far)
    assert left is not None
    listener = listen(far)
    assert not left.parent.exists()
    listener.close()
    remove(far)


def test_a_pointer_is_not_followed_anywhere(home: Path, far: SessionPaths, no_descriptors: None) -> None:
    """Only into a directory that is ours alone, to a socket of the right name."""
    with socket.socket(socket.AF_UNIX) as listener:
        directory = home / "d"
        directory.mkdir(mode=0o700)
        place = directory / "control.sock"
        listener.bind(str(place))
        write_json(far.control_pointer, {"socket": str(place)})
        assert socket_of(far) == place
        directory.chmod(0o755)
        assert socket_of(far) is None
        directory.chmod(0o700)
        (home / "link").symlink_to(directory)
        for wrong in (str(home / "link" / "control.sock"), str(place)[1:], "control.sock", str(place) + "2", 5, "\x00"):
            write_json(far.control_pointer, {"socket": wrong})
            assert socket_of(far) is None
        for content in ("", "[]", "{}", "\xff"):
            far.control_pointer.write_text(content)
            assert socket_of(far) is None
        place.unlink()
        place.write_text("no socket")
        write_json(far.control_pointer, {"socket": str(place)})
        assert socket_of(far) is None


def test_nobody_asks(home: Path) -> None:
    """The server is not loaded, nor the client library's rooms by a command that asks."""
    program = """
import asyncio, sys
from pathlib import Path
from types import SimpleNamespace
from linda_bot.sessions.paths import SessionPaths
from linda_bot.web.doors import doors

async def main():
    paths = SessionPaths(Path(sys.argv[1]), "default")
    paths.directory.mkdir(parents=True)
    async with doors(SimpleNamespace(job=SimpleNamespace(paths=paths))):
        await asyncio.sleep(0.05)

asyncio.run(main())
import linda_bot.cli.control_client
print(sorted({"aiohttp", "linda_bot.app.front", "linda_bot.messaging", "pydantic"} & sys.modules.keys()))
"""
    ran = subprocess.run([sys.executable, "-c", program, str(home)], capture_output=True, text=True, check=False)

    assert (ran.stdout.strip(), ran.stderr) == ("[]", "")


def test_a_bot_that_hangs(deaf: RunningBot) -> None:
    """It is named, with what to do; also when so many wait already that nobody can be let in."""
    with pytest.raises(BotHangsError, match=f"kill -9 {os.getpid()}"):
        deaf.ask("GET", "/api/v1/status", BotStatus, within_s=0.05)
    waiting = []
    for _ in range(5000):
        one = socket.socket(socket.AF_UNIX)
        one.setblocking(False)  # noqa: FBT003
        waiting.append(one)
        try:
            one.connect(str(deaf._paths.control))
        except BlockingIOError:
            break
    with pytest.raises(BotHangsError):
        deaf.ask("GET", "/api/v1/status", BotStatus, within_s=0.05)
    for one in waiting:
        one.close()


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n[]"]
)
def test_a_bot_that_ends_or_answers_nonsense(front: FakeFront, said: bytes) -> None:
    """One line."""
    listener = listen(front.job.paths)
    listener.setblocking(True)  # noqa: FBT003

    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(said)

    thread = threading.Thread(target=answer)
    thread.start()
    with pytest.raises(BotRefusedError) as error:
        RunningBot(front.job.paths, HERE).ask("GET", "/api/v1/status", BotStatus, within_s=3)
    thread.join()
    listener.close()
    assert "\n" not in str(error.value)


async def test_who_holds_the_session(front: FakeFront, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody, one that is just starting, one that can be asked, one on another machine, one without a socket."""
    paths = front.job.paths
    with pytest.raises(NoBotError, match="no bot runs"):
        bot_of(paths)
    lock = await acquire_lock(paths)
    with pytest.raises(NoBotError, match="no bot that is up"):
        bot_of(paths)
    lock.mark_listening()
    assert bot_of(paths).pid == os.getpid()
    monkeypatch.setattr(control_client, "_DOOR_WITHIN_S", 0.1)
    with pytest.raises(NoBotError, match="no control socket"):
        await asyncio.to_thread(bot_of(paths).ask, "GET", "/api/v1/status", BotStatus, within_s=1)
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    with pytest.raises(NoBotError, match="the bot runs on"):
        bot_of(paths)
    lock.release()


async def test_a_socket_that_opens_late_is_waited_for(front: FakeFront) -> None:
    """The bot has just started."""
    asking = asyncio.create_task(ask(front.job.paths))
    await asyncio.sleep(0.2)
    async with doors(front.as_front):
        assert (await asking).state == "connected"


async def test_what_the_bot_says_of_a_wrong_request(front: FakeFront) -> None:
    """A person's mistake is exit code 2, everything else 1."""
    async with doors(front.as_front):
        bot = RunningBot(front.job.paths, HERE)
        with pytest.raises(UsageError, match="show_numbers is true or false"):
            await asyncio.to_thread(bot.ask, "GET", "/api/v1/status?show_numbers=5", BotStatus, within_s=5)
        with pytest.raises(BotRefusedError, match="not up"):
            await asyncio.to_thread(bot.ask, "POST", "/api/v1/logout", BotStatus, {}, within_s=5)
        with pytest.raises(UsageError, match="UTF-8"):
            await asyncio.to_thread(bot.ask, "POST", "/api/v1/send", BotStatus, {"text": "\udcff"}, within_s=5)
