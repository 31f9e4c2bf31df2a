"""The jobs, called directly."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import select

from shared.guard.privacy import VisitorHasher
from shared.ingest.erasure import Eraser
from shared.ingest.intake_meter import IntakeMeter
from shared.jobs import job_functions as jobs
from shared.jobs.context import JobContext
from shared.messages import parse_message
from shared.store.models import (
    ExternalEvent,
    Identity,
    Member,
    OutboxMessage,
    Person,
    Prompt,
    PromptState,
    RateWindow,
    Rollup,
    SignInLink,
)
from tests.shared.decide.people import KEY
from tests.shared.decide.test_alert_rules import make_rule


@pytest.fixture
def context(settings, clock, store) -> JobContext:
    meter = IntakeMeter(clock)
    eraser = Eraser(settings, clock, store, KEY)
    return JobContext(settings, clock, store, meter, VisitorHasher(settings, store, clock), eraser)


async def add(store, *rows):
    async def unit(session):
        for row in rows:
            session.add(row)
            await session.flush()

    await store.writer.run(unit)


async def all_of(store, table):
    async with store.read() as session:
        return list((await session.execute(select(table))).scalars())


def make_due_prompt(now) -> list[object]:
    asked_since = now - timedelta(days=8)
    person = Person(
        id="person",
        site="docs",
        created_at=asked_since,
        opted_in_at=asked_since,
        last_seen_at=now,
        first_usage_day=asked_since.date(),
        last_usage_day=now.date(),
        usage_days=3,
    )
    identity = Identity(
        id="identity", person_id="person", platform="discord", external_id="1", site="docs", created_at=asked_since
    )
    prompt = Prompt(
        id="prompt",
        site="docs",
        survey="day7",
        person_id="person",
        identity_id="identity",
        reason="opt_in",
        created_at=asked_since,
        due_at=now,
    )
    return [person, identity, prompt]


async def test_due_questions_are_handed_to_delivery_once(context):
    await add(context.store, *make_due_prompt(context.clock.now()))
    assert await jobs.send_due_prompts(context) == 1
    assert await jobs.send_due_prompts(context) == 0
    assert [row.kind for row in await all_of(context.store, OutboxMessage)] == ["prompt_direct"]


async def test_nobody_is_asked_while_asking_is_off(context, settings):
    await add(context.store, *make_due_prompt(context.clock.now()))
    off = settings.model_copy(update={"prompts": settings.prompts.model_copy(update={"enabled": False})})
    quiet = replace(context, settings=off)
    assert await jobs.send_due_prompts(quiet) == 0


async def test_a_question_that_waited_too_long_lapses(context):
    await add(context.store, *make_due_prompt(context.clock.now()))
    context.clock.advance(days=31)
    assert await jobs.lapse_prompts(context) == 1
    assert (await all_of(context.store, Prompt))[0].state == PromptState.LAPSED


async def test_counts_of_our_intake_become_rollups(context):
    context.meter.answer("track", 503)
    assert await context.meter.flush(context.store) == 1
    assert await context.meter.flush(context.store) == 0
    (row,) = await all_of(context.store, Rollup)
    assert (row.measure, row.key, row.count) == ("answer", "track:5xx", 1)


async def test_alerts_of_the_intake_are_checked(context, settings):
    for _ in range(20):
        context.meter.answer("track", 503)
    await context.meter.flush(context.store)
    rule = make_rule(kpi="intake_error_rate", threshold=0.001, window_hours=1, hold_minutes=0)
    watched = settings.model_copy(update={"alerts": [rule]})
    watching = replace(context, settings=watched)
    assert await jobs.check_alerts(watching) == 1
    (row,) = await all_of(context.store, OutboxMessage)
    assert parse_message(row.payload).figure.value == 1.0


async def test_alerts_of_other_systems_end_when_their_time_has_come(context):
    now = context.clock.now()
    about = {"site": "docs", "source": "api", "fingerprint": "8a111dfa0517514c", "name": "A", "status": "firing"}
    times = {"starts_at": now, "received_at": now, "updated_at": now}
    await add(context.store, ExternalEvent(**about, **times, ends_at=now + timedelta(minutes=4)))
    assert await jobs.end_external_alerts(context) == 0
    context.clock.advance(minutes=4)
    assert await jobs.end_external_alerts(context) == 1
    assert [row.status for row in await all_of(context.store, ExternalEvent)] == ["resolved"]


async def test_what_nobody_may_use_any_more_is_removed(context):
    now = context.clock.now()
    await add(
        context.store,
        Member(id="ada", name="Ada", role="admin", created_at=now),
        SignInLink(token_digest="x", member_id="ada", created_at=now, expires_at=now + timedelta(minutes=10)),
        RateWindow(bucket="b", window_start=now, count=1),
    )
    assert await jobs.purge_old(context) == 0
    context.clock.advance(days=3)
    assert await jobs.purge_old(context) == 2
    assert await jobs.purge_old(context) == 0
