"""The lite build has all but vitals, errors and places of clicks, and behaves like the full one."""

from __future__ import annotations

import json
import os

import pytest
from playwright.async_api import Page

from shared.config import load_settings
from shared.event_catalogue import Catalogue
from shared.ingest.event_fields import TrackEvent, find_problem
from shared.ingest.track_body import read_body
from tests.browser.conftest import PageFactory, problems_of
from tests.browser.recording_site import POLICY, RecordingSite, make_page
from tests.browser.script_scene import (
    FORGET_NAVIGATION,
    hide,
    leave,
    leave_and_hear,
    props_of,
    requests_of,
    requests_to,
    settle,
    show,
    visit,
)
from tests.browser.script_scene import site as site
from tests.conftest import SITES

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

OPEN = POLICY.replace("'self'", "'self' 'unsafe-inline'")
STAY = "addEventListener('click', (event) => event.preventDefault())"
STUB = "window.warroom = window.warroom || function () { (warroom.q = warroom.q || []).push(arguments); };"
STEP = (
    '<section data-warroom-sequence="start" data-warroom-step="{}" data-warroom-steps="2" style="height: {}px">'
    "</section>"
)
EVERYTHING = (
    '<a href="https://elsewhere.example/x?secret=1" id="out">Out</a> <a href="/own" id="own">Own</a>'
    '<button id="go" data-warroom-click="go" data-warroom-goal="signup" data-warroom-done="true"'
    ' data-warroom-value_cents="900" data-warroom-currency="EUR">Go</button>'
    '<p data-warroom-experiment="cta" data-warroom-variant="a" style="display: none">A</p>'
    '<p data-warroom-experiment="cta" data-warroom-variant="2">B</p>'
    + STEP.format(1, 200) + '<div style="height: 3000px"></div>' + STEP.format(2, 200)
)  # fmt: skip


def lite_page(body: str = "<p>Words.</p>", attributes: str = "", head: str = "") -> str:
    return make_page(body, attributes, head).replace("/warroom.js", "/warroom-lite.js")


async def use_everything(page: Page) -> None:
    await page.evaluate(STAY)
    for name in ("out", "own", "go"):
        await page.click(f"#{name}")
    await page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    await settle(page)
    await page.evaluate("document.querySelector('[data-warroom-step]').dataset.warroomDone = ''")
    await page.evaluate("warroom('own', {a: 1, b: 'c', d: true})")


async def test_everything_of_the_list_is_told(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.policy = OPEN
    early = f"<script>{STUB} warroom('early', {{a: 1}}); warroom('bare')</script>"
    site.pages["/page"] = lite_page(EVERYTHING, head=early)
    page = await browser_page_factory(viewport={"width": 800, "height": 500})
    await visit(page, site, "/page?secret=1")
    await use_everything(page)
    await leave_and_hear(page, site)
    steps = [(event["step"], event["steps"], event.get("done")) for event in site.named("sequence_step")]
    assert steps == [(1, 2, None), (2, 2, None), (1, 2, True)]
    assert [(event["experiment"], event["variant"]) for event in site.named("exposure")] == [("cta", "2")]
    goal = site.named("conversion")[0]
    assert (goal["goal"], goal["value_cents"], goal["currency"]) == ("signup", 900, "EUR")
    assert [event["target"] for event in site.named("outbound_click")] == ["elsewhere.example"]
    assert [(event["target"], event["marked"]) for event in site.named("click")] == [("go", True)]
    assert site.named("engagement")[-1]["scroll_percent"] == 100
    assert props_of(site, "own") == [{"a": 1, "b": "c", "d": True}]
    assert props_of(site, "early") == [{"a": 1}]
    assert site.named("page_view")[0]["marked"] is True
    assert problems_of(page) == []


async def test_collector_takes_all_of_it(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.policy = OPEN
    site.pages["/page"] = lite_page(EVERYTHING)
    page = await browser_page_factory(viewport={"width": 800, "height": 500})
    await visit(page, site, "/page")
    await use_everything(page)
    await leave_and_hear(page, site)
    assert len({event["id"] for event in site.events}) == len(site.events)
    settings = load_settings({"WARROOM_CONFIG_FILE": os.devnull}, None, sites=SITES)
    for beacon in site.beacons:
        batch = read_body(json.dumps(beacon).encode(), settings)
        assert batch.unknown_fields == 0
        for event in batch.events:
            assert isinstance(event, TrackEvent), event
            assert find_problem(event, settings.limits) is None
            assert Catalogue().judge(event).verdict == ("undeclared" if event.name == "own" else "declared")


async def test_first_beacon_is_small_and_late(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = lite_page()
    page = await browser_page_factory()
    log = requests_of(page)
    await visit(page, site, "/page")
    await site.wait_until(lambda: bool(site.beacons), seconds=30)
    opened, now = site.named("page_view")[0]["at"], await page.evaluate("Date.now()")
    assert now - opened >= 4900
    assert [event["name"] for event in site.events] == ["page_view"]
    assert site.sizes[0] <= 300
    await leave_and_hear(page, site)
    assert len(site.beacons) == 2
    assert {request.url.rsplit("/", 1)[1] for request in log} <= {"page", "warroom-lite.js", "track", "blank", "data:,"}


async def test_views_in_the_page_and_through_the_cache(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = lite_page()
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.evaluate("addEventListener('pageshow', (event) => { window.restored = event.persisted; })")
    await settle(page)
    await page.evaluate("history.pushState({}, '', '/second')")
    await page.keyboard.press("Shift")
    await settle(page)
    await leave_and_hear(page, site, times=2)
    await page.go_back(wait_until="commit")
    await page.wait_for_function("window.restored === true")
    await settle(page)
    await leave_and_hear(page, site, times=3)
    views = [(event["page"], event["props"]["kind"]) for event in site.named("page_view")]
    assert views == [("/page", "load"), ("/second", "navigate"), ("/second", "back_forward_cache")]
    assert len({event["view"] for event in site.events}) == 3
    assert site.named("engagement")[1]["scroll_percent"] == 100


async def test_leaving_twice_is_told_once_and_a_return_to_the_tab_goes_on(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.pages["/page"] = lite_page()
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await settle(page)
    await hide(page)
    await site.wait_until(lambda: len(site.beacons) == 1)
    await show(page)
    await page.wait_for_timeout(300)
    await leave_and_hear(page, site, times=2)
    await leave(page, site)
    assert (len(site.beacons), len(site.named("page_view")), len(site.named("engagement"))) == (2, 1, 2)


async def test_refused_beacon_is_sent_by_fetch_once(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = lite_page()
    page = await browser_page_factory()
    log = requests_of(page)
    await page.add_init_script("navigator.sendBeacon = () => false")
    await visit(page, site, "/page")
    await page.keyboard.press("Tab")
    await site.wait_until(lambda: bool(site.named("page_view")))
    assert [request.resource_type for request in await requests_to(page, log, "/track")] == ["fetch"]
    assert site.content_types == ["text/plain"]


async def test_page_gone_wild_stays_within_one_batch(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = lite_page()
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.evaluate("for (let i = 0; i < 10000; i += 1) warroom('again', {i})")
    await leave(page, site)
    await site.wait_until(lambda: len(site.events) >= 100)
    assert len(site.events) == 100  # as many as the collector takes at once
    assert site.events[0]["name"] == "page_view"


@pytest.mark.parametrize("signal", ["globalPrivacyControl: true", "doNotTrack: '1'", "webdriver: true"])
async def test_refusing_reader_is_silence(browser_page_factory: PageFactory, site: RecordingSite, signal: str) -> None:
    name, value = signal.split(": ")
    site.policy = OPEN
    site.pages["/page"] = lite_page(EVERYTHING)
    if name == "webdriver":
        site.pages["/page"] = site.pages["/page"].replace("data-allow-automation", "")
    page = await browser_page_factory()
    await page.add_init_script(f"Object.defineProperty(navigator, '{name}', {{get: () => {value}}})")
    await visit(page, site, "/page")
    await use_everything(page)
    await leave(page, site)
    await leave(page, site)
    assert site.beacons == []
    assert problems_of(page) == []


BROKEN = {
    "observers": "window.IntersectionObserver = class { constructor() { throw new Error('no'); } }",
    "sending": "navigator.sendBeacon = () => { throw new Error('no'); }; window.fetch = () => Promise.reject(1)",
    "refusing": "navigator.sendBeacon = () => false; window.fetch = () => Promise.reject(1)",
    "old browser": f"delete window.onscrollend; {FORGET_NAVIGATION}; window.requestIdleCallback = undefined",
}


@pytest.mark.parametrize("what", BROKEN)
async def test_broken_browser_never_reaches_the_page(
    browser_page_factory: PageFactory, site: RecordingSite, what: str
) -> None:
    site.policy = OPEN
    again = '<script defer src="/warroom-lite.js" data-site="docs" data-allow-automation></script>'
    site.pages["/page"] = lite_page(EVERYTHING, head=again if what == "old browser" else "")
    page = await browser_page_factory()
    await page.add_init_script(BROKEN[what])
    await page.goto(site.address + "/page")
    await page.wait_for_timeout(200)
    await page.click("#go")
    if what != "old browser":
        await page.evaluate("if (window.warroom) { warroom('event', Symbol('odd')); warroom(); warroom(null, null); }")
    await page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    await settle(page)
    await leave(page, site)
    assert problems_of(page) == []
    if what == "old browser":
        await site.wait_until(lambda: bool(site.named("engagement")))
        assert len(site.named("page_view")) == 1  # included twice
        assert site.named("engagement")[-1]["scroll_percent"] == 100
