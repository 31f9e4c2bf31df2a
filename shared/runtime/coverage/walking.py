"""Walks a docs site from its start page along its own links, and uses every element of each page."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urlsplit

from shared.config import Settings
from shared.errors import InvalidInput
from shared.runtime.coverage.browser import context_options, only_reading, open_browser
from shared.runtime.coverage.findings import Coverage, Element, UsedPage, judge_element
from shared.runtime.coverage.tag_check import check_tag, look_at_tag

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, Page

MOST_PAGES = 100
MOST_ELEMENTS = 1000  # of one page
STEP_PATIENCE_MS = 5_000
PAGE_MS = 30_000
HERE = Path(__file__).parent
Progress = Callable[[int, int, str], None]  # pages done, pages known, the next path


async def measure_coverage(
    url: str,
    settings: Settings,
    *,
    pages: int = MOST_PAGES,
    browser: str | None = None,
    progress: Progress | None = None,
) -> Coverage:
    """Looks at the tag of the start page, then walks at most so many pages of the same origin.

    Raises `InvalidInput` for an address that is none, `ConfigurationError` when there is no browser.
    """
    start = _start_of(url)
    async with open_browser(browser) as opened:
        options = await context_options(opened)
        result = Coverage(start)
        seen = await _first_look(opened, options, start)
        result.site = str(seen.tags[0]["site"]) if seen.tags else None
        result.checks = check_tag(seen, start, settings)
        await _walk(opened, options, result, settings, pages, progress)
    return result


def _start_of(url: str) -> str:
    parts = urlsplit(url if "//" in url else f"https://{url}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidInput(f"{url!r} is not the address of a site; give one such as https://docs.example.com/.")
    return parts._replace(path=parts.path or "/", fragment="").geturl()


async def _first_look(browser: "Browser", options: dict[str, Any], start: str) -> Any:
    from playwright.async_api import Error

    try:
        return await look_at_tag(browser, options, start)
    except Error as error:
        raise InvalidInput(f"{start} cannot be opened: {error.message.splitlines()[0]}") from None


async def _walk(
    browser: "Browser",
    options: dict[str, Any],
    result: Coverage,
    settings: Settings,
    most: int,
    progress: Progress | None,
) -> None:
    known, done = [result.url], 0
    context = await browser.new_context(**options)
    try:
        await context.add_init_script(path=HERE / "watch.js")
        while done < min(len(known), most):
            if progress:
                progress(done, min(len(known), most), urlsplit(known[done]).path)
            page, links = await _use_page(context, known[done], settings)
            result.pages.append(page)
            known += [link for link in _pages_of(links, result.url) if link not in known]
            done += 1
        if progress:
            progress(done, done, "")
    finally:
        await context.close()


async def _use_page(context: "BrowserContext", url: str, settings: Settings) -> tuple[UsedPage, list[str]]:
    """The elements of one page, and where its links lead. What was gone before its turn gets a fresh page."""
    path = urlsplit(url).path
    uses, links, problem = await _visit(context, url)
    gone = [f"{use['kind']} {use['selector']}" for use in uses if use["isGone"]]
    if gone:
        again, _, _ = await _visit(context, url, gone)
        second = {(use["kind"], use["selector"]): use for use in again}
        uses = [second.get((use["kind"], use["selector"]), use) if use["isGone"] else use for use in uses]
    elements: list[Element] = [judge_element(path, use, settings) for use in uses]
    return UsedPage(path, elements, problem), links


async def _visit(
    context: "BrowserContext", url: str, only: list[str] | None = None
) -> tuple[list[dict[str, Any]], list[str], str]:
    from playwright.async_api import Error

    page = await context.new_page()
    try:
        return await _open_and_use(page, url, only)
    except Error as error:
        return [], [], error.message.splitlines()[0]
    finally:
        await page.close()


async def _open_and_use(page: "Page", url: str, only: list[str] | None) -> tuple[list[dict[str, Any]], list[str], str]:
    await page.route("**/*", only_reading(lambda _request: None, lambda: url))
    answer = await page.goto(url, wait_until="load", timeout=PAGE_MS)
    if answer is not None and answer.status >= 400:
        return [], [], f"answered {answer.status}"
    if answer is not None and "html" not in answer.headers.get("content-type", "html"):
        return [], [], ""
    await page.evaluate(
        "() => new Promise((done) => (window.requestIdleCallback || setTimeout)(done, {timeout: 2000}))"
    )
    used = await page.evaluate(
        (HERE / "use.js").read_text("utf-8"), {"most": MOST_ELEMENTS, "patience": STEP_PATIENCE_MS, "only": only}
    )
    return used["found"], used["links"], ""


def _pages_of(links: Iterable[str], start: str) -> list[str]:
    """Addresses of pages of the same origin, without fragment and query, each once."""
    origin = urlsplit(start)
    found: dict[str, None] = {}
    for link in links:
        parts = urlsplit(urldefrag(link)[0])
        if (parts.scheme, parts.netloc) == (origin.scheme, origin.netloc) and _may_be_page(parts.path):
            found[parts._replace(query="").geturl()] = None
    return list(found)


def _may_be_page(path: str) -> bool:
    name = path.rpartition("/")[2]
    return "." not in name or name.endswith((".html", ".htm"))
