"""A real Starlight site with our package, on a real Astro server: it counts, it asks, and it hides a collector that is
down. The collector is a real Warroom, or a strange one that records what reaches it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from multidict import CIMultiDict
from playwright.async_api import Page
from sqlmodel import select

from shared.store.models import Event, Feedback
from tests.browser.conftest import PageFactory, problems_of, violations_on
from tests.browser.script_scene import SETTLED, hide
from tests.docs_site.sample_site import DocsServer, running_docs_site
from tests.ports import free_port
from tests.scenarios.warroom_process import BROWSER, WarroomProcess, running_warroom

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("starlight"),
    pytest.mark.asyncio(loop_scope="session"),
]

OVERVIEW = "/start/overview/"
KEY = "wr_abcdefgh_" + "a" * 43
LIMIT = 65_536
PATIENCE = 60_000  # ms, for a machine that is much slower
VIEW = {"site": "docs", "id": "4f1c9a7e2b60", "name": "page_view", "page": OVERVIEW, "view": "v-7d21c0"}


@dataclass
class StrangeCollector:
    """Answers as it is told and keeps what it was sent."""

    address: str = ""
    status: int = 202
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    holds: asyncio.Event | None = None  # answers when it is set
    seen: list[tuple[str, CIMultiDict[str], bytes]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.seen.append((request.path, CIMultiDict(request.headers), await request.read()))
        if self.holds is not None:
            await self.holds.wait()
        return web.Response(status=self.status, headers=self.headers, body=self.body)

    def becomes(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.status, self.body, self.holds = status, body, None
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.seen.clear()


@asynccontextmanager
async def running_collector() -> AsyncIterator[StrangeCollector]:
    collector = StrangeCollector()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", collector.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    collector.address = f"http://{host}:{port}"
    yield collector
    await runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def collected(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[WarroomProcess, DocsServer]]:
    """A real Warroom with the docs site in front of it."""
    folder = tmp_path_factory.mktemp("starlight")
    async with running_warroom(folder) as warroom:
        made = await warroom.operator("key-create", name="docs site", site="docs", scopes=["events:forward"])
        async with running_docs_site(folder, warroom.base_url, made["key"]) as docs:
            yield warroom, docs


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def strange(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[StrangeCollector, DocsServer]]:
    """A collector that answers what a test tells it, with the docs site in front of it."""
    async with (
        running_collector() as collector,
        running_docs_site(tmp_path_factory.mktemp("strange"), collector.address, KEY) as docs,
    ):
        yield collector, docs


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def abandoned(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DocsServer]:
    """A docs site whose collector is down."""
    dead = f"http://127.0.0.1:{free_port()}"
    async with running_docs_site(tmp_path_factory.mktemp("abandoned"), dead, KEY) as docs:
        yield docs


async def send(docs: DocsServer, path: str, body: Any, **headers: str) -> tuple[int, CIMultiDict[str], bytes]:
    """What a page of the site sends: status, headers, body."""
    sent = {"Origin": docs.address, "User-Agent": BROWSER, "Content-Type": "text/plain;charset=UTF-8"}
    sent.update({name.replace("_", "-"): value for name, value in headers.items()})
    options: dict[str, Any] = {"json": body} if isinstance(body, dict) else {"data": body}
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
        http.post(docs.address + path, headers=sent, allow_redirects=False, **options) as answer,
    ):
        return answer.status, CIMultiDict(answer.headers), await answer.read()


async def read_page(page: Page, docs: DocsServer, path: str = OVERVIEW) -> list[tuple[str, str]]:
    """Opens a page as a reader who then goes; method and address of every request it made."""
    requests: list[tuple[str, str]] = []
    page.on("request", lambda request: requests.append((request.method, request.url)))
    await page.goto(docs.address + path)
    async with page.expect_response(lambda answer: answer.url.endswith("/api/track"), timeout=PATIENCE) as told:
        await page.mouse.wheel(0, 600)
    assert (await told.value).status == 202
    return requests


async def stored(warroom: WarroomProcess, table: type[Any]) -> list[Any]:
    async with warroom.read() as session:
        return list((await session.execute(select(table))).scalars())


async def test_a_visit_is_stored_and_every_request_stays_on_the_site(
    collected: tuple[WarroomProcess, DocsServer], browser_page_factory: PageFactory
) -> None:
    warroom, docs = collected
    page = await browser_page_factory(user_agent=BROWSER)
    requests = await read_page(page, docs)

    async def views() -> list[Any]:
        return [event for event in await stored(warroom, Event) if event.name == "page_view" and event.page == OVERVIEW]

    (view,) = await warroom.until(views, 30)
    assert view.site == "docs"
    assert view.visitor is not None
    assert {address.startswith(docs.address) for _, address in requests} == {True}
    scripts = [address for _, address in requests if re.search(r"/_astro/w\.[0-9a-f]{8}/warroom\.js$", address)]
    assert len(scripts) == 1
    assert problems_of(page) == []


async def test_a_goal_arrives_with_its_value(
    collected: tuple[WarroomProcess, DocsServer], browser_page_factory: PageFactory
) -> None:
    warroom, docs = collected
    page = await browser_page_factory(user_agent=BROWSER)
    await page.goto(docs.address + "/tutorial/5-deploy/")
    await page.evaluate(SETTLED)
    await page.get_by_role("button", name="I finished the tutorial").click()
    await hide(page)

    async def conversions() -> list[Any]:
        return [event for event in await stored(warroom, Event) if event.name == "conversion"]

    (goal,) = await warroom.until(conversions, 30)
    assert (goal.goal, goal.value_cents, goal.currency) == ("tutorial-finished", 900, "EUR")


async def test_the_question_is_answered_without_scripts(
    collected: tuple[WarroomProcess, DocsServer], browser_page_factory: PageFactory
) -> None:
    warroom, docs = collected
    page = await browser_page_factory(user_agent=BROWSER, java_script_enabled=False)
    await page.goto(docs.address + OVERVIEW)
    thanks = page.get_by_text("Thank you! The team reads every answer.")
    assert not await thanks.is_visible()
    await page.get_by_role("group", name="Was this page helpful?").get_by_role("button", name="Yes").click()
    await page.wait_for_url(f"**{OVERVIEW}#warroom-thanks", timeout=PATIENCE)
    assert await thanks.is_visible()
    (row,) = [row for row in await stored(warroom, Feedback) if row.page == OVERVIEW]
    assert (row.site, row.score, row.page, row.source, row.survey) == ("docs", 1, OVERVIEW, "form", "helpful")
    assert row.visitor is not None


async def test_with_scripts_the_question_is_answered_in_place(
    collected: tuple[WarroomProcess, DocsServer], browser_page_factory: PageFactory
) -> None:
    warroom, docs = collected
    page = await browser_page_factory(user_agent=BROWSER)
    await page.goto(docs.address + "/start/concepts/")
    await page.get_by_role("group", name="Was this page helpful?").get_by_role("button", name="No").click()
    await page.get_by_role("status").filter(has_text="Thank you!").wait_for(timeout=PATIENCE)
    assert page.url == docs.address + "/start/concepts/"
    (row,) = [row for row in await stored(warroom, Feedback) if row.page == "/start/concepts/"]
    assert (row.score, row.source, row.survey) == (0, "web", "helpful")
    assert problems_of(page) == []


async def test_the_question_stands_above_the_pagination_and_not_on_splash_pages(
    abandoned: DocsServer, browser_page_factory: PageFactory
) -> None:
    page = await browser_page_factory(user_agent=BROWSER)
    await page.goto(abandoned.address + OVERVIEW)
    question = await page.get_by_role("group", name="Was this page helpful?").bounding_box()
    pagination = await page.locator(".pagination-links").bounding_box()
    assert question is not None
    assert pagination is not None
    assert question["y"] + question["height"] <= pagination["y"]
    await page.goto(abandoned.address + "/")
    assert await page.get_by_role("group", name="Was this page helpful?").count() == 0


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (320, "light"), (1280, "dark"), (1280, "light")])
async def test_what_became_of_the_answer_moves_nothing_and_everybody_can_read_it(
    abandoned: DocsServer, browser_page_factory: PageFactory, width: int, scheme: str
) -> None:
    size = {"width": width, "height": 900}
    page = await browser_page_factory(user_agent=BROWSER, viewport=size, color_scheme=scheme, bypass_csp=True)
    await page.goto(abandoned.address + OVERVIEW)
    answer = page.get_by_role("button", name="No", exact=True)
    await answer.scroll_into_view_if_needed()
    before = await page.locator(".pagination-links").bounding_box()
    await answer.click()
    await page.get_by_role("status").filter(has_text="Not sent").wait_for(timeout=PATIENCE)
    assert await page.locator(".pagination-links").bounding_box() == before
    assert [found for found in await violations_on(page) if "warroom" in found] == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_of_all_variants_in_the_page_exactly_one_is_seen(
    abandoned: DocsServer, browser_page_factory: PageFactory
) -> None:
    page = await browser_page_factory(user_agent=BROWSER)
    seen: set[str] = set()
    for _ in range(60):  # the same variant 60 times in a row: once in 2^59
        await page.goto(abandoned.address + "/", wait_until="domcontentloaded")
        shown = await page.locator("[data-warroom-experiment='start-button']:visible").all()
        assert len(shown) == 1
        seen.add(str(await shown[0].get_attribute("data-warroom-variant")))
        if len(seen) == 2:
            break
    assert seen == {"start", "try-it"}
    assert await page.locator("[data-warroom-experiment='start-button']").count() == 2


async def test_without_scripts_the_usual_variant_is_seen(
    abandoned: DocsServer, browser_page_factory: PageFactory
) -> None:
    page = await browser_page_factory(java_script_enabled=False)
    await page.goto(abandoned.address + "/")
    shown = page.locator("[data-warroom-experiment='start-button']:visible")
    assert await shown.get_attribute("data-warroom-variant") == "start"


async def test_the_inline_script_is_small_and_its_documented_hash_is_right(abandoned: DocsServer) -> None:
    async with aiohttp.ClientSession() as http, http.get(abandoned.address + "/") as answer:
        html = await answer.text()
    (snippet,) = re.findall(r'<script data-e="data-w-start-button:2">(.*?)</script>', html)
    assert len(snippet.encode()) <= 200
    digest = base64.b64encode(hashlib.sha256(snippet.encode()).digest()).decode()
    documented = (Path(__file__).parents[2] / "api" / "web" / "starlight" / "README.md").read_text("utf-8")
    assert f"'sha256-{digest}'" in documented


async def test_a_collector_that_is_down_is_not_seen_by_the_page(
    abandoned: DocsServer, browser_page_factory: PageFactory
) -> None:
    page = await browser_page_factory(user_agent=BROWSER)
    requests = await read_page(page, abandoned)
    assert [address for method, address in requests if method == "POST"] == [abandoned.address + "/api/track"]
    assert problems_of(page) == []
    await abandoned.until_said("the collector did not answer in time")


async def test_feedback_is_told_that_the_collector_is_down(abandoned: DocsServer) -> None:
    status, headers, body = await send(abandoned, "/api/feedback", {"site": "docs", "score": 1, "scale": "0-1"})
    assert (status, headers["Content-Type"]) == (503, "application/problem+json")
    assert int(headers["Retry-After"]) > 0
    assert b"Please try again" in body


async def test_a_form_that_was_not_sent_offers_the_same_again(abandoned: DocsServer) -> None:
    fields = {"site": "docs", "page": "/<b>/", "score": "1", "text": 'He said "<script>".'}
    form = "application/x-www-form-urlencoded"
    status, headers, body = await send(abandoned, "/api/feedback", urlencode(fields), Content_Type=form)
    assert (status, headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert b'value="He said &#34;&#60;script&#62;&#34;."' in body
    assert b"<script" not in body


async def test_only_what_is_needed_reaches_the_collector(strange: tuple[StrangeCollector, DocsServer]) -> None:
    collector, docs = strange
    collector.becomes(202, Set_Cookie="seen=1")
    private = {"Cookie": "session=1", "Referer": docs.address + "/secret?token=1", "X_Forwarded_User_Agent": "liar"}
    wishes = {"Sec_GPC": "1", "DNT": "1", "Accept_Language": "de"}
    status, headers, body = await send(docs, "/api/track", VIEW, Content_Type="text/plain", **private, **wishes)
    assert (status, body) == (202, b"")
    assert "Set-Cookie" not in headers
    ((path, sent, received),) = collector.seen
    assert path == "/track"
    assert received.startswith(b'{"site": "docs"')
    assert sent["Authorization"] == f"Bearer {KEY}"
    assert (sent["X-Forwarded-For"], sent["X-Forwarded-User-Agent"]) == ("127.0.0.1", BROWSER)
    assert (sent["Sec-GPC"], sent["DNT"], sent["Accept-Language"]) == ("1", "1", "de")
    assert not {"Cookie", "Referer", "Origin"} & set(sent)


@pytest.mark.parametrize("status", [200, 302, 401, 403, 404, 429, 500, 502, 503, 504])
async def test_no_failure_of_the_collector_reaches_the_reader(
    strange: tuple[StrangeCollector, DocsServer], status: int
) -> None:
    collector, docs = strange
    collector.becomes(status, b"words", Location=collector.address + "/elsewhere")
    assert (await send(docs, "/api/track", VIEW))[::2] == (202, b"")
    assert [path for path, _, _ in collector.seen] == ["/track"]


async def test_what_the_page_did_wrong_is_told(strange: tuple[StrangeCollector, DocsServer]) -> None:
    collector, docs = strange
    collector.becomes(400, b'{"detail": "No event could be taken."}', Content_Type="application/problem+json")
    status, _, body = await send(docs, "/api/track", VIEW)
    assert status == 400
    assert b"No event could be taken." in body


@pytest.mark.parametrize(("status", "told"), [(201, 201), (202, 202), (400, 400), (429, 429), (302, 503), (401, 503)])
async def test_feedback_gets_an_honest_answer(
    strange: tuple[StrangeCollector, DocsServer], status: int, told: int
) -> None:
    collector, docs = strange
    collector.becomes(status, b'{"id": "1"}', Content_Type="application/json", Location="/elsewhere", Retry_After="7")
    answered, headers, body = await send(docs, "/api/feedback", {"site": "docs", "text": "good"})
    assert answered == told
    assert len(collector.seen) == 1
    if told == status:
        assert (body, headers["Retry-After"]) == (b'{"id": "1"}', "7")


async def test_the_question_is_passed_on_and_none_is_due_while_the_collector_is_down(
    strange: tuple[StrangeCollector, DocsServer], abandoned: DocsServer
) -> None:
    collector, docs = strange
    collector.becomes(200, b'{"prompt": "p1"}', Content_Type="application/json")
    query = "/api/prompts/next?site=docs&person=0123456789abcdef"
    async with aiohttp.ClientSession(headers={"User-Agent": BROWSER}) as http:
        async with http.get(docs.address + query) as answer:
            assert (answer.status, await answer.json()) == (200, {"prompt": "p1"})
        async with http.get(abandoned.address + query) as answer:
            assert answer.status == 204
    collector.becomes(204)
    assert (await send(docs, "/api/prompts/p1/dismiss", {"how": "later"}))[0] == 204
    assert [path for path, _, _ in collector.seen] == ["/prompts/p1/dismiss"]
    assert (await send(abandoned, "/api/prompts/p1/dismiss", {"how": "later"}))[0] == 202


async def test_a_collector_that_hangs_holds_nobody_up(strange: tuple[StrangeCollector, DocsServer]) -> None:
    collector, docs = strange
    collector.becomes(202)
    collector.holds = asyncio.Event()
    try:
        async with asyncio.timeout(40):  # ten times what is waited for the collector
            assert (await send(docs, "/api/track", VIEW))[::2] == (202, b"")
    finally:
        collector.holds.set()


async def test_bodies_are_bounded_and_of_this_site(strange: tuple[StrangeCollector, DocsServer]) -> None:
    collector, docs = strange
    collector.becomes(202)

    async def in_chunks() -> AsyncIterator[bytes]:
        for _ in range(LIMIT // 1024 + 1):
            yield b"x" * 1024

    assert (await send(docs, "/api/track", b"x" * LIMIT))[0] == 202
    for body in (b"x" * (LIMIT + 1), in_chunks()):
        assert (await send(docs, "/api/track", body))[0] == 413
    for path in ("/api/track", "/api/feedback"):
        for origin in ("https://evil.example", "null"):
            assert (await send(docs, path, VIEW, Origin=origin, Content_Type="application/json"))[0] == 403
    assert len(collector.seen) == 1
