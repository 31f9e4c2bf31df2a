"""Umami's `POST /api/send` and `/api/batch`: the website is named by its id or its host.

The ids in the answer are what its clients expect there; ours are made up each time, so they recognise nobody.
"""

from collections import defaultdict
from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field, RootModel

from api.foreign_senders import browser_sender
from api.request_body import read_json_bytes
from api.routing import INTAKE, RUNTIME, Operation, Route
from shared.config import SiteSettings
from shared.identifiers import random_uuid
from shared.ingest.noise_filter import is_bot
from shared.ingest.protocols.foreign import Parsed, join
from shared.ingest.protocols.umami import UmamiMessage, parse, parse_batch
from shared.ingest.strict_json import parse_json_mildly
from shared.runtime import Runtime

BOT_ANSWER = {"beep": "boop"}


class UmamiPayload(BaseModel):
    website: str = Field(description="key or host of the site", min_length=1)
    hostname: str | None = None
    url: str | None = None
    name: str | None = Field(None, description="without a name it is a page view")
    title: str | None = None
    referrer: str | None = None
    data: dict[str, Any] | None = None


class UmamiBody(BaseModel):
    type: str = Field(description="event, identify or performance")
    payload: UmamiPayload


class UmamiAnswer(BaseModel):
    """Either the ids, or `beep` for a bot."""

    cache: str | None = None
    sessionId: str | None = None
    visitId: str | None = None
    beep: str | None = None


async def take_message(request: web.Request) -> web.Response:
    """Answers after the commit."""
    runtime = request.app[RUNTIME]
    sender = await browser_sender(request)
    with runtime.foreign.reading():
        body = await read_json_bytes(request)
        message = parse(parse_json_mildly(body, runtime.settings.server.body_depth), runtime.settings.limits)
    site = _site_of(runtime, message)
    await runtime.foreign.take(site, message.parsed, sender)
    if sender.key is None and is_bot(sender.user_agent, site.key if site is not None else ""):
        return web.json_response(BOT_ANSWER)
    return web.json_response({"cache": "", "sessionId": random_uuid(), "visitId": random_uuid()})


async def take_batch(request: web.Request) -> web.Response:
    """Several messages of one sender, as Umami's proxies send them: what is for one site is stored together."""
    runtime = request.app[RUNTIME]
    sender = await browser_sender(request)
    with runtime.foreign.reading():
        body = await read_json_bytes(request)
        batch = parse_batch(parse_json_mildly(body, runtime.settings.server.body_depth), runtime.settings.limits)
    for _ in batch.problems:
        runtime.events.note_unreadable()
    by_site: dict[str, list[Parsed]] = defaultdict(list)
    for message in batch.messages:
        site = _site_of(runtime, message)
        by_site[site.key if site is not None else ""].append(message.parsed)
    known = [configured for key in by_site if (configured := runtime.settings.site(key)) is not None]
    runtime.foreign.check_key(known, sender)
    for key, parts in by_site.items():
        await runtime.foreign.take(runtime.settings.site(key), join(parts), sender)
    taken, refused = len(batch.messages), len(batch.problems)
    found = {"size": taken + refused, "processed": taken, "errors": refused, "details": batch.problems}
    return web.json_response(found)


def _site_of(runtime: Runtime, message: UmamiMessage) -> SiteSettings | None:
    return runtime.foreign.find_site(message.website, message.host)


class UmamiBatch(RootModel[list[UmamiBody]]):
    """Several messages of one sender."""


ANSWERS = {
    400: "no JSON, no known type, or no website",
    401: "a key was sent that is not valid",
    403: "the key lacks the scope or belongs to another site",
    413: "the body is too large, or has too many messages",
    415: "the content type is not taken",
    429: "the key has sent too many",
    503: "cannot store now; try again",
}
EXAMPLE = {"type": "event", "payload": {"website": "docs", "hostname": "docs.example.com", "url": "/intro"}}


class UmamiMessages(BaseModel):
    """How many were sent and taken."""

    size: int
    processed: int
    errors: int
    details: list[str]


OPERATION = Operation(
    summary="Take an event from Umami's tracker",
    body=UmamiBody,
    body_types=("application/json", "text/plain"),
    answer=UmamiAnswer,
    answers=ANSWERS,
    takes_key=True,
    example=EXAMPLE,
    answer_example={"cache": "", "sessionId": "5f0c…", "visitId": "9b1d…"},
)
BATCH_OPERATION = Operation(
    summary="Take several events from an Umami client",
    body=UmamiBatch,
    answer=UmamiMessages,
    answers=ANSWERS,
    takes_key=True,
    example=[EXAMPLE],
    answer_example={"size": 1, "processed": 1, "errors": 0, "details": []},
)
ROUTES = [
    Route("POST", "/api/send", take_message, INTAKE, OPERATION),
    Route("POST", "/api/batch", take_batch, INTAKE, BATCH_OPERATION),
]
