"""What an operator may ask of Warroom, in the running process or, when none runs, on the store itself."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlmodel import select

from shared.derive import rollups
from shared.derive.coverage import store_run
from shared.errors import FieldProblem, InvalidInput, NotFound
from shared.guard import api_keys, audit, sessions
from shared.ingest import erasure
from shared.jobs.job_table import JOBS, find_job
from shared.jobs.scheduler import run_job
from shared.runtime.build import Runtime
from shared.runtime.import_commands import end_import, find_import_span, import_days, import_events
from shared.store import outbox
from shared.store.models import ApiKey, Member, OutboxMessage, OutboxState

ACTOR = "cli"


@dataclass(frozen=True)
class OperatorContext:
    runtime: Runtime


Command = Callable[[Runtime, Mapping[str, Any]], Awaitable[Any]]


async def run_command(
    context: OperatorContext, command: str, arguments: Mapping[str, Any], write: Callable[[str], object] | None = None
) -> Any:
    """The command's answer as plain JSON data; raises a domain error that says what to do.

    `write` gets the pieces of a long answer as they come; without it they are put together.
    """
    answer = await open_command(context, command, arguments)
    if not isinstance(answer, AsyncIterator):
        return answer
    pieces: list[str] = []
    async for piece in answer:
        (write or pieces.append)(piece)
    return json.loads("".join(pieces)) if pieces else None


async def open_command(context: OperatorContext, command: str, arguments: Mapping[str, Any]) -> Any:
    """The same, but a long answer comes as pieces of its JSON text."""
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
    now, site = runtime.clock.now(), _known_site(runtime, arguments["site"])

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
    site, day = _known_site(runtime, arguments["site"]), _day(arguments["day"])
    await runtime.store.writer.run(lambda session: rollups.rebuild(session, site, day))
    return f"rebuilt {site} {day}"


def _known_site(runtime: Runtime, named: object) -> str:
    site = str(named)
    if runtime.settings.site(site) is None:
        raise InvalidInput(f"There is no site {site!r}.", [FieldProblem("site", "not in the configuration")])
    return site


def _day(named: object) -> date:
    try:
        return date.fromisoformat(str(named))
    except ValueError:
        raise InvalidInput(f"{named!r} is no day.", [FieldProblem("day", "as in 2026-03-11")]) from None


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


async def export_person(runtime: Runtime, arguments: Mapping[str, Any]) -> AsyncIterator[str]:
    """Everything stored about one identity, in pieces; on record, because somebody else reads it."""
    now, key = runtime.clock.now(), runtime.instance_key
    platform, external_id = erasure.check_identity(str(arguments["platform"]), str(arguments["external_id"]))
    async with runtime.store.read() as session:
        who = await erasure.find_who(session, key, platform, external_id)
    if who is None:
        raise NotFound("Nothing is stored about this identity.")
    target = who.target
    await runtime.store.writer.run(lambda session: audit.record(session, ACTOR, "person.export", target, now))
    return _pieces_of(runtime, who)


async def _pieces_of(runtime: Runtime, who: erasure.Who) -> AsyncIterator[str]:
    async with runtime.store.read() as session:
        async for piece in erasure.stream_person(session, runtime.instance_key, who):
            yield piece


async def report_privacy(runtime: Runtime, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What is stored about how many people, and how old it is."""
    async with runtime.store.read() as session:
        told = await erasure.report(session, runtime.settings, arguments.get("site"))
    return {**told, "salts": await erasure.salt_ages(runtime.hasher, runtime.clock.now())}


async def erase_person(runtime: Runtime, arguments: Mapping[str, Any]) -> str:
    """Removes everything about one identity's person; an unknown identity is never asked either."""
    if await runtime.eraser.erase(str(arguments["platform"]), str(arguments["external_id"]), ACTOR) is None:
        raise NotFound("Nothing is stored about this identity.")
    return "erased"


async def store_coverage(runtime: Runtime, arguments: Mapping[str, Any]) -> str:
    """Keeps the result of a run of `warroom coverage` for the metric."""
    site = runtime.settings.site(str(arguments["site"]))
    if site is None:
        raise NotFound("There is no such site.")
    elements, covered = int(arguments["elements"]), int(arguments["covered"])
    missed, now = [str(name) for name in arguments["missed"]], runtime.clock.now()
    own = int(arguments.get("own", 0))
    await runtime.store.writer.run(lambda session: store_run(session, site, elements, covered, missed, now, own))
    return f"Kept as the coverage of {site.name}."


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
    "coverage-store": store_coverage,
    "import-span": find_import_span,
    "import-events": import_events,
    "import-days": import_days,
    "import-end": end_import,
    "export": export_person,
    "erase": erase_person,
    "privacy-report": report_privacy,
}
