"""OpenPanel's envelope on `/track`: its client id names the site, its client secret is an API key."""

from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field

from api.foreign_senders import browser_sender, key_with, sender_with
from api.request_body import read_json_bytes
from api.routing import RUNTIME
from shared.errors import InvalidInput
from shared.ingest.protocols import openpanel
from shared.ingest.protocols.foreign import host_of
from shared.ingest.strict_json import parse_json_mildly

MARK = b'"payload"'  # what every envelope has
CLIENT_ID = "openpanel-client-id"
CLIENT_SECRET = "openpanel-client-secret"  # noqa: S105  # the name of a header


class OpenPanelEnvelope(BaseModel):
    """What OpenPanel's SDKs send; the headers openpanel-client-id and openpanel-client-secret go with it."""

    type: str = Field(description="track, identify, increment, decrement, group or assign_group")
    payload: dict[str, Any]


def has_envelope(request: web.Request) -> bool:
    """By its header alone: nothing of our own events is slowed down by asking."""
    return CLIENT_ID in request.headers


def find_envelope(body: bytes, depth: int) -> Any:
    """The envelope in a body; None when it is one of ours, which names its site, or nothing at all."""
    if MARK not in body:
        return None
    try:
        raw = parse_json_mildly(body, depth)
    except InvalidInput:
        return None
    return raw if openpanel.is_envelope(raw) and "site" not in raw else None


async def take_envelope(request: web.Request, raw: Any = None) -> web.Response:
    """202 with an empty body after the commit; `raw` when the body was read already."""
    runtime = request.app[RUNTIME]
    secret = request.headers.get(CLIENT_SECRET)
    if secret:
        sender = sender_with(request, await key_with(request, secret, "events:write"))
    else:
        sender = await browser_sender(request)
    with runtime.foreign.reading():
        if raw is None:
            body = await read_json_bytes(request)
            raw = parse_json_mildly(body, runtime.settings.server.body_depth)
        envelope = openpanel.parse(raw, runtime.clock.now(), runtime.settings.limits)
    key = sender.key or sender.passed_on_by
    if key is not None:
        site = runtime.settings.site(key.site or "")
    else:
        origin = host_of(request.headers.get("Origin"))
        site = runtime.foreign.find_site(request.headers.get(CLIENT_ID), envelope.host, origin)
    await runtime.foreign.take(site, envelope.parsed, sender)
    return web.Response(status=202)
