"""A docs site that passes on what its readers send: believed with a key of the scope `events:forward`, else not."""

from typing import Any

import pytest
from sqlmodel import select

from shared.store.models import Event, Feedback
from tests.api.running_api import BROWSER, Answer, RunningApi, make_event

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SERVER = {"User-Agent": "node"}


@pytest.fixture
def limit_settings() -> dict[str, object]:
    return {"track_per_minute": 10, "feedback_per_visitor_hour": 2, "feedback_per_address_hour": 3}


def reader(address: str = "203.0.113.9", agent: str = BROWSER, **more: str) -> dict[str, str]:
    return {**SERVER, "X-Forwarded-For": address, "X-Forwarded-User-Agent": agent, **more}


async def say(api: RunningApi, headers: dict[str, str], **fields: Any) -> Answer:
    return await api.ask("POST", "/feedback", {"site": "docs", **fields}, headers)


async def told(api: RunningApi) -> list[Feedback]:
    async with api.runtime.store.read() as session:
        return list((await session.execute(select(Feedback).order_by(Feedback.id))).scalars())  # type: ignore[arg-type]


async def test_readers_of_a_docs_site_with_the_key_are_told_apart(api: RunningApi) -> None:
    key = await api.make_key("events:forward")
    for headers in (reader(), reader("203.0.113.10"), reader(agent=FIREFOX), reader()):
        assert (await api.track(make_event(), headers={**key, **headers})).status == 202
    first, second, third, again = [event.visitor for event in await api.events()]
    assert None not in (first, second, third)
    assert len({first, second, third}) == 3
    assert again == first


async def test_a_reader_is_the_same_passed_on_and_coming_directly(api: RunningApi) -> None:
    await api.track(make_event())
    await api.track(make_event(), headers={**await api.make_key("events:forward"), **reader("127.0.0.1")})
    first, second = [event.visitor for event in await api.events()]
    assert first == second


@pytest.mark.parametrize("address", ["203.0.113.9, 198.51.100.1", "203.0.113.9:4711", "::ffff:203.0.113.9"])
async def test_what_proxies_append_changes_no_reader(api: RunningApi, address: str) -> None:
    key = await api.make_key("events:forward")
    await api.track(make_event(), headers={**key, **reader()})
    await api.track(make_event(), headers={**key, **reader(address)})
    assert len({event.visitor for event in await api.events()}) == 1


async def test_without_the_key_no_forwarded_reader_is_believed(api: RunningApi) -> None:
    for address, words in (("203.0.113.9", "good"), ("203.0.113.10", "better")):
        await api.track(make_event(), headers={**reader(address, FIREFOX), "User-Agent": BROWSER})
        assert (await say(api, {**reader(address, FIREFOX), "User-Agent": BROWSER}, text=words)).status == 201
    assert len({event.visitor for event in await api.events()}) == 1
    assert len({row.visitor for row in await told(api)}) == 1
    assert (await api.events())[0].visitor == (await told(api))[0].visitor


async def test_another_key_speaks_for_a_server_and_not_for_readers(api: RunningApi) -> None:
    key = await api.make_key("events:write", "feedback:write")
    await api.track(make_event(), headers={**key, **reader()})
    await say(api, {**key, **reader()}, text="good")
    ((event,), (row,)) = (await api.events(), await told(api))
    assert (event.visitor, row.visitor, row.source) == (None, None, "api")


async def test_readers_are_told_apart_on_feedback_too(api: RunningApi) -> None:
    key = await api.make_key("events:forward")
    for headers in (reader(), reader("203.0.113.10"), reader(agent=FIREFOX)):
        assert (await say(api, {**key, **headers}, text="good")).status == 201
    rows = await told(api)
    assert len({row.visitor for row in rows} - {None}) == 3
    assert {row.source for row in rows} == {"web"}


async def test_a_plain_form_that_is_passed_on_is_a_form(api: RunningApi) -> None:
    key, form = await api.make_key("events:forward"), {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await api.ask("POST", "/feedback", "site=docs&score=1&scale=0-1", {**key, **reader(), **form})
    assert answer.status == 303
    assert [(row.source, row.visitor is not None) for row in await told(api)] == [("form", True)]


async def test_rules_for_browsers_hold_for_readers(api: RunningApi) -> None:
    key = await api.make_key("events:forward")
    for headers in (reader(agent="Googlebot/2.1"), reader(agent=""), reader(DNT="1"), reader(**{"Sec-GPC": "1"})):
        answer = await api.track(make_event(), headers={**key, **headers})
        assert (answer.status, answer.body) == (202, b"")
    assert await api.count(Event) == 0
    dropped = {reason: api.runtime.meter.totals["drop", reason] for reason in ("bot", "dnt", "gpc")}
    assert dropped == {"bot": 2, "dnt": 1, "gpc": 1}


async def test_a_reader_has_the_limits_of_a_browser(api: RunningApi) -> None:
    key = await api.make_key("events:forward")
    await api.track(*(make_event() for _ in range(10)), headers={**key, **reader()})
    over = await api.track(make_event(), headers={**key, **reader()})
    other = await api.track(make_event(), headers={**key, **reader("203.0.113.10")})
    assert (over.status, over.body, other.status) == (202, b"", 202)
    assert await api.count(Event) == 11
    answers = [(await say(api, {**key, **reader()}, text=f"text {number}")).status for number in range(3)]
    assert answers == [201, 201, 429]


async def test_a_key_passes_on_for_its_own_site_only(api: RunningApi) -> None:
    key = await api.make_key("events:forward", site="blog")
    assert (await api.track(make_event(), headers={**key, **reader()})).status == 403
    assert (await say(api, {**key, **reader()}, text="good")).status == 403
    assert (await api.count(Event), await api.count(Feedback)) == (0, 0)


async def test_the_reader_is_in_no_column_and_no_log(api: RunningApi, caplog: pytest.LogCaptureFixture) -> None:
    key = await api.make_key("events:forward")
    await api.track(make_event(), headers={**key, **reader(agent=FIREFOX)})
    stored = repr([event.model_dump() for event in await api.events()]) + caplog.text
    assert "203.0.113.9" not in stored
    assert "Firefox/140" not in stored
