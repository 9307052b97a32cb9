"""The pairing page: what it shows at each stage, to whom, and what its form does."""

import json
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from linda_bot.app.front import Front
from linda_bot.app.pairing import Pairing, Stage
from linda_bot.connection.events import (
    AttemptFailed,
    LinkGaveUp,
    LinkingCompleted,
    LinkingStarted,
    LinkStateChanged,
    PairingCodeIssued,
    PairingCodeRefused,
    RetryScheduled,
)
from linda_bot.connection.lifecycle import LinkState
from linda_bot.connection.link import Link
from linda_bot.kernel.bus import EventBus
from linda_bot.kernel.events import Event
from linda_bot.web.application import application
from linda_bot.web.pages.pairing_page import pairing_routes, refresh_s
from linda_bot.web.visitors import Proof, Right, Visitor
from linda_bot.whatsapp.events import PairSucceeded, QrIssued

NUMBER = "971505760056"
SECRET = "2@" + "s3cret/" * 30
TYPED = "ABCD-EFGH"
BEGUN = LinkingStarted(round=2, rounds=10, why="there is no session yet")
CODE = QrIssued(code=SECRET, number=1, valid_s=60)
TYPED_CODE = PairingCodeIssued(number=NUMBER, code=TYPED, valid_s=120)
CODES = (BEGUN, CODE, TYPED_CODE)
ENOUGH = {"X-Rights": "LINK"}
LONGEST_PAGE = 50_000
EVIL = "<script>alert(1)</script>\" onload='x' {{ 7*7 }} &amp;"

Client = TestClient[web.Request, web.Application]


def moved(new: LinkState, because: str = "") -> LinkStateChanged:
    """The link is in another state."""
    return LinkStateChanged(old=LinkState.STARTING, new=new, because=because)


class Gate:
    """Takes everybody for who they say they are."""

    def visitor(self, request: web.Request) -> Visitor:
        rights = Right.NONE
        for name in request.headers.get("X-Rights", "NONE").split("|"):
            rights |= Right[name]
        return Visitor(rights, Proof.COOKIE, "the-csrf") if Right.LINK in rights else Visitor(rights)


class Bot:
    """A bot whose link answers a wish for a pairing code."""

    def __init__(self) -> None:
        self.pairing, self.bus = Pairing(), EventBus()
        self.answer: PairingCodeIssued | PairingCodeRefused = TYPED_CODE
        self.asked: list[str] = []

    @property
    def front(self) -> Front:
        rest = cast("Any", None)
        job = cast("Any", SimpleNamespace(settings=SimpleNamespace(account="default")))
        return Front(job, self.bus, cast("Link", self), rest, rest, rest, rest, rest, self.pairing)

    def pair_phone(self, number: str) -> None:
        self.asked.append(number)
        self.pairing.take(self.answer)
        self.bus.publish(self.answer)

    def has(self, *events: Event) -> None:
        for event in events:
            self.pairing.take(event)


class Page(HTMLParser):
    """What a browser without script makes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.source = text
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self._words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._words).split())

    def first(self, tag: str, **wanted: str) -> dict[str, str | None]:
        return next(attrs for name, attrs in self.tags if name == tag and wanted.items() <= attrs.items())

    def has_tag(self, tag: str) -> bool:
        return any(name == tag for name, _ in self.tags)


@pytest.fixture
def bot() -> Bot:
    """Somebody to link."""
    return Bot()


@pytest.fixture
async def client(bot: Bot) -> AsyncIterator[Client]:
    """A browser at its page."""
    page = pairing_routes(bot.front, has_login=True)
    async with TestClient(TestServer(application(page.routes, Gate(), closing=[page.closing]))) as made:
        yield made


async def page_of(response: ClientResponse, status: int = 200) -> Page:
    """Return the page that came; none is large, and none has a script or a style inside."""
    text = await response.text()
    assert response.status == status, text
    assert response.content_type == "text/html"
    assert len(text.encode()) < LONGEST_PAGE
    assert "style=" not in text
    assert re.findall(r"<script(?! src=\"static/live.js\" defer></script>)", text) == []
    return Page(text)


async def shown(client: Client, **headers: str) -> Page:
    """Return the pairing page for somebody who may link, unless they say otherwise."""
    return await page_of(await client.get("/link", headers={"X-Rights": headers.get("rights", "LINK")}))


async def test_a_code_can_be_scanned(bot: Bot, client: Client) -> None:
    """With all that a person must know: for how long, which round, why, what to tap; the text itself is nowhere."""
    bot.has(BEGUN, CODE)
    page = await shown(client)
    assert page.first("svg", role="img")["aria-label"]
    assert SECRET not in page.source
    for words in ("Round 2 of 10", "There is no session yet.", "Android", "iPhone", "Link a device"):
        assert words in page.text
    assert int(page.first("span")["data-left"] or 0) in range(50, 61)
    assert page.first("body")["data-live"] == "link-live"
    assert re.search(r"<noscript><meta http-equiv=\"refresh\" content=\"25; url=link\">", page.source)


async def test_a_pairing_code_is_shown_large_beside_it(bot: Bot, client: Client) -> None:
    """And says for which phone, masked."""
    bot.has(*CODES)
    page = await shown(client)
    assert page.first("p", **{"class": "pairing-code"})["translate"] == "no"
    assert TYPED in page.text
    assert NUMBER not in page.source
    assert "+97150*****56" in page.text


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ((), "One moment"),
        ((moved(LinkState.LINKING),), "Asking WhatsApp for a code"),
        ((*CODES, PairSucceeded(number=NUMBER, platform="android")), "The phone has accepted"),
        ((*CODES, AttemptFailed(finding="x", because="nobody scanned")), "What went wrong: Nobody scanned."),
        ((*CODES, RetryScheduled(in_s=90, attempt=1, attempts=10, because="")), "in 1:30"),
        ((*CODES, moved(LinkState.BANNED, "the account is banned")), "The account is banned."),
        ((*CODES, LinkGaveUp(exit_code=4, because="x", advice="start it again")), "What to do: Start it again."),
        ((*CODES, moved(LinkState.STOPPING)), "Start the bot again"),
        ((*CODES, LinkingCompleted(number=NUMBER)), "The bot is linked"),
        ((*CODES, moved(LinkState.CONNECTED)), "nothing to scan"),
    ],
)
async def test_every_other_stage_says_what_is_and_shows_no_code(
    bot: Bot, client: Client, events: tuple[Event, ...], words: str
) -> None:
    """Whatever was shown before it."""
    bot.has(*events)
    page = await shown(client)
    assert words in page.text
    assert not page.has_tag("svg")
    assert TYPED not in page.source


async def test_a_wait_says_until_when(bot: Bot, client: Client) -> None:
    """By the clock, too."""
    bot.has(BEGUN, RetryScheduled(in_s=90, attempt=1, attempts=10, because="no network"))
    page = await shown(client)
    assert re.search(r"The next try is at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC , in 1:30", page.text)
    assert (page.first("time")["datetime"] or "").endswith("Z")


@pytest.mark.parametrize("rights", ["NONE", "READ"])
async def test_without_the_right_there_is_no_code_but_the_way_to_one(bot: Bot, client: Client, rights: str) -> None:
    """A link from the machine's command, or a login; no live stream either."""
    bot.has(*CODES)
    page = await shown(client, rights=rights)
    assert not page.has_tag("svg")
    assert TYPED not in page.source
    assert "linda-bot link" in page.text
    assert "login?next=link" in page.source
    assert "data-live" not in page.source
    assert (await client.get("/link-live", headers={"X-Rights": rights}, allow_redirects=False)).status in (401, 403)


async def test_without_a_token_nobody_is_sent_to_log_in(bot: Bot) -> None:
    """There would be nothing to type."""
    page = pairing_routes(bot.front, has_login=False)
    async with TestClient(TestServer(application(page.routes, Gate(), closing=[page.closing]))) as client:
        assert "login?next=link" not in (await shown(client, rights="READ")).source


async def test_whoever_comes_learns_that_the_bot_is_linked(bot: Bot, client: Client) -> None:
    """There is nothing to ask for then."""
    bot.has(moved(LinkState.CONNECTED))
    stranger, reader = await shown(client, rights="NONE"), await shown(client, rights="READ")
    assert "The bot is linked" in stranger.text
    assert "linda-bot link" not in stranger.text
    assert ("status page" in stranger.text, "status page" in reader.text) == (False, True)


async def test_only_who_may_read_is_led_to_the_status_page(bot: Bot, client: Client) -> None:
    """A one-shot link is for linking only."""
    bot.has(moved(LinkState.CONNECTED))
    assert "status page" not in (await shown(client)).text
    assert "status page" in (await shown(client, rights="LINK|READ")).text


async def test_a_one_shot_link_shows_a_button_only(bot: Bot, client: Client) -> None:
    """A chat program that looks at it for a preview uses nothing up and learns nothing; a hostile ticket stays text."""
    bot.has(BEGUN, CODE)
    seen = []
    for state in ((), (moved(LinkState.CONNECTED),)):
        bot.has(*state)
        response = await client.get("/link", params={"once": EVIL})
        page = await page_of(response)
        assert page.first("form")["method"] == "post"
        assert page.first("form")["action"] == "link"
        assert page.first("input", name="once")["value"] == EVIL
        assert "Set-Cookie" not in response.headers
        seen.append(page.source)
    assert seen[0] == seen[1]
    huge = await client.get("/link", params={"once": "x" * 5000})
    assert len(await huge.text()) < 5000


async def test_who_may_link_already_needs_no_ticket(client: Client) -> None:
    """It stays good, and leaves the address."""
    response = await client.get("/link", params={"once": "t1cket"}, headers=ENOUGH, allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (303, "link")


async def test_a_number_brings_a_code(bot: Bot, client: Client) -> None:
    """By a relative address, so that it works behind any path."""
    bot.has(BEGUN, CODE)
    form = {"number": "+971 50 576-0056", "csrf": "the-csrf"}
    response = await client.post("/link-code", data=form, headers=ENOUGH, allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (303, "link#part-typed")
    assert bot.asked == [NUMBER]
    assert TYPED in (await shown(client)).text


@pytest.mark.parametrize(
    ("number", "status", "words"),
    [
        ("", 400, "Type the number in international format"),
        ("0151 1234567", 400, "Type the number in international format"),
        (EVIL, 400, "Type the number in international format"),
        ("9" * 5000, 400, "Type the number in international format"),
        ("+4915112345678", 409, "WhatsApp gave no pairing code (429: rate-overlimit &lt;b&gt;)"),
    ],
)
async def test_what_is_wrong_is_said_beside_the_form(
    bot: Bot, client: Client, number: str, status: int, words: str
) -> None:
    """And what was typed is still there; the code to scan, too."""
    bot.has(BEGUN, CODE)
    bot.answer = PairingCodeRefused(number=number, error="429: rate-overlimit <b>")
    response = await client.post("/link-code", data={"number": number, "csrf": "the-csrf"}, headers=ENOUGH)
    page = await page_of(response, status)
    assert words in page.source
    field = page.first("input", name="number")
    assert field["value"] == number[:40]
    assert field["aria-invalid"] == "true"
    assert "number-error" in (field["aria-describedby"] or "")
    assert page.has_tag("svg")


async def test_who_asks_too_often_or_too_late_is_told(bot: Bot, client: Client) -> None:
    """With the number kept."""
    bot.has(BEGUN, CODE)
    for number, words in ((NUMBER, ""), ("4915112345678", "try again in 20 s")):
        response = await client.post("/link-code", data={"number": number, "csrf": "the-csrf"}, headers=ENOUGH)
        assert words in await response.text()
    bot.has(LinkingCompleted(number=NUMBER))
    response = await client.post("/link-code", data={"number": NUMBER, "csrf": "the-csrf"}, headers=ENOUGH)
    page = await page_of(response, 409)
    assert "linking is not under way" in page.text
    assert bot.asked == [NUMBER]


@pytest.mark.parametrize(("headers", "csrf"), [(ENOUGH, ""), (ENOUGH, "another"), ({"X-Rights": "READ"}, "the-csrf")])
async def test_a_code_is_asked_for_only_from_our_page_and_with_the_right(
    bot: Bot, client: Client, headers: dict[str, str], csrf: str
) -> None:
    """Each request rings on somebody's phone."""
    bot.has(BEGUN, CODE)
    response = await client.post("/link-code", data={"number": NUMBER, "csrf": csrf}, headers=headers)
    assert response.status == 403
    assert bot.asked == []


async def test_hostile_texts_stay_texts(bot: Bot, client: Client) -> None:
    """What WhatsApp or a library says goes into the page; a number in it is masked, a code is hidden."""
    bot.has(
        LinkingStarted(round=1, rounds=2, why=EVIL), AttemptFailed(finding="x", because=f"{EVIL}\x1b[2J {NUMBER} 2@abc")
    )
    page = await shown(client)
    assert EVIL in page.text.replace("\u2026", "")
    assert NUMBER not in page.source
    assert "2@abc" not in page.source
    assert "\x1b" not in page.source
    bot.has(LinkGaveUp(exit_code=4, because=EVIL * 100, advice=EVIL * 100))
    await shown(client)


async def test_the_parts_follow_what_happens(bot: Bot, client: Client) -> None:
    """All of them at once, then what changes; the code is gone with the first word of the phone."""
    bot.has(BEGUN, CODE)
    async with client.get("/link-live", headers=ENOUGH) as stream:
        parts = await told(stream)
        assert set(parts) == {"state", "code", "typed"}
        assert "<svg" in parts["code"]
        bot.has(LinkingCompleted(number=NUMBER))
        parts = await told(stream)
        assert "The bot is linked" in parts["state"]
        assert parts["code"].strip() == ""
        bot.has(moved(LinkState.LOGGED_OUT, "removed on the phone"))
        assert "Removed on the phone." in (await told(stream))["state"]


async def told(stream: ClientResponse) -> dict[str, str]:
    """Return the parts that a stream tells next."""
    async for line in stream.content:
        if line.startswith(b"event: parts"):
            found: dict[str, str] = json.loads((await stream.content.readline()).removeprefix(b"data: "))
            return found
    raise AssertionError


async def test_the_page_has_the_same_parts_as_its_stream(bot: Bot, client: Client) -> None:
    """Each has its place."""
    bot.has(*CODES)
    page = await shown(client)
    async with client.get("/link-live", headers=ENOUGH) as stream:
        for name, html in (await told(stream)).items():
            assert page.first("section", id=f"part-{name}")
            assert html.strip()[:60] in page.source


async def test_without_script_the_page_comes_again_when_the_code_was_replaced() -> None:
    """Not at once, and not only after long."""
    pairing = Pairing()
    assert refresh_s(pairing.view()) == 5
    for valid_s, expected in ((60, 25), (20, 21), (2, 5)):
        pairing.take(QrIssued(code="2@x", number=1, valid_s=valid_s))
        assert refresh_s(pairing.view()) == expected
    assert pairing.view().stage is Stage.CODE
