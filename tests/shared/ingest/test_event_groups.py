"""Many senders, one unit: each hears of its own rows, and nobody pays for another's."""

import asyncio
import json

import pytest
from sqlalchemy import event as listening

from shared.clock import ManualClock
from shared.config import Settings
from shared.errors import CannotStore
from shared.ingest.event_groups import EventGroups
from shared.ingest.events import Sender, TrackOutcome
from shared.store.database import Store
from shared.store.models import Event
from tests.shared.ingest.track import BROWSER, Gate, make_event

SENDERS = 40


@pytest.fixture
def gate(settings: Settings, store: Store, clock: ManualClock) -> Gate:
    return Gate(settings, store, clock)


async def test_each_sender_hears_of_its_own_rows(gate: Gate) -> None:
    shared = make_event()
    outcomes = await asyncio.gather(
        *(gate.send(shared, make_event(), make_event("own"), address=f"192.0.2.{n}") for n in range(SENDERS))
    )
    assert sorted((outcome.stored, outcome.repeated) for outcome in outcomes) == [(2, 1)] * (SENDERS - 1) + [(3, 0)]
    assert len(await gate.rows(Event)) == 2 * SENDERS + 1
    assert await gate.counts("visitor_day") == {"": SENDERS}


async def test_senders_who_come_while_a_unit_ends_are_not_forgotten(gate: Gate) -> None:
    async def send_one_after_another(address: str) -> None:
        for _ in range(10):
            assert (await gate.send(make_event(), address=address)).stored == 1

    async with asyncio.timeout(20):
        await asyncio.gather(*(send_one_after_another(f"192.0.2.{n}") for n in range(8)))
    assert len(await gate.rows(Event)) == 80


async def test_sites_of_one_moment_are_counted_apart(gate: Gate) -> None:
    await asyncio.gather(*(gate.send(make_event(), site=site) for site in ("docs", "blog", "docs")))
    assert await gate.counts("page_view") == {"": 2}
    assert len([key for key in await gate.counters("blog") if key[0] == "page_view"]) == 1


async def test_a_row_that_no_database_takes_costs_only_its_sender(gate: Gate, store: Store) -> None:
    groups = EventGroups(store, 100)
    rows = [make_row(gate, f"event-{n:04}") for n in range(5)]
    rows[2]["received_at"] = "not a moment"
    results = await asyncio.gather(*(groups.store_rows("docs", [row]) for row in rows), return_exceptions=True)
    assert [result for result in results if result == 1] == [1] * 4
    assert isinstance(results[2], Exception)
    assert await groups.store_rows("docs", [make_row(gate, "event-9999")]) == 1


async def test_a_full_queue_says_try_again(gate: Gate, store: Store) -> None:
    groups = EventGroups(store, 3)
    rows = [make_row(gate, f"event-{n:04}") for n in range(6)]
    results = await asyncio.gather(*(groups.store_rows("docs", [row]) for row in rows), return_exceptions=True)
    assert [type(result) for result in results if result != 1] == [CannotStore] * 3


async def test_a_closed_store_refuses_everybody_who_waits(gate: Gate, store: Store) -> None:
    groups = EventGroups(store, 100)
    await store.writer.close()
    rows = [make_row(gate, f"event-{n:04}") for n in range(6)]
    results = await asyncio.gather(*(groups.store_rows("docs", [row]) for row in rows), return_exceptions=True)
    assert {type(result) for result in results} == {CannotStore}


async def test_a_sender_who_gives_up_costs_nobody_else(gate: Gate) -> None:
    sending = [asyncio.create_task(gate.send(make_event(), address=f"192.0.2.{n}")) for n in range(4)]
    await asyncio.sleep(0)
    sending[1].cancel()
    results = await asyncio.gather(*sending, return_exceptions=True)
    assert sum(isinstance(result, TrackOutcome) for result in results) == 3


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_many_senders_cost_few_statements(gate: Gate, store: Store) -> None:
    await gate.send(make_event())
    statements: list[str] = []
    listening.listen(
        store.writing_engine.sync_engine, "before_cursor_execute", lambda *call: statements.append(call[2])
    )
    await asyncio.gather(*(gate.send(make_event(), address=f"192.0.2.{n}") for n in range(SENDERS)))
    assert len(statements) < SENDERS


async def test_a_long_flood_of_numbers_overflows_nothing(gate: Gate) -> None:
    most = {"engaged_ms": 86_400_000}
    for _ in range(2):
        await gate.send(*(make_event("engagement", **most) for _ in range(100)))
    await gate.send(make_event("conversion", goal="buy", value_cents=10**12))
    assert (await gate.rows(Event))[-1].value_cents == 10**12


@pytest.mark.parametrize(
    "page", ["/" + "x" * 3000, "/" + "\U0001f600" * 999, "/" + "".join(map(chr, range(0x4E00, 0x51E0)))]
)
async def test_a_long_page_fits_the_index(gate: Gate, page: str) -> None:
    await gate.send(make_event(page=page))
    ((key, count),) = (await gate.counts("page")).items()
    assert count == 1
    assert page.startswith(key)
    assert len(key.encode()) <= 1000


async def test_a_body_sent_by_two_at_once_is_stored_once(gate: Gate) -> None:
    body = json.dumps({"site": "docs", "events": [make_event(), make_event()]}).encode()
    outcomes = await asyncio.gather(
        *(gate.intake.take(body, Sender(f"192.0.2.{n}", BROWSER)) for n in range(6)), return_exceptions=True
    )
    assert sum(outcome.stored for outcome in outcomes) == 2
    assert await gate.counts("page_view") == {"": 2}


def make_row(gate: Gate, event_id: str) -> dict[str, object]:
    now = gate.clock.now()
    values = Event(
        site="docs", event_id=event_id, name="own", received_at=now, occurred_at=now, local_day=now.date()
    ).model_dump()
    return {key: value for key, value in values.items() if key != "id"}
