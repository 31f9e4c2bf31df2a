"""Segment's `POST /v1/batch`, `/v1/track`, `/v1/page` and the like, for servers with a key.

Its clients read errors as `{"code", "message"}`, do not repeat what was answered with 400, and wait as
`Retry-After` says when there is one.
"""

from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field

from api.error_responses import add_error_headers, status_of
from api.foreign_senders import keyed_json, sender_with
from api.routing import INTAKE, RUNTIME, Operation, Route
from shared.errors import WarroomError
from shared.ingest.protocols import segment
from shared.ingest.protocols.foreign import first_text

KINDS = ("track", "identify", "page", "screen", "group", "alias")


class SegmentMessage(BaseModel):
    """One message; of userId and anonymousId one is given."""

    type: str | None = Field(None, description="in a batch: track, page, screen, identify, group or alias")
    messageId: str | None = Field(None, description="the same message is stored once")
    event: str | None = None
    name: str | None = None
    userId: str | None = None
    anonymousId: str | None = None
    timestamp: str | None = None
    sentAt: str | None = Field(None, description="the sender's clock is set right by it")
    writeKey: str | None = Field(None, description="an API key, unless it is in the Authorization header")


class SegmentBatch(BaseModel):
    batch: list[SegmentMessage]
    sentAt: str | None = None
    writeKey: str | None = None


class SegmentAnswer(BaseModel):
    success: bool


async def take_messages(request: web.Request) -> web.Response:
    """Answers after the commit, in the form that Segment's libraries read."""
    try:
        await _take(request)
    except WarroomError as error:
        response = web.json_response({"code": error.code, "message": str(error)}, status=status_of(error)[0])
        add_error_headers(response, error)
        return response
    return web.json_response({"success": True})


async def _take(request: web.Request) -> None:
    runtime = request.app[RUNTIME]
    kind = request.path.rstrip("/").rpartition("/")[2]
    limit = runtime.settings.server.segment_body_limit_bytes
    async with keyed_json(request, "events:write", _key_in, limit) as (key, raw):
        with runtime.foreign.reading():
            parsed = segment.parse(raw, kind, runtime.clock.now(), runtime.settings.limits)
        await runtime.foreign.take(runtime.settings.site(key.site or ""), parsed, sender_with(request, key))


def _key_in(raw: Any) -> str | None:
    return first_text(raw, ("writeKey",), 200) if isinstance(raw, dict) else None


ANSWERS = {
    400: "nothing in it could be read",
    401: "the key is missing or not valid",
    403: "the key lacks the scope events:write",
    413: "the body is too large, also after it was inflated",
    415: "the content type or encoding is not taken",
    429: "the key has sent too many",
    503: "cannot store now; try again",
}
MESSAGE = {
    "event": "Docs CTA Clicked",
    "messageId": "59a7e03c-8a6b-4d0b-9d7e-2f7c0a1b2c3d",
    "userId": "u1",
    "timestamp": "2026-11-21T03:49:40.125+00:00",
}
REFUSAL_TYPES = ("application/json", "application/problem+json")  # the libraries read a code and a message
BATCH_OPERATION = Operation(
    summary="Take a batch from a Segment library",
    body=SegmentBatch,
    answer=SegmentAnswer,
    answers=ANSWERS,
    refusal_types=REFUSAL_TYPES,
    takes_key=True,
    example={"batch": [{"type": "track", **MESSAGE}], "sentAt": "2026-11-21T03:49:40.625159+00:00"},
    answer_example={"success": True},
)
MESSAGE_OPERATION = Operation(
    summary="Take one message from a Segment library",
    body=SegmentMessage,
    answer=SegmentAnswer,
    answers=ANSWERS,
    refusal_types=REFUSAL_TYPES,
    takes_key=True,
    example=MESSAGE,
    answer_example={"success": True},
)
ROUTES = [
    Route("POST", "/v1/batch", take_messages, INTAKE, BATCH_OPERATION),
    *(Route("POST", f"/v1/{kind}", take_messages, INTAKE, MESSAGE_OPERATION) for kind in KINDS),
]
