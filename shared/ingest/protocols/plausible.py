"""Plausible's `POST /api/event`: one event of one page; the site is named by its domain.

As its documentation says: `n` and `u` are needed; no ids, so nothing can be told to be a repeat.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.config import LimitSettings
from shared.errors import FieldProblem, InvalidInput
from shared.event_catalogue import ENGAGEMENT
from shared.identifiers import random_uuid
from shared.ingest.event_fields import TrackEvent
from shared.ingest.protocols.foreign import (
    campaign_of,
    host_of,
    ignored_in,
    make_named,
    make_page_view,
    page_of,
    referrer_of,
    text_of,
    whole_number,
)
from shared.ingest.protocols.money import currency_of, read_money
from shared.ingest.strict_json import parse_json_mildly

LONG_NAMES = {
    "n": ("name",),
    "u": ("url",),
    "d": ("domain",),
    "r": ("referrer",),
    "h": ("hashMode", "hash_mode"),
    "p": ("props", "m", "meta"),
    "$": ("revenue",),
}
NAME_CHARACTERS = 120
ADDRESS_CHARACTERS = 2000
MOST_DOMAINS = 10
OUTBOUND = "Outbound Link: Click"
DOWNLOAD = "File Download"
DAY_MS = 86_400_000


@dataclass(frozen=True)
class PlausibleEvent:
    """One event, the domains that it counts for, and how many of its properties could not be taken as sent."""

    event: TrackEvent
    domains: tuple[str, ...]
    ignored: int = 0


def parse(body: bytes, depth: int, limits: LimitSettings) -> PlausibleEvent:
    """Raises `InvalidInput` for what Plausible answers with 400."""
    raw = parse_json_mildly(body, depth)
    if not isinstance(raw, dict):
        raise InvalidInput("The body must be an object.", [FieldProblem("", "not an object")])
    name, address = _read(raw, "n"), _read(raw, "u")
    problems = [*_name_problems(name), *_address_problems(address)]
    domains = _domains_of(_read(raw, "d"), address)
    if not domains:
        problems.append(FieldProblem("d", "the domain of a site is needed"))
    if problems:
        raise InvalidInput("The event was refused.", problems)
    event = _event_of(str(name), str(address), raw, depth, limits)
    told = _props_of(_read(raw, "p"), depth) | {"$": _read(raw, "$")}
    return PlausibleEvent(event, domains, ignored_in(told, event, limits, ("$",)))


def _read(raw: Mapping[str, Any], short: str) -> Any:
    """A value under its short name or one of its long ones."""
    for key in (short, *LONG_NAMES.get(short, ())):
        if raw.get(key) is not None:
            return raw[key]
    return None


def _name_problems(name: Any) -> list[FieldProblem]:
    if not isinstance(name, str) or text_of(name, 1) is None or len(name) > NAME_CHARACTERS:
        return [FieldProblem("n", f"a text of at most {NAME_CHARACTERS} characters is needed")]
    return []


def _address_problems(address: Any) -> list[FieldProblem]:
    if not isinstance(address, str) or not address.strip() or len(address) > ADDRESS_CHARACTERS:
        return [FieldProblem("u", f"an address of at most {ADDRESS_CHARACTERS} characters is needed")]
    if address.strip().lower().startswith("data:"):
        return [FieldProblem("u", "a data address is not taken")]
    return []


def _domains_of(domain: Any, address: Any) -> tuple[str, ...]:
    """One or several domains with commas between; the host of the page when none is given."""
    if isinstance(domain, str) and domain.strip():
        names = (part.strip().lower().removeprefix("www.") for part in domain[:1000].split(","))
        return tuple(dict.fromkeys(filter(None, names)))[:MOST_DOMAINS]
    host = host_of(address) if domain is None else None
    return (host,) if host else ()


def _event_of(name: str, address: str, raw: Mapping[str, Any], depth: int, limits: LimitSettings) -> TrackEvent:
    event_id = random_uuid()
    referrer = referrer_of(_read(raw, "r"))
    if _read(raw, "h") in (1, "1", "true"):
        address = _with_route(address)
    page = page_of(address, limits.page_characters)
    if name == "pageview":
        return make_page_view(event_id, address, limits, referrer=referrer)
    if name == "engagement":
        engaged, scrolled = whole_number(raw.get("e"), 0, DAY_MS), whole_number(raw.get("sd"), 0, 100)
        return TrackEvent(id=event_id, name=ENGAGEMENT, page=page, engaged_ms=engaged or 0, scroll_percent=scrolled)
    props = _props_of(_read(raw, "p"), depth)
    if name in (OUTBOUND, DOWNLOAD):
        return _link_of(event_id, name, page, props, limits)
    money = _money_of(_props_of(_read(raw, "$"), depth))
    named = text_of(name, limits.name_characters) or name
    campaign = {key: value for key, value in campaign_of(address).items() if key not in props}
    return make_named(event_id, named, {**props, **campaign}, limits, page=page, referrer=referrer, **money)


def _with_route(address: str) -> str:
    """The address of a page that is routed by its fragment: `/app#/intro` is the page `/app/intro`.

    Only a fragment that is a path counts; any other may hold what nobody may keep.
    """
    before, _, fragment = address.partition("#")
    route = fragment.removeprefix("!")
    if not route.startswith("/"):
        return address
    page, mark, query = before.partition("?")
    return page.rstrip("/") + re.split("[?#]", route, maxsplit=1)[0] + mark + query


def _props_of(sent: Any, depth: int) -> dict[str, Any]:
    """An object, or its JSON text as the old client sends it; empty values say nothing."""
    if isinstance(sent, str):
        try:
            sent = parse_json_mildly(sent.encode("utf-8"), depth)
        except InvalidInput:
            return {}
    return {key: value for key, value in sent.items() if value != ""} if isinstance(sent, dict) else {}


def _money_of(revenue: Mapping[str, Any]) -> dict[str, Any]:
    currency = currency_of(revenue.get("currency"))
    return read_money(revenue, ("amount",), currency) if currency else {}


def _link_of(event_id: str, name: str, page: str | None, props: Mapping[str, Any], limits: LimitSettings) -> TrackEvent:
    """A link that was followed: of another site only its host, of a file only its path."""
    address = props.get("url")
    if name == OUTBOUND:
        return TrackEvent(id=event_id, name="outbound_click", page=page, target=host_of(address))
    path = page_of(address, limits.string_characters // 2) or ""
    path = "/" + path.split("//", 1)[1].partition("/")[2] if "//" in path else path
    return TrackEvent(id=event_id, name="file_download", page=page, target=path or None)
