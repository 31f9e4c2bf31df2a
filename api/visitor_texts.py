"""In which language a visitor is addressed, and the way back to the page they came from."""

import re
from urllib.parse import quote, urlencode

from aiohttp import web

from api.routing import RUNTIME
from shared.config import DEMO_SITE, SiteSettings
from shared.ingest.event_fields import clean_page

LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}")


def language_of(request: web.Request, given: str | None = None, site: SiteSettings | None = None) -> str:
    """What the page says, else what the browser prefers, else the language of the site."""
    if given:
        return given
    preferred = request.headers.get("Accept-Language", "").split(",")[0].split(";")[0].strip()
    if LANGUAGE.fullmatch(preferred):  # it is kept with feedback, so nothing else may stand in it
        return preferred
    return site.language if site else "en"


def way_back(request: web.Request, site_key: str | None, page: str | None) -> str | None:
    """The address of the visitor's page: built from configuration and a path, so it leads nowhere else."""
    settings = request.app[RUNTIME].settings
    site = settings.site(site_key or "")
    path = clean_page(page, settings.limits.page_characters)
    if site is None or path is None:
        return None
    if site.key == DEMO_SITE:
        return quote(path) if path == "/demo" or path.startswith("/demo/") else "/demo"
    return f"https://{site.hosts[0]}{quote(path)}" if site.hosts else None


def thanks_address(site_key: str | None, page: str | None) -> str:
    query = {name: value for name, value in (("site", site_key), ("page", page)) if value}
    return f"/thanks?{urlencode(query)}" if query else "/thanks"
