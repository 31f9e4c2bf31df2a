"""Export, erasure and report, by a server's key or by the consented id of the browser itself."""

import asyncio
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, RootModel
from sqlalchemy.ext.asyncio import AsyncSession

from api.authentication import address_of, current_key
from api.request_body import parse_model, read_json
from api.routes.prompts import ConsentedId, SiteKey
from api.routing import PUBLIC, RUNTIME, Operation, Route, key_scope
from shared.errors import CannotStore, FieldProblem, InvalidInput, LimitReached, NotAllowed, NotFound
from shared.guard.principals import Principal
from shared.guard.rate_limits import hit
from shared.ingest.erasure import Who, check_identity, find_who, report, salt_ages, stream_person
from shared.ingest.identities import find_identity
from shared.runtime import Runtime
from shared.store.people import USER, web_external_id

TRIES_PER_HOUR = 20
HOUR_SECONDS = 3600
EXPORT_SECONDS = 300.0  # 60 seconds are enough for 100,000 rows; the rest is for slow lines
BUSY_SECONDS = 60
DISPOSITION = 'attachment; filename="my-data.json"'
SCOPE = "privacy:write"
NOTHING = "Nothing is stored about this person."


class PersonRequest(BaseModel):
    """With a key: a platform identity, or a server's own id of its user. Without: site and random id of the browser."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    site: SiteKey | None = None
    person: ConsentedId | None = None
    platform: Literal["web", "discord", "x", "user"] | None = None  # user: whom the site's servers name
    external_id: Annotated[str, Field(min_length=1, max_length=1000)] | None = None


class ExportedPerson(RootModel[dict[str, list[dict[str, Any]]]]):
    """Each table with the person's rows, every column."""


class PrivacyReport(BaseModel):
    """How much is stored about people, per table and age; how old salts are, when was erased and purged last."""

    people: dict[str, Any]
    erasures: dict[str, Any]
    suppressed: int
    last_purge: dict[str, Any]
    tables: list[dict[str, Any]]
    salts: dict[str, Any]


class ErasedAnswer(BaseModel):
    """How many rows went, by table, and how many posts are edited."""

    erased: bool
    rows: dict[str, int]
    posts: int


async def export_data(request: web.Request) -> web.StreamResponse:
    """Everything that is stored about one person."""
    runtime = request.app[RUNTIME]
    refuse_unsettled(runtime)
    platform, external_id, key = await _asked(request)
    async with runtime.store.read() as session:
        if not await _may_speak_for(session, platform, external_id, key):
            raise NotFound(NOTHING)
        who = await find_who(session, runtime.instance_key, platform, external_id)
    if who is None:
        raise NotFound(NOTHING)
    return await hand_out(request, who)


async def erase_data(request: web.Request) -> web.Response:
    """Removes everything about one person; they are never asked again, nor is somebody of whom nothing is stored."""
    platform, external_id, key = await _asked(request)
    runtime = request.app[RUNTIME]
    async with runtime.store.read() as session:
        if not await _may_speak_for(session, platform, external_id, key):
            raise NotFound(NOTHING)
    done = await runtime.eraser.erase(platform, external_id, key.actor if key else "self", is_anonymous=key is None)
    if done is None:
        raise NotFound(NOTHING)
    return web.json_response(ErasedAnswer(erased=True, rows=done.rows, posts=done.posts).model_dump())


async def report_data(request: web.Request) -> web.Response:
    """What is stored about how many people of the key's site; nobody's data."""
    runtime = request.app[RUNTIME]
    key = await current_key(request)
    async with runtime.store.read() as session:
        told = await report(session, runtime.settings, key.site if key else None)
    return web.json_response({**told, "salts": await salt_ages(runtime.hasher, runtime.clock.now())})


async def hand_out(request: web.Request, who: Who) -> web.StreamResponse:
    """A person's data as a file, written piece by piece.

    Whoever reads it slowly keeps a connection to the database: that is why there are few at once, and not for long.
    """
    runtime = request.app[RUNTIME]
    if runtime.exporting.locked():
        raise LimitReached("Others are getting their data right now; please try again in a minute.", BUSY_SECONDS)
    answer = web.StreamResponse(headers={"Content-Disposition": DISPOSITION, "Cache-Control": "no-store"})
    answer.content_type, answer.charset = "application/json", "utf-8"
    try:
        async with runtime.exporting, asyncio.timeout(EXPORT_SECONDS), runtime.store.read() as session:
            async for piece in stream_person(session, runtime.instance_key, who):
                if not answer.prepared:
                    await answer.prepare(request)
                await answer.write(piece.encode())
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()  # half a file must not look like a whole one
        return answer
    await answer.write_eof()
    return answer


async def _asked(request: web.Request) -> tuple[str, str, Principal | None]:
    """Platform and external id that the sender may speak for, and their key if they have one."""
    key = await current_key(request)
    if key is not None and not key.has_scope(SCOPE):
        raise NotAllowed(f"This key lacks the scope {SCOPE}.")
    if key is None:
        await limit_tries(request.app[RUNTIME], address_of(request))
    wanted = parse_model(PersonRequest, await read_json(request))
    site = key.site if key else wanted.site
    if key is not None and wanted.platform is not None and wanted.external_id is not None:
        is_of_site = wanted.platform in ("web", USER)
        external_id = web_external_id(key.site or "", wanted.external_id) if is_of_site else wanted.external_id
        return *check_identity(wanted.platform, external_id), key
    if wanted.person is None or site is None:
        problem = FieldProblem("person", "the id that the browser keeps, together with `site`")
        raise InvalidInput("It is not said who this is about.", [problem])
    return "web", web_external_id(site, wanted.person), key


def refuse_unsettled(runtime: Runtime) -> None:
    if not runtime.is_settled():
        raise CannotStore("Warroom is starting and first erases again who was erased. Please try again.")


async def limit_tries(runtime: Runtime, address: str) -> None:
    """Nobody may try ids of strangers: a few tries an hour from one address."""
    now = runtime.clock.now()
    bucket = f"privacy:{await runtime.hasher.address_bucket(address, now)}"
    wait = await runtime.store.writer.run(lambda session: hit(session, bucket, TRIES_PER_HOUR, HOUR_SECONDS, now))
    if wait:
        raise LimitReached("That was often; please try again later.", wait)


async def _may_speak_for(session: AsyncSession, platform: str, external_id: str, key: Principal | None) -> bool:
    """A key speaks for the identities of its own site, and for those whom nobody knows."""
    found = None if key is None else await find_identity(session, platform, external_id)
    return key is None or found is None or found[0].site == key.site


def _operation(summary: str, answer: Any, example: Any) -> Operation:
    answers = {
        400: "it is not said who this is about",
        401: "the key is not valid",
        403: "the key lacks the scope privacy:write",
        404: "nothing is stored about this person",
        429: "too many tries",
    }
    asked = {"site": "docs", "person": "5b2f0c9d41e8"}
    return Operation(
        summary,
        body=PersonRequest,
        answer=answer,
        answers=answers,
        takes_key=True,
        example=asked,
        answer_example=example,
    )


EXPORT = _operation(
    "Everything stored about a person", ExportedPerson, {"person": [{"id": "01jqz4c8kq6m2v0n5t7w9x1y3b"}]}
)
ERASE = _operation("Erase a person", ErasedAnswer, {"erased": True, "rows": {"feedback": 2, "prompt": 1}, "posts": 1})
REPORT = Operation(
    "What is stored about how many people",
    answer=PrivacyReport,
    answers={401: "no valid key", 403: "the key lacks the scope privacy:write"},
    answer_example={
        "people": {
            "known": 2,
            "identities": {"web": 2},
            "refused_questions": 0,
            "anonymous_visitor_days": 310,
            "users_of_servers": 40,
        },
        "erasures": {"count": 1, "last": "2026-03-11T12:00:00+00:00"},
        "suppressed": 1,
        "last_purge": {"at": "2026-03-11T03:00:00+00:00", "removed": {"event": 1200}},
        "tables": [
            {
                "table": "event",
                "holds": "what a visitor or a server did",
                "erasing": "delete",
                "rows": 5120,
                "oldest": "2025-02-09",
                "newest": "2026-03-11",
                "kept": "395 days",
            }
        ],
        "salts": {"days": ["2026-03-10", "2026-03-11"], "oldest_days": 1},
    },
)
ROUTES = [
    Route("POST", "/api/v1/privacy/export", export_data, PUBLIC, EXPORT),
    Route("POST", "/api/v1/privacy/erase", erase_data, PUBLIC, ERASE),
    Route("GET", "/api/v1/privacy/report", report_data, key_scope(SCOPE), REPORT),
]
