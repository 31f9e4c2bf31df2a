"""The docs-site script, the widget and the demo page in a real browser; the assertion is what the server received."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.conftest import PageFactory, problems_of, violations_on
from tests.browser.recording_site import PROMPT, RecordingSite, make_page, running_site

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

REFUSING = "Object.defineProperty(navigator, 'globalPrivacyControl', {get: () => true})"
DEMO_PAGES = ["/demo", "/demo/quickstart", "/demo/guide", "/thanks", "/refused", "/privacy"]


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


async def test_consent_keeps_exactly_one_key(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page(attributes="data-prompts")
    page = await browser_page_factory()
    await visit(page, site, "/page")
    assert await stored(page) == {}
    person = await page.evaluate("warroom('consent', true)")
    assert await stored(page) == {"warroom.id": person}
    await leave(page, site)
    await site.wait_until(lambda: bool(site.beacons))
    assert site.beacons[0]["person"] == person
    assert site.beacons[0]["zone"]
    await visit(page, site, "/page")
    await page.evaluate("warroom('consent', false)")
    assert await stored(page) == {}
    assert await page.context.cookies() == []


async def stored(page: Page) -> Any:
    return await page.evaluate("({...localStorage, ...sessionStorage})")


async def test_tag_without_the_switch_keeps_no_id(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = make_page()
    page = await browser_page_factory()
    await visit(page, site, "/page")
    assert await page.evaluate("warroom('consent', true)") is None
    assert await stored(page) == {}


async def open_question(page: Page, site: RecordingSite) -> None:
    site.prompt = PROMPT
    site.pages["/page"] = make_page(
        '<p><a href="/blank" id="link">A link</a></p><input id="field" aria-label="Field">',
        'data-prompts data-prompt-delay="50"',
    )
    await visit(page, site, "/page")
    await page.focus("#link")
    await page.evaluate("warroom('consent', true)")
    await expect(page.locator(".warroom-prompt")).to_be_visible()


async def test_question_is_answered_by_keyboard_alone(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    page = await browser_page_factory(viewport={"width": 1280, "height": 800})
    await open_question(page, site)
    assert await page.evaluate("document.activeElement.id") == "link"
    await expect(page.locator("p[role=status]")).to_have_text("How is it going?")
    for _ in range(3):  # field, close, first score
        await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    for _ in range(3):
        await page.keyboard.press("ArrowRight")
    assert site.feedback == []
    await page.keyboard.press("Tab")
    await page.keyboard.type("Clear and quick")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator(".warroom-thanks")).to_have_text("Thank you!")
    answer = site.feedback[0]
    expected = {"site": "docs", "survey": "day7", "prompt": "p1", "score": 4, "scale": "1-5", "text": "Clear and quick"}
    assert {key: answer[key] for key in expected} == expected
    assert answer["person"] == await page.evaluate("warroom('person')")
    await page.keyboard.press("Enter")  # the focus is on "Close"
    await expect(page.locator(".warroom-prompt")).to_have_count(0)
    assert site.dismissals == []
    assert problems_of(page) == []


async def test_escape_inside_puts_the_question_off(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    page = await browser_page_factory()
    await open_question(page, site)
    await page.keyboard.press("Escape")
    await expect(page.locator(".warroom-prompt")).to_be_visible()
    await page.focus("#field")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Escape")
    await expect(page.locator(".warroom-prompt")).to_have_count(0)
    assert await page.evaluate("document.activeElement.id") == "field"
    await site.wait_until(lambda: bool(site.dismissals))
    assert site.dismissals[0] == {"site": "docs", "person": await page.evaluate("warroom('person')"), "how": "later"}


async def test_never_again_is_told_to_the_server(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    page = await browser_page_factory(viewport={"width": 320, "height": 640})
    await open_question(page, site)
    await page.get_by_role("button", name="Don't ask me again").click()
    await site.wait_until(lambda: bool(site.dismissals))
    assert site.dismissals[0]["how"] == "never"


async def test_failed_answer_keeps_score_and_words(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    page = await browser_page_factory()
    await open_question(page, site)
    site.feedback_answers = [(503, {})]
    await page.locator(".warroom-choice input[value='2']").check()
    await page.fill(".warroom-prompt textarea", "Too slow")
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("alert")).to_contain_text("Not sent")
    await expect(page.locator(".warroom-prompt textarea")).to_have_value("Too slow")
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator(".warroom-thanks")).to_be_visible()
    assert site.feedback[0] == site.feedback[1]  # the same id: a repeat is harmless


async def test_question_waits_while_the_reader_types(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.prompt = PROMPT
    site.pages["/page"] = make_page('<textarea aria-label="Words"></textarea>', 'data-prompts data-prompt-delay="50"')
    page = await browser_page_factory()
    await visit(page, site, "/page")
    await page.focus("textarea")
    await page.evaluate("warroom('consent', true)")
    await page.wait_for_timeout(400)
    assert site.questions == []
    await page.evaluate("document.activeElement.blur()")
    await expect(page.locator(".warroom-prompt")).to_be_visible()
    assert set(site.questions[0]) == {"site", "person", "language", "zone"}


async def test_question_waits_until_the_tutorial_is_done(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.prompt = PROMPT
    page = await browser_page_factory(viewport={"width": 1280, "height": 800})
    await visit(page, site, "/demo")
    await page.click("#age button")
    assert site.ages[0]["person"] == await page.evaluate("localStorage['warroom.id']")
    await page.goto(site.address + "/demo/quickstart?aged=1")
    asked_before = len(site.questions)
    await page.wait_for_timeout(1500)
    assert len(site.questions) == asked_before
    await finish_quickstart(page)
    await expect(page.locator(".warroom-prompt")).to_be_visible()


async def test_page_without_a_due_question_loads_no_widget(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.pages["/page"] = make_page(attributes='data-prompts data-prompt-delay="50"')
    page = await browser_page_factory()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    await visit(page, site, "/page")
    await page.evaluate("warroom('consent', true)")
    await site.wait_until(lambda: bool(site.questions))
    assert not [url for url in requests if "widget" in url]


async def test_vote_is_sent_at_once_and_the_reason_after(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    page = await browser_page_factory()
    await visit(page, site, "/demo/guide")
    await page.get_by_role("button", name="No", exact=True).press("Enter")
    await expect(page.locator(".warroom-reason")).to_be_visible()
    assert (site.feedback[0]["survey"], site.feedback[0]["score"], site.feedback[0]["scale"]) == ("helpful", 0, "0-1")
    await page.get_by_label("Something is broken").check()
    site.feedback_answers = [(503, {})]
    await page.fill(".warroom-reason textarea", "The link is dead")
    send = page.get_by_role("button", name="Send", exact=True)
    await send.click()
    await expect(page.locator(".warroom-helpful").get_by_role("status")).to_contain_text("Not sent")
    await expect(page.locator(".warroom-reason textarea")).to_have_value("The link is dead")
    await send.click()
    await expect(page.locator(".warroom-reason")).to_have_count(0)
    reason = site.feedback[2]
    assert (reason["category"], reason["text"], reason["page"]) == ("bug", "The link is dead", "/demo/guide")
    assert "score" not in reason


async def test_failed_form_keeps_what_was_typed(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.feedback_answers = [
        (429, {"title": "Too many", "detail": "Please wait 3 minutes."}),
        (400, {"title": "Bad", "detail": "Please check.", "errors": [{"field": "contact", "reason": "Too long."}]}),
    ]
    page = await browser_page_factory()
    await visit(page, site, "/demo")
    form = page.locator("form[data-warroom-form]")
    send = form.get_by_role("button")
    await send.click()
    await expect(form.locator(".warroom-error").first).to_be_visible()
    await form.locator("textarea").fill("Words I do not want to type again")
    await send.click()
    await expect(form.get_by_role("status")).to_have_text("Please wait 3 minutes.")
    await expect(form.locator("textarea")).to_have_value("Words I do not want to type again")
    await send.click()
    await expect(form.get_by_text("Too long.")).to_be_visible()
    await expect(form.locator("textarea")).to_have_value("Words I do not want to type again")
    await send.click()
    await expect(form.get_by_role("status")).to_contain_text("Thank you")
    await expect(form.locator("textarea")).to_have_value("")


async def test_everything_works_without_javascript(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    page = await browser_page_factory(java_script_enabled=False)
    await page.goto(site.address + "/demo/guide")
    await page.get_by_role("button", name="Yes").click()
    await expect(page.get_by_role("heading")).to_contain_text("Thank you")
    assert {"site": "demo", "survey": "helpful", "score": "1", "page": "/demo/guide"}.items() <= site.feedback[
        0
    ].items()
    await page.goto(site.address + "/demo")
    await page.fill("#feedback-text", "Plain and simple")
    await page.get_by_role("button", name="Send feedback").click()
    assert site.feedback[1]["text"] == "Plain and simple"
    await page.goto(site.address + "/demo/quickstart")
    await expect(page.locator("#step-3")).to_be_visible()
    await page.goto(site.address + "/refused")
    await expect(page.locator("#feedback-text")).to_have_value("Words <b>typed</b> before")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
async def test_pages_fit_and_the_console_stays_empty(
    browser_page_factory: PageFactory, site: RecordingSite, width: int, scheme: str
) -> None:
    page = await browser_page_factory(viewport={"width": width, "height": 800}, color_scheme=scheme)
    for path in DEMO_PAGES:
        await page.goto(site.address + path)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    assert problems_of(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
async def test_axe_finds_nothing(
    browser_page_factory: PageFactory, site: RecordingSite, width: int, scheme: str
) -> None:
    site.prompt = PROMPT
    page = await browser_page_factory(
        viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True
    )
    for path in DEMO_PAGES:
        await page.goto(site.address + path)
        assert await violations_on(page) == [], path
    await visit(page, site, "/demo")
    await page.get_by_role("button", name="No", exact=True).click()
    await expect(page.locator(".warroom-reason")).to_be_visible()
    assert await violations_on(page) == []
    await page.click("#age button")
    await expect(page.locator(".warroom-prompt")).to_be_visible()
    assert await violations_on(page) == []
