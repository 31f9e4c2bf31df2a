"""The demo docs page of an imaginary tool, with a control that lets its visitor be eight days old."""

from aiohttp import web

from api.authentication import address_of
from api.rendering import render
from api.request_body import parse_model, read_form
from api.routes.prompts import AskForQuestion
from api.routing import PUBLIC, RUNTIME, Route
from api.visitor_texts import language_of, way_back
from shared.config import DEMO_SITE, SiteSettings
from shared.errors import NotFound
from shared.ingest.demo_visitor import age_demo_visitor
from shared.ingest.noise_filter import opted_out

PAGES = {"/demo": "home", "/demo/quickstart": "quickstart", "/demo/guide": "guide"}


async def show_page(request: web.Request) -> web.Response:
    """One page of the demo; `aged` in the query only words the control and hurries the question."""
    site, runtime = _demo_site(request), request.app[RUNTIME]
    language = language_of(request, None, site)
    return render(
        "demo/page.html",
        site=site.key,
        page=PAGES[request.path],
        texts=runtime.texts.table(language),
        language="en",
        aged="aged" in request.query,
        variant=await _variant(request, site),
    )


def _demo_site(request: web.Request) -> SiteSettings:
    site = request.app[RUNTIME].settings.site(DEMO_SITE)
    if site is None:
        raise NotFound('The demo is switched off; `make demo` or server.demo = "on" turns it on.')
    return site


async def _variant(request: web.Request, site: SiteSettings) -> str:
    """Half of the visitors see the other button, the same one all day; nothing is kept for it."""
    runtime = request.app[RUNTIME]
    agent = request.headers.get("User-Agent", "")
    visitor = await runtime.hasher.visitor(site.key, site.zone, address_of(request), agent, runtime.clock.now())
    return "b" if int(visitor[-1], 16) % 2 else "a"


async def age_visitor(request: web.Request) -> web.Response:
    """Makes the visitor of this browser eight days old and their question due, then shows the page again."""
    _demo_site(request)
    runtime = request.app[RUNTIME]
    form = await read_form(request)
    asked = parse_model(AskForQuestion, {"site": DEMO_SITE, "person": form.get("person")})
    now = runtime.clock.now()
    if not opted_out(request.headers):  # who asks not to be followed is not, whatever they press
        await runtime.store.writer.run(
            lambda session: age_demo_visitor(session, runtime.settings, runtime.instance_key, asked.person, now)
        )
    return web.Response(status=303, headers={"Location": f"{way_back(request, DEMO_SITE, form.get('page'))}?aged=1"})


ROUTES = [
    *(Route("GET", path, show_page, PUBLIC) for path in PAGES),
    Route("POST", "/demo/age", age_visitor, PUBLIC),
]
