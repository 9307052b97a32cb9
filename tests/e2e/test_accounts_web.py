"""The page of several accounts in a real browser: linking there, looking, and what changes while one looks."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect

from linda_bot.kernel.masking import mask_number
from linda_bot.sandbox.server import Sandbox
from tests.e2e.test_web import ANYWHERE, TOKEN, address_of, code_on, look_at
from tests.support.browser import open_tab, running_browser
from tests.support.houses import Houseful, environment_of, numbers

pytestmark = pytest.mark.slow


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser that reaches this machine only."""
    async with running_browser() as running:
        yield running


@pytest.fixture
async def house(sandbox: Sandbox) -> AsyncIterator[Houseful]:
    """Two accounts with a web page; none is linked yet."""
    accounts = numbers(2)
    made = Houseful(sandbox, accounts, environment_of(accounts) | {"LINDA_HTTP_TOKEN": TOKEN})
    await made.start(*ANYWHERE)
    for account in accounts:
        await made.bot.wait_for(f"{mask_number(account)}: it is not linked to a phone")
    yield made
    await made.bot.close()
    assert "Traceback" not in made.bot.screen


async def test_an_account_is_linked_from_the_overview(house: Houseful, browser: Browser) -> None:
    """A login, a button, a scan, and back; everybody can read it on whatever they have."""
    first, second = (mask_number(account) for account in house.accounts)
    async with open_tab(browser) as tab:
        page = tab.page
        await page.goto(await address_of(house.bot))
        await page.fill("#token", TOKEN)
        await page.click("main button")
        await expect(page.locator("h1")).to_have_text("0 of 2 accounts connected")
        await look_at(tab, "accounts-unlinked")
        row = page.locator(".account", has_text=first)
        await row.get_by_role("button", name="Link a phone").click()
        await page.wait_for_selector("svg.qr")
        await expect(page.locator(".whose")).to_have_text(f"Account {first}")
        await house.sandbox.phone(house.accounts[0]).scan(await code_on(page))
        await page.wait_for_selector("[data-stage=linked]")

        await page.get_by_role("link", name="All accounts").click()
        await expect(page.locator("h1")).to_have_text("1 of 2 accounts connected")
        await house.command("pause", house.accounts[0])
        await expect(row).to_contain_text("paused since", timeout=5_000)  # without a reload
        await expect(row.get_by_role("button", name="Pause")).to_be_hidden()
        await row.get_by_role("link", name="Open").click()
        await look_at(tab, "account-paused")
        await page.get_by_role("button", name="Resume").click()
        await expect(row).to_contain_text("connected since", timeout=15_000)
        await house.command("add", numbers(3)[-1])
        added = page.locator(".account", has_text=mask_number(numbers(3)[-1]))
        await expect(added).to_contain_text("needs a phone", timeout=15_000)  # the page was loaded anew
        await look_at(tab, "accounts")
        await added.get_by_text("Remove …").click()
        await added.get_by_role("button", name="Remove").click()
        await expect(page.locator(".account")).to_have_count(2)
        assert second in await page.inner_text("main")


async def test_all_of_it_works_without_script(house: Houseful, browser: Browser) -> None:
    """Logging in, pausing, linking: nothing but forms."""
    async with open_tab(browser, script=False) as tab:
        page = tab.page
        await page.goto(await address_of(house.bot))
        await page.fill("#token", TOKEN)
        await page.click("main button")
        row = page.locator(".account", has_text=mask_number(house.accounts[1]))
        await row.get_by_role("button", name="Pause").click()
        await expect(page.locator(".done")).to_contain_text("The account is paused")
        await row.get_by_role("button", name="Resume").click()
        await expect(page.locator(".done")).to_contain_text("The account begins")
