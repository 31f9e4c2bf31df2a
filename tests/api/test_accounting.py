"""Whatever comes in by whatever protocol is accounted for: the counters of all routes add up with the stored rows."""

import base64
from collections import Counter

from sqlmodel import select

from shared.store.models import Event, Rollup
from tests.api.running_api import RunningApi
from tests.shared.ingest.track import make_event

UMAMI = {"type": "event", "payload": {"website": "docs", "hostname": "docs.example", "url": "/a"}}
PLAUSIBLE = {"n": "pageview", "u": "https://docs.example/a", "d": "docs.example"}
OPENPANEL = {"type": "track", "payload": {"name": "signed_up", "properties": {"plan": "pro"}}}
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
    for path in UNREADABLE:
        answer = await api.ask("POST", path, "{", basic if path in ("/v1/batch", "/batch/") else {})
        assert answer.status == 400, path


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
