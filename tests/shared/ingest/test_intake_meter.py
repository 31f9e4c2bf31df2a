"""Counts of answers, drops and lags: flushed once, kept while the store is away, bounded."""

import pytest
from sqlmodel import select

from shared.clock import ManualClock
from shared.errors import CannotStore
from shared.ingest import intake_meter
from shared.ingest.intake_meter import IntakeMeter, Receipt
from shared.store.database import Store
from shared.store.models import Rollup


async def counts(store: Store) -> dict[tuple[str, str, str], int]:
    async with store.read() as session:
        rows = (await session.execute(select(Rollup))).scalars()
        return {(row.site, row.measure, row.key): row.count for row in rows}


async def test_a_flush_moves_everything_once(store: Store, clock: ManualClock) -> None:
    meter = IntakeMeter(clock)
    meter.answer("track", 202)
    meter.answer("track", 204)
    meter.answer("feedback", 503)
    with Receipt(meter, "docs", 3) as receipt:
        receipt.drop("bot", 3)
        receipt.drop("gpc", 0)
    for seconds in (0.0004, 0.0015, 0.9, 61.0, -1.0):
        meter.account("docs", {}, seconds)
    assert await meter.flush(store) == 8
    assert await meter.flush(store) == 0
    assert await counts(store) == {
        ("", "answer", "track:2xx"): 2,
        ("", "answer", "feedback:5xx"): 1,
        ("docs", "received", ""): 3,
        ("docs", "drop", "bot"): 3,
        ("", "lag_ms", "1"): 2,
        ("", "lag_ms", "2"): 1,
        ("", "lag_ms", "1000"): 1,
        ("", "lag_ms", "inf"): 1,
    }


async def test_a_drop_belongs_to_the_local_day_of_its_site(store: Store, clock: ManualClock) -> None:
    clock.move_to(clock.now().replace(hour=23))
    meter = IntakeMeter(clock, {"docs": "Europe/Berlin"})
    for site in ("docs", ""):
        meter.drop_feedback(site, "bot")
    await meter.flush(store)
    async with store.read() as session:
        rows = (await session.execute(select(Rollup))).scalars().all()
    assert {row.site: row.local_day.day for row in rows} == {"docs": 12, "": 11}


async def test_two_flushes_add_up(store: Store, clock: ManualClock) -> None:
    meter = IntakeMeter(clock)
    for _ in range(2):
        meter.answer("track", 202)
        await meter.flush(store)
    assert await counts(store) == {("", "answer", "track:2xx"): 2}
    assert meter.totals["answer", "track:2xx"] == 2


async def test_counts_wait_for_the_store(settings, store: Store, clock: ManualClock) -> None:
    meter = IntakeMeter(clock)
    meter.answer("track", 503)
    await store.writer.close()
    for _ in range(2):
        with pytest.raises(CannotStore):
            await meter.flush(store)
    assert sum(meter._counts.values()) == 1


async def test_made_up_names_fill_no_memory(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_meter, "LIMIT", 10)
    meter = IntakeMeter(clock)
    for number in range(50):
        meter.undeclared("docs", str(number))
    with Receipt(meter, "docs", 1) as receipt:
        receipt.store(1, 0)
    assert meter.totals == {("received", ""): 1, ("stored", ""): 1}
    assert len(meter._counts) == 12
