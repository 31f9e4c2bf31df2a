"""Who an intake request comes from: a reader's browser, a docs site that passes it on, or a server with its own key.

A docs site with a key of the scope `events:forward` speaks for its readers: it writes the reader's address into
`X-Forwarded-For` and the user agent into `X-Forwarded-User-Agent`, and passes `Sec-GPC` and `DNT` on. These are
believed from such a key only. The request then counts as one of that browser.
"""

from dataclasses import dataclass

from aiohttp import web

from api.authentication import address_of, current_key
from shared.errors import NotAllowed
from shared.guard.api_keys import FORWARD_SCOPE
from shared.guard.principals import Principal
from shared.guard.privacy import passed_on_address
from shared.ingest.noise_filter import opted_out

AGENT_HEADER = "X-Forwarded-User-Agent"


@dataclass(frozen=True)
class RequestSender:
    """Address and user agent live no longer than this object; `key` is None for a browser, passed on or not."""

    address: str
    user_agent: str
    opted_out: str | None
    key: Principal | None = None
    passed_on_by: Principal | None = None


async def sender_of(request: web.Request, scope: str) -> RequestSender:
    """Raises `NotSignedIn` for a key that is not valid, `NotAllowed` for one that may neither send nor pass on."""
    key = await current_key(request)
    if key is not None and key.has_scope(FORWARD_SCOPE):
        return _reader_behind(request, key)
    if key is not None and not key.has_scope(scope):
        raise NotAllowed(f"This key lacks the scope {scope}.")
    return RequestSender(
        address=address_of(request),
        user_agent=request.headers.get("User-Agent", ""),
        opted_out=None if key else opted_out(request.headers),
        key=key,
    )


def _reader_behind(request: web.Request, key: Principal) -> RequestSender:
    return RequestSender(
        address=passed_on_address(request.headers.getall("X-Forwarded-For", [])),
        user_agent=request.headers.get(AGENT_HEADER, ""),
        opted_out=opted_out(request.headers),
        passed_on_by=key,
    )
