"""PostHog's capture: `POST /batch/`, and one event or a list on `/capture/` and `/i/v0/e/`; the key is in the body.

An event is known by its `uuid`; the sender's clock is set right by `sent_at`. What PostHog calls `$feature_flag_called`
is an exposure.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from shared.config import LimitSettings
from shared.errors import BodyTooLarge, FieldProblem, InvalidInput
from shared.event_catalogue import ENGAGEMENT, EXPOSURE
from shared.identifiers import random_uuid
from shared.ingest.event_fields import TrackEvent
from shared.ingest.protocols.foreign import (
    INVALID,
    NOT_AN_EVENT,
    ForeignEvent,
    Parsed,
    first_text,
    id_of,
    ignored_in,
    make_named,
    make_page_view,
    milliseconds,
    moment_of,
    page_of,
    referrer_of,
    skew_of,
    text_of,
    title_characters,
    traits_of,
    user_of,
)
from shared.ingest.protocols.money import currency_of, read_money

KEY_FIELDS = ("api_key", "token", "$token")
USER_FIELD = "distinct_id"
NOT_PROPERTIES = frozenset({*KEY_FIELDS, USER_FIELD})  # some libraries send them among the properties
TRAIT_EVENTS = frozenset({"$identify", "$set"})
NO_EVENTS = frozenset({"$groupidentify", "$create_alias", "$merge_dangerously", "$exception", "$opt_in"})
REVENUE_KEYS = ("revenue", "$revenue")
SECONDS_OF_A_DAY = 86_400


def key_in(raw: Any) -> str | None:
    """The project's key: in the body, or in the properties of its first event."""
    if isinstance(raw, list):
        raw = raw[0] if raw else None
    if not isinstance(raw, Mapping):
        return None
    properties = raw.get("properties")
    places = [raw, properties] if isinstance(properties, Mapping) else [raw]
    return next((found for place in places if (found := first_text(place, KEY_FIELDS, 200)) is not None), None)


def parse(raw: Any, received_at: datetime, limits: LimitSettings) -> Parsed:
    """Raises `InvalidInput` when the envelope is not one."""
    sent_at = raw.get("sent_at") if isinstance(raw, dict) else None
    events = raw if isinstance(raw, list) else raw.get("batch", [raw]) if isinstance(raw, dict) else None
    if not isinstance(events, list) or not events:
        raise InvalidInput("The batch was refused.", [FieldProblem("batch", "a list of events is needed")])
    if len(events) > limits.sdk_batch_events:
        raise BodyTooLarge(f"At most {limits.sdk_batch_events} events at once.", messages=len(events))
    skew = skew_of(sent_at, received_at)
    parsed = Parsed()
    for event in events:
        _take(parsed, event, skew, limits)
    return parsed


def _take(parsed: Parsed, sent: Any, skew: timedelta, limits: LimitSettings) -> None:
    name = text_of(sent.get("event"), limits.name_characters) if isinstance(sent, dict) else None
    if name is None:
        parsed.left_out[INVALID] += 1
        return
    told = sent["properties"] if isinstance(sent.get("properties"), dict) else {}
    user = user_of(sent.get(USER_FIELD), told.get(USER_FIELD))
    values = {name: value for name, value in told.items() if name not in NOT_PROPERTIES}
    if name in TRAIT_EVENTS or name in NO_EVENTS:
        parsed.left_out[NOT_AN_EVENT] += 1
        said = traits_of([user], sent.get("$set") or values.get("$set")) if name in TRAIT_EVENTS else None
        parsed.traits.extend([said] if said else [])
        return
    at = milliseconds(moment_of(sent.get("timestamp") or values.get("timestamp")), skew)
    event_id = id_of("posthog", sent.get("uuid") or values.get("$insert_id")) or random_uuid()
    event = _make_event(event_id, name, values, at, limits)
    parsed.events.append(ForeignEvent(event, user, ignored_in(values, event, limits, REVENUE_KEYS)))


def _make_event(
    event_id: str, name: str, values: Mapping[str, Any], at: int | None, limits: LimitSettings
) -> TrackEvent:
    address = first_text(values, ("$current_url", "$pathname"), 4000)
    page = page_of(address, limits.page_characters)
    if name == "$pageview":
        title = first_text(values, ("title", "$title"), title_characters(limits))
        referrer = referrer_of(values.get("$referrer"))
        return make_page_view(event_id, address or "/", limits, at=at, title=title, referrer=referrer)
    if name == "$pageleave":
        return TrackEvent(id=event_id, name=ENGAGEMENT, at=at, page=page, **_reading_of(values))
    if name == "$feature_flag_called":
        most = limits.name_characters
        flag, answer = first_text(values, ("$feature_flag",), most), _variant_of(values.get("$feature_flag_response"))
        return TrackEvent(id=event_id, name=EXPOSURE, at=at, page=page, experiment=flag, variant=answer)
    return make_named(event_id, name, values, limits, at=at, page=page, **_money_of(values))


def _reading_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """How long and how deep the page that was left had been read."""
    seconds, share = values.get("$prev_pageview_duration"), values.get("$prev_pageview_max_scroll_percentage")
    is_time = isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds < SECONDS_OF_A_DAY
    is_share = isinstance(share, int | float) and not isinstance(share, bool) and 0 <= share <= 1
    return {
        "engaged_ms": int(seconds * 1000) if is_time else 0,  # type: ignore[operator]
        "scroll_percent": int(share * 100) if is_share else None,  # type: ignore[operator]
    }


def _variant_of(answer: Any) -> str | None:
    """The variant that a flag gave; a flag without variants is on or off."""
    if isinstance(answer, bool):
        return "on" if answer else "off"
    return text_of(answer, 64)


def _money_of(values: Mapping[str, Any]) -> dict[str, Any]:
    return read_money(values, REVENUE_KEYS, currency_of(values.get("currency") or values.get("$currency")))
