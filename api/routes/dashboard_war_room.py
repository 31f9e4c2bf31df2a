"""The War Room: what was the team told? Live by server-sent events, complete without them."""

import json

from aiohttp import web

from api.authentication import PRINCIPAL, SESSION, cookie_name
from api.dashboard_address import safe_path
from api.dashboard_shell import make_shell
from api.feedback_pages import Chip
from api.live_streams import STREAMS
from api.rendering import render
from api.routing import RUNTIME, Route, is_row_id, role
from api.war_room_posts import KIND_TITLES, ShownPost, Wanted, load_page, render_posts, state_of
from shared.config import Settings
from shared.deliver.war_room import read_troubles
from shared.derive import inbox
from shared.guard import sessions
from shared.guard.roles import reaches
from shared.runtime import Runtime

PATH = "/app/war-room"
HEARTBEAT_SECONDS = 15.0
LEAST_PAUSE_SECONDS = 0.25
RETRY_MS = 1500
STREAM_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}


async def show_war_room(request: web.Request) -> web.StreamResponse:
    runtime = request.app[RUNTIME]
    settings = runtime.settings
    wanted = read_wanted(request, settings)
    is_first_page = wanted.before_message is None and not wanted.before_voice
    async with runtime.store.read() as session:
        page = await load_page(session, settings, runtime.texts, wanted)
        troubles = await read_troubles(session, patience=3, limit=20) if is_first_page else []
        unread = await inbox.count_feedback(session, inbox.InboxFilter(status="new"))
    site = settings.site(wanted.site)
    shell = make_shell(request, settings, None, unread)
    return render(
        "dashboard/war_room.html",
        shell=shell,
        posts=page.posts,
        older=_address(wanted, before=page.older[0], voice=page.older[1]) if page.older else "",
        stream=_address(wanted, path=f"{PATH}/stream", state=state_of(page.posts)) if is_first_page else "",
        kind_chips=_kind_chips(wanted),
        site_chips=_site_chips(wanted, settings),
        is_filtered=bool(wanted.kind or wanted.site) or not is_first_page,
        dead=troubles,
        now=runtime.clock.now(),
        zone=site.zone if site else settings.war_room.zone,
        on_discord=settings.war_room_on_discord,
        csrf=shell.csrf,
        back=shell.back,
        may_act=reaches(request[PRINCIPAL].role, "operator"),
    )


async def stream(request: web.Request) -> web.StreamResponse:
    """Posts as they are committed, ready-made; ends with the session and with the server."""
    runtime, streams = request.app[RUNTIME], request.app[STREAMS]
    wanted = read_wanted(request, runtime.settings)
    seen = request.headers.get("Last-Event-ID", request.query.get("state", ""))
    with streams.opened():
        response = web.StreamResponse(headers=STREAM_HEADERS)
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        try:
            await response.write(f"retry: {RETRY_MS}\n\n".encode())
            await _send_changes(request, response, runtime, wanted, seen)
        except ConnectionError:
            pass  # the reader went away
    return response


async def _send_changes(
    request: web.Request, response: web.StreamResponse, runtime: Runtime, wanted: Wanted, seen: str
) -> None:
    sent: dict[str, str] = {}
    ticks = runtime.feed.subscribe(HEARTBEAT_SECONDS)
    async for is_new in request.app[STREAMS].until_closing(ticks):
        may_act = await _may_still_read(request, runtime)
        if may_act is None:
            await response.write(b"event: ended\ndata: \n\n")
            return
        if not is_new:
            await response.write(b": still here\n\n")
            continue
        async with runtime.store.read() as session:
            page = await load_page(session, runtime.settings, runtime.texts, wanted)
        state = state_of(page.posts)
        changed = [post for post in page.posts if sent.get(post.key) != post.mark] if state != seen else []
        sent, seen = {post.key: post.mark for post in page.posts}, state
        if changed:
            await response.write(_event(request, changed, state, wanted, may_act=may_act))
        await runtime.clock.sleep(LEAST_PAUSE_SECONDS)


def _event(request: web.Request, posts: list[ShownPost], state: str, wanted: Wanted, *, may_act: bool) -> bytes:
    """One event; JSON keeps line breaks of people's words out of the protocol."""
    back = safe_path(_address(wanted))
    html = render_posts(posts, request[SESSION].csrf_token, back, may_act)
    return f"id: {state}\nevent: posts\ndata: {json.dumps(html)}\n\n".encode()


async def _may_still_read(request: web.Request, runtime: Runtime) -> bool | None:
    """None when the session ended meanwhile; else whether the member may act. Watching does not keep a session."""
    token = request.cookies.get(cookie_name(request), "")
    now, rules = runtime.clock.now(), runtime.settings.dashboard
    async with runtime.store.read() as session:
        found = await sessions.find_session(session, token, now, rules)
    if found is None or found[0].id != request[SESSION].id:
        return None
    return reaches(found[1].role, "operator")


def read_wanted(request: web.Request, settings: Settings) -> Wanted:
    query = request.query
    kind, site = query.get("kind", ""), query.get("site", "")
    before, voice = query.get("before", ""), query.get("voice", "")
    return Wanted(
        kind=kind if kind in KIND_TITLES else "",
        site=site if settings.site(site) else "",
        before_message=int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else None,
        before_voice=voice if is_row_id(voice) else "",
    )


def _address(wanted: Wanted, path: str = PATH, **more: str) -> str:
    query = {"kind": wanted.kind, "site": wanted.site, **more}
    found = "&".join(f"{name}={value}" for name, value in query.items() if value)
    return f"{path}?{found}" if found else path


def _kind_chips(wanted: Wanted) -> list[Chip]:
    chips = [Chip("Everything", _address(Wanted(site=wanted.site)), is_chosen=not wanted.kind)]
    for kind, title in KIND_TITLES.items():
        chips.append(Chip(title, _address(Wanted(kind, wanted.site)), is_chosen=wanted.kind == kind))
    return chips


def _site_chips(wanted: Wanted, settings: Settings) -> list[Chip]:
    sites = settings.all_sites()
    if len(sites) < 2:
        return []
    chips = [Chip("All sites", _address(Wanted(wanted.kind)), is_chosen=not wanted.site)]
    return chips + [
        Chip(site.name, _address(Wanted(wanted.kind, site.key)), is_chosen=wanted.site == site.key) for site in sites
    ]


ROUTES = [
    Route("GET", PATH, show_war_room, role("viewer")),
    Route("GET", f"{PATH}/stream", stream, role("viewer")),
]
