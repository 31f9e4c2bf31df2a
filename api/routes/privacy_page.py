"""The privacy page of each site, and the form in which a browser's own number gets its data or has it erased."""

from collections.abc import Mapping

from aiohttp import web

from api.authentication import address_of
from api.error_responses import add_error_headers, status_of
from api.privacy_page import privacy_sections
from api.rendering import render
from api.request_body import read_form
from api.routes.privacy import hand_out, limit_tries, refuse_unsettled
from api.routing import PUBLIC, RUNTIME, Route
from api.visitor_texts import language_of
from shared.config import SiteSettings
from shared.errors import CannotStore, InvalidInput, LimitReached
from shared.ingest.erasure import Who
from shared.ingest.identities import find_identity
from shared.runtime import Runtime
from shared.store.models import Platform
from shared.store.people import web_external_id

SHORTEST_ID, LONGEST_ID = 8, 64


async def show_privacy(request: web.Request) -> web.Response:
    """What is stored on the asked site; without one, on the first."""
    runtime = request.app[RUNTIME]
    return _page(request, _site_of(runtime, request.query.get("site")))


async def answer_form(request: web.Request) -> web.StreamResponse:
    """Hands out or erases what is stored about the number that was typed; the number itself is the proof.

    Whoever is refused gets a page, too: the form is for people.
    """
    fields: dict[str, str] = {}
    try:
        fields = await read_form(request)
        return await _answer(request, fields)
    except InvalidInput:
        return _page(request, _site_of(request.app[RUNTIME], fields.get("site")), "form_wrong", 400)
    except (LimitReached, CannotStore) as error:
        response = _page(request, _site_of(request.app[RUNTIME], fields.get("site")), "form_later", status_of(error)[0])
        add_error_headers(response, error)
        return response


async def _answer(request: web.Request, fields: Mapping[str, str]) -> web.StreamResponse:
    runtime = request.app[RUNTIME]
    site = _site_of(runtime, fields.get("site"))
    number = fields.get("person", "").strip()
    if site is None or not SHORTEST_ID <= len(number) <= LONGEST_ID:
        return _page(request, site, "form_wrong", 400)
    await limit_tries(runtime, address_of(request))
    external_id = web_external_id(site.key, number)
    if fields.get("do") == "erase":
        erased = await runtime.eraser.erase(Platform.WEB.value, external_id, "self", is_anonymous=True)
        return _page(request, site, "form_erased" if erased else "form_nothing", 200 if erased else 404)
    refuse_unsettled(runtime)
    async with runtime.store.read() as session:
        found = await find_identity(session, Platform.WEB.value, external_id)
    return await hand_out(request, Who(found[1].id)) if found else _page(request, site, "form_nothing", 404)


def _site_of(runtime: Runtime, key: str | None) -> SiteSettings | None:
    sites = runtime.settings.all_sites()
    return runtime.settings.site(key or "") or (sites[0] if sites else None)


def _page(request: web.Request, site: SiteSettings | None, notice: str = "", status: int = 200) -> web.Response:
    runtime = request.app[RUNTIME]
    language = runtime.texts.nearest(language_of(request, None, site))
    sections = privacy_sections(runtime.settings, runtime.texts, language, site) if site else []
    return render(
        "visitor/privacy.html",
        status,
        texts=runtime.texts.table(language),
        language=language,
        site=site,
        sites=runtime.settings.all_sites(),
        sections=sections,
        intro=runtime.texts.say(language, "privacy_intro", site=site.name if site else ""),
        notice=runtime.texts.say(language, f"privacy_{notice}") if notice else "",
        is_good=status == 200,
    )


ROUTES = [
    Route("GET", "/privacy", show_privacy, PUBLIC),
    Route("POST", "/privacy", answer_form, PUBLIC),
]
