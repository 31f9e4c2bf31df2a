"""`POST /feedback`: JSON from scripts and servers, or a plain HTML form; and the page that says thanks."""

from collections.abc import Mapping
from typing import Literal

from aiohttp import web
from pydantic import BaseModel

from api.cross_origin import is_site_origin
from api.error_responses import status_of
from api.rendering import render
from api.request_body import FORM_TYPE, media_type, parse_model, read_form, read_json
from api.routing import INTAKE, PUBLIC, RUNTIME, Operation, Route
from api.senders import sender_of
from api.visitor_texts import language_of, thanks_address, way_back
from shared.errors import CannotStore, InvalidInput, LimitReached, NotAllowed, WarroomError
from shared.ingest.event_fields import clean_page
from shared.ingest.feedback import FeedbackOutcome, FeedbackSender, NewFeedback, parse_form
from shared.runtime import Runtime

PAGE_ERRORS = (InvalidInput, LimitReached, CannotStore)
SENTENCES: dict[type[WarroomError], str] = {InvalidInput: "form_wrong", CannotStore: "page_not_sent"}
FORM_FIELDS = frozenset({"text", "score", "category", "contact"})  # those that a visitor sees


class FeedbackAnswer(BaseModel):
    """The id under which the feedback is stored."""

    id: str


async def take_feedback(request: web.Request) -> web.Response:
    """Answers after the commit: 201 stored, 200 a repeat, 202 left out by a rule; a form goes to the thanks.

    The id, null for what was left out, tells senders that Warroom itself answers: proxies say 2xx for dead servers.
    """
    check_origin(request)
    if media_type(request) == FORM_TYPE:
        return await _take_form(request)
    fields = await read_json(request)
    new = parse_model(NewFeedback, fields)
    check_origin(request, new.site)
    _count_unknown(request, new.site, fields)
    outcome = await _take(request, new, "web")
    status = 202 if outcome.id is None else 200 if outcome.repeated else 201
    return web.json_response({"id": outcome.id}, status=status)


def check_origin(request: web.Request, site_key: str | None = None) -> None:
    """A page of another host may send only if that host is one of the site's hosts; before the body is read, any's."""
    origin = request.headers.get("Origin")
    if origin is None or origin == "null" or origin.split("://")[-1] == request.host:
        return
    if not is_site_origin(request, origin, site_key):
        raise NotAllowed("Pages of this host may not send feedback; its name is missing in the site's hosts.")


def _count_unknown(request: web.Request, site_key: str, fields: Mapping[str, object]) -> None:
    """What nobody reads is left out, but seen: it may be a spelling mistake."""
    runtime = request.app[RUNTIME]
    if runtime.settings.site(site_key) is not None:
        runtime.meter.ignore_fields(site_key, len(fields.keys() - NewFeedback.model_fields.keys()))


async def _take(request: web.Request, new: NewFeedback, source: Literal["web", "form"]) -> FeedbackOutcome:
    known = await sender_of(request, "feedback:write")
    runtime = request.app[RUNTIME]
    sender = FeedbackSender(
        source="api" if known.key else source,
        address=known.address,
        user_agent=known.user_agent,
        opted_out=known.opted_out,
        key=known.key,
        passed_on_by=known.passed_on_by,
        language=language_of(request, new.language, runtime.settings.site(new.site)),
    )
    return await runtime.feedback.take(new, sender)


async def _take_form(request: web.Request) -> web.Response:
    values = await read_form(request)
    if page := values.get("page"):  # it comes back in addresses and in the form, so its query goes at once
        values["page"] = clean_page(page, request.app[RUNTIME].settings.limits.page_characters) or ""
    try:
        new = parse_form(values, request.app[RUNTIME].settings.limits)
        check_origin(request, new.site)
        await _take(request, new, "form")
    except PAGE_ERRORS as error:
        return _show_again(request, values, error)
    return web.Response(status=303, headers={"Location": thanks_address(new.site, new.page)})


def _show_again(request: web.Request, values: dict[str, str], error: WarroomError) -> web.Response:
    """The form with the reason, and with everything that was typed."""
    runtime = request.app[RUNTIME]
    site = runtime.settings.site(values.get("site", ""))
    language = language_of(request, values.get("language"), site)
    texts = runtime.texts.table(language)
    response = render(
        "visitor/form_error.html",
        status_of(error)[0],
        texts=texts,
        language=runtime.texts.nearest(language),
        site=values.get("site", ""),
        name=site.name if site else "",
        values=values,
        errors=_reasons(runtime, language, error),
        error=texts[SENTENCES[type(error)]] if type(error) in SENTENCES else str(error),
        back=way_back(request, values.get("site"), values.get("page")),
    )
    if isinstance(error, LimitReached | CannotStore):
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    return response


def _reasons(runtime: Runtime, language: str, error: WarroomError) -> dict[str, str]:
    """What is wrong with each field of the form, in the visitor's language."""
    problems = error.problems if isinstance(error, InvalidInput) else ()
    longest = runtime.settings.limits.text_characters
    wrong = {problem.field for problem in problems} & FORM_FIELDS
    return {field: runtime.texts.say(language, f"form_wrong_{field}", longest) for field in wrong}


async def show_thanks(request: web.Request) -> web.Response:
    """After a form that was sent without scripts."""
    runtime = request.app[RUNTIME]
    site_key, page = request.query.get("site"), request.query.get("page")
    language = runtime.texts.nearest(language_of(request, None, runtime.settings.site(site_key or "")))
    back = way_back(request, site_key, page)
    return render("visitor/thanks.html", texts=runtime.texts.table(language), language=language, back=back)


OPERATION = Operation(
    summary="Take feedback: a score, a text or a category",
    body=NewFeedback,
    body_types=("application/json", "text/plain", FORM_TYPE),
    answer=FeedbackAnswer,
    answer_status=201,
    answers={
        400: "a field is not as it must be",
        401: "the key is not valid",
        403: "the key lacks the scope, or the page's host is not one of the site's",
        413: "the body is too large",
        415: "the content type is not taken",
        429: "too many; the sentence says how long to wait",
        503: "cannot store now; try again",
    },
    refusal_types=("application/problem+json", "text/html"),  # a form hears on a page, with what was typed
    others={
        200: "the same id was sent before; the answer names it again",
        202: "left out by a rule; the id is null",
        303: "a form: to the page that says thanks",
    },
    takes_key=True,
    example={"site": "docs", "id": "4f1c9a7e2b60", "score": 4, "scale": "1-5", "text": "Step two was clear."},
    answer_example={"id": "01jqz4c8kq6m2v0n5t7w9x1y3b"},
)
ROUTES = [
    Route("POST", "/feedback", take_feedback, INTAKE, OPERATION),
    Route("POST", "/api/feedback", take_feedback, INTAKE, OPERATION),
    Route("GET", "/thanks", show_thanks, PUBLIC),
]
