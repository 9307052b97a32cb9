"""Hints from the machine."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress

import pytest

from linda_bot.kernel.network_news import Ears, NetlinkNews, News
from linda_bot.kernel.surroundings import Clocks, machine_clocks, watch_network, watch_sleep

pytestmark = pytest.mark.looptime

CHANGED = "the network has changed"


class EverythingIsNews(News):
    """Understands nothing but `nothing`."""

    def hear(self, datagram: bytes) -> bool:
        return datagram != b"nothing"


class Moments:
    """Remembers what was told, and when."""

    def __init__(self) -> None:
        self.told: list[tuple[float, str]] = []

    def __call__(self, why: str) -> None:
        self.told.append((round(asyncio.get_running_loop().time(), 3), why))


@pytest.fixture
def moments() -> Moments:
    """Nothing was told yet."""
    return Moments()


@pytest.fixture
def kernel() -> Iterator[tuple[socket.socket, Ears]]:
    """The two ends of a line."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    theirs.settimeout(0)
    with ours, theirs:
        yield ours, Ears(theirs, EverythingIsNews())


@asynccontextmanager
async def watching(tell: Callable[[str], None], ears: Ears | None) -> AsyncIterator[None]:
    """Watch the network meanwhile."""
    task = asyncio.create_task(watch_network(tell, open_ears=lambda: ears))
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_burst_is_told_once(kernel: tuple[socket.socket, Ears], moments: Moments) -> None:
    """When it has been quiet for a second."""
    line, ears = kernel
    async with watching(moments, ears):
        for _ in range(5):
            line.send(b"news")
            await asyncio.sleep(0.1)
        await asyncio.sleep(20)
        line.send(b"news")
        await asyncio.sleep(20)

    assert [why for _, why in moments.told] == [CHANGED, CHANGED]
    assert [at for at, _ in moments.told] == pytest.approx([1.4, 21.5], abs=0.05)


async def test_a_storm_is_told_every_two_seconds(kernel: tuple[socket.socket, Ears], moments: Moments) -> None:
    """It need not end."""
    line, ears = kernel
    async with watching(moments, ears):
        for _ in range(40):
            line.send(b"news")
            await asyncio.sleep(0.25)

    gaps = [later[0] - earlier[0] for earlier, later in zip(moments.told, moments.told[1:], strict=False)]
    assert 3 <= len(moments.told) <= 5
    assert all(gap >= 2 for gap in gaps)


async def test_what_is_no_news_is_not_told(kernel: tuple[socket.socket, Ears], moments: Moments) -> None:
    """It is read and forgotten."""
    line, ears = kernel
    async with watching(moments, ears):
        line.send(b"nothing")
        await asyncio.sleep(60)

    assert moments.told == []


async def test_nobody_to_listen_to(moments: Moments) -> None:
    """No such socket, or a refused one: it waits for ever."""

    def refuse() -> Ears | None:
        raise PermissionError

    async with watching(moments, None):
        await asyncio.sleep(86400)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(86400):
            await watch_network(moments, open_ears=refuse)
    assert moments.told == []


class Broken(socket.socket):
    """Fails in a way that is chosen, when there is something to read."""

    fault = errno.EBADF

    def recvfrom(self, bufsize: int, flags: int = 0) -> tuple[bytes, object]:
        found = super().recvfrom(bufsize, flags)
        if self.fault:
            raise OSError(self.fault, "as the test wants it")
        return found


@pytest.mark.parametrize(("fault", "told"), [(errno.EIO, 0), (errno.ENOBUFS, 1)])
async def test_a_socket_that_fails(moments: Moments, fault: int, told: int) -> None:
    """One that has overflowed has lost something, which is news; one that broke is let go of."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, Broken(fileno=theirs.detach()) as broken:
        broken.settimeout(0)
        broken.fault = fault
        async with watching(moments, Ears(broken, NetlinkNews())):
            ours.send(b"news")
            await asyncio.sleep(60)

    assert moments.told == [(1.0, CHANGED)] * told


def test_another_process_is_not_listened_to() -> None:
    """Netlink tells who has sent something; only the kernel has the number 0."""
    sent = [(b"news", (4711, 0)), (b"news", (0, 0))]

    class Line:
        def recvfrom(self, _size: int) -> tuple[bytes, tuple[int, int]]:
            if not sent:
                raise BlockingIOError
            return sent.pop(0)

    ears = Ears(Line(), EverythingIsNews())  # type: ignore[arg-type]
    assert not ears.listen(at_most=1)
    assert ears.listen(at_most=1)
    assert not ears.listen()


class Machine:
    """Two clocks; the loop's runs with both, unless the machine sleeps or the process is frozen."""

    def __init__(self) -> None:
        self.asleep = 0.0
        self.frozen = 0.0

    def clocks(self) -> Clocks:
        loop = asyncio.get_running_loop()
        return Clocks(lambda: loop.time() + self.frozen, lambda: loop.time() + self.frozen + self.asleep)


@asynccontextmanager
async def sleeping(tell: Callable[[str], None]) -> AsyncIterator[Machine]:
    """Watch a machine meanwhile."""
    machine = Machine()
    task = asyncio.create_task(watch_sleep(tell, clocks=machine.clocks()))
    await asyncio.sleep(12)
    yield machine
    await asyncio.sleep(100)
    task.cancel()


async def test_a_sleep_is_told_once(moments: Moments) -> None:
    """Within five seconds after the end of it, with how long it was."""
    async with sleeping(moments) as machine:
        machine.asleep += 3600.4

    assert moments.told == [(15.0, "the machine was asleep for 3600 s")]


async def test_a_process_that_was_frozen(moments: Moments) -> None:
    """The machine was awake, but nothing ran here: a paused container."""
    async with sleeping(moments) as machine:
        machine.frozen += 60

    assert moments.told == [(15.0, "the process stood still for 60 s")]


async def test_a_nap_is_not_told(moments: Moments) -> None:
    """Ten seconds do a link no harm, however often."""
    async with sleeping(moments) as machine:
        machine.asleep += 9
        await asyncio.sleep(20)
        machine.asleep += 9
        machine.frozen += 9

    assert moments.told == []


async def test_a_platform_without_such_clocks(moments: Moments, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for ever."""
    monkeypatch.setattr("linda_bot.kernel.surroundings.machine_clocks", lambda: None)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(86400):
            await watch_sleep(moments)
    assert moments.told == []


def test_the_clocks_of_this_machine() -> None:
    """They differ by what it has slept, which does not change while this test runs."""
    clocks = machine_clocks()
    assert clocks is not None
    before = clocks.always() - clocks.awake()
    after = clocks.always() - clocks.awake()

    assert before >= -0.01
    assert after - before == pytest.approx(0, abs=0.5)


async def test_the_network_of_this_machine(moments: Moments) -> None:
    """Whatever it is: watching it does not end and raises nothing."""
    task = asyncio.create_task(watch_network(moments))
    await asyncio.sleep(5)

    assert not task.done()
    task.cancel()
