"""Alerts of other monitoring systems, by Alertmanager's webhook and its API: one row each from firing to resolved."""

from datetime import timedelta
from typing import Any

from sqlmodel import select

from shared.clock import ManualClock
from shared.ingest.external_events import end_passed
from shared.runtime import Runtime
from shared.store.models import ExternalEvent
from tests.api.running_api import RunningApi, basic

LABELS = {"alertname": "CTRDrop", "service": "docs", "severity": "P1"}
STARTS = "2026-03-11T03:50:46.658320997Z"


def webhook(status: str = "firing", **fields: Any) -> dict[str, Any]:
    alert = {
        "status": status,
        "labels": LABELS,
        "annotations": {"summary": "CTR down, ask ada@example.com"},
        "startsAt": STARTS,
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph?g0.expr=secret",
        "fingerprint": "8a111dfa0517514c",
        **fields,
    }
    return {
        "version": "4",
        "receiver": "w",
        "status": status,
        "alerts": [alert],
        "truncatedAlerts": 0,
        "routeLabels": {},
    }


async def external(runtime: Runtime) -> list[ExternalEvent]:
    async with runtime.store.read() as session:
        return list((await session.execute(select(ExternalEvent))).scalars())


async def test_alertmanager_webhook_moves_one_row_from_firing_to_resolved(api: RunningApi, runtime: Runtime) -> None:
    key = await api.make_key("alerts:write")
    for _ in range(2):
        assert (await api.ask("POST", "/api/v1/alertmanager", webhook(), key)).status == 200
    [row] = await external(runtime)
    assert (row.status, row.name, row.severity, row.times_told) == ("firing", "CTRDrop", "P1", 2)
    assert (row.ends_at, row.link) == (None, "http://prometheus.example/graph")
    assert row.annotations == {"summary": "CTR down, ask [e-mail removed]"}
    resolved = webhook("resolved", endsAt="2026-03-11T04:00:00Z")
    await api.ask("POST", "/api/v1/alertmanager", resolved, key)
    await api.ask("POST", "/api/v1/alertmanager", webhook(), key)  # overtaken by its own end
    [row] = await external(runtime)
    assert (row.status, row.times_told) == ("resolved", 4)
    assert (await api.ask("POST", "/api/v1/alertmanager", webhook(startsAt="2026-03-11T05:00:00Z"), key)).status == 200
    early_end = webhook("resolved", startsAt="2020-01-01T00:00:00Z", endsAt="2020-01-01T00:00:00Z")
    assert (await api.ask("POST", "/api/v1/alertmanager", early_end, key)).status == 200
    assert [row.status for row in await external(runtime)] == ["resolved", "resolved"]


async def test_alert_api_knows_the_same_labels_again(api: RunningApi, runtime: Runtime) -> None:
    key = await api.make_key("alerts:write")
    for _ in range(2):
        assert (await api.ask("POST", "/api/v2/alerts", [{"labels": LABELS}], key)).status == 200
    ended = [{"labels": LABELS, "endsAt": "2026-03-11T11:00:00Z"}]
    assert (await api.ask("POST", "/api/v2/alerts", ended, basic(key))).status == 200
    [row] = await external(runtime)
    assert (row.fingerprint, row.status, row.times_told) == ("8a111dfa0517514c", "resolved", 3)
    assert (await api.ask("GET", "/api/v2/status", headers=key)).json()["cluster"]["status"] == "disabled"
    assert (await api.ask("GET", "/api/v2/status")).status == 401
    assert (await api.ask("POST", "/api/v2/alerts", [], await api.make_key("events:write"))).status == 403


async def test_an_alert_that_begins_again_has_ended_before(api: RunningApi, runtime: Runtime) -> None:
    key = await api.make_key("alerts:write")
    for starts_at in (STARTS, "2026-03-11T05:00:00Z", "2026-03-11T04:00:00Z", STARTS):
        sent = webhook(startsAt=starts_at)
        assert (await api.ask("POST", "/api/v1/alertmanager", sent, key)).status == 200
    found = sorted((row.starts_at.hour, row.status, row.times_told) for row in await external(runtime))
    assert found == [(3, "resolved", 2), (4, "resolved", 1), (5, "firing", 1)]


async def test_the_api_knows_an_alert_by_its_labels_whatever_beginning_is_told(
    api: RunningApi, runtime: Runtime
) -> None:
    key = await api.make_key("alerts:write")
    for starts_at in ("2026-03-11T10:00:00Z", "2026-03-11T11:00:00Z", None):
        sent = [{"labels": LABELS, "startsAt": starts_at, "endsAt": "2026-03-11T12:04:00Z"}]
        assert (await api.ask("POST", "/api/v2/alerts", sent, key)).status == 200
    [row] = await external(runtime)
    assert (row.starts_at.hour, row.status, row.times_told) == (10, "firing", 3)


async def test_an_alert_ends_when_its_end_has_come_and_fires_again_when_told(
    api: RunningApi, runtime: Runtime, clock: ManualClock
) -> None:
    key, now = await api.make_key("alerts:write"), clock.now()

    async def tell(minutes: int) -> None:
        sent = {"labels": LABELS, "startsAt": STARTS, "endsAt": (now + timedelta(minutes=minutes)).isoformat()}
        assert (await api.ask("POST", "/api/v2/alerts", [sent], key)).status == 200

    async def end() -> list[str]:
        await runtime.store.writer.run(lambda session: end_passed(session, clock.now()))
        return [row.status for row in await external(runtime)]

    await tell(4)
    assert await end() == ["firing"]
    clock.advance(minutes=4)
    assert await end() == ["resolved"]
    await tell(8)
    assert await end() == ["firing"]
    clock.advance(minutes=5)
    assert await end() == ["resolved"]
