"""The widget is fetched only when it is needed, under any policy, and the page never notices that it fails."""

from __future__ import annotations

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import PageFactory, problems_of
from tests.browser.newcomer_scene import DESK, PHONE
from tests.browser.recording_site import POLICY, PROMPT, WEB, RecordingSite
from tests.browser.widget_scene import AGREE, VOTE, fetched_by, open_question, question_page, site, told_of

__all__ = ["site"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.xdist_group("newcomer"),
    pytest.mark.asyncio(loop_scope="session"),
]
STRICTEST = f"{POLICY}; require-trusted-types-for 'script'; trusted-types 'none'"


async def test_plain_visit_never_asks_for_the_widget(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = question_page(VOTE)
    page = await browser_page_factory(**DESK)
    paths = fetched_by(page)
    await page.goto(site.address + "/page")
    await page.mouse.wheel(0, 500)
    await page.mouse.click(5, 300)
    await page.goto(site.address + "/blank")
    await site.wait_until(lambda: bool(site.beacons))
    assert [path for path in paths if "widget" in path] == []
    await page.goto(site.address + "/page")
    await page.get_by_role("button", name="Yes").click()
    await expect(page.locator(".warroom-reason")).to_be_visible()
    await told_of(page, paths, "/widget.js")
    assert [path for path in paths if "widget" in path] == ["/widget.js"]


async def test_readers_who_did_not_agree_never_fetch_it(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = question_page(VOTE, 'data-prompts data-prompt-delay="1"')
    page = await browser_page_factory(**DESK)
    paths = fetched_by(page)
    await page.goto(site.address + "/page")
    await page.wait_for_timeout(500)
    assert [path for path in paths if "widget" in path] == []
    await page.evaluate(AGREE)
    await page.wait_for_function("localStorage['warroom.id']")
    paths.clear()
    await page.reload()
    await page.wait_for_function("window.warroomWidget")
    await told_of(page, paths, "/widget.js")
    assert [path for path in paths if "widget" in path] == ["/widget.js"]


async def test_strictest_policy_lets_everything_work(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    """No inline style, no inline script, trusted types required and none allowed."""
    site.policy = STRICTEST
    page = await browser_page_factory(**DESK)
    await page.goto(site.address + "/demo")
    await page.get_by_role("button", name="No", exact=True).click()
    await page.get_by_label("Something else", exact=True).last.check()
    await page.locator(".warroom-reason").get_by_role("button").click()
    await expect(page.locator(".warroom-reason")).to_have_count(0)
    await open_question(page, site)
    assert await page.locator(".warroom-prompt").evaluate("(one) => getComputedStyle(one).position") == "fixed"
    await page.get_by_label("Very good").check()
    await page.locator(".warroom-prompt").get_by_role("button", name="Send").click()
    await expect(page.locator(".warroom-thanks")).to_be_visible()
    assert problems_of(page) == []


async def test_form_is_sent_as_it_is_when_the_widget_does_not_come(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    page = await browser_page_factory()

    async def refuse(route: Route) -> None:
        await route.abort()

    await page.route("**/widget.js", refuse)
    await page.goto(site.address + "/demo")
    await page.get_by_role("button", name="Yes", exact=True).click()
    await expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    assert {"survey": "helpful", "score": "1"}.items() <= site.feedback[0].items()


FATHOM = '<script defer src="https://cdn.fathom.example/script.js" data-site="FOREIGN" data-prompts></script>'


async def test_the_tag_of_another_tool_is_left_alone(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    page = await browser_page_factory(**DESK)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    whole = question_page(VOTE, 'data-prompts data-prompt-delay="1"')
    site.pages["/page"] = whole.replace("<script defer", FATHOM + "<script defer", 1)
    site.prompt = PROMPT
    await page.goto(site.address + "/page")
    person = await page.evaluate(AGREE)
    await expect(page.locator(".warroom-prompt")).to_be_visible()
    assert person
    assert [question["site"] for question in site.questions] == ["docs"]
    assert [url for url in asked if "fathom" in url] == ["https://cdn.fathom.example/script.js"]


async def test_a_tag_under_another_name_is_found_beside_the_widget(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    page = await browser_page_factory(**DESK)
    whole = question_page(VOTE, 'data-prompts data-prompt-delay="1"')
    site.files["/docs.js"] = WEB / "static" / "warroom.js"
    site.pages["/page"] = whole.replace("/warroom.js", "/docs.js").replace("<script defer", FATHOM + "<script defer", 1)
    await page.goto(site.address + "/page")
    assert await page.evaluate(AGREE)
    await site.wait_until(lambda: bool(site.questions))
    assert [question["site"] for question in site.questions] == ["docs"]


BREAKAGES = {
    "storage": "for (const name of ['localStorage', 'sessionStorage']) "
    "Object.defineProperty(window, name, {get() { throw new Error('no storage'); }})",
    "sheets": "delete window.CSSStyleSheet",
    "fetch": "window.fetch = () => { throw new Error('no fetch'); }",
    "zone": "delete window.Intl",
}


@pytest.mark.parametrize("broken", BREAKAGES)
async def test_page_never_notices_what_is_broken(
    browser_page_factory: PageFactory, site: RecordingSite, broken: str
) -> None:
    site.pages["/page"] = question_page(VOTE, 'data-prompts data-prompt-delay="1"')
    site.prompt = PROMPT
    page = await browser_page_factory()
    await page.add_init_script(BREAKAGES[broken])
    await page.goto(site.address + "/page")
    await page.evaluate(AGREE)
    await page.evaluate("delete window.IntersectionObserver")
    await page.get_by_role("button", name="Yes").click()
    await expect(page.locator(".warroom-helpful [role=status]")).to_contain_text(
        "Not sent" if broken == "fetch" else "Thank"
    )
    assert problems_of(page) == []


async def test_voting_moves_nothing_once_the_answer_comes(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    """Only the press itself may move the page; the server's answer, a second later, may not."""
    page = await browser_page_factory(**PHONE)
    await page.goto(site.address + "/demo")
    await page.evaluate("warroom.widget()")
    places = (
        "[...document.querySelectorAll('form, h2, footer')].map((one) => one.getBoundingClientRect().top + scrollY)"
    )
    answered = []

    async def late(route: Route) -> None:
        answered.append(await page.evaluate(places))
        await route.continue_()

    await page.route("**/feedback", late)
    await page.get_by_role("button", name="No", exact=True).click()
    await expect(page.locator(".warroom-helpful").get_by_role("status")).to_contain_text("Thank you")
    assert await page.evaluate(places) == answered[0]
