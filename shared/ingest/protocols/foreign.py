"""What all foreign formats share: names, moments, money, campaigns and properties as our events keep them.

Whatever a client sends, an address keeps no query and no fragment; of a query only the campaign is read, by allow-list.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from shared.config import LimitSettings
from shared.event_catalogue import CATALOGUE, CONVERSION, EXPOSURE, PAGE_VIEW, SEQUENCE_STEP, Catalogue
from shared.identifiers import fingerprint
from shared.ingest.event_fields import TrackEvent, find_problem
from shared.ingest.event_properties import clean_name

NOT_AN_EVENT = "not_an_event"  # traits, groups, aliases: taken without an error, but nothing happened
INVALID = "invalid"
PREFIX = "custom_"
PLAIN = (str, int, float, bool)  # what a property may be
BUILT_IN = Catalogue()
CAMPAIGN = {"utm_source": "source", "utm_medium": "medium", "utm_campaign": "campaign"}
SOURCE_FALLBACKS = ("ref", "source")  # only where utm_source is missing, as Plausible reads them
PAGE_VIEW_PROPERTIES = frozenset(found.name for found in CATALOGUE[PAGE_VIEW].properties)
CAMPAIGN_VALUE = re.compile(r"[\w .,:+/-]{1,80}")  # no @, no =: an address or a token is no campaign
EXPOSURE_NAMES = frozenset({"experiment viewed", "experiment_viewed", "$experiment_started", EXPOSURE})
EXPERIMENT_KEYS = ("experiment", "experiment_id", "experimentId", "experiment_name", "experimentName")
VARIANT_KEYS = ("variant", "variation", "variation_id", "variationId", "variant_id", "variation_name", "variationName")
MONEY_KEYS = frozenset({"goal", "revenue", "currency", "value_cents"})  # these have fields of their own
LONGEST_TIME_TEXT = 64
SECONDS_BELOW = 100_000_000_000  # a number under it counts seconds, one above it milliseconds
TRAIT_CHARACTERS = 64
LONGEST_MARGIN = 1000  # of spaces before a text; what comes later of a huge one is not looked at
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
ADDRESS = re.compile(r"^(?:[a-z][a-z0-9+.-]*:)?//|^/[^\s]*[?#]", re.IGNORECASE)


@dataclass(frozen=True)
class ForeignEvent:
    """One event, the sender's own id of its user, which is hashed before anything is stored, and what was left of it.

    `ignored` counts the properties that could not be taken as they were sent.
    """

    event: TrackEvent
    user: str | None = None
    ignored: int = 0


@dataclass(frozen=True)
class Traits:
    """What a sender says about a user whom it knows under these ids; kept only where we know the person too."""

    ids: tuple[str, ...]
    plan: str | None = None
    segment: str | None = None


@dataclass
class Parsed:
    """What a body holds for us, and how much of it was left out, by reason."""

    events: list[ForeignEvent] = field(default_factory=list)
    traits: list[Traits] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def size(self) -> int:
        """How many messages were sent."""
        return len(self.events) + self.left_out.total()


def join(parts: Iterable[Parsed]) -> Parsed:
    """What several messages hold, as one."""
    joined = Parsed()
    for part in parts:
        joined.events += part.events
        joined.traits += part.traits
        joined.left_out += part.left_out
    return joined


def text_of(value: Any, most: int) -> str | None:
    """A printable text of at most so many characters; None for everything else."""
    if not isinstance(value, str):
        return None
    return CONTROL.sub(" ", value[: most + LONGEST_MARGIN]).strip()[:most] or None


def first_text(values: Mapping[str, Any], keys: Iterable[str], most: int) -> str | None:
    """The first of the keys that holds a text; numbers count as theirs."""
    for key in keys:
        value = values.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if (found := text_of(value, most)) is not None:
            return found
    return None


def title_characters(limits: LimitSettings) -> int:
    """How much of a title is read: more than is kept of it, so that it is seen that it was cut."""
    return 2 * limits.string_characters


def user_of(*values: Any) -> str | None:
    """The first of the sender's ids that is one; a number counts as its digits."""
    for value in values:
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if isinstance(value, str) and value.strip():
            return value.strip()[:200]
    return None


def id_of(protocol: str, sent: Any) -> str | None:
    """Our id of a message whose sender gave it one, a text or a number: the same message has the same id again."""
    if isinstance(sent, int) and not isinstance(sent, bool):
        sent = str(sent)
    return fingerprint(protocol, sent) if isinstance(sent, str) and sent.strip() else None


def moment_of(value: Any) -> datetime | None:
    """An ISO 8601 text (nanoseconds are cut) or a number of seconds or milliseconds since 1970."""
    try:
        if isinstance(value, str) and len(value) <= LONGEST_TIME_TEXT:
            parsed = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value.strip()))
            return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            seconds = value if abs(value) < SECONDS_BELOW else value / 1000
            return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def skew_of(sent_at: Any, received_at: datetime) -> timedelta:
    """How far the sender's clock is behind ours, if it says when it sent; the way here counts as skew too."""
    sent = moment_of(sent_at)
    return received_at - sent if sent is not None else timedelta()


def milliseconds(moment: datetime | None, skew: timedelta = timedelta()) -> int | None:
    """Milliseconds since 1970 on our clock; None where there is no moment, or none that can be meant."""
    if moment is None:
        return None
    try:
        return max(0, int((moment + skew).timestamp() * 1000))
    except (OverflowError, ValueError):
        return None


def page_of(address: Any, most: int) -> str | None:
    """An address without query and fragment, not longer than may be stored."""
    if not isinstance(address, str) or not address.strip():
        return None
    told = CONTROL.sub("", address[: most * 4 + LONGEST_MARGIN]).strip()
    return re.split(r"[?#]", told, maxsplit=1)[0][: most * 2] or "/"


def referrer_of(address: Any) -> str | None:
    """A referrer without query and fragment; only its host will be stored."""
    found = page_of(address, 1000)
    return None if found is None or found.startswith("/") else found


def host_of(address: Any) -> str | None:
    """The host of an address, without `www.`."""
    if not isinstance(address, str):
        return None
    try:
        host = urlsplit(address.strip()).hostname
    except ValueError:
        return None
    return host.removeprefix("www.") if host else None


def campaign_of(address: Any) -> dict[str, str]:
    """Source, medium and campaign from the query of an address; everything else in it is forgotten here."""
    if not isinstance(address, str) or "?" not in address:
        return {}
    query = address.split("?", 1)[1].split("#", 1)[0][:4000]
    try:
        pairs = dict(parse_qsl(query, max_num_fields=100))
    except ValueError:
        return {}
    found = {ours: pairs[theirs] for theirs, ours in CAMPAIGN.items() if theirs in pairs}
    for name in SOURCE_FALLBACKS:
        if name in pairs:
            found.setdefault("source", pairs[name])
    return keep_campaign(found)


def keep_campaign(values: Mapping[str, Any]) -> dict[str, str]:
    """Those of source, medium and campaign that look like one."""
    found = {name: text_of(values.get(name), 81) for name in CAMPAIGN.values()}
    return {name: value for name, value in found.items() if value is not None and CAMPAIGN_VALUE.fullmatch(value)}


def clean_props(raw: Any, limits: LimitSettings, left_out: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The plain values of an object, as many as an event may have; lists and objects are dropped, texts are cut."""
    if not isinstance(raw, Mapping):
        return {}
    kept: dict[str, Any] = {}
    for key, value in raw.items():
        name = text_of(key, limits.name_characters)
        if name is None or key in left_out or key.startswith("$") or key.startswith("__"):
            continue
        if isinstance(value, str):
            cleaned = clean_text(value, limits.property_characters)
            if cleaned is not None:
                kept[name] = cleaned
        elif isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
            kept[name] = value
        if len(kept) >= limits.properties:
            break
    return kept


def ignored_in(raw: Any, event: TrackEvent, limits: LimitSettings, money: Iterable[str] = ()) -> int:
    """How many properties were cut, were too many, or hold money (under one of these keys) that cannot be read.

    A name that was cut counts too: two names may have become one.
    """
    if not isinstance(raw, Mapping):
        return 0
    plain = {key: value for key, value in raw.items() if type(value) in PLAIN and key[:1] != "$" and key[:2] != "__"}
    cut = sum(len(key.strip()) > limits.name_characters for key in plain)
    cut += sum(
        isinstance(value, str) and len(value) > limits.property_characters and key in event.props
        for key, value in plain.items()
    )
    too_many = max(0, len(plain) - len(event.props)) if len(event.props) >= limits.properties else 0
    is_unread = event.value_cents is None and any(raw.get(key) not in (None, "") for key in money)
    return cut + too_many + is_unread


def clean_text(value: str, most: int) -> str | None:
    """A property's text; an address in it loses its query and fragment."""
    found = text_of(value, 4 * most)
    if found is not None and ADDRESS.match(found):
        found = page_of(found, most)
    return found[:most] if found is not None else None


def make_named(event_id: str, name: str, raw: Any, limits: LimitSettings, **fields: Any) -> TrackEvent:
    """A custom event, or the built-in one that it means: exposure, conversion with a value, step of a sequence.

    `fields` are those that the protocol read already; a `value_cents` among them makes a conversion. What is called
    like a built-in event but is none (a "page_view" without a page) is a custom event with `custom_` before its name.
    """
    values = raw if isinstance(raw, Mapping) else {}
    name = name[: limits.name_characters]
    meant = _meant_by(event_id, name, values, limits, fields)
    return meant if is_valid(meant, limits) else make_custom(event_id, name, values, limits, **fields)


def _meant_by(
    event_id: str, name: str, values: Mapping[str, Any], limits: LimitSettings, fields: Mapping[str, Any]
) -> TrackEvent:
    most = limits.name_characters
    if name.lower() in EXPOSURE_NAMES:
        experiment, variant = first_text(values, EXPERIMENT_KEYS, most), first_text(values, VARIANT_KEYS, most)
        return TrackEvent(id=event_id, name=EXPOSURE, experiment=experiment, variant=variant, **fields)
    if name == SEQUENCE_STEP:
        return TrackEvent(id=event_id, name=name, **fields, **_step_of(values, most))
    if fields.get("value_cents") is not None or name == CONVERSION:
        goal = first_text(values, ("goal",), most) if name == CONVERSION else clean_name(name)
        props = clean_props(values, limits, MONEY_KEYS)
        return TrackEvent(id=event_id, name=CONVERSION, goal=goal or name, props=props, **fields)
    return TrackEvent(id=event_id, name=name, props=clean_props(values, limits), **fields)


def is_valid(event: TrackEvent, limits: LimitSettings) -> bool:
    """Whether an event that is called like a built-in one is one."""
    return event.name not in CATALOGUE or (
        find_problem(event, limits) is None and BUILT_IN.judge(event).verdict == "declared"
    )


def make_custom(event_id: str, name: str, raw: Any, limits: LimitSettings, **fields: Any) -> TrackEvent:
    """An event of the sender's own, whose name is none of a built-in event."""
    named = (PREFIX + name)[: limits.name_characters] if name in CATALOGUE else name
    return TrackEvent(id=event_id, name=named, props=clean_props(raw, limits), **fields)


def make_page_view(event_id: str, address: str | None, limits: LimitSettings, **fields: Any) -> TrackEvent:
    """A page view; the campaign in its address becomes properties.

    What another product calls as we call a property of a page view means something else: it must not make the view
    an invalid one, so only a campaign is read under these names.
    """
    told = fields.pop("props", {})
    others = {name: value for name, value in told.items() if name not in PAGE_VIEW_PROPERTIES}
    props = {**campaign_of(address), **keep_campaign(told), **others}
    kept = dict(islice(props.items(), limits.properties))
    return TrackEvent(id=event_id, name=PAGE_VIEW, page=page_of(address, limits.page_characters), props=kept, **fields)


def _step_of(values: Mapping[str, Any], most: int) -> dict[str, Any]:
    return {
        "sequence": first_text(values, ("sequence",), most),
        "step": whole_number(values.get("step"), 1, 1000),
        "steps": whole_number(values.get("steps"), 1, 1000),
        "done": values.get("done") in (True, "true", "1"),
    }


def whole_number(value: Any, least: int, most: int) -> int | None:
    """A whole number in the range; digits in a text count."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,12}", value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        return None
    return value


def traits_of(ids: Iterable[Any], raw: Any) -> Traits | None:
    """Plan and segment of a user who has an id; everything else that is said about them is forgotten here."""
    known = tuple(dict.fromkeys(found for value in ids if (found := user_of(value)) is not None))
    if not known or not isinstance(raw, Mapping):
        return None
    plan, segment = first_text(raw, ("plan",), TRAIT_CHARACTERS), first_text(raw, ("segment",), TRAIT_CHARACTERS)
    return Traits(known, plan, segment) if plan or segment else None
