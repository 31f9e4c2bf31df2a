"""Nothing jumps while a page loads, however slow the machine and however late a file: the shift is exactly 0."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from playwright.async_api import Page, Route

from tests.browser.conftest import PageFactory
from tests.browser.newcomer_scene import DESK, PHONE
from tests.browser.recording_site import PROMPT, RecordingSite
from tests.browser.widget_scene import AGREE, site

__all__ = ["site"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("newcomer"),
    pytest.mark.asyncio(loop_scope="session"),
]

SLOWER = 6  # times, as a weak laptop is
PAGES = ("/demo", "/demo?aged=1", "/demo/quickstart", "/demo/guide")
SCRIPTS = "**/*.js"
SHEETS_AND_PICTURES = ("demo.css", "widget.css", "demo.svg")
LATE_SECONDS = 0.3  # style sheets hold the first paint back, so they cannot wait for it


@pytest.mark.parametrize("size", [pytest.param(PHONE, id="phone"), pytest.param(DESK, id="desk")])
async def test_scripts_that_come_after_the_first_paint_move_nothing(
    browser_page_factory: PageFactory, site: RecordingSite, size: Mapping[str, Any]
) -> None:
    moved: dict[str, Any] = {}
    for path in PAGES:
        for _ in range(3):  # a half-read page that is painted early moves by itself; a late script moves it each time
            page = await slow_page(browser_page_factory, size)
            painted = asyncio.Event()
            await page.route(SCRIPTS, held_until(painted))
            await page.goto(site.address + path, wait_until="commit")
            await page.wait_for_function("() => performance.getEntriesByType('paint').length > 0", polling=50)
            painted.set()
            await page.wait_for_load_state("load")
            found = await shifts_of(page, path)
            if not found:
                break
        moved |= found
    assert moved == {}


@pytest.mark.parametrize("late", SHEETS_AND_PICTURES)
async def test_late_sheets_and_pictures_move_nothing(
    browser_page_factory: PageFactory, site: RecordingSite, late: str
) -> None:
    async def delay(route: Route) -> None:
        await asyncio.sleep(LATE_SECONDS)
        await route.continue_()

    moved: dict[str, Any] = {}
    for path in PAGES:
        page = await slow_page(browser_page_factory, DESK)
        await page.route(f"**/{late}", delay)
        await page.goto(site.address + path)
        moved |= await shifts_of(page, path)
    assert moved == {}


@pytest.mark.parametrize("size", [pytest.param(PHONE, id="phone"), pytest.param(DESK, id="desk")])
async def test_question_that_appears_by_itself_moves_nothing(
    browser_page_factory: PageFactory, site: RecordingSite, size: Mapping[str, Any]
) -> None:
    site.prompt = PROMPT
    moved: dict[str, Any] = {}
    for place, scroll in (("top", "0"), ("end", "document.documentElement.scrollHeight")):
        page = await slow_page(browser_page_factory, size)
        await page.goto(f"{site.address}/demo?aged=1")
        await page.evaluate(f"scrollTo(0, {scroll})")
        await page.evaluate(AGREE)
        await page.locator(".warroom-prompt").wait_for(state="attached")
        moved |= await shifts_of(page, place)
    assert moved == {}


def held_until(moment: asyncio.Event) -> Callable[[Route], Awaitable[None]]:
    async def hold(route: Route) -> None:
        await moment.wait()
        await route.continue_()

    return hold


async def slow_page(make_page: PageFactory, size: Mapping[str, Any]) -> Page:
    page = await make_page(**size)
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    await page.add_init_script(NOTE_SHIFTS)
    return page


async def shifts_of(page: Page, name: str) -> dict[str, Any]:
    """What has moved by the time two more frames were drawn, by name; nothing when nothing has."""
    found = await page.evaluate(AFTER_TWO_FRAMES)
    return {name: found} if found else {}


NOTE_SHIFTS = """
window.moved = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    const what = entry.sources.map(({node}) => node && (node.id || node.className || node.nodeName));
    window.moved.push([entry.value, what]);
  }
}).observe({type: 'layout-shift', buffered: true});
"""
AFTER_TWO_FRAMES = """() => new Promise((resolve) =>
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => resolve(window.moved), 100))))"""
