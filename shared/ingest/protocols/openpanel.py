"""OpenPanel's envelope on `/track`: a body with both `type` and `payload`.

`__timestamp` counts unless it is more than a minute ahead; `__revenue` is a whole number of minor units.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.config import LimitSettings
from shared.errors import FieldProblem, InvalidInput
from shared.event_catalogue import OUTBOUND_CLICK
from shared.identifiers import random_uuid
from shared.ingest.event_fields import TrackEvent
from shared.ingest.protocols.foreign import (
    NOT_AN_EVENT,
    ForeignEvent,
    Parsed,
    first_text,
    host_of,
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
    whole_number,
)
from shared.ingest.protocols.money import LARGEST_VALUE, currency_of

NOT_EVENTS = frozenset({"identify", "increment", "decrement", "group", "assign_group"})
AHEAD = timedelta(minutes=1)


@dataclass(frozen=True)
class Envelope:
    """What was said, and the host of the page it was said on, if it names one."""

    parsed: Parsed
    host: str | None


def is_envelope(raw: Any) -> bool:
    """Our own flat event has neither of the two."""
    return isinstance(raw, dict) and "type" in raw and "payload" in raw


def parse(raw: Any, received_at: datetime, limits: LimitSettings) -> Envelope:
    """Raises `InvalidInput` for what OpenPanel refuses: no envelope, an unknown type, an alias."""
    if not is_envelope(raw) or not isinstance(raw["payload"], dict):
        raise InvalidInput("The body must be an envelope.", [FieldProblem("payload", "an object is needed")])
    kind, payload = raw["type"], raw["payload"]
    if kind == "track":
        return _track(payload, received_at, limits)
    if not isinstance(kind, str) or kind not in NOT_EVENTS:
        known = ", ".join(sorted(NOT_EVENTS))
        raise InvalidInput("This type is not taken.", [FieldProblem("type", f"track, or one of {known}")])
    parsed = Parsed()
    parsed.left_out[NOT_AN_EVENT] += 1
    if kind == "identify" and (said := traits_of([payload.get("profileId")], payload.get("properties"))):
        parsed.traits.append(said)
    return Envelope(parsed, None)


def _track(payload: Mapping[str, Any], received_at: datetime, limits: LimitSettings) -> Envelope:
    name = text_of(payload.get("name"), limits.name_characters)
    if name is None:
        raise InvalidInput("The event was refused.", [FieldProblem("payload.name", "a name is needed")])
    sent = payload.get("properties")
    values: Mapping[str, Any] = sent if isinstance(sent, dict) else {}
    address = first_text(values, ("__path",), 4000)
    event = _make_event(name, values, address, _moment_of(values, received_at), limits)
    user = user_of(payload.get("profileId"))
    ignored = ignored_in(values, event, limits, ("__revenue",))
    return Envelope(Parsed([ForeignEvent(event, user, ignored)]), host_of(address))


def _moment_of(values: Mapping[str, Any], received_at: datetime) -> int | None:
    moment = moment_of(values.get("__timestamp"))
    return None if moment is None or moment > received_at + AHEAD else milliseconds(moment)


def _make_event(
    name: str, values: Mapping[str, Any], address: str | None, at: int | None, limits: LimitSettings
) -> TrackEvent:
    event_id, page = random_uuid(), page_of(address, limits.page_characters)
    referrer = referrer_of(values.get("__referrer"))
    if name == "screen_view":
        title = text_of(values.get("__title"), title_characters(limits))
        return make_page_view(event_id, address or "/", limits, at=at, title=title, referrer=referrer)
    if name == "link_out":
        return TrackEvent(id=event_id, name=OUTBOUND_CLICK, at=at, page=page, target=host_of(values.get("href")))
    cents = whole_number(values.get("__revenue"), -LARGEST_VALUE, LARGEST_VALUE)
    money = {} if cents is None else {"value_cents": cents, "currency": currency_of(values.get("currency"))}
    return make_named(event_id, name, values, limits, at=at, page=page, referrer=referrer, **money)
