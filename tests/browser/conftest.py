"""A real Chromium for the browser tests, shared by the session; without one they are skipped, in CI they fail."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.browser.newcomer_scene import newcomers_warroom, tell_some_voices
from tests.scenarios.warroom_process import WarroomProcess

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

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

PageFactory = Callable[..., Awaitable[Page]]
expect.set_options(
    timeout=30_000
)  # ms, as long as an action may take; Playwright's five seconds are few on a busy machine


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        do_without(f"no Chromium on this machine (looked for {', '.join(NAMES)})")
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
        context.on("page", _watch)  # every tab, also one that is opened later
        return await context.new_page()

    yield make
    for context in contexts:
        await context.close()
    _problems.clear()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def warroom(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WarroomProcess]:
    """One real process, as a newcomer finds it; its tests share it (xdist group "newcomer")."""
    async with newcomers_warroom(tmp_path_factory.mktemp("newcomer")) as process:
        yield process


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def voices(warroom: WarroomProcess) -> None:
    """A few voices are in its inbox."""
    await tell_some_voices(warroom)


async def violations_on(page: Page) -> list[str]:
    """What axe finds on the page as it is now; the page's context needs `bypass_csp=True`."""
    if not AXE.exists():
        do_without("axe-core is not installed: npm ci --prefix tests/browser")
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    result = await page.evaluate("(tags) => axe.run(document, {runOnly: {type: 'tag', values: tags}})", AXE_TAGS)
    return [f"{found['id']}: {node['target']}" for found in result["violations"] for node in found["nodes"]]


def do_without(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


_problems: dict[Page, list[str]] = {}


def problems_of(page: Page) -> list[str]:
    """What the browser's console complained about, and exceptions that no script caught."""
    return _problems[page]


def _watch(page: Page) -> None:
    found = _problems.setdefault(page, [])
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
