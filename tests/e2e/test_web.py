"""The web page in a real browser, with the real console script: linking, looking, and what goes wrong."""

import asyncio
import io
import os
import re
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
import zxingcpp
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from PIL import Image
from playwright.async_api import Browser, Error, Page, expect

from linda_bot.kernel.errors import ExitCode
from linda_bot.sandbox.bot_process import BotProcess
from linda_bot.sandbox.pairing import ScanError
from linda_bot.sandbox.server import Sandbox
from tests.e2e.conftest import BOT, StartBot, engines_of
from tests.support.browser import Tab, open_tab, running_browser
from tests.support.commands import Ran, run_command

pytestmark = pytest.mark.slow

ANYWHERE = ("--http", "127.0.0.1:0")
TOKEN = "a-token-of-27-characters-ab"
SCREENSHOTS = "SCREENSHOTS"
"""Names a directory to which pictures of the pages go; without it none are made."""

GONE = "The bot does not answer"
GRAVE = {"serious", "critical"}
EVIL = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>'


ALL_RULES: Mapping[str, object] = {}


class Look(NamedTuple):
    """How somebody sees a page."""

    name: str
    dark: bool = False
    width: int = 1100
    rules: Mapping[str, object] = ALL_RULES


LOOKS = (
    Look("narrow", width=360, rules={"runOnly": ["target-size", "meta-viewport", "scrollable-region-focusable"]}),
    Look("dark", dark=True, rules={"runOnly": ["color-contrast", "link-in-text-block"]}),
    Look("light"),
)
LOGGED = '<img src=y onerror="window.hit=2">'
TALKER = f"""
import logging
from linda_bot import Message, Router

router = Router()

@router.message()
async def echo(message: Message) -> None:
    logging.getLogger("talker").error({LOGGED!r})
    await message.reply(message.text)
"""


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser that reaches this machine only."""
    async with running_browser() as running:
        yield running


@pytest.fixture(autouse=True)
def _nothing_is_wrong(sandbox: Sandbox) -> Iterator[None]:
    """See to it that browsers which come and go leave no trouble in the log."""
    yield
    log = log_of(sandbox).read_text()
    assert re.findall(r'.*"logger":"(?:aiohttp|asyncio|linda_bot).*', log) == []


def log_of(sandbox: Sandbox) -> Path:
    """Return the file that the sandbox's bot logs to."""
    return sandbox.directory / "bot" / "logs" / "events.jsonl"


async def address_of(bot: BotProcess) -> str:
    """Return where a bot's web page is."""
    await bot.wait_for("Web page: ")
    return str(re.findall(r"^Web page: (\S+)$", bot.screen, re.MULTILINE)[-1])


async def offered_by(bot: BotProcess) -> str:
    """Return the one-shot link that a bot has printed."""
    await bot.wait_for("link?once=")
    return str(re.findall(r"^  (http\S+/link\?once=\S+)$", bot.screen, re.MULTILINE)[-1])


async def come_by(page: Page, link: str) -> None:
    """Do what somebody does who was sent a link."""
    await page.goto(link)
    await page.get_by_role("button", name="Show the code").click()
    await expect(page.locator("svg.qr")).to_be_visible()


async def code_on(page: Page) -> str:
    """Return the text of the QR code that a page shows, off its picture."""
    picture = Image.open(io.BytesIO(await _picture_of(page, "svg.qr"))).convert("L")
    found = zxingcpp.read_barcode(picture)
    assert found is not None, "the code cannot be read"
    return str(found.text)


async def _picture_of(page: Page, what: str) -> bytes:
    """Take a picture of a part of a page; once more when the part was renewed at that very moment."""
    try:
        return await page.locator(what).screenshot()
    except Error:
        return await page.locator(what).screenshot()


async def link_command(sandbox: Sandbox, *arguments: str) -> Ran:
    """Run `linda-bot link`."""
    ran = await run_command("link", "--data-dir", sandbox.directory / "bot", *arguments)
    assert "Traceback" not in ran.told
    return ran


async def test_a_phone_links_the_bot_by_the_picture_on_the_page(
    sandbox: Sandbox, start_bot: StartBot, browser: Browser
) -> None:
    """In the dark, too; the code is gone when the phone has it, and comes back for nobody."""
    bot = await start_bot(*ANYWHERE)
    async with open_tab(browser, dark=True) as tab:
        await come_by(tab.page, await offered_by(bot))
        assert "once" not in tab.page.url
        text = await code_on(tab.page)
        await sandbox.phone(BOT).scan(text)
        await expect(tab.page.get_by_role("heading", name="The bot is linked")).to_be_visible()
        assert await tab.page.locator("svg.qr").count() == 0
        await tab.page.reload()
        await expect(tab.page.get_by_role("heading", name="The bot is linked")).to_be_visible()
        assert await tab.page.locator("svg.qr").count() == 0
        assert text not in await tab.page.locator("html").inner_html()
    await bot.ready()
    told = await link_command(sandbox)
    assert (told.code, told.out) == (ExitCode.UNWELL, "")
    assert "linked already: there is nothing to scan" in told.told


async def test_a_phone_links_the_bot_by_a_code_that_is_typed(
    sandbox: Sandbox, start_bot: StartBot, browser: Browser
) -> None:
    """A wrong number is still in the form, with what is wrong about it; the parts that live do not touch the form."""
    bot = await start_bot(*ANYWHERE)
    async with open_tab(browser) as tab:
        page = tab.page
        await come_by(page, await offered_by(bot))
        field = page.get_by_label("Number of the phone")
        await field.fill("0151 1234567")
        await page.get_by_role("button", name="Get a pairing code").click()
        await expect(page.get_by_role("alert")).to_contain_text("international format")
        await expect(field).to_have_value("0151 1234567")
        await expect(page.locator("svg.qr")).to_be_visible()
        await field.fill(f"+{BOT}")
        await page.get_by_role("button", name="Get a pairing code").click()
        code = await page.locator(".pairing-code").inner_text()
        assert re.fullmatch(r"[0-9A-Z]{4}-[0-9A-Z]{4}", code)
        await field.fill("+49 151")
        await sandbox.phone(BOT).enter_code(code)
        await expect(page.get_by_role("heading", name="The bot is linked")).to_be_visible()
        await expect(page.get_by_text(code)).to_have_count(0)
        await expect(field).to_have_value("+49 151")
        await expect(field).to_be_hidden()
    await bot.ready()


async def test_a_link_is_good_for_one(sandbox: Sandbox, start_bot: StartBot, browser: Browser) -> None:
    """Looking at it uses nothing up; the second one who comes sees no code; the command makes a new one."""
    bot = await start_bot(*ANYWHERE)
    link = await offered_by(bot)
    async with open_tab(browser) as early, open_tab(browser) as tab, open_tab(browser) as late:
        await early.page.goto(link)
        await early.page.goto(await address_of(bot) + "link")
        await expect(early.page.get_by_text("linda-bot link", exact=True)).to_be_visible()
        assert await early.page.locator("svg.qr").count() == 0
        await come_by(tab.page, link)
        await late.page.goto(link)
        await late.page.get_by_role("button", name="Show the code").click()
        await expect(late.page.get_by_text("used up")).to_be_visible()
        assert await late.page.locator("svg.qr").count() == 0
        made = await link_command(sandbox)
        assert made.code == 0
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/link\?once=\S+\n", made.out)
        assert "15 minutes" in made.told
        await come_by(late.page, made.out.strip())
    assert (await link_command(sandbox, "--json")).document["valid_s"] == 900


async def test_the_command_says_why_there_is_no_link(sandbox: Sandbox, start_bot: StartBot) -> None:
    """No bot, or none with a web page: one line."""
    nobody = await link_command(sandbox)
    assert (nobody.code, nobody.out) == (ExitCode.UNWELL, "")
    assert "no bot runs" in nobody.told
    await (await start_bot()).wait_for("Waiting for the scan")
    without = await link_command(sandbox)
    assert (without.code, without.out) == (ExitCode.UNWELL, "")
    assert "start the bot with --http" in without.told
    assert len(without.told.splitlines()) == 1


async def test_a_code_that_is_replaced_or_too_old_is_not_shown(
    sandbox: Sandbox, start_bot: StartBot, browser: Browser
) -> None:
    """The old one links nothing, the new one does; a page whose time runs out hides its code by itself."""
    bot = await start_bot(*ANYWHERE)
    async with open_tab(browser) as tab:
        page = tab.page
        await page.clock.install()
        await come_by(page, await offered_by(bot))
        old, picture = await code_on(page), await page.locator("svg.qr path").get_attribute("d")
        await tab.context.set_offline(True)
        await page.clock.fast_forward(61_000)
        await expect(page.get_by_text("This code is too old")).to_be_visible()
        await expect(page.locator("svg.qr")).to_be_hidden()
        await tab.context.set_offline(False)
        await page.clock.resume()
        for engine in engines_of(sandbox.environment["LINDA_SANDBOX_ROOT"]):
            engine.kill()
        await expect(page.locator(f'svg.qr path:not([d="{picture}"])')).to_be_visible(timeout=15_000)
        with pytest.raises(ScanError):
            await sandbox.phone(BOT).scan(old)
        await sandbox.phone(BOT).scan(await code_on(page))
        await expect(page.get_by_role("heading", name="The bot is linked")).to_be_visible()


async def test_a_bot_that_is_killed_is_missed_and_found_again(start_bot: StartBot, browser: Browser) -> None:
    """Within seconds, without a hand on the page; the same browser may still link, and gets the new code."""
    bot = await start_bot(*ANYWHERE)
    port = (await address_of(bot)).rstrip("/").rpartition(":")[2]
    async with open_tab(browser) as tab:
        await come_by(tab.page, await offered_by(bot))
        old = await code_on(tab.page)
        await bot.stop(signal.SIGKILL)
        await expect(tab.page.get_by_text(GONE)).to_be_visible(timeout=6_000)
        await expect(tab.page.locator("svg.qr")).to_be_hidden(timeout=15_000)
        again = await start_bot("--http", f"127.0.0.1:{port}")
        await again.wait_for("Waiting for the scan")
        await expect(tab.page.get_by_text(GONE)).to_be_hidden(timeout=15_000)
        await expect(tab.page.locator("svg.qr")).to_be_visible()
        assert await code_on(tab.page) != old


async def test_without_script_the_first_sight_is_true(sandbox: Sandbox, start_bot: StartBot, browser: Browser) -> None:
    """The code can be scanned, the form says what is wrong, and what is shown is what is."""
    bot = await start_bot(*ANYWHERE)
    async with open_tab(browser, script=False) as tab:
        await come_by(tab.page, await offered_by(bot))
        assert "Round 1 of 10" in await tab.page.locator("main").inner_text()
        await tab.page.get_by_label("Number of the phone").fill("12")
        await tab.page.get_by_role("button", name="Get a pairing code").click()
        assert "international format" in await tab.page.get_by_role("alert").inner_text()
        await tab.page.goto(await address_of(bot) + "link")
        await sandbox.phone(BOT).scan(await code_on(tab.page))
        await bot.ready()
        await tab.page.reload()
        await expect(tab.page.get_by_role("heading", name="The bot is linked")).to_be_visible()
        assert await tab.page.locator("svg.qr").count() == 0
        await tab.page.goto(await address_of(bot))
        assert "connected" in (await tab.page.locator("main").inner_text()).lower()


async def test_what_strangers_write_stays_text(
    sandbox: Sandbox, start_bot: StartBot, browser: Browser, tmp_path: Path
) -> None:
    """A name, a message and a log line full of HTML: no script runs, whoever looks."""
    handlers = tmp_path / "talker.py"
    handlers.write_text(TALKER)
    bot = await start_bot(*ANYWHERE, "--handlers", handlers, LINDA_HTTP_TOKEN=TOKEN, LINDA_LOG__MASK="false")
    await sandbox.phone(BOT).scan(await bot.qr_text())
    await bot.ready()
    async with open_tab(browser) as tab, sandbox.contact("4915112345678", EVIL) as stranger:
        await log_in(tab.page, await address_of(bot))
        assert (await stranger.ask(BOT, EVIL)).text == EVIL
        shown = tab.page.locator("main")
        await expect(shown).to_contain_text(f'sender_name="<{len(EVIL)} characters>"')
        async with asyncio.timeout(15):  # the log is looked at when something happens, and not each time
            while LOGGED not in await shown.inner_text():
                await stranger.ask(BOT, EVIL)
                await asyncio.sleep(1)
        await tab.page.goto(await address_of(bot) + "?show_numbers=true")
        await expect(shown).to_contain_text(LOGGED)
        assert await tab.page.evaluate("window.hit") is None
        assert await tab.page.locator("main img").count() == 0


async def log_in(page: Page, address: str) -> None:
    """Log in with the token, and arrive at the status page."""
    await page.goto(address)
    await page.get_by_label("Token").fill(TOKEN)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("button", name="Sign out")).to_be_visible()


async def look_at(tab: Tab, name: str) -> None:
    """See to it that nothing grave is wrong with a page for those who see little; make pictures where they are wanted.

    All of it by day, on a desk; what the dark and a phone's width change, in the dark and on a phone.
    """
    for look in LOOKS:
        await tab.page.emulate_media(color_scheme="dark" if look.dark else "light")
        await tab.page.set_viewport_size({"width": look.width, "height": 900})
        found = (await Axe().run(tab.page, options=look.rules)).response["violations"]
        grave = [(each["id"], [node["html"] for node in each["nodes"]]) for each in found if each["impact"] in GRAVE]
        assert grave == [], (name, look.name)
        fits = await tab.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert fits, f"{name} must be scrolled sideways ({look.name})"
        if SCREENSHOTS in os.environ:
            path = Path(os.environ[SCREENSHOTS]) / f"{look.name}-{name}.png"
            await tab.page.screenshot(path=path, full_page=True)


async def test_every_page_can_be_read_by_everybody(sandbox: Sandbox, start_bot: StartBot, browser: Browser) -> None:
    """With a screen reader, in light and dark, on a phone; each stage that a bot goes through."""
    bot = await start_bot(*ANYWHERE)
    address = await address_of(bot)
    async with open_tab(browser) as tab:
        page = tab.page
        for place in ("", "link", "login", "nothing-there"):
            await page.goto(address + place)
            await look_at(tab, f"stranger-{place or 'status'}")
        link = await offered_by(bot)
        await page.goto(link)
        await look_at(tab, "one-shot-link")
        await come_by(page, link)
        await look_at(tab, "link-code")
        await page.get_by_label("Number of the phone").fill("12")
        await page.get_by_role("button", name="Get a pairing code").click()
        await expect(page.get_by_role("alert")).to_be_visible()
        await look_at(tab, "link-wrong-number")
        await page.get_by_label("Number of the phone").fill(BOT)
        await page.get_by_role("button", name="Get a pairing code").click()
        await expect(page.locator(".pairing-code")).to_be_visible()
        await look_at(tab, "link-pairing-code")
        await sandbox.phone(BOT).scan(await code_on(page))
        await expect(page.get_by_role("heading", name="The bot is linked")).to_be_visible()
        await look_at(tab, "link-linked")
        await bot.ready()
        await page.goto(address)
        await look_at(tab, "status")
        await bot.stop(signal.SIGKILL)
        await expect(page.get_by_text(GONE)).to_be_visible(timeout=6_000)
        await look_at(tab, "status-gone")
    with_token = await start_bot(*ANYWHERE, LINDA_HTTP_TOKEN=TOKEN)
    async with open_tab(browser) as tab:
        await tab.page.goto(await address_of(with_token))
        await look_at(tab, "login")
        await tab.page.get_by_label("Token").fill("wrong")
        await tab.page.get_by_role("button", name="Log in").click()
        await expect(tab.page.get_by_role("alert")).to_be_visible()
        await look_at(tab, "login-wrong")
        await with_token.ready()
        await log_in(tab.page, await address_of(with_token))
        await look_at(tab, "status-logged-in")
