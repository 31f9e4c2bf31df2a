"""Plausible's own tracker in a real browser, on a page of another origin."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from playwright.async_api import async_playwright
from sqlmodel import select

from shared.store.models import Event
from tests.browser.conftest import ARGUMENTS, NAMES
from tests.clients.conftest import HERE, do_without
from tests.scenarios.warroom_process import BROWSER, WarroomProcess

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("clients"),
    pytest.mark.timeout(180),
]
TRACKER = HERE / "node_modules" / "@plausible-analytics" / "tracker" / "plausible.js"
HTML = """<!doctype html><title>Intro</title><link rel=icon href="data:,">
<p>Welcome</p><script type=module>
import { init, track } from "/plausible.js";
init({ domain: "docs.example", endpoint: "ENDPOINT/api/event", captureOnLocalhost: true });
window.track = track;
</script>"""


async def rows(warroom: WarroomProcess) -> list[Event]:
    async with warroom.read() as session:
        return list((await session.execute(select(Event).order_by(Event.id))).scalars())  # type: ignore[arg-type]


async def test_tracker_counts_a_view_a_goal_and_the_time_on_the_page(warroom: WarroomProcess) -> None:
    if not TRACKER.exists():
        do_without("Plausible's tracker is not installed: make clients")
    async with docs_site(warroom.base_url) as site, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        page = await browser.new_page(user_agent=BROWSER)
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        await page.goto(site + "/intro?utm_source=news&token=secret#top")
        await warroom.until(lambda: has_names(warroom, "page_view"), 30)
        await page.evaluate(GOAL)
        await warroom.until(lambda: has_names(warroom, "page_view", "conversion"), 30)
        await page.evaluate(LEAVE)
        await warroom.until(lambda: has_names(warroom, "page_view", "conversion", "engagement"), 30)
        assert problems == []
        await browser.close()
    view, goal, engagement = await rows(warroom)
    assert (view.site, view.page, view.props) == ("docs", "/intro", {"source": "news"})
    assert (goal.goal, goal.value_cents, goal.currency) == ("Docs CTA Clicked", 999, "USD")
    assert (engagement.page, engagement.scroll_percent) == ("/intro", 100)
    assert goal.visitor == view.visitor == engagement.visitor


GOAL = """() => track("Docs CTA Clicked", {props: {cta: "hero"}, revenue: {currency: "USD", amount: "9.99"}})"""

LEAVE = """() => { document.hasFocus = () => false; window.dispatchEvent(new Event("blur")) }"""


async def has_names(warroom: WarroomProcess, *names: str) -> bool:
    return [event.name for event in await rows(warroom)] == list(names)


@asynccontextmanager
async def docs_site(base_url: str) -> AsyncIterator[str]:
    """One page and the tracker, on an origin of its own; its address."""

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text=HTML.replace("ENDPOINT", base_url), content_type="text/html")

    async def tracker(_request: web.Request) -> web.Response:
        return web.Response(text=TRACKER.read_text("utf-8"), content_type="text/javascript")

    app = web.Application()
    app.add_routes([web.get("/intro", page), web.get("/plausible.js", tracker)])
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def chromium() -> str:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        do_without("no Chromium on this machine")
    return path
