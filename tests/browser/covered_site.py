"""A small docs site that is covered in parts: scripts but no extras, no tag, a step with a mistake, forms unmarked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

STATIC = Path(__file__).parents[2] / "api" / "web" / "static"
FULL = '<script defer src="/warroom.js" data-site="docs"></script>'
LITE = '<script defer src="/warroom-lite.js" data-site="docs"></script>'
PAGES = {
    "/": f"""{FULL}
<a href="/lite.html">Lite</a> <a href="/plain.html?from=home#top">Plain</a> <a href="https://elsewhere.example/x">Out</a>
<a href="/file.pdf">File</a> <a href="mailto:ada@docs.example">Mail</a>
<button id="own">Own</button> <button id="leads-away">Away</button> <button disabled>Off</button>
<details><summary>More</summary><button id="hidden">Hidden</button></details>
<form action="/find" method="get"><label>Find <input name="q" required></label><button>Search</button></form>
<form action="/feedback" method="post"><input type="hidden" name="site" value="docs">
<textarea name="text"></textarea><input type="submit" value="Tell"></form>
<form action="/feedback" method="post"><textarea name="text"></textarea><button>Tell nobody</button></form>
<form data-warroom-goal="news"><input type="email" required><button>Subscribe</button></form>
<form method="dialog"><button>Close</button></form>
<form action="/order" method="post"><input name="code" pattern="[0-9]{{4}}" required><button>Order</button></form>
<button class="copy-code">Copy</button>
<section data-warroom-sequence="quick" data-warroom-step="1" data-warroom-steps="2"><p>First</p></section>
<section data-warroom-step="2"><p>Has no sequence</p></section>
<button id="opens">Open</button><div id="menu"></div>
<script>
own.onclick = () => warroom("not_declared", {{a: 1}});
document.getElementById("leads-away").onclick = () => {{ location.href = "/plain.html"; alert("gone"); }};
opens.onclick = () => {{ menu.innerHTML = "<button id=late>Late</button>"; hidden.remove(); }};
</script>""",
    "/lite.html": f"""{LITE}
<a href="/">Home</a> <a href="/" data-warroom-click="home">Marked home</a>
<button data-warroom-goal="signup">Sign up</button> <button onclick="warroom('not_declared')">Undeclared</button>""",
    "/plain.html": '<a href="/">Home</a> <a href="/gone">Gone</a>',
}


@dataclass
class CoveredSite:
    """Where it is, and every request that changed something: there must be none."""

    address: str = ""
    policy: str = ""
    pages: dict[str, str] = field(default_factory=lambda: dict(PAGES))
    sent: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.method != "GET":
            self.sent.append(f"{request.method} {request.path}")
            return web.Response(status=202)
        if request.path.endswith(".js"):
            return web.FileResponse(STATIC / request.path.lstrip("/"))
        if request.path not in self.pages:
            raise web.HTTPNotFound
        headers = {"Content-Security-Policy": self.policy} if self.policy else {}
        html = f"<!doctype html><html lang=en><title>Docs</title><body>{self.pages[request.path]}"
        return web.Response(text=html, content_type="text/html", headers=headers)


@asynccontextmanager
async def covered_site() -> AsyncIterator[CoveredSite]:
    site = CoveredSite()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", site.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    site.address = f"http://{host}:{port}"
    yield site
    await runner.cleanup()
