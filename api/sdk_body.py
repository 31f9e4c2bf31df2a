"""Bodies of foreign clients with a key: larger than others, and possibly gzipped.

They are inflated while they arrive and given up at their limit, so that a bomb costs no more than a good body. Those
that grow large take one of a few places until they are answered, so that memory stays bounded whoever sends them.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from api.request_body import JSON_TYPES, Growing, Inflating, media_type, read_within
from api.routing import LARGE_BODIES, RUNTIME
from shared.errors import CannotStore, UnsupportedBody
from shared.ingest.strict_json import parse_json_mildly

WAIT_SECONDS = 2


@contextmanager
def room_to_grow(request: web.Request) -> Iterator[Growing]:
    """Within it a body may become larger than most, if there is a place; else `CannotStore`."""
    server, large = request.app[RUNTIME].settings.server, request.app[LARGE_BODIES]
    held = 0

    def grow(size: int) -> None:
        nonlocal held
        if held or size <= server.sdk_body_limit_bytes:
            return
        if large[0] >= server.max_large_bodies:
            raise CannotStore("Too many large requests at once. Please try again.", WAIT_SECONDS)
        held = 1
        large[0] += 1

    try:
        yield grow
    finally:
        large[0] -= held


async def read_sdk_body(request: web.Request, limit: int, grow: Growing | None = None) -> bytes:
    """The body, inflated."""
    if media_type(request) not in JSON_TYPES:
        raise UnsupportedBody("Send JSON as application/json or text/plain.")
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise UnsupportedBody("Of compressed bodies only gzip is taken here.")
    return await read_within(request, limit, Inflating() if encoding == "gzip" else None, grow)


async def parse_sdk_body(request: web.Request, body: bytes) -> Any:
    """What stands in it; a large one is read beside the loop, which goes on answering others."""
    server = request.app[RUNTIME].settings.server
    if len(body) <= server.sdk_body_limit_bytes:
        return parse_json_mildly(body, server.body_depth)
    return await asyncio.to_thread(parse_json_mildly, body, server.body_depth)


async def read_sdk_json(request: web.Request) -> Any:
    """The body of a client whose key is known already."""
    body = await read_sdk_body(request, request.app[RUNTIME].settings.server.sdk_body_limit_bytes)
    return await parse_sdk_body(request, body)
