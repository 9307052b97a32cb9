"""A short soak of the real program."""

import asyncio
import re
import signal
import sys
from pathlib import Path

import pytest

from trials.soak.record import Over, Seen, read_entries

pytestmark = [pytest.mark.slow, pytest.mark.rare]
ROOT = Path(__file__).parents[3]


async def soak(*arguments: str | Path) -> asyncio.subprocess.Process:
    """Start it as a person does."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "trials.soak", *map(str, arguments), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )


async def test_three_days(tmp_path: Path) -> None:
    """Its verdict, its file, its pictures and its page."""
    place = tmp_path / "run"
    process = await soak("--month", "--days", "3", "--day-takes", "4", "--dir", place)
    told = (await process.communicate())[0].decode()

    assert process.returncode == 0, told
    assert re.search(r"day \d of 3: \d+ sent, \d+ answered, daemon [\d.]+ MB", told)
    *_, over = entries = read_entries(place)
    assert isinstance(over, Over)
    assert over.tally.sent == over.tally.answered > 50
    assert over.events["refresh_started"] >= 1
    assert over.events["session_backed_up"] >= 6
    looks = [entry for entry in entries if isinstance(entry, Seen)]
    assert any(look.daemon and look.engine and look.tasks and look.latency_s for look in looks)
    pictures = sorted(picture.name for picture in place.glob("soak-*.svg"))
    assert pictures == [f"soak-{name}.svg" for name in ("answers", "descriptors", "disk", "memory", "threads")]
    assert "**passed**" in (place / "summary.md").read_text()


async def test_it_is_interrupted(tmp_path: Path) -> None:
    """Ctrl+C ends it in order: what was written is answered, and there is a verdict."""
    place = tmp_path / "run"
    process = await soak("--for", "10m", "--a-second", "10", "--dir", place)
    assert process.stdout is not None
    async with asyncio.timeout(60):
        while not (place / "soak.jsonl").exists() or (place / "soak.jsonl").read_bytes().count(b'"seen"') < 2:
            await asyncio.sleep(0.1)
    process.send_signal(signal.SIGINT)
    told = (await process.communicate())[0].decode()

    assert process.returncode == 0, told
    *_, over = read_entries(place)
    assert isinstance(over, Over)
    assert over.interrupted
    assert over.tally.sent == over.tally.answered > 0
    assert "passed; " in told
