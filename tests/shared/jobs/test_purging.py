"""Old rows go, counters stay, what is still needed stays, and a purged day is not rebuilt into nothing."""

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import SQLModel, col, select

from shared.clock import ManualClock
from shared.config import Settings, load_settings
from shared.derive.rollups import count_events, rebuild
from shared.errors import ConfigurationError, Conflict
from shared.guard.data_map import DATA_MAP
from shared.guard.privacy import VisitorHasher
from shared.guard.retention import PURGES, Purge, purged_before
from shared.ingest.erasure import Eraser
from shared.ingest.intake_meter import IntakeMeter
from shared.jobs.context import JobContext
from shared.jobs.purging import PEOPLE_AT_ONCE, purge_old_rows
from shared.store.column_types import Utc
from shared.store.database import Store
from shared.store.models import (
    UNDECLARED,
    UNDECLARED_PROPERTY,
    DueReport,
    Event,
    Feedback,
    Identity,
    OutboxMessage,
    Person,
    Quote,
    Rollup,
    StateValue,
    Suppression,
)
from tests.shared.decide.people import KEY

YOUNG, OLD = timedelta(days=2), timedelta(days=9)
AGES = {purge.age for purge in PURGES}
WEEK = {purge.setting: 7 for purge in PURGES} | {"person_days": 7}


@pytest.fixture
def context(settings: Settings, clock: ManualClock, store: Store) -> JobContext:
    short = settings.retention.model_copy(update={**WEEK, "batch_rows": 3, "batch_pauses": 0.0})
    settings = settings.model_copy(update={"retention": short})
    hasher = VisitorHasher(settings, store, clock)
    return JobContext(settings, clock, store, IntakeMeter(clock), hasher, Eraser(settings, clock, store, KEY))


def make_row(table: type[SQLModel], clock: ManualClock, number: int, age: timedelta, **given: Any) -> Any:
    """A row of any table: its times and days are `age` ago, the texts that it needs are made up and unique."""
    moment = clock.now() - age
    made: dict[Any, Any] = {datetime: moment, date: moment.date(), str: f"made-up-{number}", int: number, float: 1.0}
    values: dict[str, Any] = {}
    for name, field in table.model_fields.items():
        wanted = field.annotation if field.is_required() else None
        if name in AGES:
            wanted = datetime if isinstance(table.__table__.columns[name].type, Utc) else date  # type: ignore[attr-defined]
        if wanted is not None:
            values[name] = made[wanted]
    return table(**{**values, **given})


async def add(store: Store, *rows: Any) -> None:
    async def unit(session: Any) -> None:
        for row in rows:
            session.add(row)
            await session.flush()

    await store.writer.run(unit)


async def all_of(store: Store, table: type[Any]) -> list[Any]:
    async with store.read() as session:
        return list((await session.execute(select(table))).scalars())


def person(clock: ManualClock, name: str, age: timedelta, **values: Any) -> list[Any]:
    row = make_row(Person, clock, 1, age, id=name, last_seen_at=clock.now() - age, **values)
    return [row, make_row(Identity, clock, 1, age, id=name, person_id=name, platform="web", external_id=name)]


@pytest.mark.parametrize("purge", PURGES, ids=lambda purge: purge.setting)
async def test_old_rows_go_and_young_ones_stay(context: JobContext, clock: ManualClock, purge: Purge) -> None:
    given: dict[str, Any] = {"site": "docs"} if "site" in purge.table.model_fields else {}
    if "person_id" in purge.table.__table__.columns:  # type: ignore[attr-defined]
        await add(context.store, *person(clock, "ada", timedelta()))
        given["person_id"] = "ada"
    if purge.setting == "undeclared_days":
        given["measure"] = UNDECLARED
    more = [{"key": str(n)} if purge.table is Rollup else {} for n in range(13)]
    rows = [make_row(purge.table, clock, n, OLD if n < 10 else YOUNG, **given, **more[n]) for n in range(13)]
    for row in rows if purge.table in (OutboxMessage, DueReport) else []:
        row.state = "sent"
    if purge.name == "usage_day":
        rows = [make_row(purge.table, clock, n, timedelta(days=n), **given) for n in (1, 2, 3, 20, 30)]
    await add(context.store, *rows)
    assert await purge_old_rows(context) == (2 if purge.name == "usage_day" else 10)
    assert len(await all_of(context.store, purge.table)) == 3
    assert await purge_old_rows(context) == 0


async def test_names_that_nobody_declared_go_before_the_other_counters(context: JobContext, clock: ManualClock) -> None:
    """They may be one person's own; the days of the other counters stay whole."""
    rules = context.settings.retention.model_copy(update={"rollup_days": 0})
    context = replace(context, settings=context.settings.model_copy(update={"retention": rules}))
    measures = (UNDECLARED, UNDECLARED_PROPERTY, "event")
    await add(context.store, *(make_row(Rollup, clock, n, OLD, site="docs", measure=m) for n, m in enumerate(measures)))
    assert await purge_old_rows(context) == 2
    assert [row.measure for row in await all_of(context.store, Rollup)] == ["event"]
    async with context.store.read() as session:
        assert "rollup" not in await purged_before(session)


async def test_what_is_still_to_be_sent_stays(context: JobContext, clock: ManualClock) -> None:
    states = ("pending", "claimed", "sent", "dead", "skipped", "uncertain")
    await add(context.store, *(make_row(OutboxMessage, clock, n, OLD, state=s) for n, s in enumerate(states)))
    await purge_old_rows(context)
    assert sorted(row.state for row in await all_of(context.store, OutboxMessage)) == ["claimed", "pending"]


async def test_quotes_go_with_the_message(context: JobContext, clock: ManualClock) -> None:
    await add(context.store, make_row(OutboxMessage, clock, 1, OLD, state="sent"))
    (message,) = await all_of(context.store, OutboxMessage)
    await add(context.store, Quote(outbox_id=message.id, feedback_id="f1"), Quote(outbox_id=-1, feedback_id="f2"))
    await purge_old_rows(context)
    assert [row.feedback_id for row in await all_of(context.store, Quote)] == ["f2"]


async def test_a_post_that_quotes_a_known_person_stays_as_long_as_their_words(
    context: JobContext, clock: ManualClock
) -> None:
    """An erasure must still find it, to take the words out of the channel."""
    await add(context.store, *person(clock, "ada", YOUNG))
    for number, known in enumerate(("ada", None)):
        await add(
            context.store,
            make_row(OutboxMessage, clock, number, OLD, state="sent"),
            make_row(Feedback, clock, number, YOUNG, id=f"f{number}", person_id=known),
        )
    first, second = sorted(row.id for row in await all_of(context.store, OutboxMessage))
    await add(context.store, Quote(outbox_id=first, feedback_id="f0"), Quote(outbox_id=second, feedback_id="f1"))
    await purge_old_rows(context)
    assert [row.id for row in await all_of(context.store, OutboxMessage)] == [first]
    assert [row.feedback_id for row in await all_of(context.store, Quote)] == ["f0"]
    clock.advance(days=9)
    await purge_old_rows(context)
    assert await all_of(context.store, Quote) == []
    assert await all_of(context.store, OutboxMessage) == []


async def keep_counted_event(context: JobContext, clock: ManualClock, age: timedelta) -> Event:
    event: Event = make_row(Event, clock, 1, age, site="docs", name="page_view", visitor="v")

    async def unit(session: Any) -> None:
        session.add(event)
        await session.flush()
        await count_events(session, "docs", [event.model_dump()])

    await context.store.writer.run(unit)
    return event


async def counters(context: JobContext) -> dict[str, int]:
    return {row.measure: row.count for row in await all_of(context.store, Rollup)}


async def test_counters_stay_and_are_not_rebuilt_into_nothing(context: JobContext, clock: ManualClock) -> None:
    forever = context.settings.retention.model_copy(update={"rollup_days": 0})
    context = JobContext(
        context.settings.model_copy(update={"retention": forever}),
        clock, context.store, context.meter, context.hasher, context.eraser,
    )  # fmt: skip
    event = await keep_counted_event(context, clock, OLD)
    day, before = event.local_day, await counters(context)
    await purge_old_rows(context)
    assert (await all_of(context.store, Event), await counters(context)) == ([], before)
    with pytest.raises(Conflict, match=f"counters of {day} stay"):
        await context.store.writer.run(lambda session: rebuild(session, "docs", day))
    assert await counters(context) == before


async def test_a_whole_day_may_still_be_rebuilt(context: JobContext, clock: ManualClock) -> None:
    event = await keep_counted_event(context, clock, YOUNG)
    await purge_old_rows(context)
    before = await counters(context)
    await context.store.writer.run(lambda session: rebuild(session, "docs", event.local_day))
    assert await counters(context) == before


async def test_longer_keeping_does_not_bring_purged_days_back(context: JobContext, clock: ManualClock) -> None:
    await purge_old_rows(context)
    longer = {**context.settings.retention.model_dump(), "event_days": 300}
    settings = context.settings.model_copy(update={"retention": type(context.settings.retention)(**longer)})
    await purge_old_rows(JobContext(settings, clock, context.store, context.meter, context.hasher, context.eraser))
    async with context.store.read() as session:
        assert (await purged_before(session))["event"] == clock.now().date() - timedelta(days=8)


async def test_nothing_goes_that_is_kept_for_ever(context: JobContext, clock: ManualClock) -> None:
    kept = context.settings.retention.model_copy(update=dict.fromkeys(WEEK, 0))
    settings = context.settings.model_copy(update={"retention": kept})
    await add(context.store, make_row(Event, clock, 1, timedelta(days=4000), site="docs"))
    await purge_old_rows(JobContext(settings, clock, context.store, context.meter, context.hasher, context.eraser))
    assert len(await all_of(context.store, Event)) == 1


async def test_people_not_seen_for_long_go_and_their_no_stays(context: JobContext, clock: ManualClock) -> None:
    young = person(clock, "young", YOUNG)
    old = person(clock, "old", OLD)
    refused = person(clock, "refused", OLD)
    refused[0].opted_out_at = clock.now() - OLD
    await add(context.store, *young, *old, *refused)
    assert await purge_old_rows(context) == 2
    assert [row.id for row in await all_of(context.store, Person)] == ["young"]
    assert len(await all_of(context.store, Suppression)) == 1


@pytest.mark.slow
async def test_many_people_go_in_one_run(context: JobContext, clock: ManualClock) -> None:
    """As many as an hour brings: a fixed number a run would never catch up with them."""
    rows = [row for n in range(PEOPLE_AT_ONCE + 3) for row in person(clock, f"old-{n}", OLD)]
    await add(context.store, *rows)
    assert await purge_old_rows(context) == PEOPLE_AT_ONCE + 3
    assert await all_of(context.store, Person) == []


async def test_the_last_purge_is_on_record(context: JobContext, clock: ManualClock) -> None:
    await add(context.store, make_row(Event, clock, 1, OLD, site="docs"))
    await purge_old_rows(context)
    async with context.store.read() as session:
        query = select(StateValue.value).where(col(StateValue.key) == "last_purge")
        value = (await session.execute(query)).scalar_one()
    assert value == {"at": clock.now().isoformat(), "removed": {"event": 1}}


def test_every_table_says_how_long_it_is_kept() -> None:
    """A setting that a purge follows, or a sentence that says why no number of days ends its rows."""
    settings = load_settings({}).retention.model_dump()
    purged = {purge.name: purge.setting for purge in PURGES if not purge.is_part} | {
        "person": "person_days",
        "quote": "outbox_days",
    }
    said = {name: rule.kept_for for name, rule in DATA_MAP.items()}
    assert {name: setting for name, setting in said.items() if setting in settings} == purged
    parts = {purge.setting for purge in PURGES if purge.is_part}
    assert set(settings) - {"batch_rows", "batch_pauses"} == set(purged.values()) | parts


def test_posts_may_not_outlive_the_words_they_quote() -> None:
    with pytest.raises(ConfigurationError, match="outbox_days"):
        load_settings({"WARROOM_RETENTION__FEEDBACK_DAYS": "30"})
    assert json.dumps(load_settings({"WARROOM_RETENTION__FEEDBACK_DAYS": "200"}).retention.feedback_days) == "200"
