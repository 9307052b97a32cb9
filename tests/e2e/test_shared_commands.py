"""The commands around an account that is in a database: where it runs, where it does not, and while nobody has it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from linda_bot.sandbox.server import Sandbox
from tests.support.commands import Ran, run_command
from tests.support.hosts_world import HostsWorld, numbers_of
from tests.support.postgres import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

NUMBER = numbers_of(1)[0]


@pytest.fixture
async def world(sandbox: Sandbox, postgres: Server, tmp_path: Path) -> AsyncIterator[HostsWorld]:
    """A host that has one account."""
    found = HostsWorld(sandbox, postgres.new_database(), tmp_path)
    await found.start("a")
    await found.link("a", [NUMBER])
    yield found
    await found.close()


class Desk:
    """Somebody at a machine: commands go to the account from there."""

    def __init__(self, world: HostsWorld, name: str) -> None:
        self._world = world
        self.directory = world.directory / name

    async def run(self, *arguments: str, code: int = 0) -> Ran:
        """Run a command, which ends with this exit code."""
        store = {"LINDA_STORE": self._world.address}
        ran = await run_command(
            *arguments, "--account", NUMBER, "--data-dir", self.directory, "--show-numbers", environment=store
        )
        assert ran.code == code, f"{arguments} -> {ran.code}\n{ran.out}\n{ran.told}"
        assert "Traceback" not in ran.told
        return ran


async def test_where_it_runs_all_is_as_with_files(world: HostsWorld) -> None:
    """The running bot is asked; messages and the session are read in the database."""
    desk = Desk(world, "a")
    async with world.friend() as friend:
        await world.all_answer(friend, [NUMBER], within_s=20)
        status = (await desk.run("status", "--json")).document
        assert (status["live"], status["state"], status["host"]) == (True, "connected", "a")
        info = (await desk.run("info", "--json")).document
        assert (info["verdict"], info["linked_number"], info["running"]["host"]) == ("restorable", NUMBER, "a")
        assert info["store_bytes"] > 0
        made = (await desk.run("backup", "--json")).document
        listed = (await desk.run("backups", "--json")).document
        assert [(each["name"], each["fault"]) for each in listed if each["name"] == made["name"]] == [
            (made["name"], "")
        ]
        examined = (await desk.run("doctor", "--offline", "--json")).document
        assert examined["well"], examined
        assert {"database", "line", "lease", "guard", "lock"} <= {each["name"] for each in examined["checks"]}
        await desk.run("pause")
        await friend.send(NUMBER, "later")
        waiting: list[dict[str, object]] = []
        while not waiting:
            waiting = (await desk.run("inbox", "--waiting", "--json", "--show-texts")).document
        assert [each["text"] for each in waiting] == ["later"]
        await desk.run("resume")
        assert (await friend.next_message(within_s=10)).text == "echo later"
        assert (await desk.run("outbox", "--json")).document == []
        await desk.run("reconnect")
        for busy in ("clear", "restore"):
            assert "accounts pause" in (await desk.run(busy, "--yes", code=3)).told
        await desk.run("logout", "--yes")
        left = (await desk.run("status", "--json", code=1)).document
        assert (left["state"], left["linked_number"], left["host"]) == ("logged_out", "", "a")
        assert "accounts list" in (await desk.run("reconnect", code=1)).told


async def test_elsewhere_it_is_read_and_nobody_is_disturbed(world: HostsWorld, tmp_path: Path) -> None:
    """What another host has is shown as the database has it; what would have to ask its bot says where that is."""
    desk = Desk(world, "desk")
    async with world.friend() as friend:
        await world.all_answer(friend, [NUMBER], within_s=20)
    await Desk(world, "a").run("backup")
    told = "As the database has it; the host a has it."
    backups: list[dict[str, object]] = []
    while not backups:
        backups = (await desk.run("backups", "--json")).document
    assert [each["fault"] for each in backups] == [""]
    status = await desk.run("status", "--json", code=1)
    found = status.document
    assert (found["live"], found["state"], found["host"], found["backups"]) == (False, "connected", "a", 1)
    assert (found["guard"]["active"], found["because"]) == (True, "the host a has it")
    assert status.told.strip() == told
    page = await desk.run("status", code=1)
    assert "the host a has it" in page.out
    assert "linda-bot run" not in page.out
    info = (await desk.run("info", "--json")).document
    assert (info["verdict"], info["running"]["host"]) == ("restorable", "a")
    assert (await desk.run("why", "--json")).document["state"] == "connected"
    assert (await desk.run("history", "--json")).document
    assert told in (await desk.run("stats", "--json")).told
    assert told in (await desk.run("alerts", "--json")).told
    assert (await desk.run("inbox", "--json")).document == []
    assert (await desk.run("doctor", "--offline", "--json")).document["well"]
    for asking in (
        ("reconnect",),
        ("send", "4915112345678", "x"),
        ("pause",),
        ("resume",),
        ("link",),
        ("logout", "--yes"),
    ):
        assert "the host a has this account: ask there" in (await desk.run(*asking, code=1)).told
    for changing in (("clear", "--yes"), ("restore", "--yes"), ("backup",), ("export", str(tmp_path / "x"))):
        assert "the host a has this account: pause it first" in (await desk.run(*changing, code=3)).told
    assert "migrate" in (await desk.run("import", str(tmp_path / "x"), code=2)).told
    assert not desk.directory.exists() or not list(desk.directory.iterdir())


async def test_a_paused_account_is_backed_up_cleared_and_put_back(world: HostsWorld) -> None:
    """Nobody is linked anew, and the host goes on with what was put back."""
    desk = Desk(world, "desk")
    async with world.friend() as friend:
        await world.all_answer(friend, [NUMBER], within_s=20)
        await run_command("accounts", "pause", NUMBER, "--data-dir", world.directory / "a")
        await world.settled({"a": 0})
        assert "it is paused" in (await desk.run("reconnect", code=1)).told
        assert (await desk.run("status", "--json", code=1)).document["state"] == "stopped"
        made = (await desk.run("backup", "--json")).document
        aside = (await desk.run("clear", "--yes", "--json")).document["quarantine"]
        assert aside.startswith(f"linda_bot_session_{NUMBER}_aside_")
        assert (await desk.run("info", "--json")).document["verdict"] == "missing"
        assert "There is no session" in (await desk.run("clear", "--yes")).told
        back = (await desk.run("restore", made["name"], "--yes", "--json")).document
        assert back["restored"]["name"] == made["name"]
        assert (await desk.run("info", "--json")).document["verdict"] == "restorable"
        await run_command("accounts", "resume", NUMBER, "--data-dir", world.directory / "a")
        await world.settled({"a": 1})
        await world.all_answer(friend, [NUMBER], within_s=20)
    names = {each["name"] for each in (await desk.run("backups", "--json")).document}
    assert made["name"] in names
    assert world.pairings([NUMBER]) == 1
