"""Who is asking: a server with a key, or a member with a session; and whether the request may change things."""

import hmac
import logging
from contextlib import suppress
from datetime import datetime
from urllib.parse import urlsplit

from aiohttp import web

from api.request_body import FORM_TYPE, media_type, read_form
from api.routing import RUNTIME, Access
from shared.config import is_loopback_host
from shared.errors import CannotStore, NotAllowed, NotSignedIn
from shared.guard import sessions
from shared.guard.api_keys import TOUCH_EVERY, find_key, touch_key
from shared.guard.principals import ANONYMOUS, Principal
from shared.guard.privacy import client_address, is_proxy
from shared.guard.roles import reaches
from shared.store.models import Session

logger = logging.getLogger(__name__)

PRINCIPAL: web.RequestKey[Principal] = web.RequestKey("principal", Principal)
SESSION: web.RequestKey[Session] = web.RequestKey("session", Session)
FORM: web.RequestKey[dict[str, str]] = web.RequestKey("form", dict)
SECURE_COOKIE = "__Host-warroom"
LOOPBACK_COOKIE = "warroom"
CSRF_FIELD = "csrf"
CSRF_HEADER = "X-CSRF-Token"
KEYS_TOUCHED: web.AppKey[dict[str, datetime]] = web.AppKey("keys_touched", dict)  # last noted use, by key id
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Proto")
PROXIES = "proxies"  # the part of /readyz that says so
UNLISTED = (
    "forwarded headers come from a peer that server.trusted_proxies does not name and are not believed; "
    "if a proxy stands in front of Warroom, name it there"
)
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def address_of(request: web.Request) -> str:
    """The sender's address; forwarded ones count only from configured proxies. Never stored, never logged."""
    proxies = request.app[RUNTIME].settings.server.proxy_networks
    _note_unlisted_proxy(request)
    return client_address(request.remote, ",".join(request.headers.getall("X-Forwarded-For", [])), proxies)


def _is_through_listed_proxy(request: web.Request) -> bool:
    return is_proxy(request.remote, request.app[RUNTIME].settings.server.proxy_networks)


def _note_unlisted_proxy(request: web.Request) -> None:
    """Says once that forwarded headers come from a peer that is not listed: forgotten, or a stranger."""
    parts = request.app[RUNTIME].parts
    if not any(name in request.headers for name in FORWARDED) or _is_through_listed_proxy(request):
        return
    if PROXIES not in parts.all():
        parts.set(PROXIES, "off", UNLISTED)
        logger.warning(UNLISTED)


def is_secure(request: web.Request) -> bool:
    """Whether browsers reach us by https; decided by configuration, not by a header anybody can send."""
    return request.app[RUNTIME].settings.base_url.startswith("https://")


def cookie_name(request: web.Request) -> str:
    return SECURE_COOKIE if is_secure(request) else LOOPBACK_COOKIE


def check_transport(request: web.Request) -> None:
    """The dashboard works by https, and by plain http on this machine only; a proxy's word on it counts if listed."""
    forwarded = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
    if request.secure or (is_secure(request) and forwarded == "https" and _is_through_listed_proxy(request)):
        return
    _note_unlisted_proxy(request)
    if not is_on_this_machine(request):
        raise NotAllowed(
            "The dashboard is not served over plain http: set server.public_url to an https address, put a proxy "
            "with a certificate in front of Warroom, let it send X-Forwarded-Proto, and name it in "
            "server.trusted_proxies."
        )


def is_on_this_machine(request: web.Request) -> bool:
    """Whether browser and server are one machine: by the connection, by the name used, and without a proxy between."""
    try:
        host = urlsplit(f"//{request.host}").hostname or ""
    except ValueError:
        return False
    through_proxy = any(name in request.headers for name in FORWARDED)
    return is_loopback_host(host) and is_loopback_host(request.remote or "") and not through_proxy


async def current_key(request: web.Request) -> Principal | None:
    """The key of the Authorization header; `NotSignedIn` when one is given that is not valid."""
    presented = request.headers.get("Authorization")
    if presented is None:
        return None
    scheme, _, token = presented.partition(" ")
    return await check_key(request, token.strip() if scheme.lower() == "bearer" else "")


async def check_key(request: web.Request, presented: str) -> Principal:
    """Whose key this is; `NotSignedIn` when it is not valid."""
    runtime = request.app[RUNTIME]
    now = runtime.clock.now()
    async with runtime.store.read() as session:
        found = await find_key(session, presented, now)
    if found is None:
        raise NotSignedIn("This API key is not valid; make one with `warroom key create`.")
    key_id, touched = found.id, request.app[KEYS_TOUCHED]
    if key_id not in touched or now - touched[key_id] >= TOUCH_EVERY:
        touched[key_id] = now
        await runtime.store.writer.run(lambda session: touch_key(session, key_id, now))
    request[PRINCIPAL] = found  # who asked, for the count of uses
    return found


async def current_member(request: web.Request) -> Principal | None:
    """The signed-in member of the session cookie, with the session kept on the request."""
    token = request.cookies.get(cookie_name(request))
    if not token or len(token) > 200:
        return None
    runtime = request.app[RUNTIME]
    now, rules = runtime.clock.now(), runtime.settings.dashboard
    async with runtime.store.read() as session:
        found = await sessions.find_session(session, token, now, rules)
    if found is None:
        return None
    signed_in, member = found
    if sessions.needs_touch(signed_in, now):
        with suppress(CannotStore):  # reading goes on while nothing can be written
            await runtime.store.writer.run(lambda session: sessions.touch_session(session, signed_in.id, now))
    request[SESSION] = signed_in
    return Principal("member", member.id, member.name, role=member.role)


async def authorize(request: web.Request, access: Access) -> None:
    """Lets the request pass or raises; the principal stays on the request."""
    request[PRINCIPAL] = ANONYMOUS
    if access.kind == "key":
        key = await current_key(request)
        if key is None:
            raise NotSignedIn("This address needs an API key: Authorization: Bearer wr_…")
        if not key.has_scope(access.needed):
            raise NotAllowed(f"This key lacks the scope {access.needed}.")
        request[PRINCIPAL] = key
    elif access.kind == "role":
        check_transport(request)
        member = await current_member(request)
        if member is None:
            raise NotSignedIn("Please sign in.")
        request[PRINCIPAL] = member
        if not reaches(member.role, access.needed):
            raise NotAllowed(f"This needs the role {access.needed}; yours is {member.role}.")
        if request.method not in SAFE_METHODS:
            check_same_origin(request)
            check_csrf(request, request.headers.get(CSRF_HEADER) or (await form_of(request)).get(CSRF_FIELD))


async def form_of(request: web.Request) -> dict[str, str]:
    """The fields of the request's form, read once; empty when it is no form."""
    if FORM not in request:
        request[FORM] = await read_form(request) if media_type(request) == FORM_TYPE else {}
    return request[FORM]


def check_same_origin(request: web.Request) -> None:
    """Refuses a changing request that another site made a browser send."""
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None and site not in ("same-origin", "none"):
        raise NotAllowed("This request came from another site.")
    if site is None and origin is not None and urlsplit(origin).netloc != request.host:
        raise NotAllowed("This request came from another site.")


def check_csrf(request: web.Request, token: str | None) -> None:
    """The token of the session must come with every changing request."""
    signed_in = request.get(SESSION)
    if (
        signed_in is None
        or not token
        or not hmac.compare_digest(token.encode("utf-8", "replace"), signed_in.csrf_token.encode())
    ):
        raise NotAllowed("This page is too old; load it again and repeat the last step.")
