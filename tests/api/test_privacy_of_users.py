"""Users whom servers name in foreign formats: each id that was sent is handed out and erased by a key of its site."""

from typing import Any

from shared.store.models import Event, Person, VisitorDay
from tests.api.running_api import Answer, RunningApi, make_event

BEFORE, AFTER = "anonymous-0123456789", "u-42"


async def post(api: RunningApi, what: str, headers: dict[str, str] | None = None, **body: Any) -> Answer:
    return await api.ask("POST", f"/api/v1/privacy/{what}", body, headers)


async def events_of(api: RunningApi, key: dict[str, str], user_id: str) -> list[str]:
    """The names of the events that a user is handed."""
    answer = await post(api, "export", key, platform="user", external_id=user_id)
    return [row["name"] for row in answer.json()["event"]] if answer.status == 200 else []


async def test_each_id_that_segment_sends_is_a_user(api: RunningApi) -> None:
    """Nothing that would join two of them is stored, so nobody can be joined, and each is asked for by itself."""
    told, asks = await api.make_key("events:write"), await api.make_key("privacy:write")
    batch = [
        {"type": "track", "event": "looked", "anonymousId": BEFORE, "messageId": "1"},
        {"type": "identify", "userId": AFTER, "anonymousId": BEFORE, "traits": {"plan": "pro"}},
        {"type": "alias", "userId": AFTER, "previousId": BEFORE},
        {"type": "track", "event": "bought", "userId": AFTER, "anonymousId": BEFORE, "messageId": "2"},
    ]
    assert (await api.ask("POST", "/v1/batch", {"batch": batch}, told)).status == 200
    assert (await events_of(api, asks, BEFORE), await events_of(api, asks, AFTER)) == (["looked"], ["bought"])
    assert (await api.count(Person), await api.count(Event)) == (0, 2)


async def test_each_id_that_posthog_sends_is_a_user(api: RunningApi) -> None:
    told, asks = await api.make_key("events:write"), await api.make_key("privacy:write")
    joined = {"alias": BEFORE, "distinct_id": AFTER, "$anon_distinct_id": BEFORE}
    batch = [
        {"event": "looked", "distinct_id": BEFORE, "uuid": "1"},
        {"event": "$identify", "distinct_id": AFTER, "properties": joined},
        {"event": "$create_alias", "distinct_id": AFTER, "properties": joined},
        {"event": "bought", "distinct_id": AFTER, "uuid": "2", "properties": {"distinct_id": AFTER}},
    ]
    assert (await api.ask("POST", "/batch/", {"batch": batch}, told)).status == 200
    assert (await events_of(api, asks, BEFORE), await events_of(api, asks, AFTER)) == (["looked"], ["bought"])
    assert AFTER not in str(await api.events())


async def test_a_key_erases_the_users_of_its_site(api: RunningApi) -> None:
    told, asks = await api.make_key("events:write"), await api.make_key("privacy:write")
    for user_id in (42, "43"):
        payload = {"type": "track", "payload": {"name": "bought", "profileId": user_id, "properties": {}}}
        shown = told["Authorization"].removeprefix("Bearer ")
        server = {"openpanel-client-id": "any", "openpanel-client-secret": shown}
        assert (await api.ask("POST", "/track", payload, server)).status == 202
    other = await api.make_key("privacy:write", site="blog")
    assert (await post(api, "erase", other, platform="user", external_id="42")).status == 404
    erased = await post(api, "erase", asks, platform="user", external_id="42")
    assert (erased.status, erased.json()) == (200, {"erased": True, "rows": {"event": 1}, "posts": 0})
    assert (await api.count(Event), await api.count(VisitorDay)) == (1, 0)
    assert await events_of(api, asks, "43") == ["bought"]
    assert (await post(api, "export", asks, platform="user", external_id="42")).status == 404
    assert (await post(api, "erase", asks, platform="user", external_id="  ")).status == 400


async def test_nobody_without_a_key_reaches_a_user(api: RunningApi) -> None:
    """Ids of users can be guessed; a browser that sends one gets back what browsers sent with it."""
    told = await api.make_key("events:write")
    secret = {"type": "track", "event": "secret", "userId": BEFORE, "messageId": "1"}
    assert (await api.ask("POST", "/v1/batch", {"batch": [secret]}, told)).status == 200
    for what in ("export", "erase"):
        assert (await post(api, what, site="docs", platform="user", external_id=BEFORE)).status == 400
        assert (await post(api, what, told, platform="user", external_id=BEFORE)).status == 403
    await api.track(make_event(), person=BEFORE)
    exported = await post(api, "export", site="docs", person=BEFORE)
    assert [row["name"] for row in exported.json()["event"]] == ["page_view"]
    assert (await post(api, "erase", site="docs", person=BEFORE)).status == 200
    assert [event.name for event in await api.events()] == ["secret"]
