"""`linda-bot alerts`."""

import argparse
import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from linda_bot.cli.alerts import alerts
from linda_bot.health.alerting.incident import Incident, Now, Trouble
from linda_bot.health.alerting.memory import Delivery, Memory, MemoryFile, with_delivery, with_notice
from linda_bot.health.alerting.notice import trial_notice
from linda_bot.kernel.errors import ExitCode, UsageError
from linda_bot.kernel.events import utc_now
from tests.support.alert_world import SENDER

NOW = utc_now()


def options(place: Path, **changes: object) -> argparse.Namespace:
    """Return what the command line says."""
    given = {"data_dir": place, "account": None, "json": False, "show_numbers": False, "test": False, "last": 10}
    return argparse.Namespace(**{**given, **changes})


def remember(place: Path) -> None:
    """Have a bot have told something."""
    incident = Incident(
        id="abc",
        topic="link",
        troubles=(Trouble("down", "no answer from 4915112345678", "see whether there is a network", NOW),),
        began_at=NOW - timedelta(hours=2),
        told=1,
        told_troubles=1,
    )
    memory = Memory(incidents=(incident, replace(incident, id="def", over_at=NOW)))
    for number in range(3):
        notice = trial_notice(SENDER, Now(NOW, 0.0), f"n{number}")
        memory = with_notice(memory, notice, ["command", "webhook"])
    memory = with_delivery(memory, "n2-1", Delivery(sink="command", state="delivered", tries=1))
    memory = with_delivery(memory, "n2-1", Delivery(sink="webhook", state="failed", tries=5, error="it answered 500"))
    asyncio.run(MemoryFile(place / "logs" / ".alerts-default.json", memory).save())


def test_nothing_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says so, and how to be told elsewhere."""
    assert alerts(options(tmp_path)) == ExitCode.OK
    out, told = capsys.readouterr()

    assert out == ""
    assert "No incident is open" in told
    assert "docs/alerts.md" in told
    assert list(tmp_path.iterdir()) == []


def test_what_is_open_and_what_was_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With what became of it, and what to do."""
    remember(tmp_path)
    assert alerts(options(tmp_path, last=1)) == ExitCode.OK
    out, told = capsys.readouterr()

    assert "2 hours" in out
    assert out.count("test: test") == 1
    assert "command ok, webhook FAILED (it answered 500)" in out
    assert "see whether there is a network" in told
    assert "4915112345678" not in out + told


def test_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One document."""
    remember(tmp_path)
    assert alerts(options(tmp_path, json=True)) == ExitCode.OK
    found = json.loads(capsys.readouterr().out)

    assert [incident["kind"] for incident in found["open"]] == ["down"]
    assert found["open"][0]["open_for_s"] >= 7200
    assert [delivery["state"] for delivery in found["notices"][-1]["deliveries"]] == ["delivered", "failed"]
    assert found["sinks"] == []


@pytest.mark.parametrize("as_json", [True, False])
def test_a_test_of_every_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, as_json: bool
) -> None:
    """Exit code 1 when one fails; the bot's own list is left alone."""
    monkeypatch.setenv("LINDA_ALERT__COMMAND", "true")
    assert alerts(options(tmp_path, test=True, json=as_json)) == ExitCode.OK
    monkeypatch.setenv("LINDA_ALERT__WEBHOOK", "http://127.0.0.1:1/secret")
    assert alerts(options(tmp_path, test=True, json=as_json)) == ExitCode.UNWELL
    out = capsys.readouterr().out

    assert "connection refused" in out
    assert "secret" not in out
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_test(tmp_path: Path) -> None:
    """That is a mistake."""
    with pytest.raises(UsageError, match="nothing to test"):
        alerts(options(tmp_path, test=True))


def test_a_list_that_cannot_be_read(tmp_path: Path) -> None:
    """It says where."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / ".alerts-default.json").write_text("{")

    with pytest.raises(UsageError, match="alerts-default"):
        alerts(options(tmp_path))
