"""Foreign clients' requests, as they were seen on the wire: rows, answers, keys and repeats."""

import gzip
import json
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from shared.ingest.identities import opt_in
from shared.runtime import Runtime
from shared.store.models import Event, Person, Platform
from tests.api.running_api import BROWSER, Answer, RunningApi, basic, make_event

PAGE = "https://www.docs.example/intro?utm_source=news&utm_campaign=spring&token=secret#top"


def plausible(name: str = "pageview", **fields: Any) -> dict[str, Any]:
    return {"n": name, "v": 36, "u": PAGE, "d": "docs.example", "r": "https://ref.example/path?q=1", **fields}


def message(kind: str = "track", **fields: Any) -> dict[str, Any]:
    return {"type": kind, "userId": "u1", "anonymousId": None, "messageId": f"id-{kind}", **fields}


async def segment(api: RunningApi, key: dict[str, str], *messages: Any, **fields: Any) -> Answer:
    body = {"batch": list(messages), "writeKey": "wr_x", **fields}
    return await api.ask("POST", "/v1/batch", body, basic(key))


async def test_plausible_page_view_keeps_path_referrer_host_and_campaign(api: RunningApi) -> None:
    answer = await api.ask("POST", "/api/event", plausible(), {"Content-Type": "text/plain"})
    assert (answer.status, answer.body) == (202, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    [event] = await api.events()
    assert (event.site, event.name, event.page, event.referrer) == ("docs", "page_view", "/intro", "ref.example")
    assert event.props == {"source": "news", "campaign": "spring"}
    assert event.visitor


async def test_plausible_goal_with_revenue_is_a_conversion_in_minor_units(api: RunningApi) -> None:
    for currency, amount in (("USD", "9.99"), ("JPY", 500), ("KWD", "1.2345")):
        sent = plausible("Signup", **{"$": {"currency": currency, "amount": amount}}, p={"plan": "pro"})
        await api.ask("POST", "/api/event", sent)
    found = [(event.name, event.goal, event.value_cents, event.currency) for event in await api.events()]
    assert found == [
        ("conversion", "Signup", 999, "USD"),
        ("conversion", "Signup", 500, "JPY"),
        ("conversion", "Signup", 1235, "KWD"),
    ]


async def test_plausible_experiment_engagement_and_links_mean_our_events(api: RunningApi) -> None:
    await api.ask("POST", "/api/event", plausible("Experiment Viewed", p='{"experiment":"hero","variant":"B"}'))
    await api.ask("POST", "/api/event", plausible("engagement", e=3562, sd=40))
    await api.ask("POST", "/api/event", plausible("Outbound Link: Click", p={"url": "https://x.example/a?b=c"}))
    await api.ask("POST", "/api/event", plausible("File Download", p={"url": "https://docs.example/f.zip?b=c"}))
    exposure, engagement, link, file = await api.events()
    assert (exposure.name, exposure.experiment, exposure.variant) == ("exposure", "hero", "B")
    assert (engagement.name, engagement.engaged_ms, engagement.scroll_percent) == ("engagement", 3562, 40)
    assert (link.name, link.target) == ("outbound_click", "x.example")
    assert (file.name, file.target) == ("file_download", "/f.zip")


async def test_plausible_event_counts_for_each_of_its_domains(api: RunningApi) -> None:
    await api.ask("POST", "/api/event", plausible(d="docs.example,blog.example,nowhere.example"))
    assert [event.site for event in await api.events()] == ["docs", "blog"]


@pytest.mark.parametrize(
    "headers", [{"Sec-GPC": "1"}, {"DNT": "1"}, {"User-Agent": "Googlebot/2.1 (+http://www.google.com/bot.html)"}]
)
async def test_browser_rules_hold_for_foreign_trackers(api: RunningApi, headers: dict[str, str]) -> None:
    event = await api.ask("POST", "/api/event", plausible(), headers)
    send = await api.ask("POST", "/api/send", {"type": "event", "payload": {"website": "docs", "url": "/"}}, headers)
    assert (event.status, send.status, await api.count(Event)) == (202, 200, 0)
    assert (b"beep" in send.body) == ("User-Agent" in headers)


async def test_a_server_that_may_speak_for_its_readers_tells_them_apart(api: RunningApi) -> None:
    for scope in ("events:write", "events:forward"):
        key = await api.make_key(scope)
        for address in ("192.0.2.1", "192.0.2.2"):
            headers = {**key, "X-Forwarded-For": address, "X-Forwarded-User-Agent": BROWSER}
            assert (await api.ask("POST", "/api/event", plausible(), headers)).status == 202
    visitors = [event.visitor for event in await api.events()]
    assert visitors[:2] == [None, None]
    assert len(set(visitors[2:])) == 2


async def test_segment_batch_is_stored_once_with_the_clock_set_right(api: RunningApi) -> None:
    key = await api.make_key("events:write")
    sent = [
        message(
            event="Docs CTA Clicked", properties={"cta": "hero", "deep": {"x": 1}}, timestamp="2020-01-01T00:00:00Z"
        ),
        message("page", name="Intro", properties={"url": PAGE, "title": "Intro"}, timestamp="2020-01-01T00:00:30Z"),
        message("screen", name="Home", properties={}),
        message("group", groupId="g"),
        message("alias", previousId="old"),
    ]
    for _ in range(2):
        answer = await segment(api, key, *sent, sentAt="2020-01-01T00:01:00Z")
        assert (answer.status, answer.json()) == (200, {"success": True})
    track, page, screen = await api.events()
    now = api.runtime.clock.now()
    assert (track.name, track.props) == ("Docs CTA Clicked", {"cta": "hero"})
    assert [(now - event.occurred_at).total_seconds() for event in (track, page)] == [60, 30]
    assert (page.name, page.page, page.title) == ("page_view", "/intro", "Intro")
    assert page.props == {"source": "news", "campaign": "spring"}
    assert (screen.name, screen.title) == ("screen", "Home")
    assert len({event.visitor for event in (track, page, screen)}) == 1
    assert "u1" not in str(await api.events())


@pytest.mark.parametrize("sent", [42, 2**64, "42"])
async def test_a_message_with_a_number_as_its_id_is_stored_once_too(api: RunningApi, sent: Any) -> None:
    key = await api.make_key("events:write")
    for _ in range(2):
        await segment(api, key, message(event="e", messageId=sent))
        await api.ask("POST", "/batch/", {"batch": [{"event": "e", "distinct_id": "u", "uuid": sent}]}, key)
    assert await api.count(Event) == 2


async def test_segment_users_are_told_apart(api: RunningApi) -> None:
    key = await api.make_key("events:write")
    users = [message(event="e", userId=f"u{n}", messageId=f"m{n}") for n in range(3)]
    await segment(api, key, *users, message(event="e", userId=None, anonymousId="u1", messageId="m4"))
    visitors = [event.visitor for event in await api.events()]
    assert len(set(visitors)) == 3


async def test_segment_single_messages_and_keys_in_every_place(api: RunningApi) -> None:
    key = await api.make_key("events:write")
    shown = key["Authorization"].removeprefix("Bearer ")
    sent = {"event": "e", "userId": "u", "messageId": "one"}
    assert (await api.ask("POST", "/v1/track", sent, key)).status == 200
    assert (await api.ask("POST", "/v1/track", {**sent, "messageId": "two"}, basic(key))).status == 200
    assert (await api.ask("POST", "/v1/track", {**sent, "messageId": "three", "writeKey": shown})).status == 200
    refused = await api.ask("POST", "/v1/track", {**sent, "writeKey": "wr_nothing"})
    assert (refused.status, refused.json()["code"]) == (401, "not_signed_in")
    other = await api.make_key("feedback:write")
    assert (await api.ask("POST", "/v1/track", sent, other)).status == 403
    assert await api.count(Event) == 3


async def test_gzip_is_taken_with_a_key_and_a_bomb_is_not(api: RunningApi) -> None:
    key = {**await api.make_key("events:write"), "Content-Encoding": "gzip"}
    good = gzip.compress(b'{"batch":[{"type":"track","event":"e","userId":"u","messageId":"m"}]}')
    assert (await api.ask("POST", "/v1/batch", good, key)).status == 200
    bomb = gzip.compress(b"[" + b" " * 5_000_000)
    assert (await api.ask("POST", "/v1/batch", bomb, key)).status == 413
    assert (await api.ask("POST", "/v1/batch", good[:-4], key)).status == 400
    assert (await api.ask("POST", "/v1/batch", good + good, key)).status == 400
    assert (await api.ask("POST", "/v1/batch", b"plain", key)).status == 400
    assert (await api.ask("POST", "/api/event", gzip.compress(b"{}"), {"Content-Encoding": "gzip"})).status == 415
    assert await api.count(Event) == 1


async def test_posthog_batch_is_stored_once_and_flags_are_exposures(api: RunningApi) -> None:
    key = (await api.make_key("events:write"))["Authorization"].removeprefix("Bearer ")
    flag = {"$feature_flag": "hero", "$feature_flag_response": "B", "$lib": "posthog-python"}
    batch = [
        {"event": "deploy", "distinct_id": "ci", "uuid": "u-1", "properties": {"a": 1, "$lib": "x"}},
        {"event": "$feature_flag_called", "distinct_id": "u1", "uuid": "u-2", "properties": flag},
        {"event": "$pageview", "distinct_id": "u1", "uuid": "u-3", "properties": {"$current_url": PAGE}},
        {"event": "$set", "distinct_id": "u1", "uuid": "u-4", "$set": {"plan": "pro"}},
    ]
    for _ in range(2):
        answer = await api.ask("POST", "/batch/", {"api_key": key, "batch": batch, "historical_migration": False})
        assert answer.status == 200
    deploy, exposure, view = await api.events()
    assert (deploy.name, deploy.props) == ("deploy", {"a": 1})
    assert (exposure.name, exposure.experiment, exposure.variant) == ("exposure", "hero", "B")
    assert (view.name, view.page) == ("page_view", "/intro")
    single = {"api_key": key, "event": "one", "distinct_id": "x"}
    assert (await api.ask("POST", "/capture/", single)).status == 200
    assert (await api.ask("POST", "/batch/", {"api_key": "phc_x", "batch": batch})).status == 401


async def test_posthog_key_and_user_among_the_properties_are_not_kept(api: RunningApi) -> None:
    key = (await api.make_key("events:write"))["Authorization"].removeprefix("Bearer ")
    said = {"event": "one", "properties": {"token": key, "distinct_id": "x", "a": 1}}
    assert (await api.ask("POST", "/capture/", said)).status == 200
    assert (await api.ask("POST", "/capture/", {"api_key": key, "event": "two", "distinct_id": "x"})).status == 200
    one, two = await api.events()
    assert (one.props, one.visitor) == ({"a": 1}, two.visitor)


async def test_posthog_body_is_not_inflated_for_a_key_that_is_not_valid(api: RunningApi, runtime: Runtime) -> None:
    headers = {"Authorization": "Bearer wr_x", "Content-Encoding": "gzip"}
    assert (await api.ask("POST", "/batch/", b"no gzip at all", headers)).status == 401
    assert runtime.meter.totals["received", ""] == 0


async def test_openpanel_envelope_shares_the_path_with_our_own_events(api: RunningApi) -> None:
    key = (await api.make_key("events:write"))["Authorization"].removeprefix("Bearer ")
    server = {"openpanel-client-id": "any", "openpanel-client-secret": key}
    sent = {"type": "track", "payload": {"name": "ev", "properties": {"x": 1}, "profileId": "u1"}}
    assert (await api.ask("POST", "/track", sent, server)).status == 202
    revenue = {"name": "revenue", "properties": {"__revenue": 1000, "currency": "EUR"}}
    assert (await api.ask("POST", "/track", {"type": "track", "payload": revenue}, server)).status == 202
    view = {"name": "screen_view", "properties": {"__path": PAGE, "__title": "Intro"}}
    answer = await api.ask("POST", "/track", {"type": "track", "payload": view}, {"openpanel-client-id": "docs"})
    assert (answer.status, answer.body) == (202, b"")
    bare = await api.ask("POST", "/track", {"type": "track", "payload": view}, {"Origin": "https://docs.example"})
    assert bare.status == 202
    first, money, page, origin = await api.events()
    assert (first.name, first.props) == ("ev", {"x": 1})
    assert (money.name, money.goal, money.value_cents, money.currency) == ("conversion", "revenue", 1000, "EUR")
    assert (page.name, page.page, page.title, page.site) == ("page_view", "/intro", "Intro", "docs")
    assert origin.site == "docs"
    wrong = {**server, "openpanel-client-secret": "nothing"}
    assert (await api.ask("POST", "/track", sent, wrong)).status == 401
    assert (await api.ask("POST", "/track", {"type": "alias", "payload": {}}, server)).status == 400


async def test_an_envelope_without_headers_counts_once(api: RunningApi, runtime: Runtime) -> None:
    sent = {"type": "track", "payload": {"name": "ev"}}
    assert (await api.ask("POST", "/track", sent, {"Origin": "https://docs.example"})).status == 202
    own = {"site": "docs", "id": "own-event-1", "name": "own", "type": "track", "payload": {}}
    assert (await api.ask("POST", "/track", own)).status == 202
    assert [event.name for event in await api.events()] == ["ev", "own"]
    totals = runtime.meter.totals
    assert (totals["received", ""], totals["stored", ""], totals["drop", "unreadable"]) == (2, 2, 0)


async def test_umami_answers_with_ids_that_recognise_nobody(api: RunningApi) -> None:
    sent = {
        "type": "event",
        "payload": {"website": "9f1c", "hostname": "docs.example", "url": "/a?token=1", "title": "A"},
    }
    first = (await api.ask("POST", "/api/send", sent)).json()
    second = (await api.ask("POST", "/api/send", sent)).json()
    assert first.keys() == {"cache", "sessionId", "visitId"}
    assert first["sessionId"] != second["sessionId"]
    many = [
        sent,
        {"type": "event", "payload": {"website": "docs", "name": "signup", "data": {"revenue": 5, "currency": "EUR"}}},
    ]
    assert (await api.ask("POST", "/api/batch", many)).json()["processed"] == 2
    vitals = {"type": "performance", "payload": {"website": "docs", "url": "/a", "lcp": 1200, "cls": 0.1}}
    await api.ask("POST", "/api/send", vitals)
    events = await api.events()
    assert [event.name for event in events] == ["page_view"] * 3 + ["conversion", "web_vital", "web_vital"]
    assert {event.page for event in events[:3]} == {"/a"}


async def test_an_umami_batch_is_stored_site_by_site_and_says_what_was_wrong(api: RunningApi, runtime: Runtime) -> None:
    page, blog = ({"type": "event", "payload": {"website": site, "url": "/"}} for site in ("docs", "blog"))
    away = {"type": "event", "payload": {"website": "nowhere", "url": "/"}}
    answer = await api.ask("POST", "/api/batch", [page, {"type": "event", "payload": {}}, blog, away, page])
    assert answer.json() == {
        "size": 5,
        "processed": 4,
        "errors": 1,
        "details": ["[1].payload.website: the id of the website is needed"],
    }
    assert [event.site for event in await api.events()] == ["docs", "docs", "blog"]
    totals = runtime.meter.totals
    assert (totals["received", ""], totals["stored", ""]) == (5, 3)
    assert (totals["drop", "unreadable"], totals["drop", "unknown_site"]) == (1, 1)


async def know_a_browser(runtime: Runtime) -> None:
    """Somebody on the docs site whose consented id is browser-0001."""
    site, now = runtime.settings.sites[0], runtime.clock.now()
    await runtime.store.writer.run(
        lambda session: opt_in(
            session, runtime.settings, runtime.instance_key, Platform.WEB, "docs/browser-0001", site, now, "test"
        )
    )


async def test_traits_reach_only_people_whom_we_know(api: RunningApi, runtime: Runtime) -> None:
    await know_a_browser(runtime)
    key = await api.make_key("events:write")
    traits = {"plan": "pro", "segment": "teams", "email": "ada@example.com"}
    answer = await segment(
        api, key, message("identify", anonymousId="browser-0001", traits=traits), message("identify", traits=traits)
    )
    assert answer.status == 200
    async with runtime.store.read() as session:
        [person] = (await session.execute(select(Person))).scalars()
    assert (person.plan, person.segment) == ("pro", "teams")


async def test_a_key_says_nothing_of_the_people_of_another_site(api: RunningApi, runtime: Runtime) -> None:
    await know_a_browser(runtime)
    said = {"type": "identify", "payload": {"website": "docs", "id": "browser-0001", "data": {"plan": "pro"}}}
    answer = await api.ask("POST", "/api/send", said, await api.make_key("events:write", site="blog"))
    assert answer.status == 403
    async with runtime.store.read() as session:
        [person] = (await session.execute(select(Person))).scalars()
    assert person.plan is None
    assert (await api.ask("POST", "/api/send", said, await api.make_key("events:write"))).status == 200
    totals = runtime.meter.totals
    assert (totals["received", ""], totals["drop", "not_allowed"], totals["drop", "not_an_event"]) == (2, 1, 1)


async def test_every_message_of_a_batch_is_accounted_for(api: RunningApi, runtime: Runtime) -> None:
    key = await api.make_key("events:write")
    sent = [
        message(event="a", messageId="1"),
        message(event="a", messageId="1"),
        message("identify"),
        message("nothing"),
        5,
    ]
    sent += [message(event=None, messageId="2"), message(event="engagement", messageId="3", userId="u9")]
    assert (await segment(api, key, *sent)).status == 200
    totals = runtime.meter.totals
    assert totals["received", ""] == len(sent) == 7
    dropped = {reason: count for (measure, reason), count in totals.items() if measure == "drop"}
    assert dropped == {"not_an_event": 1, "invalid": 3}
    assert (totals["stored", ""], totals["repeated", ""]) == (2, 1)
    assert [event.name for event in await api.events()] == ["a", "custom_engagement"]


async def test_what_happened_too_long_ago_is_left_out_and_not_dated_today(api: RunningApi, runtime: Runtime) -> None:
    key, now = await api.make_key("events:write"), api.runtime.clock.now()
    ages = (399, 401, 1000)
    sent = [
        message(event="e", messageId=f"m{days}", timestamp=(now - timedelta(days=days)).isoformat()) for days in ages
    ]
    assert (await segment(api, key, *sent)).status == 200
    payload = {"website": "docs", "name": "e", "timestamp": (now - timedelta(days=8)).timestamp()}
    assert (await api.ask("POST", "/api/send", {"type": "event", "payload": payload})).status == 200
    told = {"name": "e", "properties": {"__timestamp": (now - timedelta(days=21)).isoformat()}}
    panel = await api.ask("POST", "/track", {"type": "track", "payload": told}, {"openpanel-client-id": "docs"})
    own = await api.track(make_event(at=int((now - timedelta(days=500)).timestamp() * 1000)), headers=key)
    assert (panel.status, own.status) == (202, 202)
    assert own.json()["dropped"] == [{"index": 0, "field": "at", "reason": "too long ago"}]
    assert [(now - event.occurred_at).days for event in await api.events()] == [399]
    totals = runtime.meter.totals
    assert (totals["received", ""], totals["drop", "too_old"], totals["stored", ""]) == (6, 5, 1)


async def test_a_browser_whose_clock_is_wrong_is_here_now(api: RunningApi) -> None:
    assert (await api.track(make_event(at=0))).status == 202
    [event] = await api.events()
    assert event.occurred_at == api.runtime.clock.now()


ODD_VALUES = ("18446744073709551615", '"a\\u0000"', '"\\ud83d"', "NaN", "1e999", "[" * 20 + "]" * 20)


@pytest.mark.parametrize("odd", ODD_VALUES)
async def test_one_odd_value_costs_the_good_messages_beside_it_nothing(
    api: RunningApi, runtime: Runtime, odd: str
) -> None:
    key = await api.make_key("events:write")
    sent = [message(event="good", messageId=f"m{n}", properties={"n": n}) for n in range(9)]
    sent.append(message(event="odd", messageId="m9", properties={"ODD": "ODD"}))
    answer = await api.ask("POST", "/v1/batch", json.dumps({"batch": sent}).replace(': "ODD"', ": " + odd), key)
    assert answer.status == 200
    assert [event.name for event in await api.events()] == ["good"] * 9 + ["odd"]
    assert runtime.meter.totals["received", ""] == 10


async def test_a_beacon_with_half_of_an_emoji_keeps_its_page_view(api: RunningApi) -> None:
    error = make_event("script_error", props={"message": "cut here: \ud83d"})
    answer = await api.track(make_event(), error)
    assert answer.status == 202
    view, error_row = await api.events()
    assert (view.name, error_row.props["message"]) == ("page_view", "cut here: \ufffd")
