"""The status page: what it says of any bot, to whom, and what its buttons do."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from linda_bot.app.answers import Lasting, Reconnected
from linda_bot.app.looking import Look
from linda_bot.app.pairing import Pairing, PairingView, Stage
from linda_bot.app.past_health import past_health
from linda_bot.app.recent_events import Happening
from linda_bot.app.sources import Found
from linda_bot.app.status import BotStatus, MailCounts, OpenAlert, masked
from linda_bot.connection.events import AttemptFailed
from linda_bot.connection.lifecycle import LinkState
from linda_bot.health.history import HealthHistory
from linda_bot.health.rules import RULES
from linda_bot.health.samples import Readings, Reason
from linda_bot.web.application import application
from linda_bot.web.pages import status_page
from linda_bot.web.pages.layout import render
from linda_bot.web.pages.status_page import ACTS, DONE, status_routes
from linda_bot.web.pages.status_view import view_of
from linda_bot.web.visitors import Proof, Right, Visitor
from tests.support.fake_front import FakeFront
from tests.support.health_samples import sample
from tests.support.status_samples import ENDLESS, EVIL, NUMBER, bot_status, hostile_status

NOW = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)
LONGEST_PAGE = 50_000
CSRF = "csrf-word"
NOT_KNOWN: Found[BotStatus] = Found(None, "the state could not be read within 3 s")

Client = TestClient[web.Request, web.Application]


class Bot(FakeFront):
    """A bot that is how a test says."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.pairing = Pairing()
        self.now = bot_status()
        self.asked: list[str] = []
        self.reconnected = Reconnected(connected=True, states=("connected",))
        self.not_kept = ""
        self.looks = 0

    async def status(self, *, show_numbers: bool = False) -> BotStatus:
        self.looks += 1
        await self._begin()
        return self.now if show_numbers else masked(self.now)

    async def reconnect(self, because: str, *, within_s: float) -> Reconnected:
        self.asked.append("reconnect")
        return self.reconnected

    async def back_up(self) -> str:
        await self._begin()
        self.asked.append("backup")
        return "backup-default-001"

    async def pause(self) -> Lasting:
        self.asked.append("pause")
        self.now = bot_status(paused_since="2026-02-07T11:00:00.000Z")
        return Lasting(changed=True, paused_since=None, not_kept=self.not_kept)

    async def resume(self) -> Lasting:
        self.asked.append("resume")
        self.now = bot_status()
        return Lasting(changed=True, paused_since=None, not_kept=self.not_kept)


class Gate:
    """Takes everybody for who they say they are."""

    def visitor(self, request: web.Request) -> Visitor:
        rights = Right[request.headers.get("X-Rights", "ALL")]
        proof = Proof.NONE if rights is Right.READ else Proof.COOKIE
        return Visitor(rights, proof, CSRF)


READER = {"X-Rights": "READ"}


@pytest.fixture
def bot(home: Path) -> Bot:
    """The bot."""
    return Bot(home)


@pytest.fixture
async def client(bot: Bot) -> AsyncIterator[Client]:
    """Somebody who looks at its page."""
    page = status_routes(bot.as_front)
    server = TestServer(application(page.routes, Gate(), closing=[page.closing]))
    async with TestClient(server) as found:
        yield found


def look_at(
    status: BotStatus | None = None,
    *,
    events: tuple[Happening, ...] = (),
    stage: Stage = Stage.LINKED,
    trouble: str = "",
    days: float = 0,
) -> Look:
    """Return a look at a bot; with the record of so many days, every half hour of which is another."""
    samples = [
        sample(
            NOW - timedelta(minutes=30 * number),
            1800,
            up_s=(1800, 900, 0)[number % 3],
            readings=Readings(round_trip_ms=10.0**number if number < 9 else 70.5, daemon_mb=60, engine_mb=40),
            reasons=(Reason(word="disk", topic="health", grade="degraded", text=EVIL),),  # type: ignore[arg-type]
        )
        for number in reversed(range(int(days * 48)))
        if number % 4
    ]
    found = NOT_KNOWN if status is None else Found(status)
    past = past_health(samples, NOW)
    return Look(NOW, found, Found(past, trouble), Found(events, trouble), PairingView(stage=stage))


def rendered(look: Look, *, show_numbers: bool = False) -> dict[str, str]:
    """Return the parts of the page."""
    view = view_of(look, show_numbers=show_numbers)
    return {name: render(f"status_{name}.html", **facts) for name, facts in view.items()}


class Words(HTMLParser):
    """The words of a page, and its elements, each of which must have its end."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in {"meta", "link", "input", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        """What stands there, on one line."""
        return " ".join(" ".join(self.words).split())


@pytest.mark.parametrize("state", LinkState)
def test_every_state_is_told_in_words(state: LinkState) -> None:
    """As `linda-bot status` says it, and with a sign of its kind."""
    html = rendered(look_at(bot_status(state, because="somebody said so")))["state"]
    assert state.replace("_", " ") in Words(html).text
    assert "2026-02-07 08:00 UTC" in Words(html).text
    assert ("Somebody said so." in html) == (state is not LinkState.CONNECTED)
    kind = {LinkState.CONNECTED: "good", LinkState.BANNED: "bad", LinkState.STOPPED: "off"}.get(state)
    assert kind is None or f"tone-{kind}" in html


def test_what_to_do_is_said() -> None:
    """Of the state, of alerts and of what is wrong with the health."""
    rule = next(rule for rule in RULES if rule.word == "disk")
    alert = OpenAlert(topic="link", kind="logged_out", because="it is out", advice="link it", since="2026-02-07T08:00Z")
    status = bot_status(LinkState.LOGGED_OUT, alerts=(alert,), health="degraded", health_reasons=(EVIL,))
    parts = {name: Words(html).text for name, html in rendered(look_at(status, days=1)).items()}
    assert "What to do: Link it anew: linda-bot run." in parts["state"]
    assert "It is out. What to do: Link it." in parts["alerts"]
    assert f"What to do: {rule.advice[:1].upper()}{rule.advice[1:]}." in parts["health"]


def test_a_phone_is_wanted_only_where_it_is() -> None:
    """Then there is a way to the pairing page."""
    linking = bot_status(LinkState.LINKING)
    assert 'href="link"' in rendered(look_at(linking, stage=Stage.CODE))["state"]
    assert 'href="link"' not in rendered(look_at(linking, stage=Stage.ACCEPTED))["state"]
    assert 'href="link"' not in rendered(look_at(bot_status(), stage=Stage.LINKED))["state"]


def test_messages_that_need_a_person_name_the_command() -> None:
    """Those that go their way by themselves do not."""
    counts = MailCounts(waiting=3, set_aside=2, pending=5, sending=1, unknown=1, failed=4, handled=10, sent=11)
    text = Words(rendered(look_at(bot_status(messages=counts)))["messages"]).text
    for words in (
        "10 handled",
        "11 sent",
        "to be handled 3 to be sent 6",
        "set aside 2 linda-bot inbox",
        "sent or not, nobody knows 1 linda-bot outbox",
        "not sent 4 linda-bot outbox",
    ):
        assert words in text


def test_a_paused_bot_says_so() -> None:
    """At one glance, whatever the link is like."""
    html = rendered(look_at(bot_status(paused_since="2026-02-07T11:00:00.000Z", sandbox=True)))["state"]
    assert "tone-pause" in html
    assert "data-paused" in html
    assert "PAUSED" in html
    assert "2026-02-07 11:00 UTC" in html
    assert "In a sandbox" in html


def test_the_record_in_numbers_and_words() -> None:
    """A share of time for each day, and what the pictures show for who does not see them."""
    parts = rendered(look_at(bot_status(), days=7))
    text = Words(parts["link"]).text
    assert text.count(" %") == 2 + 7
    assert "up in the last 24 hours" in text
    assert len(re.findall(r'<th scope="row">', parts["link"])) == 7
    assert "down from" in text
    assert "Round trip to WhatsApp" in parts["health"]
    assert "median" in parts["health"]


def test_what_cannot_be_read_is_said() -> None:
    """And the rest is there all the same."""
    parts = {name: Words(html).text for name, html in rendered(look_at(None, trouble="it is gone")).items()}
    assert "The state could not be read within 3 s." in parts["state"]
    assert "It is gone." in parts["link"]
    assert "It is gone." in parts["events"]
    assert all(parts[name] for name in parts if name != "alerts")


@pytest.mark.parametrize("text", [EVIL, ENDLESS, "\ud800", "\x00\x1b]0;x\x07\r\n" * 900, "ي" * 10_000])
@pytest.mark.parametrize("show_numbers", [True, False])
def test_no_text_is_more_than_text(text: str, *, show_numbers: bool) -> None:
    """Whoever wrote it: no element, no attribute, no control character, and no more than there is room for."""
    happening = Happening(NOW, text, text, text)
    parts = rendered(look_at(hostile_status(text), events=(happening,) * 20, days=7), show_numbers=show_numbers)
    html = "".join(parts.values())
    page = Words(html)
    assert "script" not in page.tags
    assert "onload" not in page.attributes
    assert all(letter.isprintable() or letter == "\n" for letter in html)
    assert "49" not in {word for word in page.text.split() if "7*7" not in word}
    assert len(html.encode()) < LONGEST_PAGE - 5000


def test_numbers_are_masked_unless_asked_for() -> None:
    """In every text there is."""
    status = hostile_status(f"call {NUMBER} or {NUMBER}@s.whatsapp.net")
    look = look_at(status, stage=Stage.CODE)
    assert NUMBER not in "".join(rendered(look).values())
    assert NUMBER in "".join(rendered(look, show_numbers=True).values())


async def test_the_page_is_whole_without_script(client: Client, bot: Bot) -> None:
    """Its first paint shows the truth, and without script it is loaded again."""
    bot.now = bot_status(LinkState.RECONNECTING, because="no answer to three pings")
    answer = await client.get("/")
    html = await answer.text()
    assert answer.status == 200
    assert "No answer to three pings." in html
    assert '<noscript><meta http-equiv="refresh" content="15"></noscript>' in html
    assert re.findall(r"<script(?! src=\"static/live.js\" defer></script>)", html) == []
    assert "style=" not in html
    assert 'aria-current="page">Status' in html
    assert re.findall(r'(?:href|src|action)="(?:/|http)', html) == []
    assert "<title>reconnecting · linda-bot</title>" in html


async def test_the_worst_page_is_small(client: Client, bot: Bot) -> None:
    """With all there can be on it."""
    bot.now = hostile_status()
    now = datetime.now(UTC)
    history = HealthHistory(bot.job.paths)
    history.begin(now)
    readings = Readings(round_trip_ms=123.456, daemon_mb=60, engine_mb=40)
    spans = [
        sample(now - timedelta(minutes=5 * number), 300, up_s=300 * (number // 6 % 2), readings=readings)
        for number in reversed(range(1, 2000))
    ]
    history.append(spans, now)
    with (bot.job.paths.logs / "events.jsonl").open("w") as file:
        line = {
            "timestamp": now.isoformat(),
            "level": "error",
            "category": "error",
            "event": ENDLESS,
            "because": ENDLESS,
        }
        file.writelines(json.dumps(line) + "\n" for _ in range(30))
    html = await (await client.get("/?show_numbers=true&done=backup")).read()
    assert 30_000 < len(html) < LONGEST_PAGE
    Words(html.decode())


async def test_who_may_only_read_changes_nothing(client: Client, bot: Bot) -> None:
    """There are no buttons, no numbers, and no way to either."""
    html = await (await client.get("/", headers=READER)).text()
    assert NUMBER not in html
    assert "<form" not in html
    assert "show_numbers" not in html
    assert "linda-bot link" not in html  # no phone is wanted
    for path in ("/?show_numbers=true", "/live?show_numbers=true"):
        answer = await client.get(path, headers=READER)
        assert answer.status == 403
        assert "LINDA_HTTP_TOKEN" in await answer.text()
    assert (await client.post("/act", data={"what": "pause"}, headers=READER)).status == 403
    assert bot.asked == []


async def test_the_owner_may_see_numbers(client: Client) -> None:
    """Where they ask for them."""
    html = await (await client.get("/")).text()
    assert NUMBER not in html
    assert 'href="./?show_numbers=true"' in html
    html = await (await client.get("/?show_numbers=true")).text()
    assert NUMBER in html
    assert 'data-live="live?show_numbers=true"' in html
    assert (await client.get("/?show_numbers=perhaps")).status == 400


@pytest.mark.parametrize("what", [what for what, _ in ACTS])
async def test_a_button_does_what_it_says(client: Client, bot: Bot, what: str) -> None:
    """Once, and the page after it says so and shows what is new."""
    html = await (await client.get("/")).text()
    assert f'name="what" value="{what}"' in html
    answer = await client.post("/act", data={"what": what, "csrf": CSRF}, allow_redirects=False)
    assert answer.status == 303
    assert answer.headers["Location"].startswith("./?done=")
    assert bot.asked == [what]
    html = await (await client.get("/" + answer.headers["Location"].removeprefix("./"))).text()
    assert DONE[answer.headers["Location"].partition("=")[2]] in html
    assert ("data-paused" in html) == (what == "pause")


async def test_what_came_of_it_is_told_as_it_is(client: Client, bot: Bot) -> None:
    """Also where it is not what was hoped for."""

    async def done(what: str) -> str:
        answer = await client.post("/act", data={"what": what, "csrf": CSRF}, allow_redirects=False)
        return answer.headers["Location"].partition("=")[2]

    bot.reconnected = Reconnected(connected=False, states=("reconnecting",))
    assert await done("reconnect") == "reconnecting"
    bot.reconnected = Reconnected(connected=False, states=("banned",), why_not="a ban")
    assert await done("reconnect") == "not-reconnected"
    bot.not_kept = "the disk is full"
    assert await done("pause") == "paused-for-now"
    assert await done("resume") == "resumed-for-now"


async def test_a_long_backup_is_not_waited_for(
    client: Client, bot: Bot, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It goes on, and what goes wrong then is logged."""
    monkeypatch.setattr(status_page, "_BACKUP_WITHIN_S", 0.05)
    go_on = asyncio.Event()

    async def slow() -> str:
        await go_on.wait()
        raise OSError("the disk is full")

    monkeypatch.setattr(bot, "back_up", slow)
    answer = await client.post("/act", data={"what": "backup", "csrf": CSRF}, allow_redirects=False)
    assert answer.headers["Location"] == "./?done=backing-up"
    go_on.set()
    async with asyncio.timeout(5):
        while not caplog.records:
            await asyncio.sleep(0.01)
    assert "the disk is full" in caplog.text


async def test_no_other_word_does_anything(client: Client, bot: Bot) -> None:
    """Nor does one without the page's own word; and a result that there is not is not said."""
    assert (await client.post("/act", data={"what": "logout", "csrf": CSRF})).status == 400
    assert (await client.post("/act", data={"what": "pause"})).status == 403
    assert (await client.get("/act")).status in {404, 405}
    assert bot.asked == []
    html = await (await client.get("/?done=" + "%3Cscript%3E")).text()
    assert 'class="done"' not in html


async def test_a_bot_that_hangs_has_a_page(client: Client, bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which says so, after a while that is bearable."""
    monkeypatch.setattr("linda_bot.app.looking._STATUS_WITHIN_S", 0.1)
    page = status_routes(bot.as_front)
    bot.hangs = True
    async with TestClient(TestServer(application(page.routes, Gate(), closing=[page.closing]))) as other:
        answer = await other.get("/")
        assert answer.status == 200
        assert "The state could not be read within 0.1 s." in await answer.text()


async def test_the_page_is_live(client: Client, bot: Bot) -> None:
    """What happens is shown within a second or two, to all who look with one look at the bot."""
    readers = [await client.get("/live", headers=READER) for _ in range(5)]
    for reader in readers:
        assert b"event: hello" in await reader.content.readuntil(b"\n\n")
        first = json.loads((await reader.content.readuntil(b"\n\n")).partition(b"data: ")[2])
        assert set(first) == {"state", "alerts", "link", "health", "messages", "session", "events"}
    looks = bot.looks
    bot.now = bot_status(LinkState.RECONNECTING, because=EVIL)
    bot.bus.publish(AttemptFailed(finding="unreachable", because=f"{NUMBER} {EVIL}"))
    for reader in readers:
        async with asyncio.timeout(5):
            changed = json.loads((await reader.content.readuntil(b"\n\n")).partition(b"data: ")[2])
        assert "reconnecting" in changed["state"]
        assert "attempt failed" in changed["events"]
        assert NUMBER not in "".join(changed.values())
        assert "<script" not in "".join(changed.values())
        reader.close()
    assert bot.looks == looks + 1
