"""Reads the body of `/track`: a batch of events or one flat event.

A body as our script sends it is decoded once, straight into typed events. Whatever is unusual about it (an unknown
field, a wrong type, an escape, a number out of range) is read again in the strict way, which finds for each event
what is wrong. Both ways understand the same; tests hold them together.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import force_setattr

from shared.config import LimitSettings, Settings
from shared.errors import FieldProblem, InvalidInput
from shared.ingest.event_fields import BATCH_FIELDS, EVENT_FIELDS, TrackEvent, clean_page, read_event
from shared.ingest.strict_json import LARGEST_INTEGER, parse_json_mildly

ESCAPE = b"\\u"  # may stand for what no database can keep
DEPTH = 4  # of a batch: body, events, event, props


class _KnownEvent(TrackEvent, frozen=True, forbid_unknown_fields=True):
    """An event of which every field is known."""


class _KnownBatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    site: str
    events: list[_KnownEvent]
    view: str | None = None
    page: str | None = None
    person: str | None = None
    language: str | None = None
    zone: str | None = None


class _KnownFlat(_KnownEvent, frozen=True, forbid_unknown_fields=True, kw_only=True):
    site: str
    person: str | None = None
    language: str | None = None
    zone: str | None = None


_decode_batch = msgspec.json.Decoder(_KnownBatch).decode
_decode_flat = msgspec.json.Decoder(_KnownFlat).decode


class About(msgspec.Struct, frozen=True):
    """What a sender says beside the events: its consented id, or a server's own id of its user; language and zone."""

    person: str | None = None
    language: str | None = None
    zone: str | None = None
    identified: str | None = None


NOBODY = About()


class Batch(msgspec.Struct, frozen=True):
    """What was sent; an event that could not be read stands as its problem."""

    site: str
    events: Sequence[TrackEvent | FieldProblem]
    about: About
    unknown_fields: int = 0
    is_flat: bool = False
    cut_texts: int = 0  # of which only the beginning will be kept

    def place(self, index: int, field: str) -> str:
        """Where a field stands in what was sent."""
        return field if self.is_flat else f"events[{index}].{field}".rstrip(".")


class RefusedBatch(InvalidInput):
    """A batch that is refused as a whole, of which it could be read how many events it has and of which site."""

    def __init__(self, problems: list[FieldProblem], site: Any, events: Any) -> None:
        super().__init__("The batch was refused.", problems)
        self.site = site if isinstance(site, str) else ""
        self.events = max(1, len(events)) if isinstance(events, list) else 1


def read_body(body: bytes, settings: Settings) -> Batch:
    """Raises `InvalidInput` when it is not JSON as we take it, `RefusedBatch` when it is no batch."""
    return read_usual_body(body, settings) or _read_strictly(body, settings)


def read_usual_body(body: bytes, settings: Settings) -> Batch | None:
    """The batch, if there is nothing unusual about it."""
    if ESCAPE in body or settings.server.body_depth < DEPTH:
        return None
    try:
        sent = _decode_batch(body) if b'"events"' in body else _decode_flat(body)
    except (ValueError, RecursionError):
        return None
    is_flat = isinstance(sent, _KnownFlat)
    events: list[Any] = [sent] if isinstance(sent, _KnownFlat) else _fill_in(sent)
    if not 1 <= len(sent.site) <= 32 or not 1 <= len(events) <= settings.limits.batch_events:
        return None
    about = NOBODY
    if sent.person is not None or sent.language is not None or sent.zone is not None:
        about = About(sent.person, sent.language, sent.zone)
        if about_problems({"person": sent.person, "language": sent.language, "zone": sent.zone}):
            return None
    for event in events:
        if event.props and not all(map(_is_ordinary, event.props.values())):
            return None
    cut = count_cut(events, settings.limits) if len(body) > settings.limits.string_characters else 0
    return Batch(sent.site, events, about, is_flat=is_flat, cut_texts=cut)


def _fill_in(sent: _KnownBatch) -> list[Any]:
    """The events, each with the view and page of the batch unless it names its own."""
    view, page = sent.view, sent.page
    if view is None and page is None:
        return sent.events
    if view is not None and not 1 <= len(view) <= 64:
        return []  # refused as unusual, so that the strict way says what is wrong
    for event in sent.events:  # made a moment ago, and nobody else knows them
        if view is not None and event.view is None:
            force_setattr(event, "view", view)
        if page is not None and event.page is None:
            force_setattr(event, "page", page)
    return sent.events


def _is_ordinary(value: Any) -> bool:
    """Whether a number is one that both databases and JSON can keep."""
    if type(value) is int:
        return -LARGEST_INTEGER <= value <= LARGEST_INTEGER
    return type(value) is not float or math.isfinite(value)


def _read_strictly(body: bytes, settings: Settings) -> Batch:
    raw = parse_json_mildly(body, settings.server.body_depth)
    if not isinstance(raw, dict):
        raise InvalidInput("The body must be an object.", [FieldProblem("", "not an object")])
    is_batch = "events" in raw
    events = raw["events"] if is_batch else [{key: raw[key] for key in raw if key in EVENT_FIELDS}]
    known = BATCH_FIELDS if is_batch else BATCH_FIELDS | EVENT_FIELDS
    problems = _envelope_problems(raw, events, settings.limits.batch_events)
    if problems:
        raise RefusedBatch(problems, raw.get("site"), events)
    unknown = len(set(raw) - known)
    unknown += sum(len(set(event) - EVENT_FIELDS) for event in events if isinstance(event, dict))
    about = About(raw.get("person"), raw.get("language"), raw.get("zone"))
    common = {key: raw[key] for key in ("view", "page") if is_batch and raw.get(key) is not None}
    filled = [_with_common(event, common) for event in events]
    read = [read_event(event) for event in filled]
    cut = count_cut([event for event in read if isinstance(event, TrackEvent)], settings.limits)
    return Batch(raw["site"], read, about, unknown, not is_batch, cut)


def count_cut(events: Sequence[TrackEvent], limits: LimitSettings) -> int:
    """How many texts of events are longer than what will be kept of them."""
    texts, found = limits.string_characters, 0
    for event in events:
        found += event.title is not None and len(event.title) > texts
        found += event.target is not None and len(event.target) > texts
        if event.page is not None and len(event.page) > limits.page_characters:  # with a query that nobody keeps
            found += len(clean_page(event.page, len(event.page)) or "") > limits.page_characters
    return found


def _with_common(event: Any, common: Mapping[str, Any]) -> Any:
    if not common or not isinstance(event, dict):
        return event
    return event | {key: value for key, value in common.items() if event.get(key) is None}


def _envelope_problems(raw: Mapping[str, Any], events: Any, most: int) -> list[FieldProblem]:
    problems = []
    site = raw.get("site")
    if not isinstance(site, str) or not 1 <= len(site) <= 32:
        problems.append(FieldProblem("site", "the key of a site is needed"))
    if not isinstance(events, list) or not events:
        problems.append(FieldProblem("events", "a list with at least one event is needed"))
    elif len(events) > most:
        problems.append(FieldProblem("events", f"at most {most} events at once"))
    return problems + about_problems(raw)


def about_problems(raw: Mapping[str, Any]) -> list[FieldProblem]:
    """What is wrong with the consented id, the language and the zone."""
    problems = []
    for name, characters in (("person", 64), ("language", 35), ("zone", 64)):
        value = raw.get(name)
        if value is not None and (not isinstance(value, str) or not 1 <= len(value) <= characters):
            problems.append(FieldProblem(name, f"a text of at most {characters} characters is needed"))
    person = raw.get("person")
    if isinstance(person, str) and not (len(person) >= 8 and person.replace("-", "").replace("_", "").isalnum()):
        problems.append(FieldProblem("person", "a random id of 8 to 64 letters, digits, - and _ is needed"))
    return problems
