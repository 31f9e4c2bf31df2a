"""`POST /track`: events from the docs-site script and from servers."""

from typing import Any

from aiohttp import web
from pydantic import BaseModel

from api.request_body import read_json_bytes
from api.routes.openpanel import OpenPanelEnvelope, find_envelope, has_envelope, take_envelope
from api.routing import INTAKE, RUNTIME, Operation, Route
from api.senders import sender_of
from shared.ingest.event_fields import FlatEvent, TrackBatch
from shared.ingest.events import TrackOutcome


class DroppedEvent(BaseModel):
    """An event of a batch that was left out."""

    index: int
    field: str
    reason: str


class TrackAnswer(BaseModel):
    """What became of a batch in which some events were left out."""

    stored: int
    repeated: int
    dropped: list[DroppedEvent]


async def take_events(request: web.Request) -> web.Response:
    """Answers after the commit; the body is empty unless an event was left out."""
    runtime = request.app[RUNTIME]
    if has_envelope(request):
        return await take_envelope(request)
    sender = await sender_of(request, "events:write")
    with runtime.foreign.reading():
        body = await read_json_bytes(request)
    envelope = find_envelope(body, runtime.settings.server.body_depth)
    if envelope is not None:  # it came without its headers
        return await take_envelope(request, envelope)
    return answer_of(await runtime.events.take(body, sender)) or web.Response(status=202)


def answer_of(outcome: TrackOutcome) -> web.Response | None:
    """None when 202 with an empty body says all."""
    if not outcome.dropped:
        return None
    body: dict[str, Any] = {
        "stored": outcome.stored,
        "repeated": outcome.repeated,
        "dropped": [{"index": bad.index, "field": bad.field, "reason": bad.reason} for bad in outcome.dropped],
    }
    return web.json_response(body, status=202)


OPERATION = Operation(
    summary="Take one event or a batch of up to 100",
    body=(TrackBatch, FlatEvent, OpenPanelEnvelope),
    body_types=("application/json", "text/plain"),
    answer=TrackAnswer,
    answer_status=202,
    answers={
        400: "nothing in it could be taken",
        401: "the key is not valid",
        403: "the key lacks the scope or belongs to another site",
        413: "the body is too large",
        415: "the content type is not taken",
        429: "the key has sent too many",
        503: "cannot store now; try again",
    },
    takes_key=True,
    example={
        "site": "docs",
        "events": [{"id": "4f1c9a7e2b60", "name": "page_view", "view": "v-7d21c0", "page": "/start", "marked": True}],
    },
    answer_example={"stored": 1, "repeated": 0, "dropped": [{"index": 1, "field": "page", "reason": "is missing"}]},
)
ROUTES = [
    Route("POST", "/track", take_events, INTAKE, OPERATION),
    Route("POST", "/api/track", take_events, INTAKE, OPERATION),
]
