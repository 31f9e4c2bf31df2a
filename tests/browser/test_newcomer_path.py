"""What a newcomer does after `make run`: signs in, plays a docs reader, and watches the answer reach the War Room."""

from __future__ import annotations

import asyncio
import re
import time

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import PageFactory, problems_of
from tests.browser.newcomer_scene import (
    DESK,
    newest_item,
    press_sign_in,
    requests_elsewhere,
    sign_in_link,
    signed_in_page,
)
from tests.scenarios.warroom_process import WarroomProcess

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(120),
    pytest.mark.xdist_group("newcomer"),
    pytest.mark.asyncio(loop_scope="session"),
]

WORDS = "Horrible. The quickstart is broken and useless, I hate it."
MOST_SECONDS_TO_WAR_ROOM = 10.0  # two are promised; every other test runs beside this one


async def test_newcomer_sees_an_answer_travel_to_the_war_room(
    browser_page_factory: PageFactory, warroom: WarroomProcess
) -> None:
    room = await browser_page_factory(**DESK)
    elsewhere = requests_elsewhere(room, warroom)
    await press_sign_in(room, warroom)
    await expect(room.get_by_role("heading", level=1)).to_contain_text("Overview")
    await room.get_by_role("link", name="War Room").click()
    await expect(room.locator("#live-state")).to_have_text("Live")
    await room.evaluate("window.loadedOnce = true")

    docs = await room.context.new_page()
    await docs.goto(f"{warroom.base_url}/demo")
    await docs.get_by_role("link", name="Start the quickstart").click()
    await docs.wait_for_url("**/demo/quickstart")
    await finish_tutorial(docs)
    await vote_helpful(docs)
    await become_eight_days_old(docs)
    seconds = await answer_and_watch(docs, room)

    assert seconds < MOST_SECONDS_TO_WAR_ROOM
    assert await room.evaluate("window.loadedOnce") is True
    await act_on_it(room, warroom)
    assert (problems_of(room), problems_of(docs), elsewhere) == ([], [], [])


async def finish_tutorial(docs: Page) -> None:
    await docs.get_by_label("Name of your page").fill("harbour")
    await docs.get_by_role("button", name="Use this name").click()
    await docs.get_by_label("lantern.json").fill('{"name": "harbour", "greeting": "Open late", "accent": "orange"}')
    await docs.get_by_role("button", name="Use this file").click()
    await expect(docs.locator("#lantern-greeting")).to_have_text("Open late")
    await docs.get_by_role("button", name="Looks right, finish").click()
    await expect(docs.locator("#finished")).to_contain_text("first page")


async def vote_helpful(docs: Page) -> None:
    await docs.get_by_role("button", name="Yes", exact=True).click()
    await expect(docs.locator(".warroom-reason")).to_be_visible()


async def become_eight_days_old(docs: Page) -> None:
    await docs.goto(docs.url.replace("/quickstart", "").replace("#content", ""))
    await docs.get_by_role("button", name="Be eight days old").click()
    await expect(docs.locator("#age")).to_contain_text("eight days")
    await expect(docs.locator(".warroom-prompt")).to_be_visible()


async def answer_and_watch(docs: Page, room: Page) -> float:
    """Seconds from pressing "send" until the words stand in the other tab."""
    await docs.locator(".warroom-prompt input[value='1']").check()
    await docs.locator(".warroom-prompt textarea").fill(WORDS)
    seen = asyncio.create_task(room.wait_for_function(FEED_HOLDS, arg=WORDS, polling=20, timeout=20_000))
    pressed_at = time.monotonic()
    await docs.locator(".warroom-prompt").get_by_role("button", name="Send").click()
    await seen
    seconds = time.monotonic() - pressed_at
    await expect(docs.locator(".warroom-thanks")).to_be_visible()
    return seconds


FEED_HOLDS = "(words) => [...document.querySelectorAll('#feed .post')].some((post) => post.textContent.includes(words))"


async def act_on_it(room: Page, warroom: WarroomProcess) -> None:
    """Opens the voice from the War Room, marks it as seen, and looks into the other rooms."""
    post = room.locator("#feed .post", has_text=WORDS).first
    await expect(post).to_have_class(re.compile("is-bad"))
    await post.get_by_role("link", name="Open").click()
    await expect(room.locator("#item")).to_contain_text(WORDS)
    await room.get_by_role("button", name="Mark as seen").click()
    await expect(room.get_by_text("Marked as seen.")).to_be_visible()
    await expect(room.locator("#item-title")).to_have_text("Seen")
    await room.goto(f"{warroom.base_url}/app/settings")
    await expect(room.get_by_role("table", name="Parts of this process")).to_contain_text("war room")


@pytest.mark.slow
@pytest.mark.usefixtures("voices")
async def test_inbox_is_filtered_and_marked_by_button(
    browser_page_factory: PageFactory, warroom: WarroomProcess
) -> None:
    page = await signed_in_page(browser_page_factory, warroom, **DESK)
    await page.goto(f"{warroom.base_url}/app/feedback")
    await page.get_by_label("Sentiment").select_option("positive")
    await page.wait_for_url(re.compile("sentiment=positive"))
    voices = page.locator("#voices .voice")
    await expect(voices).to_have_count(1)
    await page.get_by_label("Filters").get_by_role("link").click()
    await expect(page).not_to_have_url(re.compile("sentiment=positive"))
    await page.get_by_label("Page", exact=True).fill("/demo/guide")
    await page.get_by_role("button", name="Show", exact=True).click()
    await expect(voices).to_have_count(2)
    await voices.first.get_by_role("link").click()
    await page.get_by_role("button", name="Mark as seen").click()
    await expect(page.get_by_text("Marked as seen.")).to_be_visible()
    await expect(page.locator(".voice.is-open")).to_contain_text("seen")
    assert problems_of(page) == []


@pytest.mark.slow
async def test_sign_in_and_rooms_work_without_javascript(
    browser_page_factory: PageFactory, warroom: WarroomProcess
) -> None:
    page = await browser_page_factory(java_script_enabled=False, **DESK)
    await sign_in_by_hand(page, warroom)
    await page.locator("#bar [name=period]").select_option("7")
    await page.get_by_role("button", name="Show", exact=True).click()
    await expect(page).to_have_url(re.compile("period=7"))
    for room, heading in (("War Room", "War Room"), ("Feedback", "Feedback"), ("Settings", "Settings")):
        await page.get_by_role("navigation").get_by_role("link", name=room).click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text(heading)
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


async def sign_in_by_hand(page: Page, warroom: WarroomProcess) -> None:
    token = (await sign_in_link(warroom)).partition("#")[2]
    await page.goto(f"{warroom.base_url}/app/sign-in")
    await page.get_by_label("Code of your sign-in link").fill(token)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Overview")


@pytest.mark.slow
async def test_voice_travels_without_javascript(browser_page_factory: PageFactory, warroom: WarroomProcess) -> None:
    page = await browser_page_factory(java_script_enabled=False, **DESK)
    words = "Written without scripts: the guide is terrible and useless."
    await page.goto(f"{warroom.base_url}/demo/guide")
    helpful = page.get_by_role("group", name="Was this page helpful?")
    await helpful.get_by_role("button", name="Yes", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Thank you")
    await page.get_by_role("link").click()
    await expect(page).to_have_url(f"{warroom.base_url}/demo/guide")
    await expect(page.get_by_role("button", name="Be eight days old")).to_be_hidden()
    await page.get_by_label("Your feedback").fill(words)
    await page.get_by_role("button", name="Send feedback").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Thank you")
    await sign_in_by_hand(page, warroom)
    await page.goto(f"{warroom.base_url}/app/war-room")
    await expect(page.locator("#feed .post", has_text=words)).to_have_count(1)
    await page.goto(f"{warroom.base_url}/app/feedback?words=without+scripts")
    await page.locator("#voices a").click()
    await page.get_by_role("button", name="Mark as seen").click()
    await expect(page.locator("#item-title")).to_have_text("Seen")


@pytest.mark.slow
async def test_sign_in_is_walked_by_keyboard(browser_page_factory: PageFactory, warroom: WarroomProcess) -> None:
    page = await browser_page_factory(**DESK)
    await page.goto(await sign_in_link(warroom))
    await expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_focused()
    assert "#" not in page.url  # the token is in no history
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{warroom.base_url}/app")
    for room in ("/app/settings", "/app"):
        await page.goto(f"{warroom.base_url}{room}")
        await walk_by_tab(page)


@pytest.mark.slow
@pytest.mark.usefixtures("voices")
async def test_inbox_is_walked_by_keyboard(browser_page_factory: PageFactory, warroom: WarroomProcess) -> None:
    page = await signed_in_page(browser_page_factory, warroom, **DESK)
    await page.goto(f"{warroom.base_url}/app/feedback")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    second = page.locator("#voices a").nth(1)
    await expect(second).to_be_focused()
    words = await second.inner_text()
    await page.keyboard.press("Enter")
    await expect(page.locator("#item-title")).to_be_visible()
    await expect(page.locator("#voices [aria-current]")).to_have_text(words)
    await page.wait_for_load_state()  # its script listens to keys now
    await page.keyboard.press("e")
    await expect(page.get_by_role("status").first).to_contain_text(re.compile("closed", re.IGNORECASE))
    await page.wait_for_load_state()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await page.keyboard.press("/")
    await expect(page.get_by_label("Words")).to_be_focused()
    await page.goto(str(await newest_item(page, warroom)).join((warroom.base_url, "")))
    await walk_by_tab(page)
    assert problems_of(page) == []


async def walk_by_tab(page: Page) -> None:
    """Tab reaches each control once, in the order of the page, and each shows that it has the focus."""
    wanted = await page.evaluate(NUMBER_CONTROLS)
    await page.evaluate("document.activeElement.blur()")
    reached = []
    for _ in range(wanted):
        await page.keyboard.press("Tab")
        reached.append(await page.evaluate(FOCUSED))
    assert [number for number, _ in reached] == list(range(wanted))
    assert [label for number, label in reached if label] == []


NUMBER_CONTROLS = """() => {
  const visible = (one) =>
    one.checkVisibility({visibilityProperty: true}) && !one.closest('details:not([open]) > :not(summary)');
  const all = [...document.querySelectorAll(
    'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')].filter(visible);
  const asked = new Set();
  let number = 0;
  for (const one of all) {
    if (one.type === 'radio' && asked.has(one.name)) continue;
    if (one.type === 'radio') asked.add(one.name);
    one.dataset.walk = number++;
  }
  return number;
}"""
FOCUSED = """() => {
  const one = document.activeElement, box = one.getBoundingClientRect();
  const ring = [getComputedStyle(one), getComputedStyle(one, '::after')]
    .some((style) => style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2);
  const inView = box.bottom > 0 && box.top < innerHeight;
  return [Number(one.dataset.walk ?? -1), ring && inView ? '' : one.outerHTML.slice(0, 120)];
}"""
