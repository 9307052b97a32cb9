"""Telling systemd how the process is doing."""

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from linda_bot.kernel.supervisor import VARIABLES, Supervisor, keep_watchdog
from linda_bot.whatsapp.spawn import end_if_ours, spawn_engine


@pytest.fixture
def systemd() -> Iterator[socket.socket]:
    """Somebody who listens, at a path that is short enough on every platform."""
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as directory,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening,
    ):
        listening.bind(f"{directory}/notify")
        listening.settimeout(0)
        yield listening


def told_to(listening: socket.socket) -> dict[str, str]:
    """Return the facts of the next datagram; none when there is none."""
    try:
        lines = listening.recv(4096).decode().split("\n")
    except BlockingIOError:
        return {}
    return dict(line.split("=", 1) for line in lines)


def test_it_tells_what_happens(systemd: socket.socket) -> None:
    """Each fact in one datagram, by the protocol's names."""
    supervisor = Supervisor(systemd.getsockname())

    supervisor.ready("connected")
    assert told_to(systemd) == {"READY": "1", "STATUS": "connected"}
    supervisor.status("reconnecting")
    assert told_to(systemd) == {"STATUS": "reconnecting"}
    supervisor.alive()
    assert told_to(systemd) == {"WATCHDOG": "1"}
    supervisor.reloading()
    told = told_to(systemd)
    assert told["RELOADING"] == "1"
    assert int(told["MONOTONIC_USEC"]) > 0
    supervisor.stopping("saying goodbye")
    assert told_to(systemd) == {"STOPPING": "1", "STATUS": "saying goodbye"}
    assert told_to(systemd) == {}


def test_a_status_is_one_clean_line(systemd: socket.socket) -> None:
    """Whatever a server's words contain, no fact of their own can come of them."""
    Supervisor(systemd.getsockname()).status("gone\nREADY=1\x1b[2J\udcff" + "x" * 1000)

    told = told_to(systemd)
    assert list(told) == ["STATUS"]
    assert told["STATUS"].startswith("gone\\nREADY=1\\x1b[2J")
    assert len(told["STATUS"]) < 300


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has abstract sockets")
def test_an_abstract_socket() -> None:
    """It is spelt with an @."""
    name = f"linda-bot-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(0)
        Supervisor.from_environment({"NOTIFY_SOCKET": f"@{name}"}).ready("up")

        assert told_to(listening) == {"READY": "1", "STATUS": "up"}


def test_what_the_socket_did_not_take_is_told_later(systemd: socket.socket) -> None:
    """A supervisor that is busy does not hold the bot up, and does not miss that it is ready."""
    supervisor = Supervisor(systemd.getsockname())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as crowd, suppress(BlockingIOError):
        crowd.settimeout(0)
        for _ in range(100_000):
            crowd.sendto(b"FILLED=1", systemd.getsockname())
    supervisor.reloading()
    supervisor.ready("connected")
    supervisor.alive()
    while told_to(systemd).get("FILLED"):
        pass
    supervisor.alive()

    assert told_to(systemd) == {"READY": "1", "STATUS": "connected", "WATCHDOG": "1"}
    supervisor.alive()
    assert told_to(systemd) == {"WATCHDOG": "1"}


@pytest.mark.parametrize("address", ["", "/no/such/socket", "/" + "x" * 300, "/nul\0", "@", "vsock:2:1", "relative"])
def test_nobody_who_listens_is_no_error(address: str) -> None:
    """Nothing raises, whatever the variable says."""
    supervisor = Supervisor.from_environment({"NOTIFY_SOCKET": address})
    supervisor.ready("up")
    supervisor.status("well")
    supervisor.reloading()
    supervisor.alive()
    supervisor.stopping("down")


@pytest.mark.parametrize(
    ("usec", "pid", "every_s"),
    [
        ("60000000", "", 30.0),
        pytest.param("60000000", str(os.getpid()), 30.0, id="ours"),
        ("60000000", "1", None),
        ("60000000", "me", None),
        ("", "", None),
        ("0", "", None),
        ("-5", "", None),
        ("soon", "", None),
        ("\u0663", "", None),
        (str(2**64 - 1), "", None),
        ("9" * 5000, "", None),
    ],
)
def test_the_watchdog_of_the_environment(usec: str, pid: str, every_s: float | None) -> None:
    """Half of its time; none where it is not wanted, not for us, or nonsense. The variables are gone in any case."""
    environ = {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": usec, "WATCHDOG_PID": pid, "HOME": "/"}

    assert Supervisor.from_environment(environ).watchdog_every_s == every_s
    assert environ == {"HOME": "/"}


def test_without_a_socket_there_is_no_watchdog() -> None:
    """A sign of life could not be given."""
    environ = {"WATCHDOG_USEC": "1000000"}

    assert Supervisor.from_environment(environ).watchdog_every_s is None
    assert environ == {}


def test_an_engine_hears_nothing_of_the_supervisor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The first one is started before the daemon has read the variables."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "1")
    seen = tmp_path / "seen"
    engine = spawn_engine(("/bin/sh", "-c", f"env > {seen}.new; mv {seen}.new {seen}"), {"OTHER": "2"})
    os.waitpid(engine.pid, 0)
    for descriptor in engine[1:]:
        os.close(descriptor)
    end_if_ours(engine)

    names = {line.partition("=")[0] for line in seen.read_text().splitlines()}
    assert "OTHER" in names
    assert names.isdisjoint(VARIABLES)


class Counting(Supervisor):
    """Counts the signs of life."""

    signs = 0

    def alive(self) -> None:
        self.signs += 1


@pytest.mark.looptime
async def test_signs_of_life_while_alive() -> None:
    """One at once, one each interval, none while the bot is stuck."""
    supervisor = Counting("/run/notify", watchdog_every_s=30)
    is_alive = True
    watching = asyncio.create_task(keep_watchdog(supervisor, lambda: is_alive))
    await asyncio.sleep(61)
    assert supervisor.signs == 3
    is_alive = False
    await asyncio.sleep(300)
    assert supervisor.signs == 3
    is_alive = True
    await asyncio.sleep(30)
    assert supervisor.signs == 4
    watching.cancel()


@pytest.mark.looptime
async def test_without_a_watchdog_it_waits_for_ever() -> None:
    """A task that ends would count as the end of the bot."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(86400):
            await keep_watchdog(Supervisor(), lambda: True)
