"""A real browser without a window, which reaches nothing but this machine."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright

REQUIRED = "BROWSER_TESTS"
"""Set to `required`, this variable has tests fail that would be left out where no browser is installed."""

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",  # as root there is no other way
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_THIS_MACHINE = "127.0.0.1"


def find_browser() -> str:
    """Return the path of a browser; skips or fails the test where there is none."""
    for name in NAMES:
        found = shutil.which(name)
        if found:
            return found
    missing = "there is no Chromium; scripts/browser installs it on Debian and Ubuntu"
    if os.environ.get(REQUIRED) == "required":
        pytest.fail(missing)
    pytest.skip(missing)


@asynccontextmanager
async def running_browser() -> AsyncIterator[Browser]:
    """Run a browser for the block."""
    path = find_browser()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


class Tab:
    """One tab of a browser of its own, and what it has complained about."""

    def __init__(self, context: BrowserContext, page: Page) -> None:
        self.context = context
        self.page = page
        self.complaints: list[str] = []
        """Errors of scripts, and what the page's own policy has forbidden."""
        self.strayed: list[str] = []
        """Requests to other machines."""
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        context.on("request", self._asked)

    def _heard(self, message: ConsoleMessage) -> None:
        # What the network or a status said is not the page's own doing.
        if message.type in {"error", "warning"} and not message.text.startswith("Failed to load resource"):
            self.complaints.append(message.text)

    def _asked(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob"} and parts.hostname != _THIS_MACHINE:
            self.strayed.append(request.url)


@asynccontextmanager
async def open_tab(
    browser: Browser, *, dark: bool = False, width: int = 1100, height: int = 900, script: bool = True
) -> AsyncIterator[Tab]:
    """Open a tab that shares nothing with others; it must have complained of nothing, and asked nobody else."""
    context = await browser.new_context(
        color_scheme="dark" if dark else "light",
        viewport={"width": width, "height": height},
        java_script_enabled=script,
    )
    try:
        tab = Tab(context, await context.new_page())
        yield tab
        assert tab.complaints == []
        assert tab.strayed == []
    finally:
        await context.close()
