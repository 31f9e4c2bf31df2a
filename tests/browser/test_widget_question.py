"""The one question after a week: when it comes, how it is answered or put off, and that it waits for the reader."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import PageFactory, problems_of
from tests.browser.newcomer_scene import DESK, PHONE
from tests.browser.recording_site import PROMPT, RecordingSite
from tests.browser.widget_scene import AGREE, fetched_by, open_question, question_page, site, told_of, walk

__all__ = ["site"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.xdist_group("newcomer"),
    pytest.mark.asyncio(loop_scope="session"),
]
ROOT = Path(__file__).parents[2]
WIDGET_DOCS = (ROOT / "api" / "web" / "docs" / "widget.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
TAG = 'data-prompts data-prompt-delay="50"'


async def stored(page: Page) -> Any:
    return await page.evaluate("({...localStorage, ...sessionStorage})")


async def test_agreeing_keeps_exactly_one_id(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = question_page(attributes="data-prompts")
    page = await browser_page_factory()
    await page.goto(site.address + "/page")
    assert await stored(page) == {}
    person = await page.evaluate(AGREE)
    assert await stored(page) == {"warroom.id": person}
    assert await page.evaluate("warroomWidget.person()") == person
    await page.evaluate("warroomWidget.consent(false)")
    assert await stored(page) == {}
    assert await page.evaluate("warroomWidget.person()") is None
    assert await page.context.cookies() == []


STUB = "window.warroom = window.warroom || function () { (warroom.q = warroom.q || []).push(arguments); };"


@pytest.mark.parametrize("before", ["", STUB], ids=["nothing", "stub"])
async def test_the_documented_way_to_agree_works_before_the_tag_and_after_it(
    browser_page_factory: PageFactory, site: RecordingSite, before: str
) -> None:
    (function,) = re.findall(r"```js\n(function remember.*?\n}\n)```", WIDGET_DOCS, re.DOTALL)
    assert textwrap.indent(function, "   ") in README
    early = f"<script>{before}{function}remember(true)</script>"
    site.policy = ""
    site.pages["/page"] = question_page(attributes="data-prompts").replace("<script defer", f"{early}<script defer", 1)
    page = await browser_page_factory()
    await page.goto(site.address + "/page")
    await page.wait_for_function("localStorage['warroom.id']")
    await page.evaluate("remember(false)")
    await page.wait_for_function("!localStorage['warroom.id']")
    await page.route("**/warroom*.js", lambda route: route.abort())  # as a blocker does
    await page.reload()
    await page.evaluate("remember(true)")
    assert [said for said in problems_of(page) if "ERR_FAILED" not in said] == []


@pytest.mark.parametrize("reason", ["no switch", "gpc", "dnt", "driven"])
async def test_no_id_is_kept_where_it_may_not_be(
    browser_page_factory: PageFactory, site: RecordingSite, reason: str
) -> None:
    page_text = question_page(attributes="" if reason == "no switch" else TAG)
    site.pages["/page"] = page_text.replace(
        "data-allow-automation", "" if reason == "driven" else "data-allow-automation"
    )
    site.prompt = PROMPT
    page = await browser_page_factory()
    signals = {"gpc": "globalPrivacyControl", "dnt": "doNotTrack"}
    if reason in signals:
        value = "true" if reason == "gpc" else "'1'"
        await page.add_init_script(
            f"Object.defineProperty(Navigator.prototype, '{signals[reason]}', {{get: () => {value}}})"
        )
    await page.goto(site.address + "/page")
    assert await page.evaluate(AGREE) is None
    assert await stored(page) == {}
    assert (site.questions, await page.locator(".warroom-prompt").count()) == ([], 0)


async def test_question_is_answered_by_keyboard_alone(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    page = await browser_page_factory(**DESK)
    await open_question(page, site)
    await expect(page.get_by_role("link", name="A link")).to_be_focused()
    await expect(page.locator(".warroom-announcer")).to_have_text("How is it going?")
    assert await walk(page, 3) == ["Field", "Close", "Very bad"]
    await page.keyboard.press("Space")
    assert await walk(page, 3, "ArrowDown") == ["Bad", "Neither good nor bad", "Good"]
    assert site.feedback == []
    assert await walk(page, 1) == ["What should we do better?"]
    await page.keyboard.type("Clear and quick")
    assert await walk(page, 3) == ["Send", "Not now", "Don't ask me again"]
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator(".warroom-thanks")).to_have_text("Thank you!")
    answer = site.feedback[0]
    expected = {"site": "docs", "survey": "day7", "prompt": "p1", "score": 4, "scale": "1-5", "text": "Clear and quick"}
    assert expected.items() <= answer.items()
    assert answer["person"] == await page.evaluate("warroomWidget.person()")
    await page.keyboard.press("Enter")  # the focus is on "Close"
    await expect(page.locator(".warroom-prompt")).to_have_count(0)
    await expect(page.get_by_label("Field")).to_be_focused()
    assert (site.dismissals, problems_of(page)) == ([], [])


async def test_escape_counts_inside_only_and_gives_the_focus_back(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    page = await browser_page_factory(**DESK)
    await open_question(page, site)
    await page.keyboard.press("Escape")
    await expect(page.locator(".warroom-prompt")).to_be_visible()
    await page.focus("#field")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Escape")
    await expect(page.locator(".warroom-prompt")).to_have_count(0)
    await expect(page.get_by_label("Field")).to_be_focused()
    await site.wait_until(lambda: bool(site.dismissals))
    assert site.dismissals[0] == {
        "site": "docs",
        "person": await page.evaluate("warroomWidget.person()"),
        "how": "later",
    }


@pytest.mark.parametrize(("name", "how"), [("Not now", "later"), ("Close", "later"), ("Don't ask me again", "never")])
async def test_every_way_to_put_it_off_is_told(
    browser_page_factory: PageFactory, site: RecordingSite, name: str, how: str
) -> None:
    page = await browser_page_factory(**PHONE)
    await open_question(page, site)
    await page.get_by_role("button", name=name).click()
    await site.wait_until(lambda: bool(site.dismissals))
    assert [said["how"] for said in site.dismissals] == [how]


async def test_failed_answer_survives_the_failure_and_a_reload(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    page = await browser_page_factory(**DESK)
    await open_question(page, site)
    block = page.locator(".warroom-prompt")
    site.feedback_answers = [(503, {})]
    await block.get_by_role("button", name="Send").click()
    await expect(block.get_by_text("Please choose an answer")).to_be_visible()
    await block.get_by_label("Bad", exact=True).check()
    await block.locator("textarea").fill("Too slow")
    await block.get_by_role("button", name="Send").click()
    await expect(block.locator(".warroom-error").last).to_contain_text("Not sent")
    site.prompt = None  # the server asks once
    await page.reload()
    await expect(block.locator("textarea")).to_have_value("Too slow")
    await expect(block.get_by_label("Bad", exact=True)).to_be_checked()
    await block.get_by_role("button", name="Send").click()
    await expect(page.locator(".warroom-thanks")).to_be_visible()
    failed, taken = ({**answer, "id": ""} for answer in site.feedback)
    assert failed == taken
    assert list(await stored(page)) == ["warroom.id"]


@pytest.mark.parametrize("left", ["open", "waiting"])
async def test_question_that_the_reader_walked_away_from_comes_along(
    browser_page_factory: PageFactory, site: RecordingSite, left: str
) -> None:
    """The server asks once: what it handed out is not lost by a click on a link."""
    page = await browser_page_factory(**DESK)
    block = page.locator(".warroom-prompt")
    if left == "open":
        await open_question(page, site)
        await block.locator("textarea").fill("Half a sent")
    else:
        await be_handed_a_question_while_typing(page, site)
    site.prompt = None
    site.pages["/next"] = site.pages["/page"]
    await page.goto(site.address + "/next")
    await expect(block.locator("textarea")).to_have_value("Half a sent" if left == "open" else "")
    await block.get_by_role("button", name="Not now").click()
    await page.goto(site.address + "/page")
    await page.evaluate("warroom.widget()")
    await expect(block).to_have_count(0)
    assert list(await stored(page)) == ["warroom.id"]


async def test_a_question_comes_again_where_the_site_exchanges_its_pages_itself(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    page = await browser_page_factory(**DESK)
    await open_question(page, site)
    block = page.locator(".warroom-prompt")
    await block.locator("textarea").fill("Half a sent")
    await page.evaluate(
        """() => {
          history.pushState({}, '', '/page/two');
          document.querySelector('main').replaceWith(document.createElement('main'));
        }"""
    )
    await expect(block).to_have_count(0)
    await expect(block.locator("textarea")).to_have_value("Half a sent", timeout=30_000)
    await expect(block).to_have_count(1)
    assert len(site.questions) == 1
    await block.get_by_role("button", name="Not now").click()
    await expect(block).to_have_count(0)
    assert list(await stored(page)) == ["warroom.id"]


async def test_who_takes_the_agreement_back_is_asked_no_more(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    page = await browser_page_factory(**DESK)
    await open_question(page, site)
    await page.evaluate("warroomWidget.consent(false)")
    await expect(page.locator(".warroom-prompt")).to_have_count(0)
    assert (await stored(page), site.dismissals) == ({}, [])


async def test_a_question_that_was_answered_elsewhere_is_closed_on_the_way_back(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    page = await browser_page_factory(**DESK)
    await open_question(page, site)
    await page.evaluate("window.isTheSame = true")
    site.prompt, site.pages["/next"] = None, site.pages["/page"]
    await page.goto(site.address + "/next")
    await page.get_by_label("Very good").check()
    await page.locator(".warroom-prompt").get_by_role("button", name="Send").click()
    await expect(page.locator(".warroom-thanks")).to_be_visible()
    await page.go_back(wait_until="commit")
    await page.wait_for_function("window.isTheSame")  # out of the back/forward cache
    await expect(page.locator(".warroom-prompt")).to_have_count(0)
    assert (len(site.feedback), site.dismissals) == (1, [])


async def be_handed_a_question_while_typing(page: Page, site: RecordingSite) -> None:
    """The reader begins to type while the server's answer is on its way."""
    site.policy, site.prompt = "", PROMPT
    site.pages["/page"] = question_page('<textarea aria-label="Words"></textarea>', TAG)

    async def answer_late(route: Route) -> None:
        await page.focus("textarea")
        await route.continue_()

    await page.route("**/prompts/next?**", answer_late)
    await page.goto(site.address + "/page")
    await page.evaluate(AGREE)
    await page.wait_for_function("sessionStorage.length == 1")


async def test_numbers_are_used_where_a_scale_has_no_words(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    scale = {"min": 0, "max": 10, "low": "Not at all likely", "high": "Extremely likely"}
    page = await browser_page_factory(**PHONE)
    await open_question(page, site, {**PROMPT, "scale": scale})
    block = page.locator(".warroom-prompt")
    await expect(block.locator("legend")).to_contain_text("10: Extremely likely")  # the ends are read with the group
    rows = await block.locator(".warroom-scores label").evaluate_all("(all) => all.map((one) => one.offsetTop)")
    assert len(set(rows)) == 2  # eleven numbers in two rows at 320 px
    await block.get_by_label("10", exact=True).check()
    await block.get_by_role("button", name="Send").click()
    await site.wait_until(lambda: bool(site.feedback))
    assert (site.feedback[0]["score"], site.feedback[0]["scale"]) == (10, "0-10")


async def test_question_waits_while_the_reader_types(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.prompt = PROMPT
    site.pages["/page"] = question_page('<textarea aria-label="Words"></textarea>', TAG)
    page = await browser_page_factory()
    await page.goto(site.address + "/page")
    await page.focus("textarea")
    await page.evaluate(AGREE)
    await page.wait_for_timeout(400)  # eight times the delay: nothing may come of it
    assert site.questions == []
    await page.evaluate("document.activeElement.blur()")
    await expect(page.locator(".warroom-prompt")).to_be_visible()
    assert set(site.questions[0]) == {"site", "person", "language", "zone"}


async def test_question_waits_until_the_step_is_done(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.prompt = PROMPT
    step = '<section data-warroom-sequence="a" data-warroom-step="1" data-warroom-steps="2">Step one</section>'
    site.pages["/page"] = question_page(step, TAG)
    page = await browser_page_factory()
    await page.goto(site.address + "/page")
    await page.evaluate(AGREE)
    await page.wait_for_timeout(400)
    assert site.questions == []
    await page.evaluate("document.querySelector('[data-warroom-step]').dataset.warroomDone = ''")
    await expect(page.locator(".warroom-prompt")).to_be_visible()


async def test_reader_is_asked_once_in_a_page_load(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    page = await browser_page_factory(**DESK)
    await open_question(page, site)
    await page.get_by_role("button", name="Not now").click()
    await page.evaluate("history.pushState({}, '', '/page/two')")
    await page.evaluate("warroomWidget.consent(true)")
    await page.wait_for_timeout(400)
    assert (len(site.questions), await page.locator(".warroom-prompt").count()) == (1, 0)


async def test_visit_without_a_question_asks_the_server_once_and_shows_nothing(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.pages["/page"] = question_page(attributes=TAG)
    page = await browser_page_factory()
    paths = fetched_by(page)
    await page.goto(site.address + "/page")
    await page.evaluate(AGREE)
    await site.wait_until(lambda: bool(site.questions))
    await told_of(page, paths, "/prompts/next")
    await expect(page.locator(".warroom-prompt")).to_have_count(0)
    assert (paths.count("/prompts/next"), paths.count("/widget.js"), paths.count("/widget.css")) == (1, 1, 0)
