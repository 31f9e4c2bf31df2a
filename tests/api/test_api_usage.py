"""The use of the API is counted by route, status, key and time, and nothing in it names a caller."""

from sqlmodel import select

from shared.clock import ManualClock
from shared.derive.api_usage import load_api_usage
from shared.store.models import Rollup
from tests.api.running_api import RunningApi
from tests.shared.ingest.track import make_event


async def test_calls_are_counted_by_route_status_and_key(api: RunningApi, clock: ManualClock) -> None:
    key = await api.make_key("events:write")
    await api.track(make_event(), headers=key)
    await api.track(make_event(), headers=key)
    await api.track(make_event())
    await api.ask("POST", "/track", "nonsense")
    await api.ask("POST", "/track", "{}", headers={"Authorization": "Bearer wr_wrong"})
    await api.ask("POST", "/api/v1/prompts/due", "{}", headers=key)
    await api.ask("GET", "/healthz")
    await api.runtime.meter.flush(api.runtime.store)
    today = clock.now().date()
    async with api.runtime.store.read() as session:
        uses = {use.route: use for use in await load_api_usage(session, today, today)}
    assert set(uses) == {"POST /track", "POST /api/v1/prompts/due"}
    track = uses["POST /track"]
    assert (track.calls, track.refused, track.failed, list(track.keys.values())) == (5, 2, 0, [2])
    assert 0 < track.half_within_ms <= track.p95_within_ms
    assert (uses["POST /api/v1/prompts/due"].calls, uses["POST /api/v1/prompts/due"].refused) == (1, 1)


async def test_no_address_of_a_caller_is_counted(api: RunningApi) -> None:
    await api.track(make_event(), headers={"X-Forwarded-For": "198.51.100.77"})
    await api.ask("POST", "/track?secret=canary", "{}")
    await api.runtime.meter.flush(api.runtime.store)
    async with api.runtime.store.read() as session:
        kept = repr([row.key for row in (await session.execute(select(Rollup))).scalars()])
    assert not [canary for canary in ("198.51.100.77", "127.0.0.1", "canary") if canary in kept]
