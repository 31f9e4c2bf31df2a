"""Signing in and out, and how the dashboard looks: by a one-time link, or with Discord.

The link's token stands in the fragment of the address, which browsers never send; one button posts it.
"""

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from api import discord_sign_in
from api.authentication import (
    LOOPBACK_COOKIE,
    PRINCIPAL,
    SECURE_COOKIE,
    SESSION,
    address_of,
    check_same_origin,
    check_transport,
    cookie_name,
    current_member,
    form_of,
    is_secure,
)
from api.dashboard_address import safe_path
from api.dashboard_shell import KEYS_COOKIE, THEME_COOKIE, THEMES, theme_of
from api.rendering import render, see_other, static_address
from api.routing import PUBLIC, RUNTIME, Route, role
from shared.deliver.egress import Egress
from shared.errors import LimitReached, NotAllowed, NotFound, NotSignedIn, WarroomError
from shared.guard import audit, sessions
from shared.guard.rate_limits import hit

WINDOW_SECONDS = 15 * 60
ATTEMPT_COOKIE = "warroom-discord"
ATTEMPT_SECONDS = 600
YEAR_SECONDS = 365 * 86400


async def show_sign_in(request: web.Request) -> web.StreamResponse:
    check_transport(request)
    target = safe_path(request.query.get("next"))
    if await current_member(request) is not None and "next" in request.query:
        return see_other(target)
    return _page(request, target)


async def redeem(request: web.Request) -> web.StreamResponse:
    """A session for a fresh link; the session that this browser had before is ended."""
    check_transport(request)
    check_same_origin(request)
    form = await form_of(request)
    target = safe_path(form.get("next"))
    runtime = request.app[RUNTIME]
    now, rules, token = runtime.clock.now(), runtime.settings.dashboard, form.get("token", "").strip()
    before = await current_member(request)

    async def unit(session: AsyncSession) -> str:
        started, cookie = await sessions.redeem_link(session, token.rpartition("#")[2], now, rules)
        if before is not None:
            await sessions.end_session(session, request[SESSION].id)
        await audit.record(session, f"member:{started.member_id}", "sign_in", f"session:{started.id}", now)
        return cookie

    try:
        await _count_try(request)
        cookie = await runtime.store.writer.run(unit)
    except LimitReached as error:
        response = _page(request, target, str(error), 429)
        response.headers["Retry-After"] = str(error.retry_after_seconds)
        return response
    except NotSignedIn as error:
        await runtime.store.writer.run(lambda session: audit.record(session, "anonymous", "sign_in_failed", "", now))
        return _page(request, target, str(error), 401)
    return _signed_in(request, cookie, target)


async def _count_try(request: web.Request) -> None:
    """Counts this try, before it is known whether it succeeds; raises when the address had its share."""
    runtime = request.app[RUNTIME]
    now, limit = runtime.clock.now(), runtime.settings.limits.sign_in_tries_per_quarter_hour
    bucket = f"sign-in:{await runtime.hasher.address_bucket(address_of(request), now)}"
    wait = await runtime.store.writer.run(lambda session: hit(session, bucket, limit, WINDOW_SECONDS, now))
    if wait:
        minutes = -(-wait // 60)
        raise LimitReached(f"Too many tries. Please wait {minutes} min and try again.", wait)


def _page(request: web.Request, target: str, problem: str = "", status: int = 200) -> web.Response:
    settings = request.app[RUNTIME].settings
    return render(
        "dashboard/sign_in.html",
        status,
        problem=problem,
        next=target,
        theme=theme_of(request),
        static=static_address,
        minutes=settings.dashboard.link_minutes,
        with_discord=discord_sign_in.is_offered(settings),
        on_discord=settings.war_room_on_discord,
    )


def _signed_in(request: web.Request, cookie: str, target: str) -> web.Response:
    hours = request.app[RUNTIME].settings.dashboard.session_hours
    response = see_other(target)
    set_cookie(request, response, cookie_name(request), cookie, hours * 3600)
    return response


def set_cookie(request: web.Request, response: web.Response, name: str, value: str, seconds: int) -> None:
    response.set_cookie(
        name, value, max_age=seconds, path="/", httponly=True, samesite="Lax", secure=is_secure(request)
    )


async def sign_out(request: web.Request) -> web.StreamResponse:
    """Ends the session here and in the store."""
    runtime = request.app[RUNTIME]
    now, member, ended = runtime.clock.now(), request[PRINCIPAL], request[SESSION].id

    async def unit(session: AsyncSession) -> None:
        await sessions.end_session(session, ended)
        await audit.record(session, member.actor, "sign_out", f"session:{ended}", now)

    await runtime.store.writer.run(unit)
    response = see_other("/app/sign-in")
    for name in (SECURE_COOKIE, LOOPBACK_COOKIE):
        response.set_cookie(name, "", max_age=0, path="/", httponly=True, samesite="Lax", secure=name == SECURE_COOKIE)
    return response


async def choose_appearance(request: web.Request) -> web.StreamResponse:
    """Light, dark or the system's; keys on or off; remembered by a cookie, so that nothing flashes."""
    form = await form_of(request)
    response = see_other(safe_path(form.get("back")))
    if form.get("theme") in THEMES:
        set_cookie(request, response, THEME_COOKIE, form["theme"], YEAR_SECONDS)
    if form.get("keys") in ("on", "off"):
        set_cookie(request, response, KEYS_COOKIE, form["keys"], YEAR_SECONDS)
    return response


async def begin_discord(request: web.Request) -> web.StreamResponse:
    check_transport(request)
    settings = request.app[RUNTIME].settings
    if not discord_sign_in.is_offered(settings):
        raise NotFound("Signing in with Discord is not switched on.")
    attempt = discord_sign_in.Attempt.begin()
    response = web.Response(
        status=303,
        headers={"Location": discord_sign_in.authorize_address(settings, attempt), "Cache-Control": "no-store"},
    )
    set_cookie(request, response, _attempt_cookie(request), attempt.cookie, ATTEMPT_SECONDS)
    return response


async def finish_discord(request: web.Request) -> web.StreamResponse:
    """Discord sent the browser back: exchange the code, look the roles up, start a session."""
    check_transport(request)
    runtime = request.app[RUNTIME]
    settings, query = runtime.settings, request.query
    if not discord_sign_in.is_offered(settings):
        raise NotFound("Signing in with Discord is not switched on.")
    attempt = discord_sign_in.Attempt.from_cookie(request.cookies.get(_attempt_cookie(request), ""))
    try:
        await _count_try(request)
        member = await discord_sign_in.finish(
            settings, Egress(settings), attempt, query.get("state", ""), query.get("code", "")
        )
        cookie = await _start_discord_session(request, member)
    except (NotAllowed, NotSignedIn) as error:
        response = _page(request, "/app", str(error), 403 if isinstance(error, NotAllowed) else 401)
    except WarroomError as error:
        response = _page(request, "/app", str(error), 503)
    else:
        response = _signed_in(request, cookie, "/app")
    set_cookie(request, response, _attempt_cookie(request), "", 0)
    return response


async def _start_discord_session(request: web.Request, person: discord_sign_in.DiscordMember) -> str:
    runtime = request.app[RUNTIME]
    now = runtime.clock.now()

    async def unit(session: AsyncSession) -> str:
        member = await sessions.ensure_member(session, person.name, person.role, now, discord_id=person.id)
        rules = runtime.settings.dashboard
        started, cookie = await sessions.start_session(session, member, now, rules, how="discord")
        await audit.record(session, f"member:{member.id}", "sign_in", f"session:{started.id}", now, {"how": "discord"})
        return cookie

    return await runtime.store.writer.run(unit)


def _attempt_cookie(request: web.Request) -> str:
    return f"__Host-{ATTEMPT_COOKIE}" if is_secure(request) else ATTEMPT_COOKIE


async def lead_to_dashboard(request: web.Request) -> web.StreamResponse:
    return see_other("/app")


ROUTES = [
    Route("GET", "/", lead_to_dashboard, PUBLIC),
    Route("GET", "/app/sign-in", show_sign_in, PUBLIC),
    Route("POST", "/app/sign-in", redeem, PUBLIC),
    Route("GET", "/app/sign-in/discord/start", begin_discord, PUBLIC),
    Route("GET", "/app/sign-in/discord", finish_discord, PUBLIC),
    Route("POST", "/app/sign-out", sign_out, role("viewer")),
    Route("POST", "/app/appearance", choose_appearance, role("viewer")),
]
