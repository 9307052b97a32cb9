"""Several accounts in one process: linked one by one, each with its own handlers; what befalls one befalls no other."""

import asyncio
import json
import logging
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from linda_bot.kernel.errors import ExitCode
from linda_bot.kernel.masking import mask_number
from linda_bot.sandbox.contact import Contact
from linda_bot.sandbox.server import Sandbox
from tests.support.commands import run_command
from tests.support.houses import Houseful, echoes, environment_of, numbers, own_handlers

pytestmark = pytest.mark.slow

_log = logging.getLogger(__name__)
NO_LONGER_S = 0.1
"""By so much at most the others may answer later while one of them is in trouble."""
ENDS_WITHIN_S = 6.0


@pytest.fixture
async def house(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[Houseful]:
    """Three accounts, named in the settings, with handlers of their own; none is linked yet."""
    accounts = numbers(3)
    made = Houseful(sandbox, accounts, environment_of(accounts, own_handlers(tmp_path / "handlers", accounts)))
    await made.start()
    yield made
    await made.bot.close()
    assert "Traceback" not in made.bot.screen


@pytest.mark.timeout(180)
async def test_three_accounts(house: Houseful, sandbox: Sandbox, friend: Contact, tmp_path: Path) -> None:
    """Link each, ask each, restart, break one, pause, add and remove one, end."""
    accounts = house.accounts
    for account in accounts:
        await house.bot.wait_for(f"{mask_number(account)}: it is not linked to a phone")
    for account in accounts:
        assert "is linked." in (await house.link(account)).screen
    await house.until_connected(accounts)
    await echoes(friend, accounts, rounds=1)

    asked_at = time.monotonic()
    assert await house.bot.stop() == ExitCode.OK
    assert time.monotonic() - asked_at < ENDS_WITHIN_S
    await house.start()
    await house.until_connected(accounts)
    before = await echoes(friend, accounts[1:], rounds=12)

    killing = asyncio.create_task(house.kill_engine_now_and_then(accounts[0], every_s=1.0, for_s=8))
    during = await echoes(friend, accounts[1:], for_s=8)
    _log.info("before: %s; while one is killed %s times: %s", before, await killing, during)
    assert during.median_s - before.median_s < NO_LONGER_S
    assert [sandbox.phone(account).pairings for account in accounts] == [1, 1, 1]

    assert (await house.command("pause", accounts[0])).code == 0
    ((paused, *_),) = [(await house.command("list", "--json", "--show-numbers")).document["accounts"]]
    assert (paused["account"], paused["phase"], paused["state"]) == (accounts[0], "paused", "")
    assert (await house.command("resume", accounts[0][-4:])).code == 0
    await house.until_connected(accounts)
    await echoes(friend, accounts[:1], rounds=1)

    added = numbers(4)[-1]
    assert (await house.command("add", f"+{added}")).code == 0
    await house.link(added)
    await house.until_connected([*accounts, added])
    gone = await house.command("remove", added, "--yes")
    assert gone.code == 0
    assert f"session-{added}" in gone.told
    assert (house.data_dir / "sessions" / f"session-{added}" / "session.db").exists()
    named = await house.command("remove", accounts[0], "--yes")
    assert (named.code, "LINDA_ACCOUNTS" in named.told) == (ExitCode.USAGE, True)

    lines = [json.loads(line) for line in (house.data_dir / "logs" / "events.jsonl").read_text().split("\n")[:-1]]
    linked = Counter(line["account"] for line in lines if line.get("event") == "linking_completed")
    assert sorted(linked.values()) == [1, 1, 1, 1], "the log says of each line whose it is"
    house.bot.send_signal(signal.SIGTERM)
    asked_at = time.monotonic()
    assert await house.bot.exited() == ExitCode.OK
    assert time.monotonic() - asked_at < ENDS_WITHIN_S


async def test_what_is_wrong_is_one_line(sandbox: Sandbox, tmp_path: Path) -> None:
    """A file that is no TOML, a number that is none, an address in use, a bot that has one account."""
    file = tmp_path / "accounts.toml"
    file.write_text("[971505760056\n")
    run = ("run", "--sandbox", sandbox.directory)
    broken = await run_command(*run, environment={"LINDA_ACCOUNTS_FILE": str(file)})
    wrong = await run_command(*run, environment={"LINDA_ACCOUNTS": "971505760056,12"})
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    taken = await run_command(*run, "--http", str(port), environment={"LINDA_ACCOUNTS": "971505760056"})
    server.close()

    assert (broken.code, wrong.code, taken.code) == (ExitCode.USAGE,) * 3
    assert "is no TOML" in broken.told
    assert "LINDA_ACCOUNTS" in wrong.told
    assert "something listens there already" in taken.told
    for ran in (broken, wrong, taken):
        assert len([line for line in ran.told.splitlines() if line.startswith("linda-bot: ")]) == 1


@pytest.mark.rare
@pytest.mark.timeout(900)
async def test_twenty_accounts(sandbox: Sandbox, friend: Contact, tmp_path: Path) -> None:
    """Twenty links, no pairing after a restart, and one in constant trouble keeps none of the others."""
    accounts = numbers(20)
    file = own_handlers(tmp_path / "handlers", accounts)
    house = await Houseful(sandbox, accounts, environment_of(accounts, file)).start()
    try:
        for account in accounts:
            await house.bot.wait_for(f"{mask_number(account)}: it is not linked", within_s=120)
            await house.link(account)
        await house.until_connected(accounts)
        await echoes(friend, accounts, rounds=1)
        took = {}
        for count in (1, len(accounts)):
            await house.bot.stop(within_s=20)
            house.environment = environment_of(accounts[:count])
            if count == len(accounts):
                house.environment = environment_of(accounts, file)
            began_at = time.monotonic()
            await house.start()
            await house.bot.wait_for("connected, listening", times=count, within_s=120)
            took[count] = time.monotonic() - began_at
            await asyncio.sleep(5)
            daemon, engines = house.memory_mb()
            _log.info(
                "%s accounts: up after %.1f s; daemon %.0f MB, engines %.0f MB", count, took[count], daemon, engines
            )
        assert [sandbox.phone(account).pairings for account in accounts] == [1] * len(accounts)

        before = await echoes(friend, accounts[1:], rounds=5)
        killing = asyncio.create_task(house.kill_engine_now_and_then(accounts[0], every_s=1.0, for_s=60))
        during = await echoes(friend, accounts[1:], for_s=60)
        _log.info("before: %s; while one is killed %s times: %s", before, await killing, during)
        assert during.median_s - before.median_s < NO_LONGER_S
        asked_at = time.monotonic()
        assert await house.bot.stop() == ExitCode.OK
        _log.info("ended in %.1f s", time.monotonic() - asked_at)
        assert time.monotonic() - asked_at < ENDS_WITHIN_S
    finally:
        await house.bot.close()
