"""What the newcomer's tests share: real processes with the demo, a signed-in browser, and what a page may not do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.async_api import Page, Request

from tests.scenarios.warroom_process import BROWSER, WarroomProcess, running_warroom

if TYPE_CHECKING:
    from tests.browser.conftest import PageFactory

# As a newcomer finds it: no site of their own, so the demo is on. Only the limits give room for many tests.
AS_SHIPPED: Mapping[str, Any] = {
    "sites": [],
    "prompts": {},
    "delivery": {},
    "limits": {
        "feedback_per_person_hour": 500,
        "feedback_per_visitor_hour": 500,
        "feedback_per_address_hour": 500,
        "sign_in_tries_per_quarter_hour": 500,
    },
}
DESK: Mapping[str, Any] = {"viewport": {"width": 1280, "height": 800}, "user_agent": BROWSER}  # headless is a robot
PHONE: Mapping[str, Any] = {"viewport": {"width": 320, "height": 640}, "user_agent": BROWSER, "has_touch": True}
SEEDING_SECONDS = 150.0  # 20 on an idle machine; the tests of other workers share it
VOICES = (
    {"score": 1, "scale": "1-5", "text": "The install page is broken and useless, an awful waste of time."},
    {"score": 5, "scale": "1-5", "text": "Lovely examples, thank you!", "category": "praise", "page": "/demo/guide"},
    {"score": 1, "scale": "0-1", "survey": "helpful", "page": "/demo/quickstart"},
    {"text": "Which version added the watch flag?", "category": "question", "page": "/demo/guide"},
)

VISITOR_PAGES = ("/demo", "/demo/quickstart", "/demo/guide", "/thanks", "/privacy", "/app/sign-in")
ROOMS = ("/app", "/app/feedback", "/app/war-room", "/app/health", "/app/settings")


@asynccontextmanager
async def newcomers_warroom(folder: Path) -> AsyncIterator[WarroomProcess]:
    """`make run` on an empty database."""
    async with running_warroom(folder, config=AS_SHIPPED) as process:
        yield process


@asynccontextmanager
async def demo_warroom(folder: Path) -> AsyncIterator[WarroomProcess]:
    """`make demo`: the same with its month of stories."""
    async with running_warroom(folder, config=AS_SHIPPED, start=False, arguments=["--demo"]) as process:
        await process.start(SEEDING_SECONDS)
        yield process


async def tell_some_voices(warroom: WarroomProcess) -> None:
    for voice in VOICES:
        status, _ = await warroom.send_feedback(site="demo", **voice)
        assert status == 201


async def sign_in_link(warroom: WarroomProcess, name: str = "Ada") -> str:
    """What `warroom sign-in NAME --role admin` prints."""
    return str(await warroom.operator("sign-in", name=name, role="admin"))


async def press_sign_in(page: Page, warroom: WarroomProcess) -> None:
    """Opens a fresh link and presses its one button."""
    await page.goto(await sign_in_link(warroom))
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await page.wait_for_url(f"{warroom.base_url}/app")


async def signed_in_page(make_page: PageFactory, warroom: WarroomProcess, **options: Any) -> Page:
    page = await make_page(**options)
    await press_sign_in(page, warroom)
    return page


async def newest_item(page: Page, warroom: WarroomProcess) -> str | None:
    """The path of the newest feedback in the inbox; None in an empty one."""
    await page.goto(f"{warroom.base_url}/app/feedback")
    link = page.locator("#voices a").first
    return str(await link.get_attribute("href")) if await link.count() else None


def requests_elsewhere(page: Page, warroom: WarroomProcess) -> list[str]:
    """The list that fills with every request of this browser that is not for our own host."""
    found: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((f"{warroom.base_url}/", "data:", "blob:")):
            found.append(request.url)

    page.context.on("request", note)
    return found


async def scrolls_sideways(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
