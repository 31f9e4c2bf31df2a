"""Bodies, addresses and times that nobody thought of: both parsers agree with the specification and with each other,
the only error is the declared one, and what is stored is clean whatever was sent.
"""

import contextlib
import json
import math
import os
import random
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.dashboard_address import MAX_DAYS, read_view, safe_path
from shared.config import Settings, load_settings
from shared.errors import FieldProblem, InvalidInput
from shared.guard.privacy import client_address
from shared.ingest.event_fields import clean_page, clean_referrer, clean_target, repair_time
from shared.ingest.strict_json import parse_json, parse_json_fast
from shared.ingest.track_body import _read_strictly, read_body
from tests.conftest import NOON, SITES
from tests.made_up import many_examples, some_examples, whole_bodies

pytestmark = pytest.mark.timeout(600)
DEPTH = 5
LARGEST = 2**63 - 1
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.integers() | st.floats() | st.sampled_from([0, -0.0, LARGEST, -LARGEST, -LARGEST - 1, LARGEST + 1, 1e308])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
PIECES = (
    *("{", "}", "[", "]", ",", ":", '"', "\\", "\\u", "\\ud800", "\\u0000", "\\udc00\\ud83d", "\\u00e9", '"a"', '"a":'),
    *("0", "-", "-0", "01", "1e400", "1e-400", "1E5", "0.1", ".5", "9" * 19, str(LARGEST), str(LARGEST + 1), "1" * 400),
    *("true", "null", "nul", "NaN", "-Infinity", " ", "\n", "\t", "\x00", "\x1f", "\ufeff", "\u2028", "/**/", "'a'"),
)


@st.composite
def almost_json(draw: st.DrawFn) -> bytes:
    """JSON, JSON with something put into it or cut out of it, pieces of JSON, and bytes."""
    kind = draw(st.sampled_from(["json", "json", "put", "cut", "pieces", "bytes"]))
    if kind == "bytes":
        return draw(st.binary(max_size=40))
    if kind == "pieces":
        return "".join(draw(st.lists(st.sampled_from(PIECES), max_size=12))).encode()
    text = json.dumps(
        draw(VALUES), ensure_ascii=draw(st.booleans()), separators=draw(st.sampled_from([(",", ":"), None]))
    )
    body = text.encode()
    at = draw(st.integers(0, len(body)))
    if kind == "put":
        return body[:at] + draw(st.sampled_from(PIECES)).encode() + body[at:]
    return body if kind == "json" else body[:at] + body[at + draw(st.integers(1, 3)) :]


REFUSED = "refused"


def outcome(parse: Any, *arguments: Any) -> str:
    """The value with its types; every error but the declared one fails the test."""
    try:
        return repr(parse(*arguments))
    except InvalidInput:
        return REFUSED


def parse_by_the_specification(body: bytes) -> Any:
    """RFC 8259 by the standard library, then our own rules, each looked at on the finished value."""
    try:
        value = json.loads(body.decode("utf-8").removeprefix("\ufeff"), parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        raise InvalidInput("not JSON") from None
    if not is_allowed(value, DEPTH):
        raise InvalidInput("not allowed")
    return value


def refuse_constant(name: str) -> None:
    raise ValueError(name)


def is_allowed(value: Any, depth: int) -> bool:
    if isinstance(value, dict | list):
        inner = [*value, *value.values()] if isinstance(value, dict) else value
        return depth > 0 and all(is_allowed(item, depth - 1) for item in inner)
    if isinstance(value, str):
        return "\x00" not in value and not re.search("[\ud800-\udfff]", value)
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or abs(value) <= LARGEST


def parse_strictly(body: bytes) -> Any:
    return parse_json(body, DEPTH, unique_keys=False)


def has_keys_twice(body: bytes) -> bool:
    """Of such keys the last value counts; what is refused in the others is left to each parser."""
    found = []

    def look(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found.append(len(pairs) != len(dict(pairs)))
        return dict(pairs)

    with contextlib.suppress(ValueError, RecursionError):
        json.loads(body.decode("utf-8").removeprefix("\ufeff"), object_pairs_hook=look)
    return any(found)


@many_examples
@given(almost_json())
@example(b'{"a":-0}')
@example(b"-0")
@example(b'"\x7f"')
@example(b'{"a":1,"a":[[[[[[]]]]]]}')
@example(b'{"":9223372036854775808,"":null}')
def test_both_parsers_agree_with_the_specification(body: bytes) -> None:
    strict, fast = outcome(parse_strictly, body), outcome(parse_json_fast, body, DEPTH)
    if has_keys_twice(body):
        return
    expected = outcome(parse_by_the_specification, body)
    assert strict == expected
    assert fast == expected


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings({"WARROOM_CONFIG_FILE": os.devnull}, None, sites=SITES)


IDS = st.sampled_from(["event-0001", "event-0002", "short", "has space", "ümläut-0001", "x" * 65])
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "id": IDS,
    "name": st.sampled_from(["page_view", "click", "engagement", "my_event", "", "x" * 65, "a\nb"]),
    "at": NUMBERS,
    "view": TEXTS,
    "page": TEXTS,
    "title": TEXTS,
    "marked": st.booleans(),
    "engaged_ms": NUMBERS,
    "scroll_percent": st.integers(-1, 101),
    "value_cents": NUMBERS,
    "currency": st.sampled_from(["EUR", "eur", "EUR\n"]),
    "props": st.dictionaries(TEXTS, st.none() | st.booleans() | NUMBERS | TEXTS, max_size=3),
    "future": VALUES,
}
EVENTS = st.fixed_dictionaries({name: FIELDS.pop(name) for name in ("id", "name")}, optional=FIELDS)
ABOUT = {"person": IDS | VALUES, "language": TEXTS, "zone": TEXTS, "more": VALUES}
SITE_KEYS = st.sampled_from(["docs", "nowhere", "", "x" * 33])
COMMON = {"view": TEXTS | VALUES, "page": TEXTS | VALUES}  # of a batch: for the events that name none
BATCHES = st.fixed_dictionaries(
    {"site": SITE_KEYS, "events": st.lists(EVENTS | VALUES, max_size=3)}, optional=ABOUT | COMMON
)
FLAT = st.builds(
    lambda event, about: {**event, **about}, EVENTS, st.fixed_dictionaries({"site": SITE_KEYS}, optional=ABOUT)
)


def shown(read: Any, body: bytes, settings: Settings) -> Any:
    try:
        batch = read(body, settings)
    except InvalidInput:
        return REFUSED
    events = [event if isinstance(event, FieldProblem) else plain(event) for event in batch.events]
    return repr((batch.site, events, batch.about, batch.unknown_fields, batch.is_flat))


def plain(event: Any) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(event).items() if name not in ("site", *ABOUT)}


@whole_bodies
@given(BATCHES | FLAT | VALUES, st.booleans(), st.data())
def test_both_ways_to_read_a_body_understand_the_same(
    settings: Settings, value: Any, ascii_only: bool, data: st.DataObject
) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(body)))
        body = body[:at] + data.draw(st.sampled_from(PIECES)).encode() + body[at:]
    assert shown(read_body, body, settings) == shown(_read_strictly, body, settings)


@many_examples
@given(st.none() | st.integers(-(2**70), 2**70) | st.integers(1_700_000_000_000, 1_800_000_000_000), st.booleans())
def test_a_time_is_never_outside_what_can_be_true(at: int | None, with_key: bool) -> None:
    repaired = repair_time(at, NOON, with_key=with_key)
    assert repaired.tzinfo is UTC
    assert NOON - timedelta(days=400 if with_key else 7) <= repaired <= NOON + timedelta(minutes=10)
    if at is not None and repaired != NOON:
        assert abs(repaired.timestamp() * 1000 - at) < 1


@some_examples
@given(st.integers(-600_000, 600_000))
def test_a_time_that_can_be_true_is_kept(offset_ms: int) -> None:
    at = int(NOON.timestamp() * 1000) + offset_ms
    assert repair_time(at, NOON, with_key=False) == datetime.fromtimestamp(at / 1000, UTC)


ADDRESS_PIECES = (
    *(
        "https:",
        "http:",
        "HTTPS:",
        "javascript:",
        "data:",
        "mailto:",
        "//",
        "/",
        "\\",
        "///",
        "docs.example",
        "evil.example",
    ),
    *(
        "user:secret@",
        "@",
        ":80",
        ":",
        "?token=secret",
        "#secret",
        "?",
        "#",
        "%2f",
        "%3Fsecret",
        "..",
        ".",
        " ",
        "\t",
        "\n",
    ),
    *("\x00", "[::1", "[::1]", "xn--", "ü", "\u2028", "a", "www.", "x" * 300),
)


SECRET = re.compile("secret", re.IGNORECASE)  # stands in the pieces only where nothing of it may be kept


def put_together(seed: int) -> str:
    """A handful of pieces; one number draws them all, which is ten times faster than a list."""
    chance = random.Random(seed)
    return "".join(chance.choices(ADDRESS_PIECES, k=chance.randint(0, 7)))


ADDRESSES = st.integers(0, 2**62).map(put_together) | st.text(max_size=20).filter(lambda text: not SECRET.search(text))
LENGTH = 200


@many_examples
@pytest.mark.slow
@given(ADDRESSES)
@example("/a\u00a0?x")
@example("https://user:secret@docs.example?token")
@example("x//y")
def test_a_page_is_a_path_and_nothing_else(address: str) -> None:
    page = clean_page(address, LENGTH)
    assert page is not None
    assert page == "" or (page.startswith("/") and not page.startswith(("//", "/\\")))
    assert len(page) <= LENGTH
    assert not re.search(r"[?#\x00-\x1f\x7f\\]", page)
    if re.match(r"\s*(https?:)?//[^/?#\s]", address, re.IGNORECASE):
        assert "user:secret@" not in page or "/" in address.split("//", 1)[1].split("user:secret@")[0]
    assert clean_page(page, LENGTH) == page


@some_examples
@given(ADDRESSES)
def test_a_referrer_is_a_host_or_nothing(address: str) -> None:
    referrer = clean_referrer(address)
    assert referrer is None or (re.fullmatch(r"[a-z0-9._:-]*", referrer) and len(referrer) <= 253)
    assert referrer is None or "secret" not in referrer


@some_examples
@given(ADDRESSES)
def test_a_target_has_no_query_and_leads_nowhere(address: str) -> None:
    target = clean_target(address, LENGTH) or ""
    assert len(target) <= max(LENGTH, 253)
    assert not re.search(r"[?#\x00-\x1f\x7f]", target)
    assert not re.match(r"(?:[a-z][a-z0-9+.-]*:)?[/\\]{2}", target, re.IGNORECASE)


FILTERS = ("site", "period", "from", "to", "compare", "against_from", "against_to", "words")
FILTER_VALUES = ("docs", "custom", "7", "year", "off", "2026-02-29", "0001-01-01", "9999-12-31", "2026-03-01", "", "-1")


def make_query(seed: int) -> dict[str, str]:
    chance = random.Random(seed)
    return {name: chance.choice((*FILTER_VALUES, put_together(seed))) for name in chance.sample(FILTERS, k=5)}


@many_examples
@given(st.integers(0, 2**62).map(make_query))
def test_filters_of_an_address_are_always_days_that_exist(settings: Settings, query: dict[str, str]) -> None:
    view = read_view(query, settings, NOON, "words")
    assert view is not None
    assert view.start <= view.end <= view.today
    assert 1 <= view.days <= MAX_DAYS
    assert view.link("/app").startswith("/app?site=")
    for direction in (-1, 1):
        view.shifted("/app", direction)


@some_examples
@given(ADDRESSES.map(lambda text: "/app" + text) | ADDRESSES)
def test_a_way_back_never_leads_away(target: str) -> None:
    path = safe_path(target)
    assert path.startswith("/app")
    assert not re.search(r"[\s\\<>\"\x00-\x1f]", path)
    assert re.match(r"/app(?:[/?]|$)", path)


@some_examples
@given(st.none() | ADDRESSES | st.ip_addresses().map(str), st.none() | ADDRESSES)
def test_an_address_is_an_address_or_unknown(peer: str | None, forwarded: str | None) -> None:
    found = client_address(peer, forwarded, [])
    assert found == "unknown" or re.fullmatch(r"[0-9a-f.:]+(%.*)?", found)
