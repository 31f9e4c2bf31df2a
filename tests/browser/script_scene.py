"""What the tests of the docs-site script share: a site that records, visits and leaving, a log of requests."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest_asyncio
from playwright.async_api import Page, Request

from tests.browser.conftest import ARGUMENTS, NAMES, do_without
from tests.browser.recording_site import RecordingSite, running_site

SETTLED = "() => new Promise((resolve) => requestIdleCallback(() => setTimeout(resolve, 150)))"
FORGET_NAVIGATION = "delete window.navigation; delete Window.prototype.navigation"


@pytest_asyncio.fixture(loop_scope="session")
async def site() -> AsyncIterator[RecordingSite]:
    async with running_site() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def other_site() -> AsyncIterator[RecordingSite]:
    """A second one: another origin for the same browser."""
    async with running_site() as running:
        yield running


async def visit(page: Page, site: RecordingSite, path: str) -> None:
    """Opens a page and waits until the script has started its work."""
    await page.goto(site.address + path)
    await page.evaluate(SETTLED)


async def settle(page: Page) -> None:
    """Waits for two frames, however long they take, and for what observers and listeners say about them."""
    await page.evaluate(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 150))))"
    )


async def leave(page: Page, site: RecordingSite) -> None:
    await page.goto(site.address + "/blank")


async def leave_and_hear(page: Page, site: RecordingSite, name: str = "engagement", times: int = 1) -> None:
    """Leaves, and waits until the site heard of so many events of that name."""
    await leave(page, site)
    await site.wait_until(lambda: len(site.named(name)) >= times)


async def hide(page: Page) -> None:
    """What a reader does who changes to another tab; a driven browser never hides its pages."""
    await page.evaluate(
        "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange', {bubbles: true}))"
    )


async def show(page: Page) -> None:
    await page.evaluate(
        "delete document.hidden; document.dispatchEvent(new Event('visibilitychange', {bubbles: true}))"
    )


def requests_of(page: Page) -> list[Request]:
    """The list that fills with every request of the page."""
    found: list[Request] = []
    page.on("request", lambda request: found.append(request))
    return found


async def requests_to(page: Page, log: list[Request], part: str) -> list[Request]:
    """Those of `log` with `part` in their address. The browser tells of one some time after the site has it."""
    async with asyncio.timeout(30):
        while not any(part in request.url for request in log):
            await page.wait_for_timeout(50)
    await settle(page)
    return [request for request in log if part in request.url]


def props_of(site: RecordingSite, name: str) -> list[dict[str, Any]]:
    return [event["props"] for event in site.named(name)]


def vitals_of(site: RecordingSite, view: str | None = None) -> dict[str, dict[str, Any]]:
    """Metric to its properties; of one view when it is named."""
    events = [event for event in site.named("web_vital") if view in (None, event["view"])]
    found = {event["props"]["metric"]: event["props"] for event in events}
    assert len(found) == len(events), "a metric was told twice"
    return found


@asynccontextmanager
async def chromium_of_its_own(address: str, folder: Path) -> AsyncIterator[None]:
    """A browser that nobody drives, which alone prerenders pages. What it does is known from what the site hears."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        do_without("no Chromium on this machine")
    flags = ["--headless=new", "--remote-debugging-port=0", f"--user-data-dir={folder}", *ARGUMENTS]
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(path, *flags, address, stdout=quiet, stderr=quiet)
    try:
        yield
    finally:
        process.terminate()
        await process.wait()
