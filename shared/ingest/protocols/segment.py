"""Segment's HTTP tracking: `POST /v1/batch` and one message each on `/v1/track`, `/v1/page` and the like.

Written for servers with a key. A message is known by its `messageId`; a sender's clock is set right by
`sentAt`: what happened one minute before it was sent happened one minute before it came.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from shared.config import LimitSettings
from shared.errors import BodyTooLarge, FieldProblem, InvalidInput
from shared.identifiers import random_uuid
from shared.ingest.event_fields import TrackEvent
from shared.ingest.protocols.foreign import (
    INVALID,
    NOT_AN_EVENT,
    ForeignEvent,
    Parsed,
    clean_props,
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

TYPES = frozenset({"track", "identify", "page", "screen", "group", "alias"})
PAGE_FIELDS = frozenset({"path", "url", "title", "referrer", "search", "hash", "keywords", "name", "category"})
DEFAULT_CURRENCY = "USD"
REVENUE, NO_MONEY = ("revenue",), ()
REFUND = "order refunded"
ORDERS = {"order completed": ("revenue", "total", "value"), REFUND: ("total", "revenue", "value")}
# The other events of Segment's commerce specification (V2) tell prices and carts: of an order that may still come, or
# of one that `Order Completed` has told already.
COMMERCE = frozenset(
    {
        "products searched",
        "product list viewed",
        "product list filtered",
        "promotion viewed",
        "promotion clicked",
        "product clicked",
        "product viewed",
        "product added",
        "product removed",
        "product added to wishlist",
        "product removed from wishlist",
        "wishlist product added to cart",
        "product shared",
        "product reviewed",
        "cart viewed",
        "cart shared",
        "checkout started",
        "checkout step viewed",
        "checkout step completed",
        "payment info entered",
        "order updated",
        "order cancelled",
        "coupon entered",
        "coupon applied",
        "coupon denied",
        "coupon removed",
    }
)


def parse(raw: Any, kind: str, received_at: datetime, limits: LimitSettings) -> Parsed:
    """`kind` is the last part of the path; raises `InvalidInput` when the envelope is not one."""
    if not isinstance(raw, dict):
        raise InvalidInput("The body must be an object.", [FieldProblem("", "not an object")])
    messages = raw.get("batch") if kind == "batch" else [{**raw, "type": kind}]
    if not isinstance(messages, list) or not messages:
        raise InvalidInput("The batch was refused.", [FieldProblem("batch", "a list of messages is needed")])
    if len(messages) > limits.sdk_batch_events:
        raise BodyTooLarge(f"At most {limits.sdk_batch_events} messages at once.", messages=len(messages))
    skew = skew_of(raw.get("sentAt"), received_at)
    parsed = Parsed()
    for message in messages:
        _take(parsed, message, skew, limits)
    return parsed


def _take(parsed: Parsed, message: Any, skew: timedelta, limits: LimitSettings) -> None:
    kind = message.get("type") if isinstance(message, dict) else None
    if not isinstance(kind, str) or kind not in TYPES:
        parsed.left_out[INVALID] += 1
        return
    if kind in ("identify", "group", "alias"):
        parsed.left_out[NOT_AN_EVENT] += 1
        if kind == "identify" and (said := traits_of(_ids_of(message), message.get("traits"))):
            parsed.traits.append(said)
        return
    at = milliseconds(moment_of(message.get("timestamp")), skew)
    event = _make_event(kind, message, at, limits)
    if event is None:
        parsed.left_out[INVALID] += 1
    else:
        money = () if event.name.lower() in COMMERCE else REVENUE
        ignored = ignored_in(message.get("properties"), event, limits, money)
        parsed.events.append(ForeignEvent(event, user_of(*_ids_of(message)), ignored))


def _ids_of(message: Mapping[str, Any]) -> tuple[Any, Any]:
    return message.get("userId"), message.get("anonymousId")


def _make_event(kind: str, message: Mapping[str, Any], at: int | None, limits: LimitSettings) -> TrackEvent | None:
    sent = message.get("properties")
    values: Mapping[str, Any] = sent if isinstance(sent, dict) else {}
    event_id = id_of("segment", message.get("messageId")) or random_uuid()
    if kind == "page":
        return _make_page(event_id, message, values, at, limits)
    if kind == "screen":
        name = text_of(message.get("name"), limits.string_characters) or text_of(values.get("name"), 500)
        props = clean_props({**values, **({"screen": name} if name else {})}, limits, PAGE_FIELDS)
        return TrackEvent(id=event_id, name="screen", at=at, title=name, props=props)
    name = text_of(message.get("event"), limits.name_characters)
    if name is None:
        return None
    page = _context_page(message)
    address = first_text(values, ("url", "path"), 4000) or page
    return make_named(
        event_id, name, values, limits, at=at, page=page_of(address, limits.page_characters), **_money_of(name, values)
    )


def _make_page(
    event_id: str, message: Mapping[str, Any], values: Mapping[str, Any], at: int | None, limits: LimitSettings
) -> TrackEvent | None:
    address = first_text(values, ("url", "path"), 4000) or _context_page(message)
    title = first_text(values, ("title",), title_characters(limits)) or text_of(message.get("name"), 500)
    if address is None and title is None:
        return None
    props = clean_props(values, limits, PAGE_FIELDS)
    referrer = referrer_of(values.get("referrer"))
    return make_page_view(event_id, address or "/", limits, at=at, title=title, referrer=referrer, props=props)


def _context_page(message: Mapping[str, Any]) -> str | None:
    """The page on which it happened, as browsers' libraries say."""
    context = message.get("context")
    page = context.get("page") if isinstance(context, dict) else None
    return first_text(page, ("url", "path"), 4000) if isinstance(page, dict) else None


def _money_of(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """What an event earned: its `revenue`; of Segment's commerce events only what an order brought or gave back.

    Without a currency Segment's specification means US dollars.
    """
    keys = ORDERS.get(name.lower(), NO_MONEY if name.lower() in COMMERCE else REVENUE)
    money = read_money(values, keys, currency_of(values.get("currency") or DEFAULT_CURRENCY))
    if money and name.lower() == REFUND:
        money["value_cents"] = -abs(money["value_cents"])
    return money
