"""Web vitals and errors of the docs-site script: told once in a view, with the element or the place to blame."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from tests.browser.conftest import PageFactory
from tests.browser.recording_site import POLICY, RecordingSite, make_page
from tests.browser.script_scene import hide, leave_and_hear, props_of, settle, show, visit, vitals_of
from tests.browser.script_scene import site as site

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

OPEN = POLICY.replace("'self'", "'self' 'unsafe-inline'")
BUSY = "const until = performance.now() + 120; while (performance.now() < until);"
PAGE = f"""<h1 id="title">A title that is the largest thing on this page by far</h1>
<button id="slow" onclick="{BUSY}">Slow</button> <div id="gap"></div><p id="moved">Moved</p>"""
SHIFT = "gap.style.height = '300px'"
BACK = "addEventListener('pageshow', (event) => { window.restored = event.persisted; })"


async def told(page: Page, kind: str, is_it: str = "true") -> None:
    """Waits until the browser has told its observers of such an entry; the script's are older and heard it before."""
    await page.evaluate(
        f"""new Promise((done) => new PerformanceObserver((list) => {{
          if (list.getEntries().some((entry) => {is_it})) done();
        }}).observe({{type: '{kind}', buffered: true, durationThreshold: 16}}))"""
    )


async def shift(page: Page) -> None:
    """Something moves, and the browser tells of it."""
    await page.evaluate(SHIFT)
    await told(page, "layout-shift", "entry.value > 0 && !entry.hadRecentInput")
    await settle(page)


async def press(page: Page, button: str) -> None:
    """A press on a button that takes its time, which the browser tells of once it has painted what came of it."""
    await page.click(button)
    await told(page, "event", f"entry.name == 'click' && entry.interactionId && entry.target?.matches('{button}')")
    await settle(page)


async def test_vitals_name_the_element_to_blame(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.policy = OPEN
    site.pages["/page"] = make_page(PAGE)
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await told(page, "largest-contentful-paint")
    await page.wait_for_timeout(600)  # a shift soon after a press does not count
    await shift(page)
    await press(page, "#slow")
    await leave_and_hear(page, site)
    vitals = vitals_of(site)
    assert set(vitals) == {"TTFB", "FCP", "LCP", "CLS", "INP"}
    assert vitals["LCP"]["element"] == "#title"
    assert vitals["CLS"]["element"] == "#moved"
    assert vitals["INP"]["element"] == "#slow"
    assert 0.01 < vitals["CLS"]["value"] < 1
    assert 100 <= vitals["INP"]["value"] < 5000
    assert 0 <= vitals["TTFB"]["value"] <= vitals["FCP"]["value"] <= vitals["LCP"]["value"] < 30_000


async def test_calm_page_has_no_shift_and_no_slow_press(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await settle(page)
    await leave_and_hear(page, site)
    assert vitals_of(site)["CLS"] == {"metric": "CLS", "value": 0}
    assert "INP" not in vitals_of(site)


@pytest.mark.slow
@pytest.mark.parametrize(("presses", "blamed"), [(20, "#worst"), (60, "#second")])
async def test_of_fifty_presses_the_worst_is_left_out(
    browser_page_factory: PageFactory, site: RecordingSite, presses: int, blamed: str
) -> None:
    site.policy = OPEN
    busy = "const until = performance.now() + {}; while (performance.now() < until);"
    site.pages["/page"] = make_page(
        f'<button id="worst" onclick="{busy.format(1600)}">1</button><button id="second" onclick="{busy.format(800)}">2'
        '</button><button id="quick">3</button>'
    )
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.evaluate("1")
    for name in ("#worst", "#second"):
        await press(page, name)
    for _ in range(presses - 2):
        await page.click("#quick")
    await page.wait_for_function(f"performance.interactionCount >= {presses}")
    await settle(page)
    await leave_and_hear(page, site)
    assert vitals_of(site)["INP"]["element"] == blamed
    assert vitals_of(site)["INP"]["value"] >= (1600 if blamed == "#worst" else 800)


async def test_next_view_in_the_page_has_its_own_shifts_and_presses(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.policy = OPEN
    site.pages["/page"] = make_page(PAGE)
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.wait_for_timeout(600)
    await shift(page)
    await page.evaluate("slow.addEventListener('click', () => history.pushState({}, '', '/second'))")
    await press(page, "#slow")
    await leave_and_hear(page, site, times=2)
    first, second = site.named("page_view")
    assert set(vitals_of(site, first["view"])) >= {"TTFB", "FCP", "LCP", "CLS"}
    assert vitals_of(site, first["view"])["CLS"]["value"] > 0.01
    assert vitals_of(site, second["view"]) == {"CLS": {"metric": "CLS", "value": 0}}
    assert [event["page"] for event in site.named("engagement")] == ["/page", "/second"]


async def test_restored_page_is_measured_anew(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.policy = OPEN
    site.pages["/page"] = make_page(PAGE)
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.evaluate(BACK)
    await page.wait_for_timeout(600)
    await shift(page)
    await leave_and_hear(page, site)
    await page.go_back(wait_until="commit")
    await page.wait_for_function("window.restored === true")
    await settle(page)
    await press(page, "#slow")
    await leave_and_hear(page, site, times=2)
    view = site.named("page_view")[1]["view"]
    vitals = vitals_of(site, view)
    assert {"LCP", "CLS", "INP"} == set(vitals)
    assert (vitals["CLS"]["value"], vitals["INP"]["element"]) == (0, "#slow")
    assert 0 <= vitals["LCP"]["value"] < 5000


async def test_shifts_and_presses_after_a_change_of_tab_are_told(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.policy = OPEN
    site.pages["/page"] = make_page(PAGE)
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await settle(page)
    await hide(page)
    await site.wait_until(lambda: bool(site.named("web_vital")))
    before = {event["metric"]: event["value"] for event in props_of(site, "web_vital")}
    assert before["CLS"] == 0
    assert "INP" not in before
    known = len(site.named("web_vital"))
    await show(page)
    await page.wait_for_timeout(600)  # a shift soon after a press does not count
    await shift(page)
    await press(page, "#slow")
    await leave_and_hear(page, site, times=2)
    after = {event["metric"]: event for event in props_of(site, "web_vital")[known:]}
    assert set(after) == {"CLS", "INP"}  # what did not change is not told again
    assert (after["CLS"]["element"], after["INP"]["element"]) == ("#moved", "#slow")
    assert after["CLS"]["value"] > 0.01


async def test_errors_of_the_page_are_five_and_the_rest_a_number(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.policy = OPEN
    site.pages["/page"] = make_page("<p>Words</p>")
    page = await browser_page_factory()
    await visit(page, site, "/page?secret=1")
    await page.evaluate(
        "for (let i = 0; i < 1000; i += 1) dispatchEvent(new ErrorEvent('error', "
        "{message: 'Error: number ' + i % 10, filename: location.href + '#part', lineno: 7}));"
    )
    await settle(page)
    await leave_and_hear(page, site)
    errors = props_of(site, "script_error")
    assert [error["count"] for error in errors] == [100, 100, 100, 100, 600]
    assert errors[0] == {
        "message": "Error: number 0",
        "source": site.address + "/page",
        "line": 7,
        "count": 100,
    }
    assert len(site.beacons) <= 2


async def test_real_errors_and_rejections_are_told(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.policy = OPEN
    site.pages["/page"] = make_page("<script>throw new TypeError('at once')</script><img src='/gone.png' alt=''>")
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.evaluate("setTimeout(() => { throw new Error('later ' + 'x'.repeat(600)); })")
    await page.evaluate(
        "setTimeout(() => { Promise.reject(new Error('refused')); Promise.reject(); Promise.reject(42); })"
    )
    await settle(page)
    await leave_and_hear(page, site)
    messages = [error["message"] for error in props_of(site, "script_error")]
    assert [message[:30] for message in messages] == ["Uncaught Error: later xxxxxxxx", "Error: refused", "42"]
    assert max(map(len, messages)) == 200
    assert {event["view"] for event in site.named("script_error")} == {site.named("page_view")[0]["view"]}
