"""Who sends in a foreign format: the key as that format's clients present it, our own way of presenting it beside.

Bearer and Basic (the key as the user's name or as the password), a header of the format, or a field of the body.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from api.authentication import address_of, check_key
from api.request_body import read_sdk_json
from api.routing import RUNTIME
from api.senders import sender_of
from shared.errors import NotAllowed, NotSignedIn
from shared.guard.principals import Principal
from shared.ingest.events import Sender

LONGEST_CREDENTIALS = 1000


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


async def keyed_json(request: web.Request, scope: str, key_in: Callable[[Any], str | None]) -> tuple[Principal, Any]:
    """The key and the body: a key in the Authorization header is looked at before anything is read or inflated.

    `key_in` finds the one in the body that counts when there is none.
    """
    presented = presented_key(request.headers)
    key = await key_with(request, presented, scope) if presented else None
    with request.app[RUNTIME].foreign.reading():
        raw = await read_sdk_json(request)
    return key or await key_with(request, key_in(raw), scope), raw


def sender_with(request: web.Request, key: Principal) -> Sender:
    """A server with its own key."""
    return Sender(address_of(request), request.headers.get("User-Agent", ""), None, key)


async def browser_sender(request: web.Request) -> Sender:
    """A browser, a docs site that passes its request on, or a server with a key in the Authorization header."""
    return await sender_of(request, "events:write")
