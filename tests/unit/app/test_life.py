"""How a run says that it begins and ends, and what it finds out about the one before."""

from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from linda_bot.app.life import Life, end_before
from linda_bot.connection.events import DaemonStarted, DaemonStopped, DaemonStopping
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.errors import ExitCode, UsageError
from linda_bot.kernel.events import Event
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.rollback import RunMark, boot_id, save_run_mark


@pytest.fixture
def paths(tmp_path: Path) -> SessionPaths:
    """An empty session directory."""
    made = SessionPaths(tmp_path, "default")
    made.directory.mkdir(parents=True)
    return made


def lived(
    paths: SessionPaths, error: BaseException | None = None, *, ask: bool = False, code: int | None = None
) -> list[Event]:
    """Return what a run tells of its beginning and its end."""
    bus = EventBus()
    with bus.subscribe(Event, name="test") as told:
        life = Life(bus, paths)
        with suppress(*([type(error)] if error is not None else [])), ExitStack() as closing:
            closing.push(life.close)
            life.begin()
            closing.push(life.close)
            if ask:
                life.asked_to_stop()
            if code is not None:
                life.gave_up(ExitCode(code))
            if error is not None:
                raise error
        return list(told.pending())


def test_the_end_of_the_run_before(paths: SessionPaths) -> None:
    """The first, one in order, one that was cut short, one that went down with the machine."""
    assert end_before(paths) == "first"
    paths.history.write_text("[]")
    assert end_before(paths) == "in_order"
    for mark, word in (
        (RunMark(boot_id=boot_id(), running=False), "in_order"),
        (RunMark(boot_id=boot_id(), running=True), "cut_short"),
        (RunMark(boot_id="another", running=True), "machine_down"),
        (RunMark(boot_id="", running=True), "cut_short"),
    ):
        save_run_mark(paths.run_mark, mark)
        assert end_before(paths) == word


@pytest.mark.parametrize(
    ("how", "why", "code", "because"),
    [
        ({"ask": True}, "signal", 0, ""),
        ({"code": 7}, "gave_up", 7, ""),
        ({"code": 0}, "done", 0, ""),
        ({"error": ValueError("oh")}, "crash", 70, "ValueError: oh"),
        ({"error": ValueError("oh"), "ask": True}, "crash", 70, "ValueError: oh"),
        ({"error": UsageError("set it right")}, "error", 2, "set it right"),
        ({"error": KeyboardInterrupt()}, "signal", 0, ""),
    ],
    ids=lambda value: str(value)[:30],
)
def test_an_end_is_told_once(paths: SessionPaths, how: dict[str, object], why: str, code: int, because: str) -> None:
    """Why, with which exit code, by which error; it is announced before."""
    started, stopping, stopped = lived(paths, **how)  # type: ignore[arg-type]

    assert isinstance(started, DaemonStarted)
    assert isinstance(stopping, DaemonStopping)
    assert isinstance(stopped, DaemonStopped)
    assert (stopped.why, stopped.exit_code, stopped.because) == (why, code, because)
