"""Opens an installed Chromium that reads pages but changes nothing: what is sent is kept here, never delivered."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from playwright.async_api import Browser, Request, Route

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-blink-features=AutomationControlled",  # the script is silent in a browser that a program drives
)
WINDOW: Any = {"width": 1280, "height": 900}
NEEDS_PLAYWRIGHT = (
    "warroom coverage needs Playwright, which is not installed: pip install 'warroom[coverage]', "
    "or .venv/bin/python -m pip install playwright. It uses your own Chromium and downloads none."
)


def find_chromium(given: str | None = None) -> str:
    """The path of an installed Chromium or Chrome; raises `ConfigurationError` when there is none."""
    for name in (given,) if given else NAMES:
        if path := shutil.which(name):
            return path
    looked = given or ", ".join(NAMES)
    raise ConfigurationError(f"No Chromium was found (looked for {looked}); install one, or name it with --browser.")


@asynccontextmanager
async def open_browser(given: str | None = None) -> AsyncIterator["Browser"]:
    """Raises `ConfigurationError` when Playwright or Chromium is missing."""
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        raise ConfigurationError(NEEDS_PLAYWRIGHT) from None
    path = find_chromium(given)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()


async def context_options(browser: "Browser") -> dict[str, Any]:
    """A reader's browser: not "headless" by name, and without service workers that would answer for the network."""
    page = await browser.new_page()
    agent = str(await page.evaluate("navigator.userAgent"))
    await page.close()
    return {
        "viewport": WINDOW,
        "user_agent": agent.replace("HeadlessChrome", "Chrome"),
        "service_workers": "block",
        "ignore_https_errors": False,
    }


def only_reading(note: Callable[["Request"], None], wanted: Callable[[], str]) -> Callable[["Route"], Any]:
    """A handler of requests: GET passes, everything else is told to `note` and answered here.

    A navigation other than to the wanted address ends in an empty answer, which leaves the page where it is.
    """

    async def handle(route: "Route") -> None:
        request = route.request
        if request.method not in ("GET", "HEAD"):
            note(request)
            await route.fulfill(status=204, headers={"Access-Control-Allow-Origin": "*"})
        elif (
            request.is_navigation_request() and request.frame.parent_frame is None and not _is_wanted(request, wanted())
        ):
            await route.fulfill(status=204)
        else:
            await route.continue_()

    return handle


def _is_wanted(request: "Request", wanted: str) -> bool:
    first = request
    while first.redirected_from is not None:
        first = first.redirected_from
    return first.url.partition("#")[0] == wanted.partition("#")[0]
