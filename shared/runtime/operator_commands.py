"""What an operator may ask of Warroom, in the running process or, when none runs, on the store itself."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlmodel import select

from shared.derive import rollups
from shared.errors import FieldProblem, InvalidInput, NotFound
from shared.guard import api_keys, audit, sessions
from shared.ingest import erasure, identities
from shared.jobs.job_table import JOBS, find_job
from shared.jobs.scheduler import run_job
from shared.runtime.build import Runtime
from shared.store import outbox
from shared.store.models import ApiKey, Member, OutboxMessage, OutboxState

ACTOR = "cli"


@dataclass(frozen=True)
class OperatorContext:
    runtime: Runtime


Command = Callable[[Runtime, Mapping[str, Any]], Awaitable[Any]]


async def run_command(context: OperatorContext, command: str, arguments: Mapping[str, Any]) -> Any:
    """The command's answer as plain JSON data; raises a domain error that says what to do."""
    if command not in COMMANDS:
        raise NotFound(f"There is no command {command!r}.")
    return await COMMANDS[command](context.runtime, arguments)


async def sign_in(runtime: Runtime, arguments: Mapping[str, Any]) -> str:
    """A one-time sign-in address for a member; while there is no admin, a new member becomes admin."""
    now, rules = runtime.clock.now(), runtime.settings.dashboard

    async def unit(session: Any) -> str:
        member = await sessions.ensure_member(session, str(arguments["name"]), arguments.get("role"), now)
        await audit.record(session, ACTOR, "sign_in_link", f"member:{member.id}", now)
        return await sessions.create_link(session, member, now, rules.link_minutes)

    return sessions.link_address(runtime.settings.base_url, await runtime.store.writer.run(unit))


async def list_members(runtime: Runtime, _arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    async with runtime.store.read() as session:
        members = (await session.execute(select(Member).order_by(Member.name))).scalars()
        return [{"name": m.name, "role": m.role, "disabled": m.disabled_at is not None} for m in members]


async def create_key(runtime: Runtime, arguments: Mapping[str, Any]) -> dict[str, str]:
    """A new API key; it is shown this once."""
    now, site = runtime.clock.now(), str(arguments["site"])
    if runtime.settings.site(site) is None:
        raise InvalidInput(f"There is no site {site!r}.", [FieldProblem("site", "not in the configuration")])

    async def unit(session: Any) -> dict[str, str]:
        key, shown = await api_keys.create_key(session, str(arguments["name"]), site, arguments["scopes"], ACTOR, now)
        await audit.record(session, ACTOR, "create_key", f"key:{key.id}", now, {"scopes": key.scopes})
        return {"id": key.id, "key": shown}

    return await runtime.store.writer.run(unit)


async def list_keys(runtime: Runtime, _arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    async with runtime.store.read() as session:
        keys = (await session.execute(select(ApiKey).order_by(ApiKey.id))).scalars()
        return [
            {"id": k.id, "name": k.name, "site": k.site, "scopes": k.scopes, "revoked": k.revoked_at is not None}
            for k in keys
        ]


async def revoke_key(runtime: Runtime, arguments: Mapping[str, Any]) -> str:
    now, key_id = runtime.clock.now(), str(arguments["id"])

    async def unit(session: Any) -> None:
        await api_keys.revoke_key(session, key_id, now)
        await audit.record(session, ACTOR, "revoke_key", f"key:{key_id}", now)

    await runtime.store.writer.run(unit)
    return "revoked"


async def rebuild_rollups(runtime: Runtime, arguments: Mapping[str, Any]) -> str:
    """Recomputes the counters of one site's day from its rows."""
    site, day = str(arguments["site"]), date.fromisoformat(str(arguments["day"]))
    await runtime.store.writer.run(lambda session: rollups.rebuild(session, site, day))
    return f"rebuilt {site} {day}"


async def run_one_job(runtime: Runtime, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Runs a job of the table now."""
    job = find_job(str(arguments["name"]))
    if job is None:
        raise NotFound("There is no such job; known: " + ", ".join(job.name for job in JOBS))
    return {"job": job.name, "done": await run_job(runtime.job_context(), job)}


async def retry_dead(runtime: Runtime, arguments: Mapping[str, Any]) -> str:
    """Puts a dead letter back into the outbox."""
    now, row_id = runtime.clock.now(), int(arguments["id"])

    async def unit(session: Any) -> None:
        row = (await session.execute(select(OutboxMessage).where(OutboxMessage.id == row_id))).scalar_one_or_none()
        if row is None or row.state != OutboxState.DEAD.value:
            raise NotFound("There is no dead letter with this number.")
        row.state, row.attempts, row.next_try_at = OutboxState.PENDING.value, 0, now
        await audit.record(session, ACTOR, "retry_dead", f"outbox:{row_id}", now)

    await runtime.store.writer.run(unit)
    return "queued again"


async def show_status(runtime: Runtime, _arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What is on, what is down, and what waits to be sent."""
    async with runtime.store.read() as session:
        waiting = await outbox.count_by_state(session)
    parts = {name: [part.state, part.sentence] for name, part in runtime.parts.all().items()}
    return {"leader": runtime.is_leader(), "parts": parts, "outbox": waiting}


async def export_person(runtime: Runtime, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Everything stored about one identity."""
    async with runtime.store.read() as session:
        found = await identities.find_identity(session, str(arguments["platform"]), str(arguments["external_id"]))
        if found is None:
            raise NotFound("Nothing is stored about this identity.")
        return await erasure.export_person(session, runtime.instance_key, found[1].id)


async def erase_person(runtime: Runtime, arguments: Mapping[str, Any]) -> str:
    """Removes everything about one identity's person; an unknown identity is never asked either."""
    platform, external_id = str(arguments["platform"]), str(arguments["external_id"])
    if await runtime.eraser.erase_identity(platform, external_id, ACTOR) is None:
        raise NotFound("Nothing is stored about this identity.")
    return "erased"


COMMANDS: dict[str, Command] = {
    "sign-in": sign_in,
    "members": list_members,
    "key-create": create_key,
    "key-list": list_keys,
    "key-revoke": revoke_key,
    "rollups-rebuild": rebuild_rollups,
    "run-job": run_one_job,
    "retry-dead": retry_dead,
    "status": show_status,
    "export": export_person,
    "erase": erase_person,
}
