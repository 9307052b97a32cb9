"""A link that has backups to fall back on, in virtual time."""

import asyncio

import pytest

from linda_bot.connection.events import (
    LinkGaveUp,
    LinkingCompleted,
    LinkingStarted,
    RestoreCompleted,
    RestoreGaveUp,
    SessionQuarantined,
    SessionRestored,
)
from linda_bot.connection.lifecycle import LinkState
from linda_bot.connection.session import PutBack
from linda_bot.kernel.errors import ExitCode, SessionInaccessibleError
from linda_bot.whatsapp.events import ConnectEnded, LoggedOut, QrIssued, QrRoundEnded
from tests.support.link_world import RULES, LinkWorld

pytestmark = pytest.mark.looptime

DAMAGED = ConnectEnded(error="database disk image is malformed")


async def first_code(world: LinkWorld, *, within_s: float = 100) -> str:
    """Wait for a QR code."""
    async with asyncio.timeout(within_s):
        while not world.told(QrIssued):
            await asyncio.sleep(0.05)
    event = world.told(QrIssued)[0]
    assert isinstance(event, QrIssued)
    return event.code


def put_back(world: LinkWorld) -> list[str]:
    """Return which backups were put back, in order."""
    return [event.backup for event in world.told(SessionRestored) if isinstance(event, SessionRestored)]


async def test_a_damaged_store_is_replaced_by_the_newest_backup() -> None:
    """Without a code, without a wait: the files themselves are beyond doubt."""
    world = LinkWorld()
    world.files.damaged = True
    world.files.backups = ["backup-002", "backup-001"]
    async with world.running():
        await world.until(LinkState.CONNECTED, within_s=1)

    assert put_back(world) == ["backup-002"]
    assert [SessionQuarantined, SessionRestored] == [type(e) for e in world.told(SessionQuarantined, SessionRestored)]
    assert world.told(RestoreCompleted)
    assert not world.told(QrIssued)
    assert not world.files.aside
    assert world.files.proofs == 1


async def test_a_backup_that_is_no_better_is_followed_by_the_next_and_then_a_code() -> None:
    """Each is tried as often as a store is; what is left when none helps is set aside."""
    world = LinkWorld()
    world.whatsapp.login_answer = DAMAGED
    world.files.backups = ["backup-002", "backup-001"]
    async with world.running():
        await first_code(world)
        waited = asyncio.get_running_loop().time()

    assert put_back(world) == ["backup-002", "backup-001"]
    assert 30 <= waited <= 31, "three rounds of three attempts, 5 s apart"
    assert len(world.files.aside) == 1
    assert world.files.proofs == 0


async def test_a_backup_that_logs_in_ends_the_search() -> None:
    """The first was damaged too, the second is good."""
    world = LinkWorld()
    world.whatsapp.login_answer = DAMAGED
    world.files.backups = ["backup-002", "backup-001"]
    async with world.running():
        while len(put_back(world)) < 2:
            await asyncio.sleep(0.05)
        world.whatsapp.login_answer = None
        await world.until(LinkState.CONNECTED, within_s=6)

    assert put_back(world) == ["backup-002", "backup-001"]
    assert not world.told(QrIssued)


@pytest.mark.parametrize("can_show_qr", [True, False])
async def test_a_missing_store_is_brought_back_without_a_code(*, can_show_qr: bool) -> None:
    """A deleted session.db costs no link, also where nobody could scan."""
    world = LinkWorld(linked=False, rules=RULES._replace(can_show_qr=can_show_qr))
    world.files.backups = ["backup-001"]
    async with world.running():
        await world.until(LinkState.CONNECTED, within_s=1)

    assert put_back(world) == ["backup-001"]
    assert world.told(RestoreCompleted)
    assert not world.told(QrIssued, LinkingStarted, LinkGaveUp)


async def test_a_removed_device_gets_a_code_and_no_backup() -> None:
    """The phone does not know the device any more: each backup of it would be refused as well."""
    world = LinkWorld()
    world.files.backups = ["backup-002", "backup-001"]
    async with world.running():
        await world.until(LinkState.CONNECTED)
        world.whatsapp.running[0].tell(LoggedOut(code=401, on_connect=False))
        code = await first_code(world, within_s=2)
        world.whatsapp.running[0].scan(code)
        await world.until(LinkState.CONNECTED)

    assert not put_back(world)
    assert len(world.files.retired) == 1
    assert "401" in world.files.retired[0]
    assert world.told(LinkingCompleted)


async def test_a_removed_device_is_noted_also_where_no_code_may_be_shown() -> None:
    """The next start must not try the backups either."""
    world = LinkWorld(rules=RULES._replace(can_show_qr=False))
    world.files.backups = ["backup-001"]
    async with world.running():
        await world.until(LinkState.CONNECTED)
        world.whatsapp.running[0].tell(LoggedOut(code=401, on_connect=False))
        assert ExitCode.LOGGED_OUT == await world.exited()

    assert len(world.files.retired) == 1
    assert not put_back(world)


async def test_a_backup_of_a_device_that_was_removed_leads_to_a_code() -> None:
    """The store is gone, and so is the device: one backup is tried, the rest are not."""
    world = LinkWorld(linked=False)
    world.files.backups = ["backup-002", "backup-001"]
    world.whatsapp.login_answer = LoggedOut(code=401, on_connect=True)
    async with world.running():
        await first_code(world, within_s=2)

    assert put_back(world) == ["backup-002"]
    assert len(world.files.retired) == 1
    assert len(world.files.aside) == 1


async def test_backups_are_not_looked_at_in_every_round_of_codes() -> None:
    """That none can be used is told once."""
    world = LinkWorld(linked=False)
    asked: list[str] = []

    async def recover(because: str) -> PutBack:
        asked.append(because)
        return PutBack(passed_over=("backup-001: its copy is damaged",))

    world.files.recover = recover  # type: ignore[method-assign]
    async with world.running():
        for number in range(2):
            while len(world.told(QrIssued)) == number:
                await asyncio.sleep(0.05)
            await asyncio.sleep(60)  # the code runs out
            world.whatsapp.running[0].tell(QrRoundEnded(outcome="timeout"))
        await asyncio.sleep(1)

    assert len(world.told(QrIssued)) == 3
    assert len(asked) == len(world.told(RestoreGaveUp)) == 1


async def test_a_disk_that_is_full_just_when_a_backup_is_needed_is_waited_out() -> None:
    """In mid-life the bot stays and tries again."""
    world = LinkWorld()
    full = True

    async def recover(because: str) -> PutBack:
        if full:
            raise SessionInaccessibleError("no space")
        return await type(world.files).recover(world.files, because)

    world.files.backups = ["backup-001"]
    world.files.recover = recover  # type: ignore[method-assign]
    async with world.running():
        await world.until(LinkState.CONNECTED)
        world.whatsapp.linked.clear()
        world.whatsapp.running[0].kill()
        await asyncio.sleep(20)
        assert world.link.state is LinkState.RECONNECTING
        full = False
        await world.until(LinkState.CONNECTED, within_s=61)

    assert put_back(world) == ["backup-001"]


async def test_an_engine_that_is_lost_between_scan_and_login_is_replaced() -> None:
    """The phone has linked the device: the next engine logs in, and no second code is shown."""
    world = LinkWorld(linked=False)
    async with world.running():
        code = await first_code(world)
        world.whatsapp.answers = False
        world.whatsapp.running[0].scan(code)
        await asyncio.sleep(1)
        world.whatsapp.running[0].kill()
        await asyncio.sleep(0.1)
        world.whatsapp.answers = True
        await world.until(LinkState.CONNECTED, within_s=60)

    assert len(world.told(QrIssued)) == 1
    assert world.told(LinkingCompleted)
