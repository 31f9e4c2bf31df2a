"""What the widget's tests share: pages with its blocks, an open question, walks by keyboard, and what was fetched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.recording_site import PROMPT, RecordingSite, make_page, running_site

EXTRAS = '<script defer src="/warroom-extras.js"></script>'  # fetches the widget when it is needed
AGREE = "warroom.widget().then(() => warroomWidget.consent(true))"
VOTE = """
<form class="warroom-block warroom-helpful" method="post" action="/feedback" data-warroom-helpful>
  <input type="hidden" name="site" value="docs"><input type="hidden" name="survey" value="helpful">
  <input type="hidden" name="scale" value="0-1"><input type="hidden" name="page" value="/page">
  <fieldset><legend>Was this page helpful?</legend>
    <button type="submit" name="score" value="1">Yes</button>
    <button type="submit" name="score" value="0">No</button></fieldset>
  <p class="warroom-status" role="status"></p>
</form>"""
NO_REASONS = [
    "I could not find what I need",
    "It is hard to understand",
    "It is wrong, or does not work",
    "It is out of date",
    "Something else",
]


@pytest_asyncio.fixture(loop_scope="session")
async def site() -> AsyncIterator[RecordingSite]:
    async with running_site() as running:
        yield running


def question_page(body: str = "<p>Words.</p>", attributes: str = "") -> str:
    """A page with the tags that a page with questions needs."""
    return make_page(body, attributes, EXTRAS)


def fetched_by(page: Page) -> list[str]:
    """The list that fills with the path of everything that the page asks for."""
    found: list[str] = []
    page.on("request", lambda request: found.append("/" + request.url.split("/", 3)[3].split("?")[0]))
    return found


async def told_of(page: Page, fetched: list[str], path: str) -> None:
    """Waits until the browser has told of such a request, which it does some time after the site has it."""
    async with asyncio.timeout(30):
        while path not in fetched:
            await page.wait_for_timeout(50)


async def open_question(page: Page, site: RecordingSite, prompt: dict[str, Any] | None = None) -> None:
    """A page with a link and a field, a reader who agreed, and the question open; the focus is on the link."""
    site.prompt = prompt or PROMPT
    site.pages["/page"] = question_page(
        '<h1>Words</h1><p><a href="/blank" id="link">A link</a></p><input id="field" aria-label="Field">',
        'data-prompts data-prompt-delay="50"',
    )
    await page.goto(site.address + "/page")
    await page.focus("#link")
    await page.evaluate(AGREE)
    await expect(page.locator(".warroom-prompt")).to_be_visible()


async def vote_no(page: Page, site: RecordingSite, path: str = "/demo") -> None:
    before = len(site.feedback)
    await page.goto(site.address + path)
    await page.get_by_role("button", name="No", exact=True).last.click()
    await expect(page.locator(".warroom-reason")).to_be_visible()  # which does not wait for the site
    await site.wait_until(lambda: len(site.feedback) > before)


async def walk(page: Page, steps: int, key: str = "Tab") -> list[str]:
    """The names of what gets the focus when the key is pressed so many times."""
    names = []
    for _ in range(steps):
        await page.keyboard.press(key)
        names.append(await page.evaluate(NAME_OF_FOCUSED))
    return names


NAME_OF_FOCUSED = """() => {
  const one = document.activeElement;
  const label = one.labels && one.labels[0];
  return (one.getAttribute('aria-label') || (label || one).textContent).trim();
}"""
