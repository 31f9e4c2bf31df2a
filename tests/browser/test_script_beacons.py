"""When the docs-site script sends, how much, and what happens when the collector cannot be reached."""

from __future__ import annotations

import json
import os

import pytest

from shared.config import load_settings
from shared.event_catalogue import Catalogue
from shared.ingest.event_fields import TrackEvent, find_problem
from shared.ingest.track_body import read_body
from tests.browser.conftest import PageFactory, problems_of
from tests.browser.recording_site import POLICY, RecordingSite, make_page
from tests.browser.script_scene import (
    hide,
    leave,
    leave_and_hear,
    props_of,
    requests_of,
    requests_to,
    settle,
    visit,
)
from tests.browser.script_scene import other_site as other_site
from tests.browser.script_scene import site as site
from tests.conftest import SITES

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

ARTICLE = "<h1>Getting started</h1>" + "<p>Words that fill a line or two of this page.</p>" * 60
NO_BEACONS = "navigator.sendBeacon = () => false"


async def test_first_beacon_waits_five_seconds(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page(ARTICLE).replace("<title>", "<title>" + "A title of many words " * 20)
    page = await browser_page_factory()
    log = requests_of(page)
    await visit(page, site, "/page")
    await site.wait_until(lambda: bool(site.beacons), seconds=30)
    opened, now = site.named("page_view")[0]["at"], await page.evaluate("Date.now()")
    assert now - opened >= 4900
    assert [event["name"] for event in site.events] == ["page_view"]
    assert site.sizes[0] <= 300
    await requests_to(page, log, "/track")
    assert {request.url.rsplit("/", 1)[1] for request in log} == {"page", "warroom.js", "track"}


async def test_first_press_sends_the_view_alone(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/guides/getting-started"] = make_page(ARTICLE + '<a href="#end" id="next">Next</a>')
    page = await browser_page_factory()
    await visit(page, site, "/guides/getting-started")
    await page.mouse.move(100, 100)
    await page.mouse.down()
    await site.wait_until(lambda: bool(site.beacons))
    assert [event["name"] for event in site.events] == ["page_view"]
    assert site.sizes[0] <= 300


@pytest.mark.parametrize("clicks", [0, 1])
async def test_typical_visit_is_two_beacons_of_a_kilobyte(
    browser_page_factory: PageFactory, site: RecordingSite, clicks: int
) -> None:
    site.pages["/guides/getting-started"] = make_page(ARTICLE + '<a href="#end" id="next">Next</a>')
    page = await browser_page_factory(viewport={"width": 412, "height": 823})
    await visit(page, site, "/guides/getting-started")
    await page.mouse.wheel(0, 600)
    await settle(page)
    if clicks:
        await page.click("#next")
    await settle(page)
    await leave_and_hear(page, site)
    assert len(site.beacons) <= 2
    assert sum(site.sizes) <= 1024
    assert {"page_view", "engagement", "web_vital"} <= {event["name"] for event in site.events}
    assert len(site.named("click")) == clicks


async def test_nothing_is_sent_before_load(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.may_answer.clear()
    site.pages["/page"] = make_page('<button>Press</button><img src="/slow.png" alt="">')
    page = await browser_page_factory()
    await page.route("**/slow.png", lambda route: None)  # never answers
    await page.goto(site.address + "/page", wait_until="domcontentloaded")
    await page.click("button")
    await page.keyboard.press("Tab")
    await page.wait_for_timeout(5500)
    assert site.beacons == []
    site.may_answer.set()
    await leave_and_hear(page, site)
    assert [event["name"] for event in site.events][:2] == ["page_view", "click"]


async def test_plain_string_needs_no_preflight(
    browser_page_factory: PageFactory, site: RecordingSite, other_site: RecordingSite
) -> None:
    site.policy = POLICY.replace("connect-src 'self'", f"connect-src {other_site.address}")
    site.pages["/page"] = make_page(attributes=f'data-track="{other_site.address}/track"')
    page = await browser_page_factory()
    log = requests_of(page)
    await visit(page, site, "/page")
    await settle(page)
    await leave(page, site)
    await other_site.wait_until(lambda: bool(other_site.named("engagement")))
    assert {request.method for request in log if request.url.startswith(other_site.address)} <= {"POST"}
    assert other_site.content_types == ["text/plain"]
    assert site.beacons == []


async def test_script_is_loaded_with_low_priority(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    session = await page.context.new_cdp_session(page)
    priorities: dict[str, str] = {}

    def note(event: dict[str, dict[str, str]]) -> None:
        priorities[event["request"]["url"].rsplit("/", 1)[1]] = event["request"]["initialPriority"]

    session.on("Network.requestWillBeSent", note)
    await session.send("Network.enable")
    await visit(page, site, "/page")
    assert priorities["warroom.js"] == "Low"


@pytest.mark.parametrize("status", [400, 404, 503])
async def test_refusal_of_the_collector_is_not_tried_again(
    browser_page_factory: PageFactory, site: RecordingSite, status: int
) -> None:
    site.track_status = status
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.keyboard.press("Tab")
    await site.wait_until(lambda: bool(site.beacons))
    await page.wait_for_timeout(700)
    assert len(site.beacons) == 1
    assert not [problem for problem in problems_of(page) if "status of" not in problem]  # the browser's own line


async def test_dead_collector_throws_nothing_and_is_asked_once(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.pages["/page"] = make_page(attributes='data-track="http://127.0.0.1:9/track"')
    site.policy = POLICY.replace("connect-src 'self'", "connect-src *")
    page = await browser_page_factory()
    log = requests_of(page)
    await visit(page, site, "/page")
    await page.keyboard.press("Tab")
    await page.wait_for_timeout(700)
    assert len(await requests_to(page, log, ":9/")) == 1
    assert not [problem for problem in problems_of(page) if "ERR_" not in problem]


async def test_beacon_that_an_extension_blocks_is_not_tried_again(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    log = requests_of(page)
    await page.route("**/track", lambda route: route.abort("blockedbyclient"))
    await visit(page, site, "/page")
    await page.keyboard.press("Tab")
    await page.wait_for_timeout(700)
    assert len(await requests_to(page, log, "/track")) == 1
    assert not [problem for problem in problems_of(page) if "ERR_BLOCKED_BY_CLIENT" not in problem]


async def test_slow_collector_holds_nothing_up(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.may_answer.clear()
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.keyboard.press("Tab")
    await site.wait_until(lambda: len(site.beacons) == 1)
    await hide(page)
    await site.wait_until(lambda: len(site.beacons) == 2)
    assert problems_of(page) == []
    site.may_answer.set()


async def test_dead_address_of_the_script_leaves_the_page_alone(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    stub = "<script>window.warroom = window.warroom || function () { (warroom.q = warroom.q || []).push(arguments); }"
    site.policy = POLICY.replace("script-src 'self'", "script-src 'self' 'unsafe-inline'")
    site.pages["/page"] = make_page(head=f"{stub}; warroom('early', {{a: 1}})</script>").replace(
        "/warroom.js", "/gone.js"
    )
    page = await browser_page_factory()
    await page.goto(site.address + "/page")
    await page.evaluate("warroom('later')")
    assert len(problems_of(page)) == 1  # the browser's own line about the 404


async def test_refused_beacon_is_sent_by_fetch_once(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    log = requests_of(page)
    await page.add_init_script(NO_BEACONS)
    await visit(page, site, "/page")
    await page.keyboard.press("Tab")
    await site.wait_until(lambda: bool(site.named("page_view")))
    assert [request.resource_type for request in await requests_to(page, log, "/track")] == ["fetch"]
    assert site.content_types == ["text/plain"]


async def test_lost_beacons_are_counted_in_the_next(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    await page.add_init_script(NO_BEACONS + "; window.fetch = () => Promise.reject(1)")
    await visit(page, site, "/page")
    await page.keyboard.press("Tab")
    await page.evaluate("delete navigator.sendBeacon")
    await settle(page)
    await leave_and_hear(page, site)
    assert props_of(site, "engagement")[0] == {"unsent": 1}
    assert site.named("page_view") == []


async def test_much_is_cut_into_beacons_that_browsers_take(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    await visit(page, site, "/page")
    text = "\u6c34" * 490  # three bytes each
    big = "(text, count) => { while (count--) warroom('big', {a: text, b: text, c: text}); }"
    await page.evaluate(f"([text, count]) => ({big})(text, count)", [text, 10])
    await page.evaluate("warroom('no_json', {a: 1n}); const a = {}; a.a = a; warroom('round', a); warroom('fine')")
    await leave_and_hear(page, site)
    assert (len(site.named("big")), len(site.named("fine"))) == (10, 1)
    assert max(site.sizes) < 64_000
    assert site.named("no_json") == site.named("round") == []


async def test_more_than_browsers_take_at_once_is_counted(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.may_answer.clear()  # what is under way shares 64 KiB
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    await visit(page, site, "/page")
    big = (
        "const text = '\u6c34'.repeat(490); for (let i = 0; i < 30; i += 1) warroom('big', {a: text, b: text, c: text})"
    )
    await page.evaluate(big)
    await page.wait_for_timeout(300)
    site.may_answer.set()
    await page.wait_for_function("navigator.sendBeacon('/none', 'x'.repeat(60000))")  # true when nothing is under way
    await leave_and_hear(page, site)
    assert 0 < len(site.named("big")) < 30
    assert props_of(site, "engagement")[0]["unsent"] > 0


async def test_page_gone_wild_is_cut_off(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page("<button>Press</button>")
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.evaluate("for (let i = 0; i < 10000; i += 1) document.querySelector('button').click()")
    await leave_and_hear(page, site)
    ended = ("engagement", "web_vital")  # what is told at the end is never one too many
    assert len([event for event in site.events if event["name"] not in ended]) == 200
    assert {event["name"] for event in site.events} >= {"page_view", "click", *ended}
    assert len({event["id"] for event in site.events}) == len(site.events)
    assert sum(site.sizes) < 64_000


async def test_ids_are_good_for_the_collector(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page(ARTICLE + '<button data-warroom-click="try">Try</button>')
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.click("button")
    await page.evaluate("warroom('copied', {lines: 3, language: 'js', first: true})")
    await settle(page)
    await leave_and_hear(page, site)
    assert len({event["id"] for event in site.events}) == len(site.events)
    settings = load_settings({"WARROOM_CONFIG_FILE": os.devnull}, None, sites=SITES)
    for beacon in site.beacons:
        batch = read_body(json.dumps(beacon).encode(), settings)
        assert batch.unknown_fields == 0
        for event in batch.events:
            assert isinstance(event, TrackEvent), event
            assert find_problem(event, settings.limits) is None
            assert Catalogue().judge(event).verdict == ("undeclared" if event.name == "copied" else "declared")
