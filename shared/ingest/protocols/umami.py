"""Umami's `POST /api/send` and `/api/batch`: events, page views (those without a name) and web vitals."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.config import LimitSettings
from shared.errors import BodyTooLarge, FieldProblem, InvalidInput
from shared.event_catalogue import WEB_VITAL
from shared.identifiers import random_uuid
from shared.ingest.event_fields import TrackEvent
from shared.ingest.protocols.foreign import (
    INVALID,
    NOT_AN_EVENT,
    ForeignEvent,
    Parsed,
    first_text,
    ignored_in,
    make_named,
    make_page_view,
    milliseconds,
    moment_of,
    page_of,
    referrer_of,
    text_of,
    title_characters,
    traits_of,
    user_of,
)
from shared.ingest.protocols.money import currency_of, read_money

TYPES = frozenset({"event", "identify", "performance"})
VITALS = ("lcp", "cls", "inp", "fcp", "ttfb")
WEBSITE_CHARACTERS = 64
HOST_CHARACTERS = 253


@dataclass(frozen=True)
class UmamiMessage:
    """What was said, for which website: its id there, and the host of the page."""

    parsed: Parsed
    website: str
    host: str | None


@dataclass(frozen=True)
class UmamiBatch:
    """The messages that could be read, and what is wrong with each of the others."""

    messages: list[UmamiMessage]
    problems: list[str]


def parse_batch(raw: Any, limits: LimitSettings) -> UmamiBatch:
    """A bad message costs the others nothing; raises `InvalidInput` when all are bad."""
    if not isinstance(raw, list) or not raw:
        raise InvalidInput("The batch was refused.", [FieldProblem("", "a list of messages is needed")])
    if len(raw) > limits.batch_events:
        raise BodyTooLarge(f"At most {limits.batch_events} messages at once.", messages=len(raw))
    messages: list[UmamiMessage] = []
    problems: list[FieldProblem] = []
    for index, sent in enumerate(raw):
        try:
            messages.append(parse(sent, limits))
        except InvalidInput as error:
            first = error.problems[0]
            problems.append(FieldProblem(f"[{index}].{first.field}", first.reason))
    if not messages:
        raise InvalidInput("No message could be taken.", problems)
    return UmamiBatch(messages, [f"{problem.field}: {problem.reason}" for problem in problems])


def parse(raw: Any, limits: LimitSettings) -> UmamiMessage:
    """Raises `InvalidInput` for what Umami answers with 400."""
    payload = raw.get("payload") if isinstance(raw, dict) else None
    kind = raw.get("type") if isinstance(raw, dict) else None
    problems = []
    if not isinstance(kind, str) or kind not in TYPES:
        problems.append(FieldProblem("type", "event, identify or performance"))
    website = text_of(payload.get("website"), WEBSITE_CHARACTERS) if isinstance(payload, dict) else None
    if website is None:
        problems.append(FieldProblem("payload.website", "the id of the website is needed"))
    if problems or not isinstance(payload, dict):
        raise InvalidInput("The message was refused.", problems)
    host = text_of(payload.get("hostname"), HOST_CHARACTERS)
    return UmamiMessage(_parse_payload(str(kind), payload, limits), str(website), host and host.lower())


def _parse_payload(kind: str, payload: Mapping[str, Any], limits: LimitSettings) -> Parsed:
    user = user_of(payload.get("id"))
    if kind == "identify":
        parsed = Parsed()
        parsed.left_out[NOT_AN_EVENT] += 1
        if said := traits_of([user], payload.get("data")):
            parsed.traits.append(said)
        return parsed
    at = milliseconds(moment_of(payload.get("timestamp")))
    if kind == "performance":
        vitals = Parsed([ForeignEvent(event, user) for event in _make_vitals(payload, at, limits)])
        vitals.left_out[INVALID] += not vitals.events  # not one figure in it
        return vitals
    event = _make_event(payload, at, limits)
    return Parsed([ForeignEvent(event, user, ignored_in(payload.get("data"), event, limits, ("revenue",)))])


def _make_event(payload: Mapping[str, Any], at: int | None, limits: LimitSettings) -> TrackEvent:
    address = first_text(payload, ("url",), 4000)
    referrer = referrer_of(payload.get("referrer"))
    title = text_of(payload.get("title"), title_characters(limits))
    name = text_of(payload.get("name"), limits.name_characters)
    event_id = random_uuid()
    if name is None:
        return make_page_view(event_id, address or "/", limits, at=at, title=title, referrer=referrer)
    data = payload.get("data")
    values: Mapping[str, Any] = data if isinstance(data, dict) else {}
    page = page_of(address, limits.page_characters)
    return make_named(event_id, name, values, limits, at=at, page=page, referrer=referrer, **_money_of(values))


def _money_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Umami reads revenue from these two properties, and only from both."""
    currency = currency_of(values.get("currency"))
    return read_money(values, ("revenue",), currency) if currency else {}


def _make_vitals(payload: Mapping[str, Any], at: int | None, limits: LimitSettings) -> list[TrackEvent]:
    page = page_of(first_text(payload, ("url",), 4000), limits.page_characters)
    found = []
    for name in VITALS:
        value = payload.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 86_400_000:
            props: dict[str, Any] = {"metric": name.upper(), "value": value}
            found.append(TrackEvent(id=random_uuid(), name=WEB_VITAL, at=at, page=page, props=props))
    return found
