"""The adapter on engines that are not well."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from linda_bot.whatsapp.adapter import EngineClient
from linda_bot.whatsapp.events import EngineExited, EnginePrinted
from linda_bot.whatsapp.port import ClientError, LinkRequest
from linda_bot.whatsapp.spawn import EngineProcess, end_if_ours, spawn_engine


def engine(code: str) -> tuple[str, ...]:
    """Return the command of an engine made of this code."""
    return (sys.executable, "-c", code)


async def end_of(client: EngineClient) -> tuple[EngineExited, list[str]]:
    """Return how an engine ended and what it printed."""
    printed = []
    async for event in client.events():
        if isinstance(event, EnginePrinted):
            printed.append(event.line)
        if isinstance(event, EngineExited):
            return event, printed
    raise AssertionError


async def failed_start(code: str, directory: Path) -> tuple[EngineExited, list[str]]:
    """Start an engine that cannot answer, and return how it ended and what it printed."""
    client = EngineClient(engine(code))
    with pytest.raises(ClientError):
        await client.start(LinkRequest(store=directory / "session.db"))
    return await end_of(client)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("failed to find libmagic.  Check your installation", "apt install libmagic1"),
        ("cannot open shared object file", "ImportError: cannot open shared object file"),
    ],
)
async def test_a_library_that_cannot_be_loaded(tmp_path: Path, fault: str, said: str) -> None:
    """One line that says what to do, not a traceback."""
    (tmp_path / "neonize.py").write_text(f"raise ImportError({fault!r})\n")
    client = EngineClient(env={"PYTHONPATH": str(tmp_path)})

    with pytest.raises(ClientError, match="neonize cannot be loaded") as caught:
        await client.start(LinkRequest(store=tmp_path / "session.db"))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    await client.stop()
    assert (await end_of(client))[1] == []


def test_an_engine_that_was_not_used_is_killed_and_collected() -> None:
    """Once; its number is free for others then."""
    process = spawn_engine(engine("import time; time.sleep(60)"))
    end_if_ours(process)

    with pytest.raises(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)
    for descriptor in process[1:]:
        os.close(descriptor)


def test_a_number_that_is_no_child_of_ours_is_left_alone() -> None:
    """After a collected engine it may belong to anybody; here to a grandchild, which lives on."""
    code = (
        "import subprocess as s\n"
        "print(s.Popen(['sleep', '60'], stdin=s.DEVNULL, stdout=s.DEVNULL, stderr=s.DEVNULL).pid)"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    stranger = int(done.stdout)
    try:
        end_if_ours(EngineProcess(stranger, -1, -1, -1))
        os.kill(stranger, 0)  # raises ProcessLookupError if it is gone
    finally:
        os.kill(stranger, signal.SIGKILL)


async def test_an_engine_that_cannot_be_started(tmp_path: Path) -> None:
    """Said at the start; the events end all the same."""
    client = EngineClient((str(tmp_path / "no-such-program"),))

    with pytest.raises(ClientError, match="cannot start the engine"):
        await client.start(LinkRequest(store=tmp_path / "session.db"))
    await client.stop()
    assert (await end_of(client))[0].asked


async def test_the_last_words_of_a_crash_are_kept(tmp_path: Path) -> None:
    """A Go panic is printed on stderr, without warning and without an end of line."""
    code = "import os, sys; sys.stderr.write('panic: oh no\\n\\x1b[1mgoroutine 1'); sys.stderr.flush(); os.abort()"
    end, printed = await failed_start(code, tmp_path)

    assert (end.code, end.asked) == (-6, False)
    assert end.last_lines == ("panic: oh no", "\x1b[1mgoroutine 1")
    assert printed == list(end.last_lines)


async def test_an_engine_that_talks_nonsense_is_ended(tmp_path: Path) -> None:
    """What follows could not be understood either."""
    code = "import os, time; os.write(1, b'\\x00\\x00\\x00\\x04abcd'); time.sleep(60)"
    end, printed = await failed_start(code, tmp_path)

    assert end.code == -9
    assert "no message" in printed[0]


async def test_an_engine_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    """Asked, waited for, killed."""
    code = (
        "import os, sys, time, msgspec\n"
        "from linda_bot.whatsapp.wire import Done, frame\n"
        "os.write(1, frame(Done(id=1)))\n"
        "time.sleep(60)\n"
    )
    client = EngineClient(engine(code))
    await client.start(LinkRequest(store=tmp_path / "session.db"))
    await client.stop(within_s=0.2)

    assert (await end_of(client))[0].code == -9


async def test_a_very_long_line_is_cut(tmp_path: Path) -> None:
    """A line without an end does not fill the memory."""
    code = "import os, sys; os.write(2, b'x' * 300_000); sys.exit(3)"
    end, printed = await failed_start(code, tmp_path)

    assert end.code == 3
    assert max(len(line) for line in printed) <= 4000
