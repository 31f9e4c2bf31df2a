"""A leader that was deposed without noticing changes nothing more: its epoch is looked at inside each unit."""

import logging
from dataclasses import replace

import pytest
from sqlmodel import select

from shared.guard.privacy import VisitorHasher
from shared.ingest.erasure import Eraser
from shared.ingest.intake_meter import IntakeMeter
from shared.jobs.context import Deposed, JobContext
from shared.jobs.job_table import Job
from shared.jobs.scheduler import run_job
from shared.store.leases import LEADER, take_lease
from shared.store.models import JobRun, StateValue
from tests.shared.decide.people import KEY


@pytest.fixture
def context(settings, clock, store) -> JobContext:
    eraser = Eraser(settings, clock, store, KEY)
    return JobContext(settings, clock, store, IntakeMeter(clock), VisitorHasher(settings, store, clock), eraser)


async def leave_a_mark(context: JobContext) -> int:
    async def unit(session) -> int:
        session.add(StateValue(key="mark", changed_at=context.clock.now()))
        return 1

    return await context.run(unit)


LEAVE_A_MARK = Job("leave-a-mark", leave_a_mark, 1)


async def lead(store, clock, holder: str) -> int:
    lease = await store.writer.run(lambda session: take_lease(session, LEADER, holder, clock.now(), 10.0, force=True))
    return lease.epoch


async def rows(store, table):
    async with store.read() as session:
        return list((await session.execute(select(table))).scalars())


async def test_the_leader_does_its_jobs(context, store, clock):
    epoch = await lead(store, clock, "first")
    assert await run_job(replace(context, epoch=lambda: epoch), LEAVE_A_MARK) == 1
    assert await rows(store, StateValue)


async def test_who_was_deposed_does_nothing_and_says_so(context, store, clock, caplog):
    epoch = await lead(store, clock, "first")
    await lead(store, clock, "second")
    assert await run_job(replace(context, epoch=lambda: epoch), LEAVE_A_MARK) is None
    assert await rows(store, StateValue) == []
    assert await rows(store, JobRun) == []
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "leads now" in record.getMessage()


async def test_a_unit_of_a_deposed_leader_is_not_begun(context, store, clock):
    epoch = await lead(store, clock, "first")
    await lead(store, clock, "second")
    begun = []

    async def unit(_session) -> None:
        begun.append(True)

    with pytest.raises(Deposed):
        await replace(context, epoch=lambda: epoch).run(unit)
    assert begun == []
