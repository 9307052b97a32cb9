"""Reading something for many who want it: seldom, never twice at once, and nobody waits long."""

import asyncio

import pytest

from linda_bot.app.sources import Found, Source


class Disk:
    """Something that is read, and takes as long as a test wants."""

    def __init__(self) -> None:
        self.takes_s = 1.0
        self.failure: Exception | None = None
        self.reads = 0
        self.at_once = 0
        self.text = "a"

    async def read(self) -> str:
        self.reads += 1
        self.at_once += 1
        text = self.text
        try:
            await asyncio.sleep(self.takes_s)
        finally:
            self.at_once -= 1
        if self.failure:
            raise self.failure
        return text


@pytest.fixture
def disk() -> Disk:
    """The disk."""
    return Disk()


def source_of(disk: Disk) -> Source[str]:
    """Return what reads it, every ten seconds at most."""
    return Source("the file", disk.read, every_s=10, within_s=3)


@pytest.mark.looptime
async def test_many_want_it_and_it_is_read_once(disk: Disk) -> None:
    """At one time, and for a while after that."""
    source = source_of(disk)
    found = await asyncio.gather(*(source.look() for _ in range(50)))
    assert set(found) == {Found("a")}
    disk.text = "b"
    await asyncio.sleep(9)
    assert await source.look() == Found("a")
    assert disk.reads == 1
    await asyncio.sleep(2)
    assert await source.look() == Found("b")
    assert disk.reads == 2


@pytest.mark.looptime
async def test_what_hangs_is_not_waited_for(disk: Disk) -> None:
    """Nor begun again beside it; whoever comes later waits no longer for the same."""
    source, loop = source_of(disk), asyncio.get_running_loop()
    await source.look()
    await asyncio.sleep(10)
    disk.takes_s = 100
    slow = Found("a", "the file could not be read within 3 s")
    assert await source.look() == slow
    began_at = loop.time()
    assert [await source.look() for _ in range(5)] == [slow] * 5
    assert loop.time() == began_at
    assert disk.at_once == 1
    await asyncio.sleep(100)
    assert await source.look() == Found("a")


@pytest.mark.looptime
async def test_a_failure_is_told_and_passes(disk: Disk, caplog: pytest.LogCaptureFixture) -> None:
    """With what was found before; the log has it once."""
    source = source_of(disk)
    await source.look()
    for failure, why in ((PermissionError(13, "Permission denied"), "permission denied"), (ValueError(), "ValueError")):
        disk.failure = failure
        await asyncio.sleep(11)
        assert await source.look() == Found("a", f"the file cannot be read: {why}")
    assert len(caplog.records) == 1
    disk.failure = None
    await asyncio.sleep(11)
    assert await source.look() == Found("a")


@pytest.mark.looptime
async def test_what_has_changed_is_read_anew(disk: Disk) -> None:
    """What is being read then is older, and is not taken for new, whichever ends first."""
    source = source_of(disk)
    disk.takes_s = 2
    older = asyncio.create_task(source.look())
    await asyncio.sleep(1)
    disk.text, disk.takes_s = "b", 0.5
    source.forget()
    assert await source.look() == Found("b")
    await older
    assert await source.look() == Found("b")
    assert disk.reads == 2


@pytest.mark.looptime
async def test_the_end_waits_for_nothing(disk: Disk) -> None:
    """What is being read is given up."""
    source = source_of(disk)
    disk.takes_s = 1000
    await source.look()
    await source.close()
    assert disk.at_once == 0
