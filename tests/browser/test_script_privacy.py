"""The docs-site script stores nothing, says nothing where the reader refuses, and cannot harm a page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.browser.conftest import PageFactory, problems_of
from tests.browser.recording_site import PROMPT, RecordingSite, make_page
from tests.browser.script_scene import leave, leave_and_hear, requests_of, settle, visit
from tests.browser.script_scene import site as site

pytestmark = pytest.mark.browser

STATIC = Path(__file__).parents[2] / "api" / "web" / "static"
SCRIPTS = ("warroom.js", "warroom-lite.js", "warroom-extras.js", "widget.js")
REFUSING = {
    "GPC": "Object.defineProperty(navigator, 'globalPrivacyControl', {get: () => true})",
    "DNT": "Object.defineProperty(navigator, 'doNotTrack', {get: () => '1'})",
}
WATCH_STORAGE = """
window.stored = [];
const note = (what) => window.stored.push(what);
for (const name of ["getItem", "setItem", "removeItem", "key"]) Storage.prototype[name] = () => note("storage " + name);
for (const name of ["localStorage", "sessionStorage", "indexedDB", "caches", "cookieStore"])
  Object.defineProperty(window, name, {get: () => note(name)});
Object.defineProperty(document, "cookie", {get: () => note("cookie"), set: () => note("cookie")});
"""
BROKEN = {
    "no observers": "window.ResizeObserver = window.IntersectionObserver = window.PerformanceObserver = undefined",
    "throwing observers": "for (const name of ['IntersectionObserver', 'PerformanceObserver'])"
    " window[name] = class { static supportedEntryTypes = ['paint']; constructor() { throw new Error('no'); } }",
    "no beacon, no fetch": "delete Navigator.prototype.sendBeacon; window.fetch = undefined",
    "throwing beacon": "navigator.sendBeacon = () => { throw new Error('no'); }; window.fetch = () => { throw 1; }",
    "no idle callback": "window.requestIdleCallback = undefined; delete window.onscrollend; delete window.navigation",
    "throwing storage": "Object.defineProperty(window, 'localStorage', {get() { throw new Error('no'); }})",
    "no performance entries": "performance.getEntriesByType = () => []",
    "odd values": "Object.defineProperty(document, 'referrer', {get: () => ':::'})",
}


@pytest.mark.asyncio(loop_scope="session")
async def test_nothing_is_stored(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    extras = '<script defer src="/warroom-extras.js"></script>'
    site.pages["/page"] = make_page('<button data-warroom-click="try">Try</button>', head=extras)
    page = await browser_page_factory()
    await page.add_init_script(WATCH_STORAGE)
    await visit(page, site, "/page")
    await page.click("button")
    await page.evaluate("scrollTo(0, 10); warroom('own', {a: 1}); history.pushState({}, '', '/second')")
    await page.wait_for_timeout(300)
    assert await page.evaluate("window.stored") == []
    await leave_and_hear(page, site)
    assert await page.context.cookies() == []


@pytest.mark.parametrize("signal", list(REFUSING))
@pytest.mark.asyncio(loop_scope="session")
async def test_privacy_signal_silences_everything(
    browser_page_factory: PageFactory, site: RecordingSite, signal: str
) -> None:
    site.prompt = PROMPT
    extras = '<script defer src="/warroom-extras.js"></script>'
    site.pages["/page"] = make_page(
        '<button data-warroom-click="try">Try</button>', 'data-prompts data-prompt-delay="1"', extras
    )
    page = await browser_page_factory()
    await page.add_init_script(REFUSING[signal])
    await visit(page, site, "/page")
    await page.click("button")
    await page.evaluate("warroom('own', {a: 1}); history.pushState({}, '', '/second')")
    await page.wait_for_timeout(600)
    assert await page.evaluate("localStorage.length") == 0
    await leave(page, site)
    await leave(page, site)
    assert (site.beacons, site.questions) == ([], [])
    assert problems_of(page) == []


@pytest.mark.parametrize("is_allowed", [False, True])
@pytest.mark.asyncio(loop_scope="session")
async def test_driven_browser_counts_only_where_it_is_allowed(
    browser_page_factory: PageFactory, site: RecordingSite, is_allowed: bool
) -> None:
    site.pages["/page"] = make_page() if is_allowed else make_page().replace("data-allow-automation", "")
    page = await browser_page_factory()
    await visit(page, site, "/page")
    assert await page.evaluate("navigator.webdriver") is True
    await settle(page)
    await leave(page, site)
    if is_allowed:
        await site.wait_until(lambda: bool(site.beacons))
    await leave(page, site)
    assert bool(site.beacons) is is_allowed


@pytest.mark.parametrize("what", list(BROKEN))
@pytest.mark.asyncio(loop_scope="session")
async def test_broken_browser_never_reaches_the_page(
    browser_page_factory: PageFactory, site: RecordingSite, what: str
) -> None:
    site.pages["/page"] = make_page('<button id="press">Press</button>')
    page = await browser_page_factory()
    await page.add_init_script(BROKEN[what])
    await page.goto(site.address + "/page")
    await page.wait_for_timeout(200)
    await page.click("#press")
    await page.evaluate("if (window.warroom) { warroom('event', Symbol('odd')); warroom(); warroom(null, null); }")
    await page.evaluate("history.pushState({}, '', '/second')")
    await page.keyboard.press("Tab")
    await page.wait_for_timeout(100)
    await leave(page, site)
    assert problems_of(page) == []


@pytest.mark.asyncio(loop_scope="session")
async def test_own_mistakes_are_not_the_errors_of_the_page(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.pages["/page"] = make_page('<button id="press">Press</button>')
    page = await browser_page_factory()
    await page.add_init_script(BROKEN["throwing observers"].replace("'IntersectionObserver', ", ""))
    await visit(page, site, "/page")
    await page.evaluate("Element.prototype.closest = () => { throw new Error('ours'); }; undefined")
    await page.click("#press")
    await settle(page)
    await leave_and_hear(page, site)
    assert site.named("script_error") == []


@pytest.mark.asyncio(loop_scope="session")
async def test_page_without_questions_fetches_only_the_script(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    log = requests_of(page)
    await visit(page, site, "/page")
    await settle(page)
    await leave_and_hear(page, site)
    assert {request.url.rsplit("/", 1)[1] for request in log} <= {"page", "warroom.js", "track", "blank", "data:,"}


@pytest.mark.parametrize("name", SCRIPTS)
def test_built_files_hold_back(name: str) -> None:
    text = (STATIC / name).read_text(encoding="utf-8")
    for forbidden in ("unload", "document.write", "eval(", "new Function", "sourceMappingURL", "innerHTML"):
        assert forbidden not in text
    if name != "widget.js":
        assert not re.search(r"cookie|indexedDB|[sg]etItem", text)
        assert not re.search(r"getBoundingClientRect|offset(Width|Height|Top|Left)|getComputedStyle", text)
    if name in ("warroom.js", "warroom-lite.js"):
        assert not re.search(r"localStorage|sessionStorage", text)


@pytest.mark.asyncio(loop_scope="session")
async def test_page_that_is_opened_from_a_disk_is_silent(browser_page_factory: PageFactory, tmp_path: Path) -> None:
    (tmp_path / "warroom.js").write_bytes((STATIC / "warroom.js").read_bytes())
    saved = tmp_path / "Install.html"
    saved.write_text(make_page("<p>Words</p>").replace('src="/warroom.js"', 'src="warroom.js"'))
    page = await browser_page_factory()
    await page.add_init_script("window.sent = []; navigator.sendBeacon = (address) => sent.push(address)")
    await page.goto(saved.as_uri())
    await page.wait_for_function("!!window.warroom")
    await page.keyboard.press("Tab")
    await page.evaluate("dispatchEvent(new Event('pagehide'))")
    assert await page.evaluate("window.sent") == []
