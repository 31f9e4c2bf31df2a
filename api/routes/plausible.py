"""Plausible's `POST /api/event`: 202 with an empty body for what is stored or left out by a rule."""

from aiohttp import web
from pydantic import BaseModel, Field

from api.foreign_senders import browser_sender
from api.request_body import read_json_bytes
from api.routing import INTAKE, RUNTIME, Operation, Route
from shared.ingest.protocols.foreign import ForeignEvent, Parsed
from shared.ingest.protocols.plausible import parse


class PlausibleBody(BaseModel):
    """One event. Long names (`name`, `url`, `domain` …) are taken as well."""

    n: str = Field(description="name; `pageview` and `engagement` have their meaning", min_length=1, max_length=120)
    u: str = Field(description="address of the page", min_length=1, max_length=2000)
    d: str | None = Field(None, description="host or key of the site, several with commas between")
    r: str | None = Field(None, description="referrer")
    p: dict[str, str | int | float | bool | None] | str | None = Field(None, description="properties")
    e: int | None = Field(None, description="engagement: milliseconds")
    sd: int | None = Field(None, description="engagement: deepest scroll in percent")


async def take_event(request: web.Request) -> web.Response:
    """Answers after the commit."""
    runtime = request.app[RUNTIME]
    sender = await browser_sender(request)
    with runtime.foreign.reading():
        body = await read_json_bytes(request)
        sent = parse(body, runtime.settings.server.body_depth, runtime.settings.limits)
    sites = [runtime.foreign.find_site(domain) for domain in sent.domains]
    known = {site.key: site for site in sites if site is not None}
    runtime.foreign.check_key(known.values(), sender)
    for site in [*known.values(), *(site for site in sites if site is None)]:  # each for itself accounted for
        await runtime.foreign.take(site, Parsed([ForeignEvent(sent.event, ignored=sent.ignored)]), sender)
    return web.Response(status=202)


OPERATION = Operation(
    summary="Take an event from Plausible's tracker",
    body=PlausibleBody,
    body_types=("text/plain", "application/json"),
    answer_status=202,
    answers={
        400: "no JSON, or no name, address or domain",
        401: "a key was sent that is not valid",
        403: "the key lacks the scope or belongs to another site",
        413: "the body is too large",
        415: "the content type is not taken",
        429: "the key has sent too many",
        503: "cannot store now; try again",
    },
    takes_key=True,
    example={"n": "pageview", "u": "https://docs.example.com/intro?utm_source=x", "d": "docs.example.com", "r": None},
)
ROUTES = [Route("POST", "/api/event", take_event, INTAKE, OPERATION)]
