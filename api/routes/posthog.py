"""PostHog's `POST /batch/`, `/capture/` and `/i/v0/e/`: the key is in the body; good is 200 and nothing else."""

from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field

from api.foreign_senders import keyed_json, sender_with
from api.routing import INTAKE, RUNTIME, Operation, Route
from shared.ingest.protocols import posthog


class PostHogEvent(BaseModel):
    event: str
    distinct_id: str | None = None
    properties: dict[str, Any] = {}
    timestamp: str | None = None
    uuid: str | None = Field(None, description="the same event is stored once")
    api_key: str | None = Field(None, description="where one event is the body: an API key")


class PostHogBatch(BaseModel):
    api_key: str | None = Field(None, description="an API key")
    batch: list[PostHogEvent]
    sent_at: str | None = Field(None, description="the sender's clock is set right by it")


class PostHogAnswer(BaseModel):
    status: str


async def take_batch(request: web.Request) -> web.Response:
    """Answers after the commit."""
    runtime = request.app[RUNTIME]
    limit = runtime.settings.server.posthog_body_limit_bytes
    async with keyed_json(request, "events:write", posthog.key_in, limit) as (key, raw):
        with runtime.foreign.reading():
            parsed = posthog.parse(raw, runtime.clock.now(), runtime.settings.limits)
        await runtime.foreign.take(runtime.settings.site(key.site or ""), parsed, sender_with(request, key))
    return web.json_response({"status": "Ok"})


OPERATION = Operation(
    summary="Take events from a PostHog library",
    body=(PostHogBatch, PostHogEvent),
    answer=PostHogAnswer,
    answers={
        400: "nothing in it could be read",
        401: "the key is missing or not valid",
        403: "the key lacks the scope events:write",
        413: "the body is too large, also after it was inflated",
        415: "the content type or encoding is not taken",
        429: "the key has sent too many",
        503: "cannot store now; try again",
    },
    takes_key=True,
    example={
        "api_key": "wr_…",
        "batch": [
            {
                "event": "release published",
                "distinct_id": "ci",
                "properties": {"version": "1.2.0"},
                "timestamp": "2026-11-21T16:38:48.202781+00:00",
                "uuid": "50f23a7a-8b0a-4d62-867d-8c34eb2ad2cd",
            }
        ],
        "sent_at": "2026-11-21T16:38:48.203567+00:00",
    },
    answer_example={"status": "Ok"},
)
PATHS = ("/batch/", "/batch", "/capture/", "/capture", "/i/v0/e/", "/i/v0/e")
ROUTES = [Route("POST", path, take_batch, INTAKE, OPERATION) for path in PATHS]
