"""Walks a docs site from its start page along its own links, and uses every element of each page."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urlsplit

from shared.config import Settings
from shared.errors import InvalidInput
from shared.runtime.coverage.browser import context_options, only_reading, open_browser
from shared.runtime.coverage.findings import Coverage, UsedPage, judge_element, problems_of_tags
from shared.runtime.coverage.purposes import UNSAYING, wanted_events
from shared.runtime.coverage.tag_check import check_tag, look_at_tag

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, Page

MOST_PAGES = 100
MOST_ELEMENTS = 1000  # of one page, unless --elements says otherwise
MOST_VISITS = 8  # of one page: each way to send a form needs one of its own
# How long a declared event may take, by what the element is for; an answer waits for the widget to be fetched.
PATIENCE_MS = {"step": 10_000, "feedback": 15_000, "done": 10_000, "form": 1_000, "least": 300}
PAGE_MS = 30_000
HERE = Path(__file__).parent
Progress = Callable[[int, int, str], None]  # pages done, pages known, the next path


async def measure_coverage(
    url: str,
    settings: Settings,
    *,
    pages: int = MOST_PAGES,
    elements: int = MOST_ELEMENTS,
    browser: str | None = None,
    progress: Progress | None = None,
) -> Coverage:
    """Looks at the tag of the start page, then walks at most so many pages of the same origin and elements of each.

    What is beyond that, or cannot be opened, counts as missed.
    Raises `InvalidInput` for an address that is none, `ConfigurationError` when there is no browser.
    """
    start = _start_of(url)
    async with open_browser(browser) as opened:
        options = await context_options(opened)
        result = Coverage(start)
        seen = await _first_look(opened, options, start)
        result.site = str(seen.tags[0]["site"]) if seen.tags else None
        result.checks = check_tag(seen, start, settings)
        async with _watching(opened, options) as context:
            await _walk(_Walker(context, settings, result.site, elements), result, pages, progress)
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


@asynccontextmanager
async def _watching(browser: "Browser", options: dict[str, Any]) -> AsyncIterator["BrowserContext"]:
    """Where pages are opened that keep what they would send."""
    context = await browser.new_context(**options)
    try:
        await context.add_init_script(path=HERE / "watch.js")
        yield context
    finally:
        await context.close()


async def _walk(walker: "_Walker", result: Coverage, most: int, progress: Progress | None) -> None:
    known, done = [result.url], 0
    while done < min(len(known), most):
        if progress:
            progress(done, min(len(known), most), urlsplit(known[done]).path)
        page, links = await walker.use_page(known[done])
        result.pages.append(page)
        known += [link for link in _pages_of(links, result.url) if link not in known]
        done += 1
    beyond = [f"not walked, beyond --pages {most}"]
    result.pages += [UsedPage(urlsplit(url).path, problems=beyond, was_walked=False) for url in known[done:]]
    if progress:
        progress(done, done, "")


@dataclass
class _Visit:
    """What one look at a page found; without `tags` it was no page, or could not be opened."""

    uses: list[dict[str, Any]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    tags: list[str] | None = None
    left: int = 0
    problem: str = ""


@dataclass(frozen=True)
class _Walker:
    """Uses pages one after another."""

    context: "BrowserContext"
    settings: Settings
    site: str | None
    most_elements: int

    async def use_page(self, url: str) -> tuple[UsedPage, list[str]]:
        """The elements of one page, and where its links lead. What was gone before its turn gets a fresh page, as does
        what sends a form that was sent already."""
        path = urlsplit(url).path
        visit = await self._visit(url)
        uses = visit.uses
        for _ in range(MOST_VISITS):
            gone = [_place_of(use) for use in uses if use["isGone"]]
            if not gone:
                break
            again = await self._visit(url, gone)
            used = {_place_of(use): use for use in again.uses if not use["isGone"]}
            if not used:
                break
            uses = [used.get(_place_of(use), use) if use["isGone"] else use for use in uses]
        if visit.problem:
            return UsedPage(path, problems=[visit.problem], was_walked=False), []
        problems = problems_of_tags(visit.tags, self.site) if visit.tags is not None else []
        if visit.left:
            problems.append(f"only its first {self.most_elements} elements were used; --elements allows more")
        return UsedPage(path, [judge_element(path, use, self.settings) for use in uses], problems), visit.links

    async def _visit(self, url: str, only: list[str] | None = None) -> _Visit:
        from playwright.async_api import Error

        page = await self.context.new_page()
        try:
            return await self._open_and_use(page, url, only)
        except Error as error:
            return _Visit(problem=error.message.splitlines()[0])
        finally:
            await page.close()

    async def _open_and_use(self, page: "Page", url: str, only: list[str] | None) -> _Visit:
        await page.route("**/*", only_reading(lambda _request: None, lambda: url))
        answer = await page.goto(url, wait_until="load", timeout=PAGE_MS)
        if answer is not None and answer.status >= 400:
            return _Visit(problem=f"answered {answer.status}")
        if answer is not None and "html" not in answer.headers.get("content-type", "html"):
            return _Visit()
        await page.evaluate(
            "() => new Promise((done) => (window.requestIdleCallback || setTimeout)(done, {timeout: 2000}))"
        )
        orders = {
            "most": self.most_elements,
            "patience": PATIENCE_MS,
            "only": only,
            "wanted": wanted_events(),
            "ambient": sorted(UNSAYING),
        }
        used = await page.evaluate((HERE / "use.js").read_text("utf-8"), orders)
        return _Visit(used["found"], used["links"], used["tags"], used["left"])


def _place_of(use: dict[str, Any]) -> str:
    return f"{use['kind']} {use['selector']}"


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
