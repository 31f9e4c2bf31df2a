"""What a router leaves behind is not counted for the next view: how deep the page was scrolled, steps, variants."""

from __future__ import annotations

import pytest

from tests.browser.conftest import PageFactory
from tests.browser.recording_site import POLICY, RecordingSite, make_page
from tests.browser.script_scene import leave_and_hear, settle, visit
from tests.browser.script_scene import site as site

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

STYLED = POLICY.replace("'self'", "'self' 'unsafe-inline'")
LONG = "<p>Words.</p>" * 200
STEP = '<section data-warroom-sequence="start" data-warroom-step="{}" data-warroom-steps="2">A step</section>'
GO = """([path, body]) => {
    history.pushState({}, '', path);
    setTimeout(() => { document.querySelector('main').innerHTML = body; scrollTo(0, 0); }, 80); // as a router does
}"""


async def test_view_in_the_page_has_a_scroll_depth_of_its_own(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.pages["/page"] = make_page(LONG)
    page = await browser_page_factory(viewport={"width": 800, "height": 400})
    await visit(page, site, "/page")
    await page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    await page.wait_for_timeout(1500)
    await page.evaluate(GO, ["/second", LONG])
    await page.wait_for_timeout(1500)
    await settle(page)
    await leave_and_hear(page, site, times=2)
    first, second = site.named("engagement")
    assert (first["page"], first["scroll_percent"]) == ("/page", 100)
    assert second["page"] == "/second"
    assert 0 < second["scroll_percent"] < 30


async def test_element_that_a_router_keeps_counts_for_each_view(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.policy = STYLED
    site.pages["/page"] = make_page(STEP.format(1))
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.evaluate("addEventListener('pageshow', (event) => { window.restored = event.persisted; })")
    await settle(page)
    await page.evaluate(
        "document.querySelector('section').dataset.warroomStep = 2; history.pushState({}, '', '/second')"
    )
    await page.wait_for_timeout(1500)
    await settle(page)
    await leave_and_hear(page, site, "sequence_step", times=2)
    await page.go_back(wait_until="commit")
    await page.wait_for_function("window.restored === true")
    await page.wait_for_timeout(1500)
    await settle(page)
    await leave_and_hear(page, site, "sequence_step", times=3)
    steps = [(event["page"], event["step"]) for event in site.named("sequence_step")]
    assert steps == [("/page", 1), ("/second", 2), ("/second", 2)]
    assert len({event["view"] for event in site.named("sequence_step")}) == 3


async def test_step_of_the_page_that_was_left_is_not_one_of_the_next(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.policy = STYLED
    site.pages["/page"] = make_page(STEP.format(1))
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await settle(page)
    await page.evaluate(GO, ["/second", "<p>No step here</p>"])
    await page.wait_for_timeout(1500)
    await settle(page)
    await leave_and_hear(page, site, times=2)
    assert [event["page"] for event in site.named("sequence_step")] == ["/page"]
