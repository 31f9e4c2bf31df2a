"""What a script costs in a page: its own CPU time, tasks and forced layout in a trace of one visit to a real site."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from aiohttp import web
from playwright.async_api import Browser, Page

SLOWDOWN = 4
PAGE = "/start/overview/"
CATEGORIES = ["devtools.timeline", "v8.execute", "disabled-by-default-devtools.timeline"]
OWN_WORK = {"EvaluateScript", "FunctionCall", "v8.compile", "v8.compileModule", "v8.evaluateModule"}
LAYOUT = {"Layout", "UpdateLayoutTree"}
SETTLED = "() => new Promise((resolve) => requestIdleCallback(() => setTimeout(resolve, 300)))"


FIXED_WORK = """() => {
  const started = performance.now(), seen = new Map();
  for (let i = 0; i < 200000; i += 1) seen.set("k" + i % 5000, i);
  return performance.now() - started;
}"""
FIXED_WORK_MS = 23.0  # on the computer on which the limits were found


@dataclass(frozen=True)
class Cost:
    """Milliseconds on the thread's own clock, at the slowdown; how often and how long layout was forced."""

    cpu: float
    longest: float
    forced: int
    forced_ms: float
    calls: int


@asynccontextmanager
async def serving(folder: Path, head: str, scripts: dict[str, Path]) -> AsyncIterator[str]:
    """The address of a built site; PAGE has `head` in its head; whatever is sent to it is taken."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            return web.Response(status=202)
        if request.path in scripts:
            return web.FileResponse(scripts[request.path])
        file = folder / request.path.strip("/")
        file = file / "index.html" if file.is_dir() else file
        if not file.is_file():
            return web.Response(status=404)
        if file.suffix != ".html":
            return web.FileResponse(file)
        html = file.read_text("utf-8")
        if request.path == PAGE:  # where the reader goes next costs nothing
            html = html.replace("</head>", f"{head}</head>", 1)
        return web.Response(text=html, content_type="text/html")

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()


async def trace_visit(browser: Browser, page: Page, address: str, scripts: tuple[str, ...]) -> Cost:
    """One visit at a slowed CPU: load, scroll, press a link in the page, leave by a link to the next page."""
    await page.goto("about:blank")
    session = await page.context.new_cdp_session(page)
    await session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
    await browser.start_tracing(page=page, categories=CATEGORIES)
    await page.goto(address + PAGE)
    await page.evaluate(SETTLED)
    for _ in range(4):
        await page.mouse.wheel(0, 500)
        await page.wait_for_timeout(150)
    await page.locator("main p").nth(6).click()
    await page.wait_for_timeout(200)
    await page.click("a[rel=next]")
    await page.wait_for_load_state("load")
    await page.goto("about:blank")
    events = json.loads(await browser.stop_tracing())["traceEvents"]
    await session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    await session.detach()
    return cost_of(events, scripts)


async def slowness(page: Page) -> float:
    """How much slower this computer is now than that on which the limits were found; 1 when it is not."""
    times: list[float] = [await page.evaluate(FIXED_WORK) for _ in range(9)]
    return max(1.0, median(times) / FIXED_WORK_MS)


def cost_of(events: list[dict[str, Any]], scripts: tuple[str, ...]) -> Cost:
    """Adds up the outermost pieces of work of some scripts; they are named by the ends of their addresses."""
    own = [event for event in events if event.get("name") in OWN_WORK and _url_of(event).endswith(scripts)]
    outer: list[dict[str, Any]] = []
    for event in sorted(own, key=lambda event: (event["ts"], -event.get("dur", 0))):
        if not any(_is_within(event, other) for other in outer):
            outer.append(event)
    layouts = [event for event in events if event.get("name") in LAYOUT and event.get("dur")]
    forced = [layout for layout in layouts if any(_is_within(layout, event) for event in outer)]
    times = [_milliseconds(event) for event in outer]
    return Cost(
        cpu=sum(times),
        longest=max(times, default=0),
        forced=len(forced),
        forced_ms=sum(map(_milliseconds, forced)),
        calls=len(outer),
    )


def _milliseconds(event: dict[str, Any]) -> float:
    return float(event.get("tdur", event.get("dur", 0))) / 1000


def _url_of(event: dict[str, Any]) -> str:
    data = event.get("args", {}).get("data", {})
    return str(data.get("url", "") or event.get("args", {}).get("fileName", ""))


def _is_within(inner: dict[str, Any], outer: dict[str, Any]) -> bool:
    if inner is outer or (inner["pid"], inner["tid"]) != (outer["pid"], outer["tid"]):
        return False
    end = inner["ts"] + inner.get("dur", 0)
    return bool(outer["ts"] <= inner["ts"] and end <= outer["ts"] + outer.get("dur", 0))
