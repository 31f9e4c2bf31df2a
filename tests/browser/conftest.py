"""A real Chromium for the browser tests, shared by the session; without one they are skipped, in CI they fail."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # a request to another host fails at once
]

PageFactory = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        reason = f"no Chromium on this machine (looked for {', '.join(NAMES)})"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path,
            args=ARGUMENTS,
            ignore_default_args=["--disable-back-forward-cache"],  # Playwright turns it off, readers have it
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def browser_page_factory(chromium: Browser) -> AsyncIterator[PageFactory]:
    """Opens a page in a context of its own: `await browser_page_factory(color_scheme="dark", …)`."""
    contexts: list[BrowserContext] = []

    async def make(**options: Any) -> Page:
        context = await chromium.new_context(**options)
        contexts.append(context)
        page = await context.new_page()
        _watch(page)
        return page

    yield make
    for context in contexts:
        await context.close()
    _problems.clear()


_problems: dict[Page, list[str]] = {}


def problems_of(page: Page) -> list[str]:
    """What the browser's console complained about, and exceptions that no script caught."""
    return _problems[page]


def _watch(page: Page) -> None:
    found = _problems.setdefault(page, [])
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
