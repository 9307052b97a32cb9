"""Every fault of the sandbox in every phase of a link: the table says what becomes of it.

`--all-faults` plays all rows; without it every sixth one, and none whose end takes a minute to come or that goes the
road of another one.
"""

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from linda_bot.sandbox.armed import CLOSING_STEPS
from linda_bot.sandbox.faults import CATALOGUE
from linda_bot.sandbox.garbage import GARBAGE
from linda_bot.sandbox.misbehaviour import CERTIFICATES
from linda_bot.sandbox.poison import POISON
from linda_bot.sandbox.refusals import LOGIN_FAILURES, STREAM_ERRORS
from tests.support.fault_play import play
from tests.support.fault_table import TABLE, Phase, Row
from tests.support.fault_world import FaultWorld, fault_world

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FaultWorld]:
    """One server, one friend, and a bot that takes fault after fault."""
    async with fault_world(tmp_path_factory.mktemp("faults") / "sandbox") as running:
        yield running


def rows(*phases: Phase) -> list[object]:
    """Return the table's rows of these phases, named."""
    wanted = [row for row in TABLE if row.phase in phases]
    return [
        pytest.param(row, id=row.name, marks=pytest.mark.rare if row.rare or number % 6 else ())
        for number, row in enumerate(wanted)
    ]


@pytest.mark.parametrize("row", rows(*Phase))
async def test_a_fault(world: FaultWorld, row: Row, record_property: Callable[[str, object], None]) -> None:
    """It leads where the table says, in time, told as often as it says; then the bot answers and has lost nothing."""
    record_property("seconds", round(await play(world, row), 1))


async def test_the_table_is_complete() -> None:
    """Whatever the sandbox can do has a row, with each of its kinds."""
    faults = {fault for row in TABLE for fault in row.faults.split("; ")}
    wanted = {f"poison kind={kind}" for kind in POISON} | {f"garbage kind={kind}" for kind in GARBAGE}
    wanted |= {f"stream-error kind={kind}" for kind in STREAM_ERRORS}
    wanted |= {f"close-pairing step={step}" for step in CLOSING_STEPS}
    wanted |= {f"bad-certificate kind={kind}" for kind in CERTIFICATES}
    codes = {
        word.removeprefix("code=") for fault in faults if fault.startswith("login-failure") for word in fault.split()
    }

    assert wanted <= faults
    assert {str(code) for code in LOGIN_FAILURES} <= codes
    assert set(CATALOGUE) - {"clear"} <= {fault.split()[0] for fault in faults}
    assert len({row.name for row in TABLE}) == len(TABLE)
