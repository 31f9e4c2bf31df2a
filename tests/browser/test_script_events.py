"""What the docs-site script notices: clicks and their places, goals, steps, experiments, code, files, search."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import PageFactory, problems_of
from tests.browser.recording_site import POLICY, RecordingSite, make_page
from tests.browser.script_scene import leave_and_hear, props_of, settle, visit
from tests.browser.script_scene import site as site

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

EXTRAS = '<script defer src="/warroom-extras.js"></script>'
STAY = "addEventListener('click', (event) => event.preventDefault())"
STUB = "window.warroom = window.warroom || function () { (warroom.q = warroom.q || []).push(arguments); };"
STYLED = POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
INLINE = POLICY.replace("script-src 'self'", "script-src 'self' 'unsafe-inline'")


async def test_event_has_the_agreed_shape(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page('<button data-warroom-click="try">Try</button>')
    page = await browser_page_factory()
    await visit(page, site, "/page?token=1#part")
    await page.click("button")
    await page.evaluate("warroom('copied', {lines: 3, language: 'js', first: true})")
    await page.evaluate("warroom('conversion', {goal: 'signup', value_cents: 900, currency: 'EUR'})")
    await settle(page)
    await leave_and_hear(page, site)
    click, goal = site.named("click")[0], site.named("conversion")[0]
    assert (click["target"], click["marked"], click["page"]) == ("try", True, "/page")
    assert site.named("page_view")[0]["marked"] is True
    assert props_of(site, "copied") == [{"lines": 3, "language": "js", "first": True}]
    assert (goal["goal"], goal["value_cents"], goal["currency"]) == ("signup", 900, "EUR")
    assert {event["view"] for event in site.events} == {click["view"]}
    assert all(re.fullmatch(r"[A-Za-z0-9_.:-]{8,64}", event["id"]) for event in site.events)
    assert {key for beacon in site.beacons for key in beacon} == {"site", "view", "page", "events"}


async def test_calls_before_the_script_are_kept(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.policy = INLINE
    site.pages["/page"] = make_page(head=f"<script>{STUB} warroom('early', {{a: 1}}); warroom('bare')</script>")
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await leave_and_hear(page, site, "bare")
    assert props_of(site, "early") == [{"a": 1}]


async def test_click_has_a_place_and_an_element_that_stays(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.policy = STYLED
    site.pages["/page"] = make_page(
        '<div id="menu"><ul><li>One</li><li><a href="#x">Two</a></li></ul></div>'
        '<div><div><div><div><div><p>A</p><p style="height: 200px">B</p></div></div></div></div></div>'
    )
    page = await browser_page_factory(viewport={"width": 1000, "height": 500})
    await visit(page, site, "/page")
    await page.click("#menu a")
    await page.mouse.click(250, 250)
    await page.focus("#menu a")
    await page.keyboard.press("Enter")
    await page.mouse.click(300, 260, button="right")
    await settle(page)
    await leave_and_hear(page, site)
    first, second, third = props_of(site, "click")
    assert first["element"] == "#menu>ul>li:nth-of-type(2)>a"
    assert second["element"] == "div>div>div>div>p:nth-of-type(2)"
    assert (second["x"], second["y"], second["width"]) == (250, 500, 1000)
    assert (third["x"], third["y"]) == (0, 0)  # by keyboard
    assert "marked" not in site.named("click")[0]


async def test_field_called_id_does_not_hide_the_id_of_its_form(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.pages["/page"] = make_page('<form id="signup"><input type="hidden" name="id"><p>Words</p></form>')
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.click("form p")
    await leave_and_hear(page, site)
    assert [click["element"] for click in props_of(site, "click")] == ["#signup>p"]


async def test_click_that_a_router_follows_at_once_belongs_to_the_page_it_left(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.policy = INLINE
    router = (
        "<script>addEventListener('click', (event) => { event.preventDefault();"
        " history.pushState({}, '', event.target.pathname); }, true)</script>"
    )
    site.pages["/page"] = make_page('<a href="/second" id="link">Second</a>', head=router)
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.click("#link")
    await settle(page)
    await leave_and_hear(page, site, times=2)
    assert [event["page"] for event in site.named("click")] == ["/page"]
    assert [event["page"] for event in site.named("page_view")] == ["/page", "/second"]


async def test_right_to_left_and_zoomed_page_count_from_the_left(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.policy = STYLED
    site.pages["/page"] = make_page("<p>Words</p>").replace("<html", '<html dir="rtl" style="zoom: 2"')
    page = await browser_page_factory(viewport={"width": 800, "height": 400})
    await visit(page, site, "/page")
    await page.mouse.click(200, 100)
    await settle(page)
    await leave_and_hear(page, site)
    click = props_of(site, "click")[0]
    assert abs(click["x"] - 250) <= 1
    assert abs(click["y"] - 250) <= 1


async def test_links_elsewhere_are_counted_with_every_button(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.pages["/page"] = make_page(
        '<a href="https://elsewhere.example/x?secret=1"><b id="out">Out</b></a> <a href="/own" id="own">Own</a>'
        '<a href="mailto:ada@docs.example" id="mail">Mail</a> <a id="dead">Dead</a>'
        '<svg width="9" height="9"><a href="https://elsewhere.example/" id="svg"><rect width="9" height="9"/></a></svg>'
    )
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.evaluate(STAY)
    for name in ("out", "own", "mail", "dead", "svg"):
        await page.click(f"#{name}", force=True)
    await page.evaluate("dispatchEvent.call(out, new MouseEvent('auxclick', {button: 1, bubbles: true}))")
    await page.evaluate("dispatchEvent.call(out, new MouseEvent('auxclick', {button: 2, bubbles: true}))")
    await settle(page)
    await leave_and_hear(page, site)
    assert [event["target"] for event in site.named("outbound_click")] == ["elsewhere.example"] * 2
    assert problems_of(page) == []


async def test_selecting_text_follows_no_link_and_reaches_no_goal(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.pages["/page"] = make_page(
        '<p id="first">Words before.</p><p><a href="https://elsewhere.example/" data-warroom-goal="out">A link</a></p>'
        '<p id="last">Words after the link.</p>'
    )
    page = await browser_page_factory()
    await visit(page, site, "/page")
    first, last = await page.locator("#first").bounding_box(), await page.locator("#last").bounding_box()
    assert first is not None
    assert last is not None
    await page.mouse.move(first["x"] + 2, first["y"] + first["height"] / 2)
    await page.mouse.down()
    await page.mouse.move(last["x"] + 60, last["y"] + last["height"] / 2, steps=5)
    await page.mouse.up()
    assert "A link" in await page.evaluate("getSelection().toString()")
    await settle(page)
    await leave_and_hear(page, site)
    assert site.named("outbound_click") == site.named("conversion") == []
    assert problems_of(page) == []


async def test_press_on_a_label_is_one_click_and_one_goal(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.pages["/page"] = make_page(
        '<label data-warroom-goal="agreed"><span id="words">I agree</span> <input type="checkbox" id="box"></label>'
    )
    page = await browser_page_factory()
    await visit(page, site, "/page")
    for name in ("#words", "#box", "#words"):
        await page.click(name)
    await page.focus("#box")
    await page.keyboard.press("Space")
    await settle(page)
    await leave_and_hear(page, site)
    assert (len(site.named("click")), len(site.named("conversion"))) == (4, 4)


@pytest.mark.parametrize("extras", [EXTRAS, ""])
async def test_form_as_a_goal_counts_what_is_sent(
    browser_page_factory: PageFactory, site: RecordingSite, extras: str
) -> None:
    site.pages["/page"] = make_page(
        '<form data-warroom-goal="signup" data-warroom-value_cents="900" data-warroom-currency="EUR" action="/blank">'
        '<label>Name <input id="name" name="submit" required></label></form>'
        '<form id="other" data-warroom-goal="other"><input aria-label="Other" required><button>Send</button></form>',
        head=extras,
    )
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.click("#other button")  # which the browser's own check refuses
    await page.click("#name")
    await page.fill("#name", "Ada")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/blank*")
    await site.wait_until(lambda: bool(site.named("engagement")))
    goals = [(event["goal"], event["value_cents"], event["currency"]) for event in site.named("conversion")]
    assert goals == ([("signup", 900, "EUR")] if extras else [])


async def test_constant_can_be_told_twice_as_a_goal(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.evaluate(
        "const GOAL = Object.freeze({goal: 'signup'}); for (const _ of 'ab') warroom('conversion', GOAL)"
    )
    await leave_and_hear(page, site, "conversion", times=2)
    assert [event["goal"] for event in site.named("conversion")] == ["signup"] * 2
    assert len({event["id"] for event in site.named("conversion")}) == 2


async def test_goal_and_variant_are_told_by_attribute(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.policy = STYLED
    site.pages["/page"] = make_page(
        '<button data-warroom-goal="signup" data-warroom-value_cents="1900" data-warroom-currency="EUR">Go</button>'
        '<p data-warroom-experiment="cta" data-warroom-variant="a" style="display: none">A</p>'
        '<p data-warroom-experiment="cta" data-warroom-variant="2">B</p>'
        '<div style="height: 3000px"></div><p data-warroom-experiment="low" data-warroom-variant="a">Below</p>'
    )
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.click("button")
    await settle(page)
    await leave_and_hear(page, site)
    goal = site.named("conversion")[0]
    assert (goal["goal"], goal["value_cents"], goal["currency"]) == ("signup", 1900, "EUR")
    assert [(event["experiment"], event["variant"]) for event in site.named("exposure")] == [("cta", "2")]


async def test_steps_are_told_when_they_are_on_screen_and_once(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.policy = STYLED
    step = (
        '<section data-warroom-sequence="start" data-warroom-step="{}" data-warroom-steps="3" style="height: {}px">'
        "{}</section>"
    )
    site.pages["/page"] = make_page(
        step.format(1, 200, "One") + step.format(2, 1800, "Tall") + step.format(3, 300, "3")
    )
    page = await browser_page_factory(viewport={"width": 800, "height": 500})
    await visit(page, site, "/page")
    for top in (0, 400, 0, 400):
        await page.evaluate(f"scrollTo(0, {top})")
        await settle(page)
    await page.evaluate("document.querySelector('[data-warroom-step]').dataset.warroomDone = ''")
    await leave_and_hear(page, site)
    steps = [
        (event["sequence"], event["step"], event["steps"], event.get("done")) for event in site.named("sequence_step")
    ]
    assert steps == [("start", 1, 3, None), ("start", 2, 3, None), ("start", 1, 3, True)]


async def test_step_that_comes_later_is_noticed(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.policy = STYLED
    site.pages["/page"] = make_page("<p>Words</p>" * 30)
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.evaluate(
        "document.querySelector('main').insertAdjacentHTML('afterbegin', `<section data-warroom-sequence=late"
        " data-warroom-step=1 style='height: 100px'></section>`); scrollTo(0, 10)"
    )
    await settle(page)
    await leave_and_hear(page, site)
    assert [event["sequence"] for event in site.named("sequence_step")] == ["late"]


@pytest.mark.parametrize("browser", ["with scrollend", "without it"])
async def test_scroll_depth_is_the_deepest_percent(
    browser_page_factory: PageFactory, site: RecordingSite, browser: str
) -> None:
    site.pages["/page"] = make_page("<p>Words.</p>" * 200)
    page = await browser_page_factory(viewport={"width": 800, "height": 400})
    if browser == "without it":
        await page.add_init_script("delete window.onscrollend")
    await visit(page, site, "/page")
    await page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    await settle(page)
    await page.evaluate("scrollTo(0, 0)")
    await settle(page)
    await leave_and_hear(page, site)
    assert site.named("engagement")[-1]["scroll_percent"] == 100
    assert 0 < sum(event["engaged_ms"] for event in site.named("engagement")) < 60_000


async def test_short_page_is_seen_whole(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await settle(page)
    await leave_and_hear(page, site)
    assert site.named("engagement")[0]["scroll_percent"] == 100


async def test_idle_reader_stops_the_clock(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    await page.add_init_script(
        "const now = performance.now.bind(performance); let jump = 0; performance.now = () => now() + jump;"
        "window.wait = (ms) => { jump += ms; }"
    )
    await visit(page, site, "/page")
    await page.evaluate("wait(20000)")
    await page.keyboard.press("Shift")
    await page.evaluate("wait(3600000)")  # away from the keyboard for an hour
    await leave_and_hear(page, site)
    assert 50_000 <= site.named("engagement")[0]["engaged_ms"] < 55_000


async def test_extras_tell_of_code_files_and_search(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page(
        '<div id="block"><pre id="code"><code>npm install</code></pre><div class="copy"><button id="copy">Copy</button>'
        '</div></div><a href="/files/guide.pdf?token=1" id="file">PDF</a>'
        '<a href="/x" download="name.txt" id="named">Named</a><input id="search" aria-label="Search">'
        '<input id="other" aria-label="Other">',
        'data-search="#search"',
        head=EXTRAS,
    )
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.evaluate(STAY)
    await page.click("#copy")
    await page.click("#code", click_count=3)
    await page.keyboard.press("Control+c")
    await page.click("#file")
    await page.click("#named")
    await page.fill("#search", "install on windows")
    await page.keyboard.press("Enter")
    await page.fill("#other", "a secret")
    await page.keyboard.press("Enter")
    await settle(page)
    await leave_and_hear(page, site)
    assert [copy["element"] for copy in props_of(site, "code_copy")] == ["#copy", "#code>code"]
    assert [event["target"] for event in site.named("file_download")] == ["/files/guide.pdf", "name.txt"]
    assert props_of(site, "site_search") == [{"term": "install on windows"}]


async def test_extras_read_our_tag_and_cut_no_emoji_in_half(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    foreign = '<script data-site="THEIRS" data-search="#other" type="text/plain"></script>'
    page_html = make_page('<input id="search" aria-label="Search"><input id="other" aria-label="Other">', head=EXTRAS)
    tag = '<script defer src="/warroom.js"'
    site.pages["/page"] = page_html.replace(tag, foreign + tag + ' data-search="#search"')
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.fill("#other", "a secret")
    await page.fill("#search", "x" * 98 + "\U0001f600 and more")
    await page.keyboard.press("Enter")
    await settle(page)
    await leave_and_hear(page, site)
    assert props_of(site, "site_search") == [{"term": "x" * 98}]


async def test_search_is_silent_unless_it_is_switched_on(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.pages["/page"] = make_page('<input id="search" type="search" aria-label="Search">', head=EXTRAS)
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.fill("#search", "install")
    await page.keyboard.press("Enter")
    await settle(page)
    await leave_and_hear(page, site)
    assert site.named("site_search") == []


async def test_tutorial_reports_each_step_and_its_end(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    page = await browser_page_factory()
    await visit(page, site, "/demo/quickstart")
    await finish_quickstart(page)
    await leave_and_hear(page, site)
    steps = [(event["step"], event.get("done", False)) for event in site.named("sequence_step")]
    assert sorted(steps) == [(1, False), (1, True), (2, False), (2, True), (3, False), (3, True)]
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
    await settle(page)
    await page.fill("#card-file", '{"name": "harbour", "greeting": "Open late", "accent": "orange"}')
    await page.click("#file-form button")
    await expect(page.locator("#lantern-greeting")).to_have_text("Open late")
    await page.locator("#finish").scroll_into_view_if_needed()
    await settle(page)
    await page.click("#finish")
    await expect(page.locator("#finished")).to_have_text(re.compile("Done"))
