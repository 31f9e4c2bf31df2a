"""Which pages of other origins may call us: any for `/track`, those of the sites for feedback and prompts."""

from urllib.parse import urlsplit

from aiohttp import web

from api.routing import RUNTIME
from shared.config import is_loopback_host

ANY_ORIGIN = frozenset({"/track", "/api/track", "/api/event", "/api/send", "/api/batch"})
SITE_ORIGINS = ("/feedback", "/api/feedback", "/prompts/")
ALLOWED_HEADERS = ", ".join(
    [
        "Content-Type",
        "Authorization",
        "openpanel-client-id",
        "openpanel-sdk-name",
        "openpanel-sdk-version",
        "x-umami-cache",
        "x-umami-hostname",
    ]
)
OPEN_HEADERS = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
METHODS = "GET, POST, OPTIONS"


def answer_preflight(request: web.Request) -> web.Response | None:
    """The answer to an OPTIONS request of an intake path; None for everything else."""
    if request.method != "OPTIONS" or not _is_cross_origin_path(_path_of(request)):
        return None
    response = web.Response(status=204)
    add_cors(request, response)
    if "Access-Control-Allow-Origin" in response.headers:
        response.headers["Access-Control-Allow-Methods"] = METHODS
        response.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
        response.headers["Access-Control-Max-Age"] = "86400"
    return response


def add_cors(request: web.Request, response: web.StreamResponse) -> None:
    """Never with credentials."""
    path = _path_of(request)
    if path in ANY_ORIGIN:
        response.headers.update(OPEN_HEADERS)
    elif path.startswith(SITE_ORIGINS):
        response.headers["Vary"] = "Origin"
        origin = request.headers.get("Origin")
        if origin and is_site_origin(request, origin):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = "Retry-After"
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"


def is_site_origin(request: web.Request, origin: str, site_key: str | None = None) -> bool:
    """Whether an origin is our own or a host of a configured site (of that one if named), by https unless loopback.

    A site that does not exist has no hosts to check: what is said about it is dropped anyway.
    """
    settings = request.app[RUNTIME].settings
    if origin == settings.base_url:
        return True
    try:
        parts = urlsplit(origin)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if f"{parts.scheme}://{parts.netloc}" != origin or parts.scheme not in ("http", "https") or "@" in parts.netloc:
        return False
    if parts.scheme == "http" and not is_loopback_host(host):
        return False
    named = settings.site(site_key) if site_key is not None else None
    hosts = {known for site in ([named] if named else settings.sites) for known in site.hosts}
    return parts.netloc in hosts or (host in hosts and is_loopback_host(host))


def _path_of(request: web.Request) -> str:
    """The path, or what it stands for under the folder of the script."""
    return request.app[RUNTIME].settings.script.plain_path(request.path)


def _is_cross_origin_path(path: str) -> bool:
    return path in ANY_ORIGIN or path.startswith(SITE_ORIGINS)
