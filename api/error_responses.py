"""Errors as answers, and what every answer carries: one place translates, one place sets headers."""

import logging
from functools import lru_cache
from html import escape
from typing import Any
from urllib.parse import quote

from aiohttp import web

from api.routing import RUNTIME
from shared.errors import (
    BodyTooLarge,
    CannotStore,
    Conflict,
    InvalidInput,
    LimitReached,
    NotAllowed,
    NotFound,
    NotSignedIn,
    UnsupportedBody,
    WarroomError,
)
from shared.identifiers import random_uuid

logger = logging.getLogger(__name__)

STATUSES: tuple[tuple[type[WarroomError], int, str], ...] = (
    (BodyTooLarge, 413, "Too large"),
    (UnsupportedBody, 415, "Not taken"),
    (InvalidInput, 400, "Not understood"),
    (Conflict, 409, "Not possible any more"),
    (NotFound, 404, "Not found"),
    (NotSignedIn, 401, "Not signed in"),
    (NotAllowed, 403, "Not allowed"),
    (LimitReached, 429, "Too many"),
    (CannotStore, 503, "Try again"),
)
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
DASHBOARD = "/app"


def status_of(error: WarroomError) -> tuple[int, str]:
    for kind, status, title in STATUSES:
        if isinstance(error, kind):
            return status, title
    return 500, "Error"


def problem_response(status: int, title: str, detail: str, **more: Any) -> web.Response:
    """An RFC 9457 problem document."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return web.json_response(body, status=status, content_type="application/problem+json")


def error_response(request: web.Request, error: WarroomError) -> web.Response:
    """The answer to a domain error: a page for people in the dashboard, a problem document elsewhere."""
    if is_page(request):
        return _page_answer(request, error, *status_of(error))
    return problem_of(error)


def problem_of(error: WarroomError) -> web.Response:
    """The problem document of a domain error."""
    status, title = status_of(error)
    more: dict[str, Any] = {}
    if isinstance(error, InvalidInput) and error.problems:
        more["errors"] = [{"field": problem.field, "reason": problem.reason} for problem in error.problems]
    response = problem_response(status, title, str(error), **more)
    add_error_headers(response, error)
    return response


def add_error_headers(response: web.Response, error: WarroomError) -> None:
    """When to come back, and how to sign in."""
    if isinstance(error, LimitReached | CannotStore):
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, NotSignedIn):
        response.headers["WWW-Authenticate"] = "Bearer"


def is_page(request: web.Request) -> bool:
    """Whether a person's browser asked for a page of the dashboard."""
    return request.path.startswith(DASHBOARD) and "text/html" in request.headers.get("Accept", "text/html")


def _page_answer(request: web.Request, error: WarroomError, status: int, title: str) -> web.Response:
    if isinstance(error, NotSignedIn) and request.method in ("GET", "HEAD"):
        return web.Response(status=303, headers={"Location": f"{DASHBOARD}/sign-in?next={quote(request.path_qs)}"})
    problems = error.problems if isinstance(error, InvalidInput) else ()
    response = plain_page(status, title, str(error), [f"{problem.field}: {problem.reason}" for problem in problems])
    add_error_headers(response, error)
    return response


def plain_page(status: int, title: str, sentence: str, lines: list[str] | None = None) -> web.Response:
    """A small page that needs no template, so that it also works when templates do not."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines or [])
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)} · Warroom</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/static/dashboard.css"></head>'
        f'<body class="plain"><main><h1>{escape(title)}</h1><p>{escape(sentence)}</p>'
        f'{f"<ul>{items}</ul>" if items else ""}<p><a href="{DASHBOARD}">To the dashboard</a></p></main></body></html>'
    )
    return web.Response(status=status, text=text, content_type="text/html", charset="utf-8")


def http_error_response(request: web.Request, error: web.HTTPException) -> web.StreamResponse:
    """aiohttp's own 404, 405 and the like in our shape; redirects pass."""
    if error.status < 400:
        return error
    sentence = {404: "There is nothing at this address.", 405: "This method is not taken here."}.get(
        error.status, error.reason
    )
    response = (
        plain_page(error.status, error.reason, sentence)
        if is_page(request)
        else problem_response(error.status, error.reason, sentence)
    )
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


def internal_error_response(request: web.Request) -> web.Response:
    """The last resort: an id that leads to the log, and nothing of what happened."""
    reference, sentence = _log_unhandled(_route_name(request))
    if is_page(request):
        return plain_page(500, "Error", sentence)
    return problem_response(500, "Error", sentence, reference=reference)


def internal_problem(route: str) -> web.Response:
    """As `internal_error_response`, for a route that has no pages."""
    reference, sentence = _log_unhandled(route)
    return problem_response(500, "Error", sentence, reference=reference)


def _log_unhandled(route: str) -> tuple[str, str]:
    reference = random_uuid()[:8]
    logger.exception("unhandled error %s in %s", reference, route)
    return reference, f"Something went wrong on our side (reference {reference}). Nothing was lost; please try again."


def _route_name(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "an unknown address"


@lru_cache(maxsize=4)
def headers_of(base_url: str) -> dict[str, str]:
    """What every answer carries; with https also that the browser shall stay with it."""
    secure = {"Strict-Transport-Security": "max-age=31536000"} if base_url.startswith("https://") else {}
    return HEADERS | secure


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Every answer, also of errors and static files, carries these."""
    for name, value in headers_of(request.app[RUNTIME].settings.base_url).items():
        response.headers.setdefault(name, value)
    response.headers.pop("Server", None)
    if request.path.startswith((DASHBOARD, "/api/v1")) and "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
