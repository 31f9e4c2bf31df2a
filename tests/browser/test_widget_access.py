"""The widget for everybody: axe, keyboard, names and roles, forced colours, zoom, text spacing, targets, motion."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import PageFactory, problems_of, violations_on
from tests.browser.newcomer_scene import DESK, PHONE, scrolls_sideways
from tests.browser.recording_site import PROMPT, RecordingSite
from tests.browser.widget_scene import AGREE, NO_REASONS, open_question, site, vote_no, walk

__all__ = ["site"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.xdist_group("newcomer"),
    pytest.mark.asyncio(loop_scope="session"),
]
LOOKS = [
    pytest.param(size, scheme, id=f"{name}-{scheme}")
    for name, size in (("320", PHONE), ("1280", DESK))
    for scheme in ("light", "dark")
]
ZOOMED = {"viewport": {"width": 640, "height": 400}, "device_scale_factor": 2}  # 1280 x 800 at 200 %
HALF_A_SCREEN = {"viewport": {"width": 960, "height": 540}, "device_scale_factor": 2}  # 1920 x 1080 at 200 %
SMALLER = {"viewport": {"width": 683, "height": 512}, "device_scale_factor": 1.5}
SPACED = "* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important }"


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
async def test_axe_finds_nothing_in_any_state(
    browser_page_factory: PageFactory, site: RecordingSite, size: dict[str, Any], scheme: str
) -> None:
    page = await browser_page_factory(color_scheme=scheme, reduced_motion="reduce", bypass_csp=True, **size)
    found = {}
    for path in ("/demo", "/demo/guide", "/demo/quickstart", "/refused"):
        await page.goto(site.address + path)
        found[path] = await violations_on(page)
    await vote_no(page, site)
    found["voted"] = await violations_on(page)
    await page.locator(".warroom-reason").get_by_role("button").click()
    found["refused"] = await violations_on(page)
    await ask_in_demo(page, site)
    found["asked"] = await violations_on(page)
    await page.locator(".warroom-prompt").get_by_role("button", name="Send").click()
    found["nothing chosen"] = await violations_on(page)
    assert await scrolls_sideways(page) is False
    await page.locator(".warroom-prompt").get_by_label("Good", exact=True).check()
    await page.locator(".warroom-prompt").get_by_role("button", name="Send").click()
    await expect(page.locator(".warroom-thanks")).to_be_visible()
    found["thanked"] = await violations_on(page)
    assert {state: faults for state, faults in found.items() if faults} == {}
    assert problems_of(page) == []


async def ask_in_demo(page: Page, site: RecordingSite) -> None:
    site.prompt = PROMPT
    await page.goto(f"{site.address}/demo?aged=1")
    await page.evaluate(AGREE)
    await expect(page.locator(".warroom-prompt")).to_be_visible()


async def test_vote_and_reason_are_walked_by_keyboard(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    page = await browser_page_factory(**DESK)
    await page.goto(site.address + "/demo")
    no = page.get_by_role("button", name="No", exact=True)
    await page.get_by_role("button", name="Yes", exact=True).focus()
    assert await walk(page, 1) == ["No"]
    await page.keyboard.press("Enter")
    await expect(page.locator(".warroom-reason")).to_be_visible()
    await expect(no).to_be_focused()  # voting moves nobody
    assert await walk(page, 1) == [NO_REASONS[0]]
    assert await walk(page, 4, "ArrowDown") == NO_REASONS[1:]
    assert len(site.feedback) == 1  # choosing does not send
    assert await walk(page, 2) == ["Tell us more (optional)", "Send"]
    await page.keyboard.press("Enter")
    await expect(page.locator(".warroom-reason")).to_have_count(0)
    assert await page.evaluate("document.activeElement.closest('.warroom-helpful') !== null")
    assert site.feedback[1]["reason"] == "other"


async def test_group_of_numbers_is_one_stop(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    page = await browser_page_factory(**DESK)
    await page.goto(site.address + "/demo")
    await page.get_by_role("button", name="No", exact=True).focus()
    assert await walk(page, 1) == ["0"]
    assert await walk(page, 10, "ArrowRight") == [str(number) for number in range(1, 11)]
    assert await walk(page, 3) == ["Why? (optional)", "Send", "Your feedback"]
    assert await walk(page, 3, "Shift+Tab") == ["Send", "Why? (optional)", "10"]


async def test_names_and_roles_are_as_written(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    page = await browser_page_factory(**DESK)
    await vote_no(page, site)
    await expect(page.locator(".warroom-helpful")).to_match_aria_snapshot("""
      - group "Was this page helpful?":
        - text: Was this page helpful?
        - button "Yes" [disabled]
        - button "No" [disabled] [pressed]
      - status: Thank you! The team reads every answer.
    """)
    await expect(page.locator(".warroom-reason")).to_match_aria_snapshot("""
      - group "What went wrong?":
        - radio "I could not find what I need"
        - radio "It is hard to understand"
        - radio "It is wrong, or does not work"
        - radio "It is out of date"
        - radio "Something else"
      - textbox "Tell us more (optional)"
      - paragraph:
        - button "Send"
    """)
    await open_question(page, site)
    await expect(page.locator("main")).to_match_aria_snapshot("""
      - region "How is it going?":
        - button "Close"
        - group "How is it going?":
          - radio "Very bad"
          - radio "Bad"
          - radio "Neither good nor bad"
          - radio "Good"
          - radio "Very good"
        - textbox "What should we do better?"
        - paragraph:
          - button "Send"
          - button "Not now"
          - button "Don't ask me again"
      - status: How is it going?
    """)


async def test_states_are_seen_in_forced_colours(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    page = await browser_page_factory(forced_colors="active", **DESK)
    await vote_no(page, site)
    borders = "(all) => all.map((one) => getComputedStyle(one).borderStyle)"
    assert await page.locator(".warroom-helpful button").evaluate_all(borders) == ["solid", "dashed"]
    await page.get_by_label("7", exact=True).check()
    looks = await page.locator(".warroom-scores span").evaluate_all(
        "(all) => all.map((one) => getComputedStyle(one).backgroundColor)"
    )
    assert looks.index(next(look for look in looks if looks.count(look) == 1)) == 7
    assert len(set(looks)) == 2


@pytest.mark.parametrize("size", [pytest.param(PHONE, id="320"), pytest.param(ZOOMED, id="200-percent")])
async def test_everything_fits_with_the_readers_own_spacing(
    browser_page_factory: PageFactory, site: RecordingSite, size: dict[str, Any]
) -> None:
    page = await browser_page_factory(bypass_csp=True, **size)
    await vote_no(page, site)
    await page.add_style_tag(content=SPACED)
    assert await scrolls_sideways(page) is False
    await ask_in_demo(page, site)
    await page.add_style_tag(content=SPACED)
    assert await scrolls_sideways(page) is False
    never = page.locator(".warroom-prompt").get_by_role("button", name="Don't ask me again")
    await never.scroll_into_view_if_needed()
    await expect(never).to_be_in_viewport(ratio=1)


async def test_targets_are_large_and_nothing_moves_by_itself(
    browser_page_factory: PageFactory, site: RecordingSite
) -> None:
    page = await browser_page_factory(reduced_motion="reduce", **PHONE)
    await vote_no(page, site)
    await ask_in_demo(page, site)
    small = await page.evaluate("""() =>
      [...document.querySelectorAll(':is(.warroom-block, .warroom-prompt) :is(button, label:has(input), textarea)')]
        .map((one) => [one.textContent.trim(), one.getBoundingClientRect()])
        .filter(([, box]) => box.width < 24 || box.height < 24).map(([words]) => words)""")
    assert small == []
    assert await page.locator(".warroom-prompt").evaluate("(one) => getComputedStyle(one).animationName") == "none"


async def test_question_never_covers_what_has_the_focus(browser_page_factory: PageFactory, site: RecordingSite) -> None:
    page = await browser_page_factory(**DESK)
    await ask_in_demo(page, site)
    await page.locator("body").press("Tab")
    for _ in range(60):
        covered = await page.evaluate(COVERED)
        assert covered == "", covered
        if await page.evaluate("document.activeElement.matches('footer a')"):
            break
        await page.keyboard.press("Tab")


@pytest.mark.parametrize(("size", "place"), [(HALF_A_SCREEN, "fixed"), (DESK, "fixed"), (SMALLER, "static")])
async def test_question_gives_way_to_what_cannot_be_scrolled_clear_of_it(
    browser_page_factory: PageFactory, site: RecordingSite, size: dict[str, Any], place: str
) -> None:
    """Links in a column beside the text, at the lower left and at the lower right, as a table of contents has them."""
    page = await browser_page_factory(bypass_csp=True, **size)
    await open_question(page, site)
    links = "".join(f'<p><a href="/blank" class="away">Link {number}</a></p>' for number in range(9))
    await page.evaluate(
        """([links, place]) => {
          for (const side of ['left', 'right']) {
            const column = document.createElement('nav');
            column.innerHTML = links;
            Object.assign(column.style, { position: place, bottom: 0, width: '9rem', [side]: '1rem', float: side });
            document.body.append(column);
          }
        }""",
        [links, place],
    )
    for number in range(18):
        link = page.locator("a.away").nth(number)
        await link.focus()
        await page.wait_for_function(f"({COVERED})() === ''", timeout=30_000)


COVERED = """() => {
  const one = document.activeElement;
  if (one === document.body || one.closest('.warroom-prompt')) return '';
  const box = one.getBoundingClientRect();
  const points = [[0.02, 0.5], [0.5, 0.5], [0.98, 0.5], [0.5, 0.1], [0.5, 0.9]];
  const seen = points.some(([x, y]) => {
    const hit = document.elementFromPoint(box.left + box.width * x, box.top + box.height * y);
    return hit && !hit.closest('.warroom-prompt');
  });
  return seen ? '' : one.outerHTML.slice(0, 100);
}"""
