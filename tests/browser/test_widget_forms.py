"""Votes, surveys and feedback in the forms of a page: sent at once, asked why, and nothing typed is ever lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import PageFactory, problems_of
from tests.browser.recording_site import RecordingSite
from tests.browser.widget_scene import AGREE, NO_REASONS, VOTE, question_page, site, vote_no

__all__ = ["site"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(120),
    pytest.mark.xdist_group("newcomer"),
    pytest.mark.asyncio(loop_scope="session"),
]
AWAY = (503, {"title": "Away", "detail": "Cannot store now."})
LATER = (429, {"title": "Too many", "detail": "Please wait 3 minutes."})
REFUSED = (400, {"title": "Bad", "detail": "Please check.", "errors": [{"field": "contact", "reason": "Too long."}]})
WORDS = "Words I do not want to type again"
PLAIN = """
<form method="post" action="/feedback" data-warroom-form>
  <textarea name="text"></textarea><button>Send</button>
</form>"""


async def test_vote_reason_and_words_are_one_answer(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    page = await browser_page_factory()
    await vote_no(page, site)
    assert await page.locator(".warroom-reason label").all_inner_texts() == [*NO_REASONS, "Tell us more (optional)"]
    await page.get_by_label("It is out of date").check()
    await page.locator(".warroom-reason textarea").fill("Step two is gone.")
    await page.locator(".warroom-reason").get_by_role("button").click()
    await expect(page.locator(".warroom-reason")).to_have_count(0)
    vote, answer = site.feedback
    assert (vote["survey"], vote["score"], vote["scale"], vote["page"]) == ("helpful", 0, "0-1", "/demo")
    assert answer == {**vote, "reason": "out_of_date", "text": "Step two is gone."}
    assert problems_of(page) == []


@pytest.mark.slow
async def test_reasons_follow_the_answer_and_nobody_votes_twice(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.pages["/page"] = question_page(VOTE)
    page = await browser_page_factory()
    await page.goto(site.address + "/page")
    yes = page.get_by_role("button", name="Yes")
    await yes.click()
    await expect(page.get_by_text("What helped?")).to_be_visible()
    await expect(page.get_by_label("It is out of date")).to_have_count(0)
    await expect(page.get_by_role("status")).to_contain_text("Thank you")
    await expect(yes).to_have_attribute("aria-pressed", "true")
    await page.get_by_role("button", name="No", exact=True).click(force=True)
    await expect(page.locator(".warroom-reason")).to_have_count(1)
    assert [answer["score"] for answer in site.feedback] == [1]


@pytest.mark.slow
async def test_vote_that_failed_can_be_cast_again(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.pages["/page"] = question_page(VOTE)
    site.feedback_answers = [AWAY]
    page = await browser_page_factory()
    await page.goto(site.address + "/page")
    await page.get_by_role("button", name="Yes").click()
    await expect(page.get_by_role("status")).to_contain_text("Not sent")
    await expect(page.locator(".warroom-reason")).to_have_count(0)
    await page.get_by_role("button", name="Yes").click()
    await expect(page.get_by_role("status")).to_contain_text("Thank you")
    assert [answer["score"] for answer in site.feedback] == [1, 1]


@pytest.mark.slow
async def test_reason_that_failed_keeps_everything_and_carries_the_vote(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    page = await browser_page_factory()
    await vote_no(page, site)
    await expect(page.locator(".warroom-helpful").get_by_role("status")).to_contain_text("Thank you")
    panel = page.locator(".warroom-reason")
    await panel.get_by_role("button").click()
    await expect(panel.locator(".warroom-error")).to_have_text("Please choose an answer, or write a few words first.")
    site.feedback_answers = [AWAY]
    await panel.locator("textarea").fill(WORDS)
    await panel.get_by_role("button").click()
    await expect(page.locator(".warroom-helpful").get_by_role("status")).to_contain_text("Not sent")
    await expect(panel.locator("textarea")).to_have_value(WORDS)
    await panel.get_by_role("button").click()
    await expect(panel).to_have_count(0)
    vote, failed, taken = site.feedback
    assert failed == taken == {**vote, "text": WORDS}


@pytest.mark.slow
async def test_failed_form_keeps_what_was_typed(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    site.feedback_answers = [AWAY, LATER, REFUSED]
    page = await browser_page_factory()
    await page.goto(site.address + "/demo")
    form = page.locator("section.feedback form")
    text, status = form.locator("textarea"), form.get_by_role("status")
    await form.get_by_role("button").click()
    await expect(form.get_by_text("Please choose an answer, or write a few words first.")).to_be_visible()
    await text.fill(WORDS)
    await form.get_by_label("Satisfied", exact=True).check()
    for said in ("Not sent", "Please wait 3 minutes.", "Please check."):
        await form.get_by_role("button").click()
        await expect(status).to_contain_text(said)
        await expect(text).to_have_value(WORDS)
    await expect(form.get_by_label("How can we reach you? (optional)")).to_be_focused()
    await expect(form.get_by_text("Too long.")).to_be_visible()
    await form.get_by_role("button").click()
    await expect(status).to_contain_text("Thank you")
    await expect(text).to_have_value("")
    assert len({str(answer) for answer in site.feedback}) == 1  # the same id: a repeat is harmless
    assert (site.feedback[0]["score"], site.feedback[0]["scale"]) == (4, "1-5")


@pytest.mark.slow
async def test_what_was_typed_survives_a_reload_for_readers_who_agreed(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.pages["/page"] = question_page(VOTE, "data-prompts")
    for has_agreed in (True, False):
        page = await browser_page_factory()
        await page.goto(site.address + "/page")
        if has_agreed:
            await page.evaluate(AGREE)
        await page.get_by_role("button", name="No", exact=True).click()
        await page.get_by_label("It is out of date").check()
        await page.locator(".warroom-reason textarea").fill(WORDS)
        assert await page.evaluate("sessionStorage.length") == int(has_agreed)
        await page.goto(site.address + "/page")
        await page.evaluate("warroom.widget()")
        panel = page.locator(".warroom-reason")
        await expect(panel).to_have_count(int(has_agreed))
        if not has_agreed:
            assert await page.evaluate("localStorage.length + sessionStorage.length") == 0
            continue
        await expect(panel.locator("textarea")).to_have_value(WORDS)
        await expect(panel.get_by_label("It is out of date")).to_be_checked()
        await panel.get_by_role("button").click()
        await expect(panel).to_have_count(0)
        assert await page.evaluate("sessionStorage.length") == 0


@pytest.mark.slow
async def test_who_takes_the_agreement_back_leaves_no_words_behind(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.pages["/page"] = question_page(VOTE, "data-prompts")
    page = await browser_page_factory()
    await page.goto(site.address + "/page")
    await page.evaluate(AGREE)
    await page.get_by_role("button", name="Yes").click()
    await page.locator(".warroom-reason textarea").fill(WORDS)
    assert await page.evaluate("sessionStorage.length") == 1
    await page.evaluate("warroomWidget.consent(false)")
    assert await page.evaluate("localStorage.length + sessionStorage.length") == 0


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "said"), [({}, "Not sent"), ({"id": None}, "Thank you")], ids=["proxy", "rule"])
async def test_a_proxy_that_says_yes_for_a_dead_collector_is_not_believed(
    browser_page_factory: PageFactory, site: RecordingSite, answer: dict[str, Any], said: str
) -> None:
    site.feedback_answers = [(202, answer)]
    page = await browser_page_factory()
    await page.goto(site.address + "/demo")
    form = page.locator("section.feedback form")
    await form.locator("textarea").fill(WORDS)
    await form.get_by_role("button").click()
    await expect(form.get_by_role("status")).to_contain_text(said)
    await expect(form.locator("textarea")).to_have_value(WORDS if not answer else "")


@pytest.mark.slow
async def test_forms_that_look_alike_keep_their_own_words(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    site.pages["/page"] = question_page(PLAIN * 2, "data-prompts")
    page = await browser_page_factory()
    await page.goto(site.address + "/page")
    await page.evaluate(AGREE)
    for at, words in enumerate(("First words", "Second words")):
        await page.locator("textarea").nth(at).fill(words)
    await page.reload()
    await page.evaluate("warroom.widget()")
    await expect(page.locator("textarea").first).to_have_value("First words")
    await expect(page.locator("textarea").last).to_have_value("Second words")


@pytest.mark.slow
@pytest.mark.parametrize(("again", "keeps_reason"), [("Yes", False), ("No", True)])
async def test_after_a_failed_vote_there_is_one_panel_with_the_words(
    browser_page_factory: PageFactory, site: RecordingSite, again: str, keeps_reason: bool
) -> None:
    site.pages["/page"] = question_page(VOTE)
    page = await browser_page_factory()
    await page.goto(site.address + "/page")
    may_fail = asyncio.Event()

    async def fail_later(route: Route) -> None:
        await may_fail.wait()
        await route.abort()

    await page.route("**/feedback", fail_later)
    await page.get_by_role("button", name="No", exact=True).click()
    panel = page.locator(".warroom-reason")
    await panel.get_by_label("It is hard to understand").check()
    await panel.locator("textarea").fill(WORDS)
    may_fail.set()
    await expect(page.get_by_role("status")).to_contain_text("Not sent")
    await page.unroute("**/feedback")
    await page.get_by_role("button", name=again, exact=True).click()
    await expect(page.get_by_role("status")).to_contain_text("Thank you")
    await expect(panel).to_have_count(1)
    await expect(panel.locator("textarea")).to_have_value(WORDS)
    await expect(panel.locator("input:checked")).to_have_count(int(keeps_reason))
    await panel.get_by_role("button").click()
    await expect(panel).to_have_count(0)
    assert {"score": int(again == "Yes"), "text": WORDS}.items() <= site.feedback[-1].items()


@pytest.mark.slow
async def test_a_vote_that_arrived_with_its_reason_is_not_called_lost(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    """The vote's own request fails after the one with the reason was taken."""
    site.pages["/page"] = question_page(VOTE)
    page = await browser_page_factory()
    await page.goto(site.address + "/page")
    may_fail, failed = asyncio.Event(), asyncio.Event()

    async def fail_later(route: Route) -> None:
        await may_fail.wait()
        await route.abort()
        failed.set()

    await page.route("**/feedback", fail_later, times=1)
    await page.get_by_role("button", name="No", exact=True).click()
    panel, status = page.locator(".warroom-reason"), page.locator(".warroom-helpful").get_by_role("status")
    await panel.locator("textarea").fill(WORDS)
    await expect(status).to_contain_text("Sending")
    await panel.get_by_role("button").click()
    await expect(panel).to_have_count(0)
    may_fail.set()
    await failed.wait()
    await expect(page.locator(".warroom-helpful[data-busy]")).to_have_count(0)
    await expect(status).to_contain_text("Thank you")
    await expect(page.get_by_role("button", name="No", exact=True)).to_have_attribute("aria-pressed", "true")
    assert [answer["text"] for answer in site.feedback] == [WORDS]


@pytest.mark.slow
async def test_a_form_of_the_page_that_is_not_ours_is_left_alone(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    """Neither sent in our way nor kept, whatever its address is called."""
    site.pages["/page"] = question_page(VOTE + PLAIN.replace(" data-warroom-form", ""), "data-prompts")
    page = await browser_page_factory()
    await page.goto(site.address + "/page")
    await page.evaluate(AGREE)
    await page.locator("textarea").fill(WORDS)
    assert list(await page.evaluate("({...localStorage, ...sessionStorage})")) == ["warroom.id"]
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("heading", name="Thank you")).to_be_visible()  # the page that a plain form leads to
    assert site.feedback == [{"text": WORDS}]


@pytest.mark.slow
async def test_a_field_may_be_called_action(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    named = VOTE.replace("<fieldset>", '<input type="hidden" name="action" value="x"><fieldset>')
    site.pages["/page"] = question_page(named)
    page = await browser_page_factory()
    await page.goto(site.address + "/page")
    await page.get_by_role("button", name="Yes").click()
    await expect(page.get_by_role("status")).to_contain_text("Thank you")
    await page.locator(".warroom-reason textarea").fill(WORDS)
    await page.locator(".warroom-reason").get_by_role("button").click()
    await expect(page.locator(".warroom-reason")).to_have_count(0)
    assert [answer["score"] for answer in site.feedback] == [1, 1]


SURVEYS = [
    ("/demo", "9", "How likely are you to recommend Lantern to a friend or colleague?", ("nps", 9, "0-10"), 11),
    ("/demo/guide", "Agree", "Lantern made it easy to find what I needed.", ("ces", 6, "1-7"), 7),
    ("/demo/quickstart", "Very satisfied", "How satisfied are you with Lantern?", ("form", 5, "1-5"), 5),
]


@pytest.mark.slow
@pytest.mark.parametrize(("path", "label", "question", "sent", "points"), SURVEYS)
async def test_every_scale_is_asked_as_it_should_be(
    browser_page_factory: PageFactory,
    site: RecordingSite,
    path: str,
    label: str,
    question: str,
    sent: tuple[Any, ...],
    points: int,
) -> None:
    page = await browser_page_factory()
    await page.goto(site.address + path)
    group = page.get_by_role("group", name=question)
    await expect(group.get_by_role("radio")).to_have_count(points)
    await group.get_by_label(label, exact=True).check()
    assert site.feedback == []  # choosing does not send
    form = page.locator("form", has=group)
    await form.get_by_role("button").click()
    await expect(form.get_by_role("status")).to_contain_text("Thank you")
    assert tuple(site.feedback[0][name] for name in ("survey", "score", "scale")) == sent


@pytest.mark.slow
async def test_code_block_has_a_voice_of_its_own(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    page = await browser_page_factory()
    await page.goto(site.address + "/demo/guide")
    await page.get_by_role("group", name="Does this code work?").get_by_role("button", name="No").click()
    await page.get_by_label("It is wrong, or does not work").check()
    await page.locator(".warroom-reason").get_by_role("button").click()
    await expect(page.locator(".warroom-reason")).to_have_count(0)
    answer = site.feedback[-1]
    assert {"survey": "code", "element": "full-name", "reason": "accuracy", "score": 0}.items() <= answer.items()


@pytest.mark.slow
async def test_every_form_works_without_scripts(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    page = await browser_page_factory(java_script_enabled=False)
    for path, label, _, (survey, score, scale), _ in SURVEYS:
        await page.goto(site.address + path)
        await page.get_by_label(label, exact=True).check()
        await form_with(page, label).get_by_role("button").click()
        await expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
        expected = {"site": "demo", "survey": survey, "score": str(score), "scale": scale, "page": path}
        assert expected.items() <= site.feedback[-1].items()
    await page.goto(site.address + "/demo")
    await page.get_by_role("button", name="Yes").click()
    await expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    assert {"survey": "helpful", "score": "1", "scale": "0-1"}.items() <= site.feedback[-1].items()
    await page.goto(site.address + "/demo/quickstart")
    await expect(page.locator("#step-3")).to_be_visible()
    await page.goto(site.address + "/refused")
    await expect(page.locator("#feedback-text")).to_have_value("Words <b>typed</b> before")
    await expect(page.get_by_label("Satisfied", exact=True)).to_be_checked()


def form_with(page: Page, label: str) -> Any:
    return page.locator("form", has=page.get_by_label(label, exact=True))
