"""`POST /track` over its socket: every row of the reply table, for browsers and for servers."""

from collections.abc import Mapping

import pytest
from multidict import CIMultiDict

from shared.clock import ManualClock
from shared.store.models import Event
from tests.api.running_api import BROWSER, RunningApi, make_event


@pytest.fixture
def limit_settings() -> dict[str, object]:
    return {"track_per_minute": 10, "track_key_per_minute": 10}


async def test_a_stored_event_is_answered_202_without_words(api: RunningApi) -> None:
    answer = await api.track(make_event(page="/start?token=secret#top"))
    assert (answer.status, answer.body) == (202, b"")
    (event,) = await api.events()
    assert (event.site, event.page, event.name) == ("docs", "/start", "page_view")


async def test_a_repeat_is_answered_like_the_first_and_stored_once(api: RunningApi) -> None:
    event = make_event()
    assert [(await api.track(event)).status for _ in range(3)] == [202, 202, 202]
    assert await api.count(Event) == 1


async def test_a_beacon_needs_no_preflight(api: RunningApi) -> None:
    answer = await api.track(
        make_event(), headers={"Content-Type": "text/plain;charset=UTF-8", "Origin": "https://a.b"}
    )
    assert answer.status == 202
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_one_flat_event_is_a_batch_of_one(api: RunningApi) -> None:
    assert (await api.ask("POST", "/track", {"site": "docs", **make_event()})).status == 202
    assert await api.count(Event) == 1


async def test_a_bad_event_is_dropped_alone_and_named(api: RunningApi) -> None:
    answer = await api.track(make_event(), make_event(engaged_ms="long"), make_event())
    assert answer.status == 202
    told = answer.json()
    assert (told["stored"], told["repeated"]) == (2, 0)
    assert [(bad["index"], bad["field"]) for bad in told["dropped"]] == [(1, "engaged_ms")]


async def test_nothing_good_is_a_problem_that_names_field_and_reason(api: RunningApi) -> None:
    answer = await api.track({"id": "12345678", "name": "page_view"})
    assert answer.status == 400
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem["errors"] == [{"field": "events[0].page", "reason": "a page_view event needs it"}]


@pytest.mark.parametrize(
    "headers",
    [
        {"DNT": "1"},
        {"Sec-GPC": "1"},
        {"Sec-GPC": "1, 1"},
        CIMultiDict([("Sec-GPC", "0"), ("Sec-GPC", "1")]),
        {"User-Agent": "Googlebot/2.1"},
        {"User-Agent": ""},
    ],
    ids=str,
)
async def test_a_rule_drops_without_a_word_and_is_counted(api: RunningApi, headers: Mapping[str, str]) -> None:
    answer = await api.track(make_event(), make_event(), headers=headers)
    assert (answer.status, answer.body) == (202, b"")
    assert await api.count(Event) == 0
    drops = {key: count for (measure, key), count in api.runtime.meter.totals.items() if measure == "drop"}
    assert list(drops.values()) == [2]


async def test_an_unknown_site_is_a_counted_drop(api: RunningApi) -> None:
    answer = await api.track(make_event(), site="nowhere")
    assert (answer.status, answer.body) == (202, b"")
    assert api.runtime.meter.totals["drop", "unknown_site"] == 1


async def test_a_browser_over_its_limit_hears_nothing_of_it(api: RunningApi) -> None:
    assert (await api.track(*(make_event() for _ in range(10)))).status == 202
    answer = await api.track(make_event())
    assert (answer.status, answer.body) == (202, b"")
    assert await api.count(Event) == 10
    assert api.runtime.meter.totals["drop", "limit"] == 1


async def test_the_limit_of_one_browser_is_not_that_of_another(api: RunningApi) -> None:
    await api.track(*(make_event() for _ in range(10)))
    await api.track(make_event(), headers={"User-Agent": BROWSER + " Edg/142.0"})
    assert await api.count(Event) == 11


async def test_a_key_over_its_limit_is_told_when_to_come_back(api: RunningApi) -> None:
    key = await api.make_key("events:write")
    assert (await api.track(*(make_event() for _ in range(10)), headers=key)).status == 202
    answer = await api.track(make_event(), headers=key)
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert await api.count(Event) == 10


async def test_a_server_with_a_key_is_neither_a_bot_nor_a_visitor(api: RunningApi) -> None:
    key = await api.make_key("events:write")
    answer = await api.track(
        make_event("signup_done"), headers={**key, "User-Agent": "python-requests/2.32", "DNT": "1"}
    )
    assert answer.status == 202
    (event,) = await api.events()
    assert (event.name, event.visitor) == ("signup_done", None)


async def test_a_key_without_the_scope_is_refused(api: RunningApi) -> None:
    assert (await api.track(make_event(), headers=await api.make_key("feedback:write"))).status == 403
    assert await api.count(Event) == 0


async def test_a_key_of_another_site_is_refused(api: RunningApi) -> None:
    key = await api.make_key("events:write", site="blog")
    assert (await api.track(make_event(), headers=key)).status == 403
    assert await api.count(Event) == 0


async def test_the_use_of_a_key_is_noted(api: RunningApi, clock: ManualClock) -> None:
    from sqlmodel import select

    from shared.store.models import ApiKey

    await api.track(make_event(), headers=await api.make_key("events:write"))
    async with api.runtime.store.read() as session:
        (key,) = (await session.execute(select(ApiKey))).scalars()
    assert key.last_used_at == clock.now()


async def test_a_store_that_is_closed_is_told_as_try_again(api: RunningApi) -> None:
    await api.track(make_event())  # the salt of the day is known from here on
    await api.runtime.store.writer.close()
    answer = await api.track(make_event())
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert api.runtime.meter.totals["answer", "track:5xx"] == 1
    assert (await api.ask("GET", "/healthz")).status == 200


async def test_answers_are_counted_by_route_and_class(api: RunningApi) -> None:
    await api.track(make_event())
    await api.ask("POST", "/api/track", "nonsense")
    totals = api.runtime.meter.totals
    assert (totals["answer", "track:2xx"], totals["answer", "track:4xx"]) == (1, 1)


async def test_the_visitor_is_the_same_all_day_and_another_tomorrow(api: RunningApi, clock: ManualClock) -> None:
    await api.track(make_event())
    clock.advance(hours=10)  # 23:00 in Berlin
    await api.track(make_event())
    clock.advance(hours=2)
    await api.track(make_event())
    first, second, third = [event.visitor for event in await api.events()]
    assert first == second
    assert third not in (None, first)


async def test_forwarded_addresses_of_strangers_change_no_visitor(api: RunningApi) -> None:
    for headers in (
        {},
        {"X-Forwarded-For": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"},
        {"X-Real-IP": "203.0.113.9"},
    ):
        await api.track(make_event(), headers=headers)
    assert len({event.visitor for event in await api.events()}) == 1
