"""Who sends in a foreign format: the key as that format's clients present it, our own way of presenting it beside.

Bearer and Basic (the key as the user's name or as the password), a header of the format, or a field of the body.
"""

import base64
import binascii
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from itertools import islice
from typing import Any

from aiohttp import web

from api.authentication import address_of, check_key
from api.routing import RUNTIME
from api.sdk_body import parse_sdk_body, read_sdk_body, room_to_grow
from api.senders import sender_of
from shared.errors import NotAllowed, NotSignedIn
from shared.guard.principals import Principal
from shared.ingest.events import Sender

LONGEST_CREDENTIALS = 1000
KEY_TEXT = re.compile(rb'"(wr_[A-Za-z0-9_-]{1,100})"')
MOST_KEYS = 20  # texts of a body that are tried


def presented_key(headers: Mapping[str, str]) -> str | None:
    """The key of the Authorization header; empty when there is a header without one, None without a header."""
    presented = headers.get("Authorization")
    if presented is None:
        return None
    scheme, _, value = presented.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    return _key_in_basic(value.strip()) if scheme.lower() == "basic" else ""


def _key_in_basic(encoded: str) -> str:
    try:
        user, _, password = (
            base64.b64decode(encoded[:LONGEST_CREDENTIALS], validate=True).decode("ascii").partition(":")
        )
    except (binascii.Error, ValueError):
        return ""
    return user if user.startswith("wr_") else password


async def key_with(request: web.Request, presented: str | None, scope: str) -> Principal:
    """Raises `NotSignedIn` without a valid key, `NotAllowed` when it lacks the scope."""
    if not presented:
        raise NotSignedIn("This address needs an API key; make one with `warroom key create`.")
    key = await check_key(request, presented)
    if not key.has_scope(scope):
        raise NotAllowed(f"This key lacks the scope {scope}.")
    return key


@asynccontextmanager
async def keyed_json(
    request: web.Request, scope: str, key_in: Callable[[Any], str | None], limit: int
) -> AsyncIterator[tuple[Principal, Any]]:
    """The key and the body, of at most `limit` bytes; what a large one takes is held until the end of the context.

    A key in the Authorization header is looked at before anything is read. Many clients send theirs only in the
    body, where it cannot be seen before it was inflated: such a body is parsed only if a good key stands in it, and
    `key_in` finds the one that counts.
    """
    presented = presented_key(request.headers)
    key = await key_with(request, presented, scope) if presented else None
    foreign = request.app[RUNTIME].foreign
    with room_to_grow(request) as grow:
        with foreign.reading():
            body = await read_sdk_body(request, limit, grow)
        if key is None:
            await _look_for_key(request, body, scope)
        with foreign.reading():
            raw = await parse_sdk_body(request, body)
        del body
        yield key or await key_with(request, key_in(raw), scope), raw


async def _look_for_key(request: web.Request, body: bytes, scope: str) -> None:
    """Raises `NotSignedIn` unless one of the first texts that look like a key is one, or `NotAllowed`."""
    found = dict.fromkeys(match[1] for match in islice(KEY_TEXT.finditer(body), MOST_KEYS))
    for text in found:
        with suppress(NotSignedIn):
            await key_with(request, text.decode("ascii"), scope)
            return
    await key_with(request, None, scope)


def sender_with(request: web.Request, key: Principal) -> Sender:
    """A server with its own key."""
    return Sender(address_of(request), request.headers.get("User-Agent", ""), None, key)


async def browser_sender(request: web.Request) -> Sender:
    """A browser, a docs site that passes its request on, or a server with a key in the Authorization header."""
    return await sender_of(request, "events:write")
