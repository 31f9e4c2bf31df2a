"""The inline script of the head: draws a variant before the first paint, and keeps it only where that is wanted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.browser.conftest import PageFactory, problems_of
from tests.browser.recording_site import RecordingSite
from tests.browser.script_scene import site

__all__ = ["site"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.xdist_group("newcomer"),
    pytest.mark.asyncio(loop_scope="session"),
]
SNIPPET = (Path(__file__).parents[2] / "api" / "web" / "script" / "warroom-ab.head.js").read_text("utf-8")
HEAD = "<!doctype html><html><head><title>A</title><link rel=icon href='data:,'>"
TAG = "<script data-e='data-w-cta:2 data-w-long-name:11'{keeps}>"
REFUSALS = {
    "GPC": "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})",
    "DNT": "Object.defineProperty(Navigator.prototype, 'doNotTrack', {get: () => '1'})",
}
DRAWN = "Object.fromEntries([...document.documentElement.attributes].map(({name, value}) => [name, value]))"
KEPT = "JSON.stringify({...localStorage, ...sessionStorage})"


def page_that(keeps: str = "") -> str:
    tag = TAG.format(keeps=f" data-k={keeps}" if keeps else "")
    return f"{HEAD}{tag}{SNIPPET}</script></head><body>Words."


@pytest.mark.parametrize("store", ["localStorage", "sessionStorage"])
async def test_a_reader_keeps_the_variant_where_the_owner_switched_that_on(
    browser_page_factory: PageFactory, site: RecordingSite, store: str
) -> None:
    site.policy, site.pages["/page"] = "", page_that(store)
    page = await browser_page_factory()
    drawn = []
    for _ in range(4):  # eleven variants four times alike by chance: once in 1,331
        await page.goto(site.address + "/page")
        drawn.append(await page.evaluate(DRAWN))
    assert set(drawn[0]) == {"data-w-cta", "data-w-long-name"} == set(json.loads(await page.evaluate(KEPT)))
    assert all(one == drawn[0] for one in drawn)
    assert drawn[0]["data-w-cta"] in ("0", "1")
    assert drawn[0]["data-w-long-name"] in {str(number) for number in range(11)}
    assert problems_of(page) == []


@pytest.mark.parametrize(("keeps", "signal"), [("", None), ("localStorage", "GPC"), ("sessionStorage", "DNT")])
async def test_nothing_is_kept_where_it_is_not_wanted(
    browser_page_factory: PageFactory, site: RecordingSite, keeps: str, signal: str | None
) -> None:
    site.policy, site.pages["/page"] = "", page_that(keeps)
    page = await browser_page_factory()
    if signal:
        await page.add_init_script(REFUSALS[signal])
    await page.goto(site.address + "/page")
    assert set(await page.evaluate(DRAWN)) == {"data-w-cta", "data-w-long-name"}
    assert await page.evaluate(KEPT) == "{}"
    assert problems_of(page) == []
