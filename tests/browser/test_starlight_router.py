"""A site whose pages Astro's router exchanges in the browser: the variant that a reader saw stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web

from tests.browser.conftest import PageFactory, problems_of
from tests.docs_site.sample_site import build_site

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("starlight"),
    pytest.mark.asyncio(loop_scope="session"),
]
SHOWN = "[data-warroom-experiment='lead']:visible"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def address() -> AsyncIterator[str]:
    """The built site on a plain server."""
    built = await asyncio.to_thread(build_site, "routed")

    async def answer(request: web.Request) -> web.StreamResponse:
        path = built / request.path.lstrip("/")
        return web.FileResponse(path / "index.html" if path.is_dir() else path)

    async def take(_: web.Request) -> web.Response:
        return web.Response(status=202)

    application = web.Application()
    application.add_routes([web.post("/track", take), web.get("/{path:.*}", answer)])
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()


async def test_the_router_keeps_the_variant_that_was_drawn(browser_page_factory: PageFactory, address: str) -> None:
    page = await browser_page_factory()
    seen: set[str] = set()
    for _ in range(60):  # the same variant 60 times in a row: once in 2^59
        await page.goto(address + "/")
        await page.evaluate("window.isSameDocument = true")
        drawn = await page.locator(SHOWN).all_inner_texts()
        for title in ("Two", "One"):
            await page.get_by_role("link", name=title).click()
            await page.get_by_role("heading", name=title).wait_for()
            assert await page.locator(SHOWN).all_inner_texts() == drawn
        assert await page.evaluate("window.isSameDocument")
        assert len(drawn) == 1
        seen.update(drawn)
        if len(seen) == 2:
            break
    assert seen == {"Short.", "Much longer."}
    assert problems_of(page) == []
