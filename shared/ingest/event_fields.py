"""The wire types of `/track`, and how one event becomes a row.

Whatever is sent, a page keeps no query, fragment or login, and a referrer is only its host.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from shared.clock import local_day
from shared.config import LimitSettings, Settings, SiteSettings
from shared.errors import FieldProblem
from shared.event_catalogue import CATALOGUE
from shared.guard.redaction import redact
from shared.guard.request_traces import ADDRESS_MARKER, is_address
from shared.identifiers import random_uuid
from shared.ingest.event_properties import ORDINARY, clean_free_text, clean_label, clean_properties

Identifier = Annotated[str, msgspec.Meta(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$(?!\n)")]
Name = Annotated[str, msgspec.Meta(min_length=1)]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=86_400_000)]
MILLISECOND = timedelta(milliseconds=1)
AHEAD = timedelta(minutes=10)
BEHIND = timedelta(days=7)
BEHIND_WITH_KEY = timedelta(days=400)
AHEAD_MS, BEHIND_MS, BEHIND_WITH_KEY_MS = (span // MILLISECOND for span in (AHEAD, BEHIND, BEHIND_WITH_KEY))
LINK_ELSEWHERE = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?[/\\]{2}", re.IGNORECASE)
SCHEME = re.compile(r"(mailto|tel|sms|data|javascript|blob):", re.IGNORECASE)
HOST = re.compile(r"[a-z0-9._:-]+")
TAIL = re.compile(r"[?#]")
NOT_OF_AN_ID = re.compile(r"[^A-Za-z0-9_.-]")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
DOTS_OF_AN_ADDRESS = 3
PLAIN_PATH = re.compile(r"/(?![/\\])[^?#@%\\\s\x00-\x1f\x7f]*")  # nothing to clean
PATHS_REMEMBERED, LONGEST_REMEMBERED = 4096, 200  # of which it is known; at most some 3 MB
_plain_paths: set[str] = set()


class TrackEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event. Which fields count for which name is in the event catalogue."""

    id: Identifier
    name: Name
    at: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None  # milliseconds since 1970
    view: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    page: str | None = None
    title: str | None = None
    referrer: str | None = None
    marked: bool = False
    target: str | None = None
    engaged_ms: Milliseconds | None = None
    scroll_percent: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None
    sequence: Name | None = None
    step: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    steps: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    done: bool = False
    experiment: Name | None = None
    variant: Name | None = None
    goal: Name | None = None
    value_cents: Annotated[int, msgspec.Meta(ge=-(10**12), le=10**12)] | None = None
    currency: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$(?!\n)")] | None = None
    props: dict[str, str | int | float | bool | None] = {}


class FlatEvent(TrackEvent, frozen=True, omit_defaults=True, kw_only=True):
    """One event with the fields of its batch beside it."""

    site: Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
    person: Identifier | None = None
    language: Annotated[str, msgspec.Meta(max_length=35)] | None = None
    zone: Annotated[str, msgspec.Meta(max_length=64)] | None = None


class TrackBatch(msgspec.Struct, frozen=True, omit_defaults=True):
    """A batch of 1 to 100 events of one visitor of one site. Its view and page are those of events that name none."""

    site: Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
    events: Annotated[list[TrackEvent], msgspec.Meta(min_length=1, max_length=100)]
    view: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    page: str | None = None
    person: Identifier | None = None  # the consented browser id
    language: Annotated[str, msgspec.Meta(max_length=35)] | None = None
    zone: Annotated[str, msgspec.Meta(max_length=64)] | None = None


EVENT_FIELDS = frozenset(TrackEvent.__struct_fields__)
BATCH_FIELDS = frozenset(TrackBatch.__struct_fields__)
NAMES = ("name", "sequence", "experiment", "variant", "goal")


class Received(msgspec.Struct, frozen=True):
    """What an event's row needs beside the event itself."""

    site: SiteSettings
    now: datetime
    today: date  # the site's day of now, and when it begins and ends
    today_starts: datetime
    today_ends: datetime
    visitor: str | None  # of today
    visitor_on: Callable[[date], str | None]  # of another day
    with_key: bool


def check_event(raw: Any, limits: LimitSettings) -> TrackEvent | FieldProblem:
    """The typed event, or the first field that is wrong and why."""
    event = read_event(raw)
    return event if isinstance(event, FieldProblem) else find_problem(event, limits) or event


def read_event(raw: Any) -> TrackEvent | FieldProblem:
    """The typed event, or the first field of another type."""
    try:
        return msgspec.convert(raw, TrackEvent, strict=True)
    except msgspec.ValidationError as error:
        return _explain(str(error))


def find_problem(event: TrackEvent, limits: LimitSettings) -> FieldProblem | None:
    """What is wrong with an event beyond its types."""
    declared = CATALOGUE.get(event.name)
    if declared is None or event.sequence or event.experiment or event.variant or event.goal:
        problem = _check_names(event, limits)
        if problem is not None:
            return problem
    for name in declared.required if declared is not None else ():
        if getattr(event, name) is None:
            return FieldProblem(name, f"a {event.name} event needs it")
    if event.steps is not None and event.step is not None and event.step > event.steps:
        return FieldProblem("step", "beyond the last step")
    return _check_sizes(event, limits)


def _check_names(event: TrackEvent, limits: LimitSettings) -> FieldProblem | None:
    values = (event.name, event.sequence, event.experiment, event.variant, event.goal)
    for name, value in zip(NAMES, values, strict=True):
        if value is None or (value.isprintable() and len(value) <= limits.name_characters):
            continue
        if len(value) > limits.name_characters or CONTROL.search(value):
            return FieldProblem(name, f"at most {limits.name_characters} printable characters")
    return None


def _check_sizes(event: TrackEvent, limits: LimitSettings) -> FieldProblem | None:
    if event.page is not None and len(event.page) > limits.page_characters * 4:
        return FieldProblem("page", f"at most {limits.page_characters} characters")
    if event.title is not None or event.referrer is not None or event.target is not None:
        for name, value in (("title", event.title), ("referrer", event.referrer), ("target", event.target)):
            if value is not None and len(value) > limits.string_characters * 4:
                return FieldProblem(name, f"at most {limits.string_characters} characters")
    return _check_properties(event.props, limits) if event.props else None


def _check_properties(props: Mapping[str, Any], limits: LimitSettings) -> FieldProblem | None:
    if len(props) > limits.properties:
        return FieldProblem("props", f"at most {limits.properties} properties")
    for key, given in props.items():
        if len(key) > limits.name_characters:
            return FieldProblem("props", f"a key has more than {limits.name_characters} characters")
        if isinstance(given, str) and len(given) > limits.property_characters:
            return FieldProblem(f"props.{key}", f"at most {limits.property_characters} characters")
    return None


def _explain(message: str) -> FieldProblem:
    """`Expected `str`, got `int` - at `$.name`` becomes field and reason."""
    reason, _, place = message.partition(" - at `$")
    field = place.rstrip("`").lstrip(".")
    if missing := re.search(r"missing required field `(\w+)`", reason):
        return FieldProblem(missing[1], "is missing")
    return FieldProblem(field, reason.replace("`", "'").lower())


def make_row(event: TrackEvent, received: Received, settings: Settings) -> dict[str, Any]:
    """The row of an event: cleaned, dated, and without a trace of who sent it."""
    limits = settings.limits
    occurred = repair_time(event.at, received.now, with_key=received.with_key)
    if received.today_starts <= occurred < received.today_ends:
        day, visitor = received.today, received.visitor
    else:
        day = local_day(occurred, received.site.zone)
        visitor = received.visitor_on(day)
    row: dict[str, Any] = {
        "site": received.site.key,
        "event_id": clean_id(event.id),
        "name": event.name,
        "received_at": received.now,
        "occurred_at": occurred,
        "local_day": day,
        "visitor": visitor,
        "view": event.view and clean_view(event.view),
        "page": clean_page(event.page, limits.page_characters),
        "title": event.title and clean_title(event.title, limits.string_characters),
        "referrer": clean_referrer(event.referrer) if event.referrer else None,
        "marked": event.marked,
        "engaged_ms": event.engaged_ms,
        "scroll_percent": event.scroll_percent,
        "done": event.done,
        "props": clean_properties(event.name, event.props, settings.event_catalogue) if event.props else {},
    }
    if _has_rare(event):
        row |= _rare_values(event, limits)
    return row


def _has_rare(event: TrackEvent) -> bool:
    return (
        event.target is not None
        or event.sequence is not None
        or event.step is not None
        or event.steps is not None
        or event.experiment is not None
        or event.variant is not None
        or event.goal is not None
        or event.value_cents is not None
        or event.currency is not None
    )


def _rare_values(event: TrackEvent, limits: LimitSettings) -> dict[str, Any]:
    """The columns that nearly all events leave empty: rows are many at once, and small ones are quick."""
    return {
        "person_id": None,
        "target": clean_target(event.target, limits.string_characters),
        "sequence": event.sequence and clean_label(event.sequence),
        "step": event.step,
        "steps": event.steps,
        "experiment": event.experiment and clean_label(event.experiment),
        "variant": event.variant and clean_label(event.variant),
        "goal": event.goal and clean_label(event.goal),
        "value_cents": event.value_cents,
        "currency": event.currency,
    }


def repair_time(at: int | None, now: datetime, *, with_key: bool) -> datetime:
    """The sender's time, or the receipt when it is missing, ahead of us or too old to be true."""
    if at is None:
        return now
    ahead_ms = at - now.timestamp() * 1000
    if -(BEHIND_WITH_KEY_MS if with_key else BEHIND_MS) <= ahead_ms <= AHEAD_MS:
        return datetime.fromtimestamp(at / 1000, UTC)
    return now


def clean_page(page: str | None, characters: int) -> str | None:
    """The path of an address: no scheme, host, login, query or fragment, and no e-mail address in it."""
    if page is None or page in _plain_paths:
        return page and page[:characters]
    if PLAIN_PATH.fullmatch(page):
        if len(_plain_paths) >= PATHS_REMEMBERED:
            _plain_paths.clear()
        if len(page) <= LONGEST_REMEMBERED:
            _plain_paths.add(page)
        return page[:characters]
    path = TAIL.split(CONTROL.sub("", page), 1)[0].strip()
    if re.match(r"^(?:[a-z][a-z0-9+.-]*:)?//", path, re.IGNORECASE):
        path = path.split("//", 1)[1]
        path = "/" + path.split("/", 1)[1] if "/" in path else "/"
    elif re.match(r"^[a-z][a-z0-9+.-]*:", path, re.IGNORECASE):
        return "/"
    path = path.replace("\\", "/")
    return _without_mail("/" + path.lstrip("/"))[:characters]


def _without_mail(path: str) -> str:
    """Numbers in paths are chapters and versions; only what has an @ is looked at."""
    if "@" in path or "%40" in path:
        found = redact(path.replace("%40", "@"))
        return found.text if "email" in found.counts else path
    return path


def clean_referrer(referrer: str | None, instead_of_address: str | None = None) -> str | None:
    """Only the host of a referrer, and none that is the address of a computer."""
    if not referrer:
        return None
    try:
        host = urlsplit(referrer if "//" in referrer else f"//{referrer}").hostname
    except ValueError:
        return None
    if not host or not HOST.fullmatch(host):
        return instead_of_address if host and is_address(host) else None
    is_name = host[-1].isalpha() and ":" not in host
    return host.removeprefix("www.")[:253] if is_name or not is_address(host) else instead_of_address


def clean_target(target: str | None, characters: int) -> str | None:
    """What was clicked: the host of a link elsewhere, the scheme of `mailto:` and the like, else its name."""
    if target is None:
        return None
    target = CONTROL.sub("", target).strip()
    if LINK_ELSEWHERE.match(target):
        return clean_referrer(target.replace("\\", "/"), ADDRESS_MARKER)
    if scheme := SCHEME.match(target):
        return scheme[1].lower()
    return clean_free_text(TAIL.split(target, 1)[0])[:characters]


def clean_title(title: str | None, characters: int) -> str | None:
    """The title without what could name a person; cleaned before it is cut, for half an address is not recognised."""
    if title is None or title in ORDINARY:
        return title and title[:characters]
    return clean_free_text(title if title.isprintable() else CONTROL.sub(" ", title))[:characters]


def clean_id(event_id: str) -> str:
    """An id is random; the address of a computer is none, so it gives way to one."""
    if ":" not in event_id and event_id.count(".") < DOTS_OF_AN_ADDRESS:
        return event_id
    return event_id if clean_free_text(event_id) == event_id else random_uuid()


def clean_view(view: str) -> str | None:
    """A view's id is random as well; what else a sender makes of it is free text."""
    if view.replace(".", "", DOTS_OF_AN_ADDRESS - 1).isalnum() and view.isascii():
        return view
    if NOT_OF_AN_ID.search(view) is None and view.count(".") < DOTS_OF_AN_ADDRESS:
        return view
    return clean_free_text(view) or None
