"""The doors of a house: its API, the overview, and each account's own pages."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import aiohttp
import pytest
from pydantic import SecretStr

from linda_bot.app.fleet_view import FleetView
from linda_bot.app.job import Job
from linda_bot.app.pairing import PairingView, QrCode, Stage
from linda_bot.fleet.ledger import AccountSeen, AccountState, Why
from linda_bot.sessions.paths import HousePaths, SessionPaths
from linda_bot.settings.values import HttpAddress
from linda_bot.web.house_doors import HouseDoors
from linda_bot.web.place import socket_of
from linda_bot.web.tcp import bind
from tests.support.fake_house import FakeHouse
from tests.support.quick_disk import quick_directory

TOKEN = "a-token-that-nobody-guesses"
SHOP, CLUB = "971505760056", "971505760057"
QR_TEXT = "https://wa.me/settings/linked_devices#2@secret"


class Served:
    """A house whose doors are open."""

    def __init__(self, made: FakeHouse, doors: HouseDoors, base: str) -> None:
        self.made = made
        self.doors = doors
        self.base = base

    @asynccontextmanager
    async def browser(self, *, logged_in: bool = True) -> AsyncIterator[aiohttp.ClientSession]:
        """Yield somebody at the web page."""
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(self.base, cookie_jar=jar) as browser:
            if logged_in:
                answer = await browser.post("/login", data={"token": TOKEN})
                assert answer.status == 200
            yield browser

    @asynccontextmanager
    async def owner(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Yield somebody on the control socket."""
        place = socket_of(HousePaths(self.made.data_dir))
        assert place is not None
        async with aiohttp.ClientSession("http://localhost", connector=aiohttp.UnixConnector(str(place))) as owner:
            yield owner


@asynccontextmanager
async def served(home: Path, *, token: str | None = TOKEN) -> AsyncIterator[Served]:
    """Serve two accounts, of which one needs a phone."""
    made = FakeHouse(home, [SHOP, CLUB], unlinked=[CLUB])
    settings = SimpleNamespace(
        http_token=SecretStr(token) if token else None,
        http_url=None,
        data_dir=home,
        log=SimpleNamespace(mask=True),
    )
    job = SimpleNamespace(settings=settings, paths=SessionPaths(home, "default"), in_sandbox=False)
    listener = bind(HttpAddress("127.0.0.1", 0))
    doors = HouseDoors(cast("Job", job), listener)
    made.house.begin()
    await made.until(CLUB, "unlinked")
    await made.until(SHOP, "running")
    try:
        async with doors.open_house(made.house):
            yield Served(made, doors, f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        await made.house.close()
        listener.close()


@pytest.fixture
async def house() -> AsyncIterator[Served]:
    """The house."""
    with quick_directory() as home:
        async with served(home) as found:
            yield found


def csrf_in(text: str) -> str:
    """Return what the forms of a page send back."""
    found = re.search(r'name="csrf" value="(\w+)"', text)
    assert found is not None
    return found[1]


async def ids(owner: aiohttp.ClientSession) -> dict[str, str]:
    """Return what stands for each account in addresses."""
    found = await (await owner.get("/api/v1/accounts?show_numbers=true")).json()
    return {each["account"]: each["id"] for each in found["accounts"]}


async def test_the_list_of_accounts(house: Served) -> None:
    """Masked unless asked for, with what there is to know of each."""
    async with house.owner() as owner:
        masked = (await (await owner.get("/api/v1/accounts")).json())["accounts"]
        full = (await (await owner.get("/api/v1/accounts?show_numbers=true")).json())["accounts"]
    assert [(each["account"], each["phase"], each["state"]) for each in masked] == [
        ("97150*****56", "running", "connected"),
        ("97150*****57", "unlinked", ""),
    ]
    assert [each["account"] for each in full] == [SHOP, CLUB]
    assert not {SHOP, CLUB}.intersection(re.findall(r"\d+", json.dumps(masked)))


async def test_accounts_are_added_paused_resumed_linked_and_removed(house: Served) -> None:
    """By number or by what stands for it."""
    added = "4915112345678"
    async with house.owner() as owner:
        answer = await owner.post("/api/v1/accounts?show_numbers=true", json={"account": f"+{added}"})
        assert (answer.status, (await answer.json())["account"]) == (200, added)
        known = await ids(owner)
        for what, account, phase in (
            ("pause", SHOP, "paused"),
            ("resume", known[SHOP], "running"),
            ("link", known[CLUB], "running"),
        ):
            answer = await owner.post(f"/api/v1/accounts/{account}/{what}", json={})
            assert answer.status == 200
            await house.made.until(SHOP if account != known[CLUB] else CLUB, phase)
        removed = await owner.delete(f"/api/v1/accounts/{added}")
        assert (removed.status, (await removed.json())["phase"]) == (200, "removed")
        named = await owner.delete(f"/api/v1/accounts/{SHOP}")
        nobody = await owner.post("/api/v1/accounts/49/pause", json={})
        wrong = await owner.post("/api/v1/accounts", json={"account": "12"})
        assert (named.status, nobody.status, wrong.status) == (400, 400, 400)
        assert "is named in the settings" in (await named.json())["detail"]


async def test_codes_are_for_those_who_may_link(house: Served) -> None:
    """They are in the answer, and nowhere else."""
    async with house.owner() as owner:
        before = await (await owner.get(f"/api/v1/accounts/{CLUB}/pairing")).json()
        assert (before["phase"], before["pairing"]) == ("unlinked", None)
        await owner.post(f"/api/v1/accounts/{CLUB}/link", json={})
        await house.made.until(CLUB, "running")
        front = house.made.front(CLUB)
        view = PairingView(stage=Stage.CODE, qr=QrCode(text=QR_TEXT, left_s=20))
        front.pairing.view = lambda: view  # type: ignore[method-assign]
        found = await (await owner.get(f"/api/v1/accounts/{CLUB}/pairing")).json()
        assert found["pairing"]["qr"]["text"] == QR_TEXT
        assert QR_TEXT not in repr(view)
        await owner.post(f"/api/v1/accounts/{CLUB}/pair", json={"number": CLUB})
        assert front.paired == [CLUB]
    async with house.browser(logged_in=False) as stranger:
        assert (await stranger.get(f"/api/v1/accounts/{CLUB}/pairing")).status == 401


async def test_each_account_has_all_that_one_alone_has(house: Served) -> None:
    """Its API, its pages, its files; under its number or what stands for it."""
    async with house.owner() as owner:
        known = await ids(owner)
        for name in (SHOP, known[SHOP]):
            status = await (await owner.get(f"/accounts/{name}/api/v1/status")).json()
            assert status["state"] == "connected"
            assert (await owner.get(f"/accounts/{name}/static/style.css")).status == 200
            assert (await owner.get(f"/accounts/{name}/api/v1/openapi.json")).status == 200
            assert (await owner.post(f"/accounts/{name}/api/v1/pause", json={})).status == 200
        assert house.made.front(SHOP).paused_since is not None
        quiet = await owner.get(f"/accounts/{CLUB}/api/v1/status")
        assert (quiet.status, (await quiet.json())["type"]) == (409, "urn:linda-bot:not-now")
        for path in ("/accounts/49/", f"/accounts/{SHOP}/nothing", f"/accounts/{CLUB}/nothing"):
            assert (await owner.get(path)).status == 404


async def test_the_overview_shows_no_number(house: Served) -> None:
    """Neither to its owner nor in any address; it leads to each account and back."""
    async with house.browser() as browser:
        text = await (await browser.get("/")).text()
        assert "1 of 2 accounts connected" in text
        assert "97150*****56" in text
        assert SHOP not in text
        assert CLUB not in text
        room = re.search(r'href="(accounts/\w+/)"', text)
        assert room is not None
        page = await (await browser.get(f"/{room[1]}api/v1/openapi.json")).json()
        assert page["openapi"]
        quiet = re.findall(r'href="(accounts/\w+/)"', text)[1]
        said = await (await browser.get(f"/{quiet}")).text()
        assert "needs a phone" in said
        assert 'href="../.././"' in said


async def test_buttons(house: Served) -> None:
    """Each does what it says; without the page's word nothing is done."""
    async with house.owner() as owner:
        known = await ids(owner)
    async with house.browser() as browser:
        csrf = csrf_in(await (await browser.get("/")).text())
        form = {"account": known[SHOP], "what": "pause"}
        assert (await browser.post("/act", data=form)).status == 403
        shown = await browser.post("/act", data={**form, "csrf": csrf})
        assert "The account is paused" in await shown.text()
        assert house.made.house.residents[SHOP].phase == "paused"
        shown = await browser.post("/act", data={"account": known[CLUB], "what": "link", "csrf": csrf})
        assert shown.url.path == f"/accounts/{known[CLUB]}/link"
        shown = await browser.post("/act", data={"account": "+49 151 1234 5678", "what": "add", "csrf": csrf})
        assert shown.status == 200
        assert "4915112345678" in house.made.house.residents
    async with house.browser(logged_in=False) as stranger:
        assert (await stranger.post("/act", data=form, allow_redirects=False)).status == 303


async def test_a_one_shot_link_is_for_one_account(house: Served) -> None:
    """It opens the codes of that account and nothing of the others, also for somebody who moves the cookie."""
    await house.made.house.link(CLUB)
    await house.made.until(CLUB, "running")
    front = house.made.front(CLUB)
    async with house.owner() as owner, house.browser(logged_in=False) as guest:
        known = await ids(owner)
        made = await (await owner.post(f"/accounts/{CLUB}/api/v1/link", json={})).json()
        assert f"/accounts/{known[CLUB]}/link?once=" in made["url"]
        ticket = made["url"].partition("once=")[2]
        other = await guest.post(f"/accounts/{known[SHOP]}/link", data={"once": ticket})
        assert other.status == 403
        used = await guest.post(f"/accounts/{known[CLUB]}/link", data={"once": ticket})
        assert (used.status, "Get a pairing code" in await used.text()) == (200, True)
        cookie = next(iter(guest.cookie_jar))
        assert cookie["path"] == f"/accounts/{known[CLUB]}"
        moved = {"Cookie": f"{cookie.key}={cookie.value}"}
        for path in (f"/accounts/{known[SHOP]}/link-live", f"/api/v1/accounts/{CLUB}/pairing", "/"):
            answer = await guest.get(path, headers=moved, allow_redirects=False)
            assert answer.status in {303, 401}
        assert front.pairing.view().stage is not Stage.LINKED


async def test_a_login_leads_back_to_where_one_wanted_to_go(house: Served) -> None:
    """One login for all accounts."""
    async with house.owner() as owner:
        known = await ids(owner)
    async with house.browser(logged_in=False) as browser:
        asked = await browser.get(f"/accounts/{known[SHOP]}/")
        assert str(asked.url.relative()) == f"/login?next={known[SHOP]}-status"
        answer = await browser.post(
            "/login", data={"token": TOKEN, "next": f"{known[CLUB]}-link"}, allow_redirects=False
        )
        assert answer.headers["Location"] == f"accounts/{known[CLUB]}/link"
        browser.cookie_jar.clear()
        for evil in ("https://evil.example", "../evil-link", "a/b-link"):
            answer = await browser.post("/login", data={"token": TOKEN, "next": evil}, allow_redirects=False)
            assert answer.headers["Location"] == "./"
            browser.cookie_jar.clear()


async def test_probes_and_metrics(house: Served) -> None:
    """Ready is who runs, whatever the accounts do."""
    async with house.browser(logged_in=False) as anybody:
        for probe in ("/healthz", "/readyz"):
            assert (await anybody.get(probe)).status == 200
        assert (await anybody.get("/metrics")).status == 401
        text = await (await anybody.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})).text()
    assert re.search(r'linda_bot_account_phase{account="97\*57~\w+",phase="unlinked"} 1', text)
    assert CLUB not in text


async def test_what_is_shown_live_ends_with_the_account(house: Served) -> None:
    """Whoever looks learns that it does not run any more."""
    front = house.made.front(SHOP)
    async with house.owner() as owner, asyncio.timeout(10):
        async with house.doors.open(front.as_front):
            lines = await owner.get(f"/accounts/{SHOP}/api/v1/events")
            assert await lines.content.readline() == b"\n"
        assert await lines.content.read() == b""


async def test_the_page_of_an_account_that_rests_is_loaded_anew_when_it_begins(house: Served) -> None:
    """The stream ends then, and the next one says that the page is another one."""
    async with house.owner() as owner, asyncio.timeout(15):
        stream = await owner.get(f"/accounts/{CLUB}/live")
        before = await _event(stream, "hello")
        await house.made.house.link(CLUB)
        await stream.content.read()
        async with owner.get(f"/accounts/{CLUB}/live") as again:
            assert await _event(again, "hello") != before


async def test_the_overview_is_live_and_is_loaded_anew_with_other_accounts(house: Served) -> None:
    """A change comes within a moment; an added account changes what the stream says of the page."""
    async with house.owner() as owner, asyncio.timeout(15):
        stream = await owner.get("/live")
        before = await _event(stream, "hello")
        assert "1 of 2 accounts connected" in await _event(stream, "parts")
        await house.made.house.pause(SHOP)
        assert "paused" in await _event(stream, "parts")
        await house.made.house.add("4915112345678")
        await stream.content.read()
        async with owner.get("/live") as stream:
            after = await _event(stream, "hello")
    assert before != after


async def _event(stream: aiohttp.ClientResponse, name: str) -> str:
    while True:
        line = (await stream.content.readline()).decode().strip()
        if line == f"event: {name}":
            return (await stream.content.readline()).decode()


async def test_the_document_describes_the_house(house: Served) -> None:
    """With the parts of its addresses."""
    async with house.owner() as owner:
        found = await (await owner.get("/api/v1/openapi.json")).json()
        fleet = await owner.get("/api/v1/fleet")
        assert fleet.status == 409
        account = AccountSeen(
            account=SHOP,
            state=AccountState.ACTIVE,
            host="a",
            came_from="",
            came_by=Why.CLAIMED,
            given_back="",
            fence=1,
            left_s=9.0,
            granted_s=1.0,
        )
        house.made.house.fleet = lambda: FleetView(host="a", accounts=(account,))
        shown = await owner.get("/api/v1/fleet")
        assert shown.status == 200
        assert SHOP not in await shown.text()
        assert SHOP in await (await owner.get("/api/v1/fleet?show_numbers=true")).text()
    (parameter, *_) = found["paths"]["/api/v1/accounts/{account}/pause"]["post"]["parameters"]
    assert (parameter["name"], parameter["in"]) == ("account", "path")


async def test_without_a_token_everybody_may_look_and_nobody_more() -> None:
    """As with one account."""
    with quick_directory() as home:
        async with served(home, token=None) as found, found.browser(logged_in=False) as anybody:
            text = await (await anybody.get("/")).text()
            assert "97150*****56" in text
            assert "<form" not in text
            assert not re.search(r"\d{8}", re.sub(r"datetime=\S+|boot=\S+|accounts/\w+|part-\w+", "", text))
            assert (await anybody.get("/api/v1/accounts?show_numbers=true")).status == 403
            assert (await anybody.post("/api/v1/accounts", json={"account": "1"})).status == 403
