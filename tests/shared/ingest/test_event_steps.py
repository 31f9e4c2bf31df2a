"""Steps of event groups beside everything else that writes: counted once, counted as a rebuild would, atomic."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import ManualClock
from shared.config import Settings
from shared.derive.rollups import rebuild
from shared.errors import CannotStore
from shared.ingest.event_groups import EventGroups
from shared.ingest.track_body import _read_strictly, read_usual_body
from shared.store.database import Store
from shared.store.models import Event, PageView, Rollup, StateValue, VisitorDay
from shared.store.sqlite_writer import SqliteWriter
from tests.conftest import make_settings
from tests.shared.ingest.track import Counters, Gate, make_event

NAMES = ("page_view", "click", "engagement", "conversion", "sequence_step", "exposure", "own_event")
OF_VIEWS = ("marked_view", "clicked_view")
OF_DAYS = ("visitor_day", "converted_day")
NIGHT = datetime(2026, 3, 28, 22, 30, tzinfo=UTC)  # half an hour before midnight in Berlin, before the clocks change


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """All made-up examples are sent within one minute: no visitor may reach the limit of one."""
    return make_settings(tmp_path / "data", database_url, limits={"track_per_minute": 10_000_000})


@pytest.fixture
def gate(settings: Settings, store: Store, clock: ManualClock) -> Gate:
    return Gate(settings, store, clock)


def _event(name: str, number: int, minutes: int, view: int, goal: bool) -> dict[str, Any]:
    at = int((NIGHT + timedelta(minutes=minutes)).timestamp() * 1000)
    fields: dict[str, Any] = {
        "id": f"event-{number:04}",
        "name": name,
        "at": at,
        "view": f"view-{view}",
        "page": f"/{view}",
    }
    return fields | {
        "page_view": {"marked": goal},
        "click": {"marked": True, "target": "start"},
        "engagement": {"engaged_ms": 10 * minutes},
        "conversion": {"goal": "buy", "value_cents": 5 * minutes, "currency": "EUR"},
        "sequence_step": {"sequence": "s", "step": 1 + view % 3, "steps": 3, "done": goal},
        "exposure": {"experiment": "e", "variant": "ab"[view % 2]},
    }.get(name, {})


EVENTS = st.builds(
    _event, st.sampled_from(NAMES), st.integers(0, 60), st.integers(0, 120), st.integers(0, 5), st.booleans()
)
SENT = st.lists(
    st.tuples(st.lists(EVENTS, min_size=1, max_size=6), st.integers(0, 3), st.booleans()), min_size=1, max_size=14
)


@pytest.mark.slow
@given(sent=SENT)
@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
async def test_whatever_comes_together_is_counted_as_a_rebuild_counts_it(
    gate: Gate, store: Store, clock: ManualClock, sent: list[tuple[list[dict[str, Any]], int, bool]]
) -> None:
    await _empty(store)
    clock.move_to(NIGHT + timedelta(hours=3))
    for start in range(0, len(sent), 5):  # some senders at once, then the next
        together = sent[start : start + 5]
        await asyncio.gather(
            *(
                gate.send(
                    *events, address=f"192.0.2.{sender}", **({"person": f"browser-{sender:04}"} if agreed else {})
                )
                for events, sender, agreed in together
            )
        )
    counted = await gate.counters()
    for day in sorted({day for _, _, day, _ in counted}):
        await store.writer.run(lambda session, day=day: rebuild(session, "docs", date.fromisoformat(day)))
    assert as_held(await gate.counters(), store) == as_held(counted, store)
    ids = {event["id"] for events, _, _ in sent for event in events}
    assert sorted(event.event_id for event in await gate.rows(Event)) == sorted(ids)


def as_held(counted: Counters, store: Store) -> dict[tuple[str, ...], tuple[int, float]]:
    """On PostgreSQL either of two units at the same moment may be the one that saw a visitor or a view first, so the
    hour (and of a view the day) of the first sight is left open there."""
    if not store.is_postgresql:
        return dict(counted)
    held: dict[tuple[str, ...], tuple[int, float]] = {}
    for (measure, hour, day, key), (count, total) in counted.items():
        place = (
            (measure,) if measure in OF_VIEWS else (measure, day) if measure in OF_DAYS else (measure, hour, day, key)
        )
        before = held.get(place, (0, 0.0))
        held[place] = before[0] + count, before[1] + total
    return held


async def _empty(store: Store) -> None:
    async def unit(session: AsyncSession) -> None:
        for table in (Event, PageView, VisitorDay, Rollup):
            await session.execute(delete(table))

    await store.writer.run(unit)


async def test_an_id_sent_twice_in_one_body_and_in_two_at_once_is_stored_once(gate: Gate) -> None:
    twice, shared = make_event(), make_event()
    outcomes = await asyncio.gather(
        gate.send(twice, twice, shared), gate.send(shared, make_event()), gate.send(shared, address="192.0.2.2")
    )
    assert sum(outcome.stored for outcome in outcomes) == 3
    assert sum(outcome.repeated for outcome in outcomes) == 3
    assert await gate.counts("page_view") == {"": 3}


async def test_a_unit_that_fails_beside_groups_of_events_costs_them_nothing(gate: Gate, store: Store) -> None:
    async def bad(session: AsyncSession) -> None:
        session.add(StateValue(key="bad", value={}, changed_at=NIGHT))
        await session.flush()
        raise ValueError("no")

    async def good(session: AsyncSession) -> None:
        session.add(StateValue(key="good", value={}, changed_at=NIGHT))

    results = await asyncio.gather(
        *(gate.send(make_event(), address=f"192.0.2.{number}") for number in range(4)),
        store.writer.run(bad),
        *(gate.send(make_event(), address=f"192.0.2.{number}") for number in range(4)),
        store.writer.run(good),
        return_exceptions=True,
    )
    assert [type(result) for result in results if isinstance(result, Exception)] == [ValueError]
    assert len(await gate.rows(Event)) == 8
    assert await gate.counts("visitor_day") == {"": 4}
    assert [row.key for row in await gate.rows(StateValue) if row.key in ("bad", "good")] == ["good"]


async def test_a_visitor_day_removed_by_others_is_counted_again(gate: Gate, store: Store) -> None:
    """What steps remember of the rows ends with the next unit of somebody else."""
    await gate.send(make_event())
    await gate.send(make_event())
    await store.writer.run(lambda session: session.execute(delete(VisitorDay)))
    await gate.send(make_event())
    assert len(await gate.rows(VisitorDay)) == 1
    assert await gate.counts("visitor_day") == {"": 2}


async def test_steps_that_fail_are_forgotten_with_what_they_thought_to_know(gate: Gate, store: Store) -> None:
    groups = EventGroups(store, 10)
    good = await _row(gate)
    bad = {**good, "event_id": "event-bad", "value_cents": "not a number" if store.is_postgresql else object()}
    bad = {**bad, "visitor": "b" * 32}
    with pytest.raises(Exception, match=r"."):
        await groups.store_rows("docs", [bad])
    fine = {**good, "event_id": "event-fine", "visitor": "b" * 32}
    assert await groups.store_rows("docs", [fine]) == 1
    assert await gate.counts("visitor_day") == {"": 2}


async def _row(gate: Gate) -> dict[str, Any]:
    await gate.send(make_event())
    event = await gate.event()
    return {key: value for key, value in event.model_dump().items() if key != "id"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_erasing_beside_load_keeps_the_counters_explained(gate: Gate, store: Store) -> None:
    """Rows that others delete while events come in leave counters that a rebuild can explain."""

    async def remove_some(session: AsyncSession) -> None:
        oldest = (await session.execute(select(Event.id).order_by(Event.id).limit(2))).scalars()
        await session.execute(delete(Event).where(Event.id.in_(list(oldest))))  # type: ignore[union-attr]
        await rebuild(session, "docs", gate.clock.now().date())

    await gate.send(make_event(), make_event())
    for round_ in range(3):
        await asyncio.gather(
            *(gate.send(make_event(), make_event("own"), address=f"192.0.2.{n}") for n in range(6)),
            store.writer.run(remove_some),
            *(gate.send(make_event(), address=f"192.0.2.{n}") for n in range(6)),
        )
        assert len(await gate.rows(Event)) == 2 + (round_ + 1) * 16
    counted = await gate.counters()
    await store.writer.run(lambda session: rebuild(session, "docs", gate.clock.now().date()))
    assert await gate.counters() == counted


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_slow_statements_leave_the_loop(gate: Gate, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(store.writer, SqliteWriter)
    monkeypatch.setattr("shared.store.sqlite_writer.SLOW_SECONDS", -1.0)
    for _ in range(3):
        assert (await gate.send(make_event())).stored == 1
    assert store.writer._slow_until > asyncio.get_running_loop().time()
    assert await gate.counts("page_view") == {"": 3}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_work_between_two_batches_meets_no_transaction(gate: Gate, store: Store) -> None:
    assert isinstance(store.writer, SqliteWriter)
    writer = store.writer
    found = await asyncio.gather(
        *(gate.send(make_event(), address=f"192.0.2.{n}") for n in range(5)),
        writer.run_alone(lambda connection: connection.in_transaction),
        *(gate.send(make_event(), address=f"192.0.2.{n}") for n in range(5)),
    )
    assert found[5] is False
    await writer.close()
    with pytest.raises(CannotStore):
        await writer.run_alone(lambda connection: connection.in_transaction)


BODIES = [
    '{"site":"docs","events":[{"id":"abcdefgh","name":"page_view","page":"/a","props":{"a":1,"b":2.5,"c":true,"d":null}}]}',
    '{"site":"docs","id":"abcdefgh","name":"click","target":"x","marked":true,"at":1789000000000}',
    '{"site":"docs","view":"v-1","page":"/p","events":[{"id":"abcdefgh","name":"click"},{"id":"abcdefg2","name":"own"}]}',
    '{"site":"docs","events":[{"id":"abcdefgh","id":"abcdefg9","name":"own","title":"ä \\u00e4"}],"zone":"UTC"}',
    '{"site":"docs","events":[{"id":"abcdefgh","name":"own","props":{"n":9223372036854775807}}],"language":"de"}',
]


@pytest.mark.parametrize("body", BODIES)
def test_both_ways_of_reading_understand_the_same(body: str, settings: Settings) -> None:
    strict = _read_strictly(body.encode(), settings)
    quick = read_usual_body(body.encode(), settings)
    if quick is None:
        assert "\\u" in body
        return
    assert (quick.site, quick.about, quick.is_flat) == (strict.site, strict.about, strict.is_flat)
    fields = ("id", "name", "at", "view", "page", "title", "marked", "target", "props")
    assert [[getattr(event, name) for name in fields] for event in quick.events] == [
        [getattr(event, name) for name in fields] for event in strict.events
    ]


@pytest.mark.parametrize(
    "part",
    [
        '"at":1e3', '"at":true', '"props":{"n":1e400}', '"props":{"n":9223372036854775808}', '"props":{"n":[1]}',
        '"unknown":1', '"title":"a\\u0000b"', '"marked":1', '"step":1.0', '"props":null',
    ],
)  # fmt: skip
def test_what_is_unusual_is_read_in_the_strict_way(part: str, settings: Settings) -> None:
    body = f'{{"site":"docs","events":[{{"id":"abcdefgh","name":"own",{part}}}]}}'
    assert read_usual_body(body.encode(), settings) is None
