"""Settings: what is on, members and their sessions, keys of servers. For admins only."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from api.authentication import PRINCIPAL, SESSION, form_of
from api.dashboard_shell import PART_STATE_WORDS, make_shell
from api.rendering import render
from api.routes.dashboard_feedback import back_to
from api.routing import RUNTIME, Route, id_in_path, role
from api.script_tags import lines_of, tags_of
from shared.config import ROLES
from shared.errors import Conflict, FieldProblem, InvalidInput, WarroomError
from shared.guard import api_keys, audit, sessions
from shared.store.models import ApiKey, Member, Session

PATH = "/app/settings"


@dataclass(frozen=True)
class ShownOnce:
    """A secret that exists only on this one page."""

    title: str
    sentence: str
    secret: str


async def show_settings(request: web.Request) -> web.StreamResponse:
    return await _page(request)


async def _page(
    request: web.Request, shown_once: ShownOnce | None = None, error: WarroomError | None = None
) -> web.Response:
    runtime, settings = request.app[RUNTIME], request.app[RUNTIME].settings
    now, rules = runtime.clock.now(), settings.dashboard
    async with runtime.store.read() as session:
        members = list((await session.execute(select(Member).order_by(col(Member.created_at)))).scalars())
        joined = select(Session, Member).join(Member, col(Member.id) == Session.member_id)
        signed_in = (await session.execute(joined.order_by(col(Session.last_seen_at).desc()))).all()
        keys = list((await session.execute(select(ApiKey).order_by(col(ApiKey.id).desc()))).scalars())
    idle = timedelta(minutes=rules.session_idle_minutes)
    living = [(row, member) for row, member in signed_in if row.expires_at > now and now - row.last_seen_at <= idle]
    problems = [str(error), *_field_sentences(error)] if error else []
    return render(
        "dashboard/settings.html",
        status=409 if isinstance(error, Conflict) else 400 if error else 200,
        shell=make_shell(request, settings),
        shown_once=shown_once,
        problems=problems,
        parts_on=[
            {
                "name": name,
                "state": PART_STATE_WORDS[part.state][0],
                "tone": PART_STATE_WORDS[part.state][1],
                "sentence": part.sentence,
            }
            for name, part in runtime.parts.all().items()
        ],
        members=[_member_row(member, request[PRINCIPAL].id) for member in members],
        sessions=[_session_row(row, member, request[SESSION].id) for row, member in living],
        keys=keys,
        roles=ROLES,
        scopes=api_keys.SCOPES,
        idle_minutes=rules.session_idle_minutes,
        session_hours=rules.session_hours,
        zone=settings.war_room.zone,
        script_tags=[tags_of(site, settings) for site in settings.sites],
        script_lines=lines_of(settings.script),
    )


def _field_sentences(error: WarroomError) -> list[str]:
    problems = error.problems if isinstance(error, InvalidInput) else ()
    return [f"{problem.field}: {problem.reason}" for problem in problems]


def _member_row(member: Member, own_id: str) -> dict[str, object]:
    return {
        "id": member.id,
        "name": member.name,
        "role": member.role,
        "created_at": member.created_at,
        "is_disabled": member.disabled_at is not None,
        "is_you": member.id == own_id,
        "with_discord": member.discord_id is not None,
    }


def _session_row(row: Session, member: Member, own_id: str) -> dict[str, object]:
    return {
        "id": row.id,
        "name": member.name,
        "how": {"link": "sign-in link", "discord": "Discord"}.get(row.how, row.how),
        "created_at": row.created_at,
        "last_seen_at": row.last_seen_at,
        "is_this": row.id == own_id,
    }


async def _do(
    request: web.Request, action: str, target: str, unit: Callable[[AsyncSession], Awaitable[object]], **details: object
) -> None:
    """One act of an admin with its entry in the record, in one unit."""
    runtime, actor = request.app[RUNTIME], request[PRINCIPAL].actor
    now = runtime.clock.now()

    async def recorded(session: AsyncSession) -> None:
        await unit(session)
        await audit.record(session, actor, action, target, now, details)

    await runtime.store.writer.run(recorded)


async def invite(request: web.Request) -> web.StreamResponse:
    """A new member with a one-time link; somebody who is one already gets a new link from the table."""
    runtime, form = request.app[RUNTIME], await form_of(request)
    now, rules, name = runtime.clock.now(), runtime.settings.dashboard, form.get("name", "").strip()
    made: list[str] = []

    async def unit(session: AsyncSession) -> None:
        if (await session.execute(select(Member.id).where(Member.name == name))).first() is not None:
            raise Conflict(f"There is a member called {name} already; give them a new link in the table.")
        member = await sessions.ensure_member(session, name, form.get("role", ""), now)
        made.append(await sessions.create_link(session, member, now, rules.link_minutes))

    try:
        await _do(request, "member.invite", f"member:{name}", unit, role=form.get("role", ""))
    except (InvalidInput, Conflict) as error:
        return await _page(request, error=error)
    return await _page(request, _link_notice(request, name, made[-1]))


async def renew_link(request: web.Request) -> web.StreamResponse:
    runtime, member_id = request.app[RUNTIME], id_in_path(request)
    now, rules = runtime.clock.now(), runtime.settings.dashboard
    made: list[tuple[str, str]] = []

    async def unit(session: AsyncSession) -> None:
        member = await sessions.get_member(session, member_id)
        if member.disabled_at is not None:
            raise Conflict(f"{member.name} is disabled; enable the member first.")
        made.append((member.name, await sessions.create_link(session, member, now, rules.link_minutes)))

    await _do(request, "member.link", f"member:{member_id}", unit)
    return await _page(request, _link_notice(request, *made[-1]))


def _link_notice(request: web.Request, name: str, token: str) -> ShownOnce:
    settings = request.app[RUNTIME].settings
    sentence = f"Hand it over in a private message. It works once, within {settings.dashboard.link_minutes} minutes."
    return ShownOnce(f"Sign-in link for {name}", sentence, sessions.link_address(settings.base_url, token))


async def change_role(request: web.Request) -> web.StreamResponse:
    member_id, new_role = id_in_path(request), (await form_of(request)).get("role", "")
    try:
        await _do(
            request,
            "member.role",
            f"member:{member_id}",
            lambda session: sessions.change_role(session, member_id, new_role),
            role=new_role,
        )
    except (InvalidInput, Conflict) as error:
        return await _page(request, error=error)
    return back_to(PATH, "role")


async def change_access(request: web.Request) -> web.StreamResponse:
    member_id, wanted = id_in_path(request), (await form_of(request)).get("disabled")
    now = request.app[RUNTIME].clock.now()
    if wanted not in ("yes", "no"):
        raise InvalidInput("Say whether to disable the member.", [FieldProblem("disabled", "yes or no")])

    async def unit(session: AsyncSession) -> None:
        if wanted == "yes":
            await sessions.disable_member(session, member_id, now)
        else:
            await sessions.enable_member(session, member_id)

    try:
        await _do(request, "member.disable" if wanted == "yes" else "member.enable", f"member:{member_id}", unit)
    except Conflict as error:
        return await _page(request, error=error)
    return back_to(PATH, "disabled" if wanted == "yes" else "enabled")


async def end_session(request: web.Request) -> web.StreamResponse:
    session_id = id_in_path(request)
    await _do(
        request, "session.end", f"session:{session_id}", lambda session: sessions.end_session(session, session_id)
    )
    return back_to(PATH, "ended")


async def create_key(request: web.Request) -> web.StreamResponse:
    """A key of a server, shown on the answer to this form and nowhere else.

    A name that is taken is refused: whoever loads the answer again sends the form again, and wants no second key.
    """
    runtime, form, actor = request.app[RUNTIME], await form_of(request), request[PRINCIPAL].actor
    now, site, name = runtime.clock.now(), form.get("site", ""), form.get("name", "").strip()
    scopes = [scope for scope in api_keys.SCOPES if f"scope {scope}" in form]
    made: list[str] = []

    async def unit(session: AsyncSession) -> None:
        if runtime.settings.site(site) is None:
            raise InvalidInput("The key needs a site.", [FieldProblem("site", "not in the configuration")])
        taken = select(ApiKey.id).where(ApiKey.name == name, ApiKey.site == site, col(ApiKey.revoked_at).is_(None))
        if (await session.execute(taken)).first() is not None:
            raise Conflict(
                f"There is a key called {name} already. If you did not keep it, revoke it and make a new one."
            )
        _, shown = await api_keys.create_key(session, name, site, scopes, actor, now)
        made.append(shown)

    try:
        await _do(request, "key.create", f"site:{site}", unit, scopes=scopes)
    except (InvalidInput, Conflict) as error:
        return await _page(request, error=error)
    sentence = "Put it into the environment of your server. Warroom keeps only a digest of it."
    return await _page(request, ShownOnce(f"API key {name}", sentence, made[-1]))


async def revoke_key(request: web.Request) -> web.StreamResponse:
    key_id, now = id_in_path(request), request.app[RUNTIME].clock.now()
    await _do(request, "key.revoke", f"key:{key_id}", lambda session: api_keys.revoke_key(session, key_id, now))
    return back_to(PATH, "revoked")


ROUTES = [
    Route("GET", PATH, show_settings, role("admin")),
    Route("POST", f"{PATH}/members", invite, role("admin")),
    Route("POST", f"{PATH}/members/{{id}}/link", renew_link, role("admin")),
    Route("POST", f"{PATH}/members/{{id}}/role", change_role, role("admin")),
    Route("POST", f"{PATH}/members/{{id}}/access", change_access, role("admin")),
    Route("POST", f"{PATH}/sessions/{{id}}/end", end_session, role("admin")),
    Route("POST", f"{PATH}/keys", create_key, role("admin")),
    Route("POST", f"{PATH}/keys/{{id}}/revoke", revoke_key, role("admin")),
]
