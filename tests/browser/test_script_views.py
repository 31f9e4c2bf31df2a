"""Which page views the docs-site script counts: loads, in-page navigation, returns, prerendered and hidden pages."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.browser.conftest import PageFactory, problems_of
from tests.browser.recording_site import POLICY, PROMPT, TAG, RecordingSite, make_page
from tests.browser.script_scene import (
    FORGET_NAVIGATION,
    chromium_of_its_own,
    hide,
    leave,
    leave_and_hear,
    props_of,
    requests_of,
    settle,
    show,
    visit,
    vitals_of,
)
from tests.browser.script_scene import other_site as other_site
from tests.browser.script_scene import site as site

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

IN_BACKGROUND = "Object.defineProperty(document, 'hidden', {value: true, configurable: true})"


async def test_plain_visit_sends_one_beacon(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    await visit(page, site, "/page?token=1#part")
    assert site.beacons == []
    await leave_and_hear(page, site)
    await leave(page, site)
    assert len(site.beacons) == 1
    view = site.named("page_view")[0]
    assert (view["page"], view["props"]) == ("/page", {"kind": "load"})
    assert {"title", "marked"}.isdisjoint(view)
    assert len(site.named("page_view")) == len(site.named("engagement")) == 1
    assert problems_of(page) == []


@pytest.mark.parametrize("browser", ["with the navigation event", "without it"])
async def test_in_page_navigation_is_a_view_of_its_own(
    browser_page_factory: PageFactory, site: RecordingSite, browser: str
) -> None:
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    if browser == "without it":
        await page.add_init_script(FORGET_NAVIGATION)
    await visit(page, site, "/page")
    await page.keyboard.press("Shift")  # the first beacon goes
    await page.evaluate("history.pushState({}, '', '/second?x=1')")
    await page.keyboard.press("Shift")  # a sign of life, which is all that older browsers give
    await page.evaluate("history.replaceState({}, '', '/second?x=2')")
    await settle(page)
    await leave_and_hear(page, site, times=2)
    assert [(event["page"], event["props"]["kind"]) for event in site.named("page_view")] == [
        ("/page", "load"),
        ("/second", "navigate"),
    ]
    assert len({event["view"] for event in site.events}) == 2


async def test_return_through_the_back_forward_cache_is_a_new_view(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.evaluate("addEventListener('pageshow', (event) => { window.restored = event.persisted; })")
    await settle(page)
    await leave_and_hear(page, site)
    back_at = time.monotonic()
    await page.go_back(wait_until="commit")
    await page.wait_for_function("window.restored === true")
    await settle(page)
    await leave_and_hear(page, site, times=2)
    since_then = (time.monotonic() - back_at) * 1000
    first, second = site.named("page_view")
    assert (first["props"]["kind"], second["props"]["kind"]) == ("load", "back_forward_cache")
    assert (first["page"], first["view"] == second["view"]) == (second["page"], False)
    assert site.named("engagement")[1]["view"] == second["view"]
    assert site.named("engagement")[1]["engaged_ms"] <= since_then  # counted from zero: not both visits together
    assert "referrer" not in second


async def test_prerendered_page_is_silent_until_it_is_shown(site: RecordingSite, tmp_path: Path) -> None:
    site.policy = "default-src 'self' data: 'unsafe-inline'"
    site.pages["/start"] = """<!doctype html><title>Start</title><link rel="icon" href="data:,">
        <script type="speculationrules">
          {"prerender": [{"source": "list", "urls": ["/page"], "eagerness": "immediate"}]}</script>
        <script>setInterval(async () => {
          if ((await fetch("/prompts/next?started")).status == 200) location.href = "/page"; }, 200)</script>"""
    site.pages["/page"] = make_page("""<h1>Prerendered words</h1><script>
        const go = () => setTimeout(() => { location.href = "/blank"; }, 700);
        if (document.prerendering) addEventListener("load", () => setTimeout(fetch, 3000, "/prompts/next?prerendered"));
        document.onprerenderingchange = () => new PerformanceObserver((list) => {
          if (list.getEntriesByName("first-contentful-paint").length) go(); }).observe({type: "paint", buffered: true});
        </script>""")
    async with chromium_of_its_own(site.address + "/start", tmp_path):
        await site.wait_until(lambda: {"prerendered": ""} in site.questions, seconds=45)
        assert site.beacons == []  # three seconds after its load
        site.prompt = PROMPT  # the sign to go there
        await site.wait_until(lambda: bool(site.named("engagement")), seconds=45)
    assert props_of(site, "page_view") == [{"kind": "prerender"}]
    times = vitals_of(site)
    assert times["TTFB"]["value"] == 0
    assert 0 <= times["FCP"]["value"] < 3000  # from the activation on, not from the load three seconds before


async def test_page_opened_in_the_background_counts_when_it_is_seen(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    await page.add_init_script(IN_BACKGROUND)
    await visit(page, site, "/page")
    await page.evaluate("warroom('early', {number: 1})")
    await leave(page, site)
    assert site.beacons == []
    await visit(page, site, "/page")
    await page.evaluate("warroom('early', {number: 2})")
    await show(page)
    await settle(page)
    await leave_and_hear(page, site, "early")
    assert len(site.named("page_view")) == 1
    assert props_of(site, "early") == [{"number": 2}]
    assert {"LCP", "FCP"}.isdisjoint(event["props"]["metric"] for event in site.named("web_vital"))


async def test_leaving_twice_is_told_once(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await hide(page)
    await site.wait_until(lambda: len(site.beacons) == 1)
    await leave(page, site)
    await leave(page, site)
    assert len(site.beacons) == 1
    assert [event["name"] for event in site.events].count("engagement") == 1


async def test_return_to_the_tab_goes_on_with_the_view(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await hide(page)
    await site.wait_until(lambda: len(site.beacons) == 1)
    await page.wait_for_timeout(1500)  # away: this time does not count
    back_at = time.monotonic()
    await show(page)
    await page.wait_for_timeout(300)
    await leave_and_hear(page, site, times=2)
    since_then = (time.monotonic() - back_at) * 1000
    assert len(site.named("page_view")) == 1
    assert len({event["view"] for event in site.events}) == 1
    assert 200 < site.named("engagement")[1]["engaged_ms"] <= since_then
    assert len(site.named("web_vital")) == len({event["props"]["metric"] for event in site.named("web_vital")})


async def test_script_included_twice_counts_once(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page(head=TAG.format(attributes=""))
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.evaluate(  # as a router does that runs scripts again
        "const again = document.createElement('script'); again.src = '/warroom.js'; again.dataset.site = 'docs';"
        "again.dataset.allowAutomation = ''; document.head.append(again); new Promise((done) => again.onload = done)"
    )
    await leave_and_hear(page, site)
    assert len(site.named("page_view")) == 1
    assert len(site.named("engagement")) == 1
    assert problems_of(page) == []


async def test_tab_closed_at_once_is_counted(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    await page.goto(site.address + "/page", wait_until="load")
    await page.close(run_before_unload=True)
    await site.wait_until(lambda: bool(site.named("page_view")))
    assert len(site.beacons) == 1


async def test_page_in_a_frame_counts_for_itself(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.policy = POLICY.replace("frame-ancestors 'none'", "frame-ancestors *; frame-src 'self'")
    site.pages["/framed"] = make_page()
    site.pages["/page"] = '<!doctype html><title>Outside</title><iframe src="/framed"></iframe>'
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await settle(page)
    await leave_and_hear(page, site)
    assert [event["page"] for event in site.named("page_view")] == ["/framed"]


async def test_base_tag_changes_no_address(
    browser_page_factory: PageFactory, site: RecordingSite, other_site: RecordingSite
) -> None:
    site.policy = POLICY.replace("base-uri 'none'", "base-uri *")
    tag = TAG.format(attributes="").replace('src="', f'src="{site.address}')
    site.pages["/page"] = f'<!doctype html><base href="{other_site.address}/elsewhere/">{tag}<p>Words</p>'
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await settle(page)
    await leave_and_hear(page, site)
    assert site.named("page_view")[0]["page"] == "/page"
    assert other_site.beacons == []


async def test_jump_of_the_clock_changes_no_time(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.evaluate("const now = Date.now; Date.now = () => now() + 86400e3")
    await page.wait_for_timeout(200)
    await leave_and_hear(page, site)
    assert 0 < site.named("engagement")[0]["engaged_ms"] < 60_000


async def test_offline_reader_sees_no_mistake(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    await visit(page, site, "/page")
    log = requests_of(page)
    await page.context.set_offline(True)
    await hide(page)
    await page.wait_for_timeout(500)
    await page.context.set_offline(False)
    await show(page)
    await page.evaluate("1")  # the page is alive
    assert len([request for request in log if "/track" in request.url]) <= 2  # the beacon, and one try by fetch
    assert not [problem for problem in problems_of(page) if "rror:" in problem and "net::" not in problem]


async def test_every_kind_of_navigation_keeps_the_referrer_once(
    browser_page_factory: PageFactory, site: RecordingSite, other_site: RecordingSite
) -> None:
    other_site.policy = "referrer-policy unsafe-url"
    other_site.pages["/from"] = f'<!doctype html><title>From</title><a href="{site.address}/page">Go</a>'
    site.pages["/page"] = make_page('<a href="/own">Own</a>')
    site.pages["/own"] = make_page()
    page = await browser_page_factory()
    await page.goto(other_site.address + "/from?secret=1")
    await page.click("a")
    await page.wait_for_url(site.address + "/page")
    await settle(page)
    await page.evaluate("history.pushState({}, '', '/second')")
    await settle(page)
    await page.goto(site.address + "/page")
    await settle(page)
    await page.click("a")
    await page.wait_for_url(site.address + "/own")
    await settle(page)
    await leave_and_hear(page, site, "page_view", times=4)
    referrers = [event.get("referrer") for event in site.named("page_view")]
    assert referrers == [other_site.address.removeprefix("http://"), None, None, None]
