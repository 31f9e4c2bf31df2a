"""A small docs site on loopback: serves the real script, widget and demo templates, and records what they send."""

from __future__ import annotations

import asyncio
import json
import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web

ROOT = Path(__file__).parents[2]
WEB = ROOT / "api" / "web"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PROMPT = {
    "prompt": "p1",
    "survey": "day7",
    "question": "How is it going?",
    "scale": {
        "min": 1,
        "max": 5,
        "low": "Very bad",
        "high": "Very good",
        "labels": ["Very bad", "Bad", "Neither good nor bad", "Good", "Very good"],
    },
    "text_label": "What should we do better?",
    "texts": {
        "send": "Send",
        "later": "Not now",
        "never": "Don't ask me again",
        "thanks": "Thank you!",
        "close": "Close",
    },
}
ROOT_FILES = ("warroom.js", "warroom-lite.js", "warroom-extras.js", "widget.js", "widget.css")
BLANK = '<!doctype html><title>Blank</title><link rel="icon" href="data:,">'
TAG = '<script defer src="/warroom.js" data-site="docs" data-allow-automation {attributes}></script>'


def make_page(body: str = "<p>Words.</p>", attributes: str = "", head: str = "") -> str:
    tag = TAG.format(attributes=attributes)
    return (
        f'<!doctype html><html lang="en"><head><title>A page</title><link rel="icon" href="data:,">{tag}{head}</head>'
        f"<body><main>{body}</main></body></html>"
    )


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass
class RecordingSite:
    address: str = ""
    pages: dict[str, str] = field(default_factory=lambda: {"/blank": BLANK})
    beacons: list[dict[str, Any]] = field(default_factory=list)
    content_types: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)  # bytes of each beacon
    track_status: int = 202
    may_answer: asyncio.Event = field(default_factory=_set)  # cleared: /track takes its time
    feedback: list[dict[str, Any]] = field(default_factory=list)
    dismissals: list[dict[str, Any]] = field(default_factory=list)
    questions: list[dict[str, str]] = field(default_factory=list)
    ages: list[dict[str, Any]] = field(default_factory=list)
    prompt: dict[str, Any] | None = None
    policy: str = POLICY
    files: dict[str, Path] = field(default_factory=dict)  # scripts of others, by path
    feedback_answers: list[tuple[int, dict[str, Any]]] = field(default_factory=list)  # taken first, then 201
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def events(self) -> list[dict[str, Any]]:
        """What arrived, each event with the view and page of its batch."""
        return [
            {"view": beacon.get("view"), "page": beacon.get("page"), **event}
            for beacon in self.beacons
            for event in beacon["events"]
        ]

    def named(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["name"] == name]

    async def wait_until(self, is_so: Callable[[], bool], seconds: float = 30) -> None:
        """Returns when what was recorded makes `is_so` true; fails after `seconds`."""
        async with asyncio.timeout(seconds):
            while not is_so():
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def running_site() -> AsyncIterator[RecordingSite]:
    site = RecordingSite()
    runner = web.AppRunner(_application(site), access_log=None, shutdown_timeout=1)
    await runner.setup()
    listener = web.TCPSite(runner, "127.0.0.1", 0)
    await listener.start()
    host, port = runner.addresses[0][:2]
    site.address = f"http://{host}:{port}"
    yield site
    await runner.cleanup()


def _application(site: RecordingSite) -> web.Application:
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(WEB / "templates"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    texts = _english_texts()

    def html(text: str) -> web.Response:
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": site.policy})

    def render(name: str, **context: Any) -> web.Response:
        return html(templates.get_template(name).render(texts=texts, **context))

    async def demo(request: web.Request) -> web.Response:
        page = request.match_info.get("page", "home")
        return render("demo/page.html", site="demo", page=page, aged="aged" in request.query)

    async def at_root(request: web.Request) -> web.FileResponse:
        return web.FileResponse(WEB / "static" / request.path.removeprefix("/"))

    async def track(request: web.Request) -> web.Response:
        body = await request.read()
        site.content_types.append(request.content_type)
        site.sizes.append(len(body))
        site.beacons.append(json.loads(body))
        site.changed.set()
        await site.may_answer.wait()
        return web.Response(status=site.track_status, headers={"Access-Control-Allow-Origin": "*"})

    async def feedback(request: web.Request) -> web.Response:
        if request.content_type == "application/x-www-form-urlencoded":
            site.feedback.append(dict(await request.post()))
            raise web.HTTPSeeOther("/thanks")
        site.feedback.append(json.loads(await request.text()))
        status, body = site.feedback_answers.pop(0) if site.feedback_answers else (201, {"id": "1"})
        site.changed.set()
        return web.json_response(body, status=status)

    async def next_prompt(request: web.Request) -> web.Response:
        site.questions.append(dict(request.query))
        site.changed.set()
        return web.json_response(site.prompt) if site.prompt else web.Response(status=204)

    async def dismiss(request: web.Request) -> web.Response:
        site.dismissals.append(json.loads(await request.text()))
        site.changed.set()
        return web.Response(status=204)

    async def age(request: web.Request) -> web.Response:
        site.ages.append(dict(await request.post()))
        raise web.HTTPSeeOther("/demo?aged=1")

    async def thanks(_: web.Request) -> web.Response:
        return render("visitor/thanks.html", back="/demo")

    async def refused(_: web.Request) -> web.Response:
        values = {"text": "Words <b>typed</b> before", "category": "idea", "score": "4"}
        return render(
            "visitor/form_error.html", site="demo", error="Too long.", errors={"text": "Shorter."}, values=values
        )

    async def privacy(_: web.Request) -> web.Response:
        return render("visitor/privacy.html", settings=["Events are kept for a year."])

    async def page(request: web.Request) -> web.StreamResponse:
        if request.path in site.files:
            return web.FileResponse(site.files[request.path])
        return html(site.pages[request.path]) if request.path in site.pages else web.Response(status=404)

    application = web.Application()
    application.router.add_static("/static", WEB / "static")
    application.add_routes(
        [
            *(web.get(f"/{name}", at_root) for name in ROOT_FILES),
            web.get("/demo", demo),
            web.get("/demo/{page}", demo),
            web.post("/demo/age", age),
            web.post("/track", track),
            web.post("/feedback", feedback),
            web.get("/prompts/next", next_prompt),
            web.post("/prompts/{id}/dismiss", dismiss),
            web.get("/thanks", thanks),
            web.get("/refused", refused),
            web.get("/privacy", privacy),
            web.get("/{path:.*}", page),
        ]
    )
    return application


def _english_texts() -> dict[str, str]:
    table = tomllib.loads((ROOT / "config.toml").read_text(encoding="utf-8"))["texts"]["en"]
    return {key: text if isinstance(text, str) else text["other"] for key, text in table.items()}
