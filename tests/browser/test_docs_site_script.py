"""The docs-site script and the demo page in a real browser; the assertion is what the server received."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.conftest import PageFactory, problems_of
from tests.browser.recording_site import PROMPT, RecordingSite, make_page, running_site

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

REFUSING = "Object.defineProperty(navigator, 'globalPrivacyControl', {get: () => true})"


@pytest_asyncio.fixture(loop_scope="session")
async def site() -> AsyncIterator[RecordingSite]:
    async with running_site() as running:
        yield running


async def visit(page: Page, site: RecordingSite, path: str) -> None:
    """Opens a page and waits until the script's view has begun."""
    await page.goto(site.address + path)
    await page.evaluate("() => new Promise((resolve) => requestIdleCallback(() => setTimeout(resolve, 150)))")


async def leave(page: Page, site: RecordingSite) -> None:
    await page.goto(site.address + "/blank")


async def test_plain_visit_sends_one_beacon(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    await visit(page, site, "/page?token=1#part")
    assert site.beacons == []
    await leave(page, site)
    await site.wait_until(lambda: bool(site.beacons))
    await leave(page, site)
    assert [event["name"] for event in site.events] == ["page_view", "engagement"]
    assert len(site.beacons) == 1
    assert problems_of(page) == []


async def test_beacon_has_the_agreed_shape(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page('<button data-warroom-click="try">Try</button>')
    page = await browser_page_factory()
    await visit(page, site, "/page?token=1#part")
    await page.click("button")
    await page.evaluate("warroom('event', 'copied', {lines: 3, language: 'js', first: true, odd: {}, nothing: NaN})")
    await site.wait_until(lambda: bool(site.named("click") and site.named("copied")))
    view = site.named("page_view")[0]
    assert (view["page"], view["title"], view["marked"]) == ("/page", "A page", True)
    assert re.fullmatch(r"[0-9a-f]{16}", view["id"])
    assert {event["view"] for event in site.events} == {view["view"]}
    assert len({event["id"] for event in site.events}) == len(site.events)
    assert (site.named("click")[0]["target"], site.named("click")[0]["marked"]) == ("try", True)
    assert site.named("copied")[0]["props"] == {"lines": 3, "language": "js", "first": True}
    assert {key: site.beacons[0].get(key) for key in ("site", "language", "person", "zone")} == {
        "site": "docs",
        "language": "en",
        "person": None,
        "zone": None,
    }
    assert set(site.content_types) == {"text/plain"}


async def test_outbound_link_and_goal_are_counted(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page(
        '<a href="https://elsewhere.example/x" id="out">Out</a>'
        '<button data-warroom-goal="signup" data-warroom-value-cents="1900" data-warroom-currency="EUR">Go</button>'
        '<p data-warroom-experiment="cta" data-warroom-variant="b">B</p>'
    )
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.evaluate("document.getElementById('out').addEventListener('click', (event) => event.preventDefault())")
    await page.click("#out")
    await page.click("button")
    await leave(page, site)
    await site.wait_until(lambda: bool(site.named("conversion")))
    goal, exposure = site.named("conversion")[0], site.named("exposure")[0]
    assert site.named("click")[0]["target"] == "elsewhere.example"
    assert "marked" not in site.named("click")[0]
    assert (goal["goal"], goal["value_cents"], goal["currency"]) == ("signup", 1900, "EUR")
    assert (exposure["experiment"], exposure["variant"]) == ("cta", "b")


async def test_scroll_depth_is_the_deepest_percent(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page("<p>Words.</p>" * 200)
    page = await browser_page_factory(viewport={"width": 800, "height": 400})
    await visit(page, site, "/page")
    await page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    await page.wait_for_timeout(400)
    await page.evaluate("scrollTo(0, 0)")
    await leave(page, site)
    await site.wait_until(lambda: bool(site.named("engagement")))
    assert site.named("engagement")[-1]["scroll_percent"] == 100
    assert 0 < sum(event["engaged_ms"] for event in site.named("engagement")) < 10_000


async def test_in_page_navigation_is_a_view_of_its_own(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.evaluate("history.pushState({}, '', '/second?x=1'); document.title = 'Second'")
    await page.evaluate("history.replaceState({}, '', '/second?x=2')")
    await page.wait_for_timeout(200)
    await leave(page, site)
    await site.wait_until(lambda: len(site.named("page_view")) == 2)
    assert [(event["page"], event["title"]) for event in site.named("page_view")] == [
        ("/page", "A page"),
        ("/second", "Second"),
    ]
    assert len({event["view"] for event in site.named("page_view")}) == 2


async def test_return_through_the_back_forward_cache_is_a_new_view(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.evaluate("addEventListener('pageshow', (event) => { window.restored = event.persisted; })")
    await leave(page, site)
    await page.go_back(wait_until="commit")
    await page.wait_for_function("window.restored === true")
    await leave(page, site)
    await site.wait_until(lambda: len(site.named("page_view")) == 2)
    assert len({event["view"] for event in site.named("page_view")}) == 2


async def test_script_included_twice_counts_once(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    tag = '<script defer src="/static/warroom.js" data-site="docs" data-allow-automation></script>'
    site.pages["/page"] = make_page(head=tag)
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await leave(page, site)
    await site.wait_until(lambda: bool(site.beacons))
    await leave(page, site)
    assert len(site.named("page_view")) == 1


async def test_privacy_signal_silences_everything(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.prompt = PROMPT
    site.pages["/page"] = make_page(
        '<button data-warroom-click="try">Try</button>', 'data-prompts data-prompt-delay="1"'
    )
    page = await browser_page_factory()
    await page.add_init_script(REFUSING)
    await visit(page, site, "/page")
    await page.click("button")
    assert await page.evaluate("warroom('consent', true)") is None
    await page.wait_for_timeout(600)
    assert await page.evaluate("localStorage.length") == 0
    await leave(page, site)
    await leave(page, site)
    assert (site.beacons, site.questions) == ([], [])
    assert problems_of(page) == []


async def test_driven_browser_is_not_counted_unless_allowed(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.pages["/page"] = make_page().replace("data-allow-automation", "")
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await leave(page, site)
    await leave(page, site)
    assert site.beacons == []


async def test_broken_browser_parts_never_reach_the_page(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.pages["/page"] = make_page(attributes="data-prompts")
    page = await browser_page_factory()
    await page.add_init_script(
        "delete window.navigation; navigator.sendBeacon = () => { throw new Error('no'); };"
        "window.ResizeObserver = undefined;"
        "Object.defineProperty(window, 'localStorage', {get() { throw new Error('no'); }});"
    )
    await visit(page, site, "/page")
    await page.evaluate("warroom('event', Symbol('odd')); warroom('consent', true); warroom()")
    await leave(page, site)
    assert problems_of(page) == []


async def test_refused_beacon_falls_back_to_fetch(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    await page.add_init_script("navigator.sendBeacon = () => false")
    await visit(page, site, "/page")
    await leave(page, site)
    await site.wait_until(lambda: bool(site.named("page_view")))


async def test_tutorial_reports_each_step_and_its_end(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    page = await browser_page_factory()
    await visit(page, site, "/demo/quickstart")
    await finish_quickstart(page)
    await leave(page, site)
    await site.wait_until(lambda: bool(site.named("conversion")))
    steps = [(event["step"], event.get("done", False)) for event in site.named("sequence_step")]
    assert steps == [(1, False), (1, True), (2, False), (2, True), (3, False), (3, True)]
    assert {(event["sequence"], event["steps"]) for event in site.named("sequence_step")} == {("quickstart", 3)}
    assert site.named("conversion")[0]["goal"] == "finished_quickstart"
    assert problems_of(page) == []


async def finish_quickstart(page: Page) -> None:
    await page.fill("#card-name", "Not allowed")
    await page.keyboard.press("Enter")
    await expect(page.locator("#card-name-error")).to_be_visible()
    await page.fill("#card-name", "harbour")
    await page.keyboard.press("Enter")
    await expect(page.locator("#card-file-check")).to_have_text(re.compile("greeting"))
    await page.wait_for_timeout(100)
    await page.fill("#card-file", '{"name": "harbour", "greeting": "Open late", "accent": "orange"}')
    await page.click("#file-form button")
    await expect(page.locator("#lantern-greeting")).to_have_text("Open late")
    await page.locator("#finish").scroll_into_view_if_needed()
    await page.wait_for_timeout(100)
    await page.click("#finish")
