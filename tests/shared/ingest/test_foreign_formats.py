"""Reading foreign formats: times, money, campaigns and names, and nothing but `InvalidInput` for whatever is sent."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.config import LimitSettings, load_settings
from shared.errors import InvalidInput
from shared.event_catalogue import CATALOGUE, DECLARED, Catalogue
from shared.ingest.event_fields import TrackEvent, clean_page, find_problem
from shared.ingest.protocols import alertmanager, openpanel, plausible, posthog, segment, umami
from shared.ingest.protocols.foreign import (
    Parsed,
    campaign_of,
    clean_props,
    make_named,
    milliseconds,
    moment_of,
    page_of,
    skew_of,
)
from shared.ingest.protocols.money import minor_units

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
LIMITS: LimitSettings = load_settings({"WARROOM_SECRET_KEY": "0" * 64}, None).limits

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def objects(*keys: str) -> st.SearchStrategy[dict[str, Any]]:
    """Objects that have some of the keys that a parser looks at."""
    return st.fixed_dictionaries({}, optional={key: json_values for key in keys})


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("9.99", "USD", 999),
        (9.99, "EUR", 999),
        (500, "JPY", 500),
        ("1.2345", "KWD", 1235),
        (0.1 + 0.2, "EUR", 30),
        ("-5", "EUR", -500),
        (True, "EUR", None),
        ("NaN", "EUR", None),
        ("1e400", "EUR", None),
        ("", "EUR", None),
        (10**13, "EUR", None),
        ("$12.50", "USD", 1250),
        ("-$12.50", "USD", -1250),
        ("12.50 \u20ac", "EUR", 1250),
        ("EUR 1,234.50", "EUR", 123450),
        ("9,99", "EUR", 999),
        ("1,234", "EUR", None),  # a thousand, or one and a bit
        ("1.234,50", "EUR", None),
        ("12.50 apples", "EUR", None),
        ("--5", "EUR", None),
    ],
)
def test_amounts_become_whole_numbers_of_the_smallest_unit(amount: Any, currency: str, expected: int | None) -> None:
    assert minor_units(amount, currency) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-11T12:00:00Z", NOW),
        ("2026-03-11T13:00:00.000000000+01:00", NOW),
        ("2026-03-11T12:00:00.658320997Z", NOW + timedelta(microseconds=658320)),
        ("2026-03-11 12:00:00", NOW),
        (NOW.timestamp(), NOW),
        (NOW.timestamp() * 1000, NOW),
        ("soon", None),
        (True, None),
        (float("inf"), None),
        ("9" * 100, None),
    ],
)
def test_moments_are_read_in_the_forms_that_clients_send(value: Any, expected: datetime | None) -> None:
    assert moment_of(value) == expected


def test_a_sender_whose_clock_is_wrong_is_set_right() -> None:
    skew = skew_of("2020-01-01T00:01:00Z", NOW)
    assert milliseconds(moment_of("2020-01-01T00:00:00Z"), skew) == int((NOW - timedelta(minutes=1)).timestamp() * 1000)
    assert skew_of(None, NOW) == skew_of("nonsense", NOW) == timedelta()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (
            "https://d.example/?utm_source=a&utm_medium=b&utm_campaign=c&token=x",
            {"source": "a", "medium": "b", "campaign": "c"},
        ),
        ("/p?ref=hn", {"source": "hn"}),
        ("/p?utm_source=a&ref=hn#utm_source=b", {"source": "a"}),
        ("/p?utm_source=ada@example.com", {}),
        ("/p?utm_campaign=" + "x" * 100, {}),
        ("/p#utm_source=a", {}),
        (None, {}),
    ],
)
def test_of_a_query_only_the_campaign_is_read(address: str | None, expected: dict[str, str]) -> None:
    assert campaign_of(address) == expected


def test_addresses_in_properties_lose_their_query() -> None:
    sent = {
        "link": "https://a.example/x?token=1#f",
        "path": "/a?b=c",
        "q": "who? me",
        "$ip": "1.2.3.4",
        "deep": {"a": 1},
    }
    assert clean_props(sent, LIMITS) == {"link": "https://a.example/x", "path": "/a", "q": "who? me"}
    assert page_of("https://a.example/x?token=1", 1000) == "https://a.example/x"


def test_a_foreign_name_may_mean_one_of_ours() -> None:
    exposure = make_named("e" * 8, "Experiment Viewed", {"experiment_id": "hero", "variation_id": 2}, LIMITS)
    assert (exposure.name, exposure.experiment, exposure.variant) == ("exposure", "hero", "2")
    step = make_named("e" * 8, "sequence_step", {"sequence": "start", "step": "2", "steps": 3}, LIMITS)
    assert (step.sequence, step.step, step.steps, step.done) == ("start", 2, 3, False)
    paid = make_named("e" * 8, "paid by ada@example.com", {}, LIMITS, value_cents=5)
    assert (paid.name, paid.goal) == ("conversion", "paid by [e-mail removed]")


@pytest.mark.parametrize(
    ("address", "hash_mode", "page"),
    [
        ("https://d.example/#/intro?token=x", 1, "/intro"),
        ("https://d.example/app/?utm_source=news#!/intro/a#b", 1, "/app/intro/a"),
        ("https://d.example/app#/intro", 0, "/app"),
        ("https://d.example/app#access_token=x", 1, "/app"),
        ("https://d.example/app", True, "/app"),
    ],
)
def test_a_page_routed_by_its_fragment_has_a_path_of_its_own(address: str, hash_mode: Any, page: str) -> None:
    body = json.dumps({"n": "pageview", "u": address, "d": "d.example", "h": hash_mode}).encode()
    event = plausible.parse(body, 16, LIMITS).event
    assert clean_page(event.page, 1000) == page
    assert event.props == ({"source": "news"} if "utm" in address else {})


@pytest.mark.parametrize("revenue", [{"currency": "EUR", "amount": "3"}, '{"currency":"EUR","amount":3}'])
def test_revenue_is_an_object_or_its_text(revenue: Any) -> None:
    body = json.dumps({"n": "Buy", "u": "https://d.example/", "d": "d.example", "$": revenue}).encode()
    found = plausible.parse(body, 16, LIMITS)
    assert (found.event.goal, found.event.value_cents, found.event.currency, found.ignored) == ("Buy", 300, "EUR", 0)


def test_a_name_of_120_characters_is_kept_whole() -> None:
    body = json.dumps({"n": "n" * 120, "u": "https://d.example/", "d": "d.example"}).encode()
    event = plausible.parse(body, 16, LIMITS).event
    assert event.name == "n" * 120
    assert find_problem(event, LIMITS) is None


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_a_foreign_event_called_like_one_of_ours_is_never_lost(name: str) -> None:
    [said] = segment.parse(
        {"event": name, "userId": "u", "properties": {"a": 1, "x": "left"}}, "track", NOW, LIMITS
    ).events
    assert find_problem(said.event, LIMITS) is None
    assert Catalogue().judge(said.event).verdict != "invalid"
    if said.event.name not in (name, "conversion"):
        assert (said.event.name, said.event.props) == (f"custom_{name}", {"a": 1, "x": "left"})


def test_a_foreign_event_that_is_one_of_ours_is_taken_as_that() -> None:
    vital = make_named("e" * 8, "web_vital", {"metric": "LCP", "value": 1200}, LIMITS, page="/a")
    assert (vital.name, vital.props) == ("web_vital", {"metric": "LCP", "value": 1200})
    assert make_named("e" * 8, "page_view", {}, LIMITS, page="/a").name == "page_view"
    assert make_named("e" * 8, "page_view", {}, LIMITS).name == "custom_page_view"
    assert make_named("e" * 8, "Experiment Viewed", {"experiment": "hero"}, LIMITS).name == "Experiment Viewed"
    assert make_named("e" * 8, "conversion", {}, LIMITS, value_cents=5).goal == "conversion"


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"kind": "article", "author": "team"}, {"source": "news", "author": "team"}),
        ({"source": 5, "medium": "mail"}, {"source": "news", "medium": "mail"}),
        ({"source": "ada@example.com"}, {"source": "news"}),
        (
            {f"p{n}": n for n in range(40)},
            {"source": "news", **{f"p{n}": n for n in range(LIMITS.properties - 1)}},
        ),
    ],
)
def test_a_page_view_is_valid_whatever_its_sender_calls_its_properties(
    properties: dict[str, Any], expected: dict[str, Any]
) -> None:
    sent = {"properties": {"url": "/a?utm_source=news", **properties}}
    [said] = segment.parse(sent, "page", NOW, LIMITS).events
    assert said.event.props == expected
    assert find_problem(said.event, LIMITS) is None
    assert Catalogue().judge(said.event) is DECLARED


ORDER = {"order_id": "o1", "value": 18.99, "total": 30, "revenue": 25, "currency": "EUR"}


@pytest.mark.parametrize(
    ("event", "properties", "expected"),
    [
        ("Product Viewed", ORDER, None),
        ("Checkout Started", ORDER, None),
        ("Order Cancelled", ORDER, None),
        ("Order Completed", ORDER, (2500, "EUR")),
        ("order completed", {"total": "30.00", "currency": "EUR"}, (3000, "EUR")),
        ("Order Refunded", ORDER, (-3000, "EUR")),
        ("Order Refunded", {"total": -30, "currency": "EUR"}, (-3000, "EUR")),
        ("Subscribed", {"revenue": "$12.50"}, (1250, "USD")),
        ("Subscribed", {"revenue": 500, "currency": "JPY"}, (500, "JPY")),
        ("Subscribed", {"total": 5, "value": 5, "currency": "EUR"}, None),
    ],
)
def test_of_segments_commerce_only_orders_and_refunds_are_conversions(
    event: str, properties: dict[str, Any], expected: tuple[int, str] | None
) -> None:
    [said] = segment.parse({"event": event, "properties": properties, "userId": "u"}, "track", NOW, LIMITS).events
    if expected is None:
        assert (said.event.name, said.event.value_cents) == (event, None)
        assert said.event.props.items() >= {k: v for k, v in properties.items() if k != "currency"}.items()
    else:
        assert (said.event.name, said.event.goal) == ("conversion", event)
        assert (said.event.value_cents, said.event.currency) == expected
    assert find_problem(said.event, LIMITS) is None


def test_fingerprint_is_that_of_prometheus() -> None:
    """8a111dfa0517514c: what Alertmanager 0.25 computed for these labels."""
    labels = {"severity": "P1", "alertname": "CTRDrop", "service": "docs"}
    assert alertmanager.fingerprint_of(labels) == "8a111dfa0517514c"


def test_an_alert_keeps_no_query_and_no_address_of_a_computer() -> None:
    labels = {"alertname": "Slow", "path": "/x?token=abc", "instance": "203.0.113.90:9100", "at ?q=1": "b"}
    told = {"runbook_url": "https://x.example/y?user=ada#part", "summary": "GET https://x.example/z?session=1 is slow"}
    [alert] = alertmanager.parse_alerts(
        [{"labels": labels, "annotations": told, "generatorURL": "http://203.0.113.90:9090/graph"}], LIMITS, NOW
    ).good
    assert alert.labels == {"alertname": "Slow", "path": "/x", "instance": "[address removed]:9100", "at": "b"}
    assert alert.annotations == {
        "runbook_url": "https://x.example/y",
        "summary": "GET https://x.example/z is slow",
    }
    assert alert.link is None


def test_an_alert_keeps_no_login_and_no_address_of_a_person() -> None:
    sent = {"labels": {"alertname": "ask ada@example.com"}, "generatorURL": "http://ada:secret@prom.example/graph?q=1"}
    [alert] = alertmanager.parse_alerts([sent], LIMITS, NOW).good
    assert (alert.name, alert.link) == ("ask [e-mail removed]", "http://prom.example/graph")


def is_well_typed(event: TrackEvent) -> bool:
    """Whether our own wire would take it."""
    msgspec.convert(msgspec.to_builtins(event), TrackEvent, strict=True)
    return True


def parsed_or_none(parse: Any, *arguments: Any) -> Any:
    try:
        return parse(*arguments)
    except InvalidInput:
        return None


def check(parsed: Parsed | None) -> None:
    for said in parsed.events if parsed is not None else ():
        assert is_well_typed(said.event)


SEGMENT = objects("type", "event", "name", "userId", "properties", "context", "timestamp", "messageId", "traits")
POSTHOG = objects("event", "distinct_id", "properties", "timestamp", "uuid", "$set")
PLAUSIBLE = objects("n", "u", "d", "r", "p", "$", "e", "sd")
UMAMI = objects("website", "name", "url", "data", "hostname", "timestamp", "lcp", "cls", "id", "title")
ALERT = objects("status", "labels", "annotations", "startsAt", "endsAt", "fingerprint", "generatorURL")
KINDS = st.sampled_from(["track", "page", "screen", "identify", "group", "alias"])


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.lists(SEGMENT | json_values, max_size=3), KINDS, json_values)
def test_segment_takes_whatever_is_sent(messages: list[Any], kind: str, sent_at: Any) -> None:
    named = [{**message, "type": kind} if isinstance(message, dict) else message for message in messages]
    check(parsed_or_none(segment.parse, {"batch": named, "sentAt": sent_at}, "batch", NOW, LIMITS))


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.lists(POSTHOG | json_values, max_size=3), json_values)
def test_posthog_takes_whatever_is_sent(events: list[Any], sent_at: Any) -> None:
    check(parsed_or_none(posthog.parse, {"batch": events, "sent_at": sent_at}, NOW, LIMITS))


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(PLAUSIBLE, st.sampled_from(["pageview", "engagement", "Signup", "File Download", "Outbound Link: Click"]))
def test_plausible_takes_whatever_is_sent(fields: dict[str, Any], name: str) -> None:
    body = msgspec.json.encode({"u": "https://d.example/a", "d": "d.example", **fields, "n": name})
    found = parsed_or_none(plausible.parse, body, 16, LIMITS)
    assert found is None or is_well_typed(found.event)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(UMAMI, st.sampled_from(["event", "identify", "performance"]), objects("__path", "__timestamp", "__revenue", "a"))
def test_umami_and_openpanel_take_whatever_is_sent(fields: dict[str, Any], kind: str, props: dict[str, Any]) -> None:
    message = parsed_or_none(umami.parse, {"type": kind, "payload": {"website": "docs", **fields}}, LIMITS)
    check(message.parsed if message is not None else None)
    sent = {"type": "track", "payload": {"name": "e", **fields, "properties": props}}
    envelope = parsed_or_none(openpanel.parse, sent, NOW, LIMITS)
    check(envelope.parsed if envelope is not None else None)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.lists(ALERT | json_values, max_size=3), st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=3))
def test_alerts_take_whatever_is_sent(alerts: list[Any], labels: dict[str, str]) -> None:
    named = [{"labels": labels, **alert} if isinstance(alert, dict) else alert for alert in alerts]
    parsed = parsed_or_none(alertmanager.parse_alerts, named, LIMITS, NOW)
    for found in parsed.good if parsed is not None else ():
        assert len(found.fingerprint) == 16
    parsed_or_none(alertmanager.parse_webhook, {"version": "4", "alerts": named}, LIMITS)
