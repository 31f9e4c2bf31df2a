"""The day-7 question on the docs page, and servers that make a person due."""

from datetime import datetime
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession

from api.authentication import PRINCIPAL
from api.request_body import parse_model, read_json
from api.routes.feedback import check_origin
from api.routing import INTAKE, RUNTIME, Operation, Route, key_scope
from api.visitor_texts import language_of
from shared.config import SiteSettings
from shared.decide import prompts
from shared.errors import NotFound
from shared.ingest.identities import find_identity, keep_habits
from shared.ingest.noise_filter import is_bot, opted_out
from shared.store.models import Platform, Prompt
from shared.store.people import web_external_id
from shared.texts import Texts

SCALE_MIN, SCALE_MAX = 1, 5
POINT_KEYS = ("prompt_low", "prompt_2", "prompt_3", "prompt_4", "prompt_high")
TEXT_KEYS = ("send", "sending", "failed", "later", "never", "close")
ConsentedId = Annotated[str, Field(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$")]
PlatformId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$")]  # X has short ones
SiteKey = Annotated[str, Field(min_length=1, max_length=32)]


class AskForQuestion(BaseModel):
    """Who is on the page."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    site: SiteKey
    person: ConsentedId
    language: Annotated[str, Field(max_length=35)] | None = None
    zone: Annotated[str, Field(max_length=64)] | None = None


class Dismissal(BaseModel):
    """ "Not now" or "don't ask me again", from the person who was asked."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    site: SiteKey
    person: ConsentedId
    how: Literal["later", "never"]


class DueRequest(BaseModel):
    """A person by platform identity, never by an e-mail address."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    platform: Literal["web", "discord", "x"]
    external_id: PlatformId


class DueAnswer(BaseModel):
    """What came of it; only `due` means that the person will be asked."""

    state: Literal["due", "unknown", "not_opted_in", "opted_out", "asked_before"]
    prompt: str | None = None
    due_at: datetime | None = None


class Scale(BaseModel):
    """The score's range, with the words at its ends and at every point."""

    min: int
    max: int
    low: str
    high: str
    labels: list[str]


class Question(BaseModel):
    """The question as the widget shows it, in the visitor's language."""

    prompt: str
    survey: str
    question: str
    scale: Scale
    text_label: str
    texts: dict[str, str]


async def next_question(request: web.Request) -> web.Response:
    """200 with the one question of this visitor, which counts as asked from now on; else 204."""
    runtime = request.app[RUNTIME]
    asked = parse_model(AskForQuestion, dict(request.query))
    check_origin(request, asked.site)
    site, now = runtime.settings.site(asked.site), runtime.clock.now()
    if site is None or opted_out(request.headers) or is_bot(request.headers.get("User-Agent"), site.key):
        return web.Response(status=204)
    async with runtime.store.read() as session:
        if not await prompts.may_have_question(session, runtime.settings, site, asked.person, now):
            return web.Response(status=204)

    async def claim(session: AsyncSession) -> Prompt | None:
        found = await find_identity(session, Platform.WEB, web_external_id(site.key, asked.person))
        if found is not None:
            keep_habits(found[1], asked.zone, None)
        return await prompts.claim_web_prompt(session, runtime.settings, site, asked.person, now)

    prompt = await runtime.store.writer.run(claim)
    if prompt is None:
        return web.Response(status=204)
    language = language_of(request, asked.language, site)
    return web.json_response(describe_question(prompt, site, runtime.texts, language))


def describe_question(prompt: Prompt, site: SiteSettings, texts: Texts, language: str) -> dict[str, Any]:
    """The question as the widget shows it."""
    return {
        "prompt": prompt.id,
        "survey": prompt.survey,
        "question": texts.say(language, "prompt_question", site=site.name),
        "scale": {
            "min": SCALE_MIN,
            "max": SCALE_MAX,
            "low": texts.say(language, "prompt_low"),
            "high": texts.say(language, "prompt_high"),
            "labels": [texts.say(language, key) for key in POINT_KEYS],
        },
        "text_label": texts.say(language, "prompt_text_label"),
        "texts": {
            **{key: texts.say(language, f"prompt_{key}") for key in TEXT_KEYS},
            "choose": texts.say(language, "form_choose"),
            "thanks": texts.say(language, "thanks"),
        },
    }


async def dismiss_question(request: web.Request) -> web.Response:
    """204, also when it was dismissed before; 404 when it is not this person's question."""
    check_origin(request)
    runtime = request.app[RUNTIME]
    dismissal = parse_model(Dismissal, await read_json(request))
    check_origin(request, dismissal.site)
    prompt_id, now = request.match_info["id"], runtime.clock.now()

    async def unit(session: AsyncSession) -> None:
        found = await find_identity(session, Platform.WEB, web_external_id(dismissal.site, dismissal.person))
        prompt = await prompts.get_prompt(session, prompt_id)
        if found is None or prompt.person_id != found[1].id:
            raise NotFound("There is no such question.")
        await prompts.dismiss(session, runtime.settings, prompt_id, dismissal.how, now)

    await runtime.store.writer.run(unit)
    return web.Response(status=204)


async def make_due(request: web.Request) -> web.Response:
    """Replaces the usage rules for one person; opt-in, opt-out, the pause and waking hours stay."""
    runtime, key = request.app[RUNTIME], request[PRINCIPAL]
    wanted = parse_model(DueRequest, await read_json(request))
    site_key, now = key.site or "", runtime.clock.now()
    is_web = wanted.platform == "web"
    external_id = web_external_id(site_key, wanted.external_id) if is_web else wanted.external_id

    async def unit(session: AsyncSession) -> DueAnswer:
        found = await find_identity(session, wanted.platform, external_id)
        if found is None or found[0].site != site_key:
            return DueAnswer(state="unknown")
        made = await prompts.make_due_by_request(session, runtime.settings, *found, site_key, now)
        return DueAnswer(state=made.state, prompt=made.prompt_id, due_at=made.due_at)

    answer = await runtime.store.writer.run(unit)
    return web.json_response(answer.model_dump(mode="json"))


NEXT = Operation(
    "The one question of this visitor, if there is one; it counts as asked from now on",
    query=AskForQuestion,
    others={204: "no question now"},
    answers={400: "a field is not as it must be"},
    answer=Question,
    example={"site": "docs", "person": "5b2f0c9d41e8", "language": "en", "zone": "Europe/Berlin"},
    answer_example={
        "prompt": "01jqz4c8kq6m2v0n5t7w9x1y3b",
        "survey": "day7",
        "question": "You have been using Example Docs for a week. How is it going?",
        "scale": {
            "min": 1,
            "max": 5,
            "low": "Very bad",
            "high": "Very good",
            "labels": ["Very bad", "Bad", "Neither good nor bad", "Good", "Very good"],
        },
        "text_label": "What should we do better, or keep as it is?",
        "texts": {"send": "Send", "later": "Not now", "thanks": "Thank you! The team reads every answer."},
    },
)
DISMISS = Operation(
    "Put a question off, or refuse to be asked again",
    body=Dismissal,
    body_types=("application/json", "text/plain"),
    answer_status=204,
    answers={400: "a field is not as it must be", 404: "not this person's question"},
    example={"site": "docs", "person": "5b2f0c9d41e8", "how": "later"},
)
DUE = Operation(
    "Make a person due for the day-7 question",
    body=DueRequest,
    answer=DueAnswer,
    answers={400: "a field is not as it must be", 401: "no valid key", 403: "the key lacks the scope"},
    example={"platform": "discord", "external_id": "123456789012345678"},
    answer_example={"state": "due", "prompt": "01jqz4c8kq6m2v0n5t7w9x1y3b", "due_at": "2026-03-11T12:00:00Z"},
)
ROUTES = [
    Route("GET", "/prompts/next", next_question, INTAKE, NEXT),
    Route("POST", "/prompts/{id}/dismiss", dismiss_question, INTAKE, DISMISS),
    Route("POST", "/api/v1/prompts/due", make_due, key_scope("prompts:write"), DUE),
]
