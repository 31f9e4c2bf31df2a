"""Who an intake request comes from: a reader's browser, a docs site that passes it on, or a server with its own key.

A docs site with a key of the scope `events:forward` speaks for its readers: it writes the reader's address into
`X-Forwarded-For` and the user agent into `X-Forwarded-User-Agent`, and passes `Sec-GPC` and `DNT` on. These are
believed from such a key only. The request then counts as one of that browser.
"""

from aiohttp import web

from api.authentication import address_of, current_key
from shared.errors import NotAllowed
from shared.guard.api_keys import FORWARD_SCOPE
from shared.guard.principals import Principal
from shared.guard.privacy import passed_on_address
from shared.ingest.events import Sender
from shared.ingest.noise_filter import opted_out

WISHES = ("Sec-GPC", "DNT")
AGENT_HEADER = "X-Forwarded-User-Agent"


async def sender_of(request: web.Request, scope: str) -> Sender:
    """Raises `NotSignedIn` for a key that is not valid, `NotAllowed` for one that may neither send nor pass on."""
    key = await current_key(request)
    if key is not None and key.has_scope(FORWARD_SCOPE):
        return _reader_behind(request, key)
    if key is not None and not key.has_scope(scope):
        raise NotAllowed(f"This key lacks the scope {scope}.")
    return Sender(
        address=address_of(request),
        user_agent=request.headers.get("User-Agent", ""),
        opted_out=None if key else _wish(request),
        key=key,
    )


def _reader_behind(request: web.Request, key: Principal) -> Sender:
    return Sender(
        address=passed_on_address(request.headers.getall("X-Forwarded-For", [])),
        user_agent=request.headers.get(AGENT_HEADER, ""),
        opted_out=_wish(request),
        passed_on_by=key,
    )


def _wish(request: web.Request) -> str | None:
    headers = request.headers
    return opted_out({name: ",".join(headers.getall(name)) for name in WISHES if name in headers})
