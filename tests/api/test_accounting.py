"""Whatever comes in by whatever protocol is accounted for: the counters of all routes add up with the stored rows."""

import base64
from collections import Counter
from typing import Any

from sqlmodel import select

from shared.runtime import Runtime
from shared.store.models import Event, Rollup
from tests.api.running_api import RunningApi
from tests.shared.ingest.track import make_event

UMAMI: dict[str, Any] = {"type": "event", "payload": {"website": "docs", "hostname": "docs.example", "url": "/a"}}
PLAUSIBLE = {"n": "pageview", "u": "https://docs.example/a", "d": "docs.example"}
OPENPANEL = {"type": "track", "payload": {"name": "signed_up", "properties": {"plan": "pro"}}}
TOO_LARGE = ("/track", "/api/event", "/api/send", "/api/batch")
UNREADABLE = ("/track", "/api/event", "/v1/batch", "/batch/", "/api/send")


async def send_by_every_protocol(api: RunningApi, key: dict[str, str]) -> None:
    shown = key["Authorization"].removeprefix("Bearer ")
    basic = {"Authorization": "Basic " + base64.b64encode(f"{shown}:".encode()).decode()}
    messages = [{"type": "track", "event": f"e{n}", "userId": f"u{n}", "messageId": f"m{n % 3}"} for n in range(5)]
    messages += [{"type": "identify", "userId": "u1", "messageId": "i1"}, {"type": "nonsense"}]
    event = make_event()
    await api.track(event, make_event("own"), {"id": "?"})
    await api.track(event, headers=key)
    await api.ask("POST", "/api/event", PLAUSIBLE)
    await api.ask("POST", "/api/event", {**PLAUSIBLE, "d": "elsewhere.example"})
    await api.ask("POST", "/api/event", PLAUSIBLE, {"Sec-GPC": "1"})
    await api.ask("POST", "/v1/batch", {"batch": messages}, basic)
    await api.ask("POST", "/batch/", {"api_key": shown, "batch": [{"event": "a", "distinct_id": "u", "uuid": "x1"}]})
    await api.ask("POST", "/api/send", UMAMI)
    await api.ask("POST", "/api/batch", [UMAMI, UMAMI])
    await api.ask("POST", "/track", OPENPANEL, {"openpanel-client-id": "docs"})
    await send_what_is_easily_lost(api, basic)
    for path in UNREADABLE:
        answer = await api.ask("POST", path, "{", basic if path in ("/v1/batch", "/batch/") else {})
        assert answer.status == 400, path


async def send_what_is_easily_lost(api: RunningApi, basic: dict[str, str]) -> None:
    """Too large, too many, for several sites, and without anything in it."""
    many = {"batch": [{"type": "track", "event": "e"}] * 2501}
    assert (await api.ask("POST", "/v1/batch", many, basic)).status == 413
    assert (await api.ask("POST", "/api/batch", [UMAMI] * 101)).status == 413
    for path in TOO_LARGE:
        assert (await api.ask("POST", path, "x" * 70_000)).status == 413, path
    assert (await api.track(*(make_event() for _ in range(101)))).status == 400
    await api.ask("POST", "/api/event", {**PLAUSIBLE, "d": "docs.example,elsewhere.example,nowhere.example"})
    vitals = {"type": "performance", "payload": {"website": "docs", "lcp": "slow"}}
    assert (await api.ask("POST", "/api/send", vitals)).status == 200


async def test_what_is_easily_lost_has_its_reason(api: RunningApi, runtime: Runtime) -> None:
    await send_what_is_easily_lost(api, await api.make_key("events:write"))
    totals = runtime.meter.totals
    dropped = {reason: count for (measure, reason), count in totals.items() if measure == "drop"}
    assert dropped == {"too_large": 2501 + 101 + len(TOO_LARGE), "unknown_site": 2, "invalid": 1 + 101}
    assert totals["received", ""] == sum(dropped.values()) + 1
    assert totals["stored", ""] == 1


async def test_properties_that_were_not_taken_as_sent_are_counted(api: RunningApi, runtime: Runtime) -> None:
    key = await api.make_key("events:write")
    many = {f"p{number}": number for number in range(33)}
    sent = [
        {"event": "a", "properties": many},
        {"event": "b", "properties": {"long": "x" * 2001, "kept": "x" * 2000, "k" * 121: 1, "$lib": "x", "deep": {}}},
        {"event": "c", "properties": {"revenue": "1,234", "currency": "EUR"}},
        {"event": "Product Viewed", "properties": {"revenue": "?", "plain": 1}},
    ]
    await api.ask("POST", "/v1/batch", {"batch": [{"type": "track", "userId": "u", **event} for event in sent]}, key)
    await api.ask("POST", "/api/event", {**PLAUSIBLE, "n": "Sale", "$": {"currency": "EUR", "amount": "?"}})
    assert runtime.meter.totals["ignored_field", ""] == 3 + 2 + 1 + 1
    assert await api.count(Event) == 5
    async with runtime.store.read() as session:
        props = (await session.execute(select(Event.props).where(Event.name == "b"))).scalar_one()
    assert props == {"long": "x" * 2000, "kept": "x" * 2000, "k" * 120: 1}, "values are as long as Plausible allows"


async def test_alerts_of_other_systems_are_accounted_for(api: RunningApi, runtime: Runtime) -> None:
    key = await api.make_key("alerts:write")
    good: dict[str, Any] = {"labels": {"alertname": "A"}}
    bad: dict[str, Any] = {"labels": {}}
    for body, status in (
        ([good, bad], 400), ([good], 200), ([good] * 501, 413), ("{", 400), ("[]", 200), ("x" * 500_001, 413)
    ):  # fmt: skip
        assert (await api.ask("POST", "/api/v2/alerts", body, key)).status == status
    told = {reason: count for (measure, reason), count in runtime.meter.totals.items() if measure == "told_alert"}
    assert told == {"stored": 1, "repeated": 1, "invalid": 1, "too_large": 502, "unreadable": 1, "received": 506}
    await runtime.store.writer.close()
    assert (await api.ask("POST", "/api/v2/alerts", [good], key)).status == 503
    assert runtime.meter.totals["told_alert", "cannot_store"] == 1


async def test_a_key_stores_nothing_for_its_site_when_the_request_is_for_others_too(
    api: RunningApi, runtime: Runtime
) -> None:
    key, both = await api.make_key("events:write"), {**PLAUSIBLE, "d": "docs.example,blog.example"}
    assert (await api.ask("POST", "/api/event", both, key)).status == 403
    blog = {"type": "event", "payload": {"website": "blog", "url": "/"}}
    assert (await api.ask("POST", "/api/batch", [UMAMI, blog], key)).status == 403
    assert await api.count(Event) == 0
    assert runtime.meter.totals["drop", "not_allowed"] == runtime.meter.totals["received", ""] == 2


async def test_the_counters_of_all_protocols_add_up(api: RunningApi) -> None:
    await send_by_every_protocol(api, await api.make_key("events:write"))
    await api.runtime.meter.flush(api.runtime.store)
    sides: Counter[tuple[str, str]] = Counter()
    stored = unreadable = 0
    async with api.runtime.store.read() as session:
        for row in (await session.execute(select(Rollup))).scalars():
            if row.measure == "received":
                sides[row.site, "in"] += row.count
            elif row.measure in ("stored", "repeated", "drop"):
                sides[row.site, "out"] += row.count
            stored += row.count * (row.measure == "stored")
            unreadable += row.count * (row.measure == "drop" and row.key == "unreadable")
    assert sides["docs", "in"] == sides["docs", "out"] >= 15
    assert sides["", "in"] == sides["", "out"]
    assert stored == await api.count(Event)
    assert unreadable == len(UNREADABLE)


async def counted(api: RunningApi) -> dict[tuple[str, str, str], int]:
    """Every counter of the intake: by site, measure and key."""
    await api.runtime.meter.flush(api.runtime.store)
    found: Counter[tuple[str, str, str]] = Counter()
    async with api.runtime.store.read() as session:
        for row in (await session.execute(select(Rollup))).scalars():
            found[row.site, row.measure, row.key] += row.count
    return found


async def test_every_event_of_a_batch_that_is_refused_as_a_whole_counts(api: RunningApi) -> None:
    most = api.runtime.settings.limits.batch_events
    too_many = [make_event() for _ in range(most + 1)]
    for body in (
        {"site": "docs", "events": too_many},
        {"site": "docs", "events": too_many[:3], "person": "?"},
        {"site": "nowhere", "events": too_many},
        {"site": 7, "events": too_many[:2]},
        {"site": "docs", "events": []},
    ):
        assert (await api.ask("POST", "/track", body)).status == 400
    found = await counted(api)
    assert found["docs", "received", ""] == found["docs", "drop", "invalid"] == most + 1 + 3 + 1
    assert found["", "received", ""] == found["", "drop", "unreadable"] == most + 1 + 2


async def test_texts_that_are_cut_are_counted(api: RunningApi) -> None:
    limits = api.runtime.settings.limits
    long = "t" * (limits.string_characters + 1)
    await api.track(make_event(title=long), make_event(page="/" + "p" * limits.page_characters), make_event(title="t"))
    await api.track(
        make_event(page="https://docs.example/a?" + "q" * limits.page_characters)
    )  # all of its path is kept
    found = await counted(api)
    assert (found["docs", "ignored_field", ""], found["docs", "stored", ""]) == (2, 4)
    await api.ask("POST", "/api/send", {**UMAMI, "payload": {**UMAMI["payload"], "title": long}})
    await api.ask(
        "POST",
        "/track",
        {
            "type": "track",
            "payload": {"name": "screen_view", "properties": {"__path": "https://docs.example/a", "__title": long}},
        },
        {"openpanel-client-id": "docs"},
    )
    found = await counted(api)
    assert (found["docs", "ignored_field", ""], found["docs", "stored", ""]) == (4, 6)
