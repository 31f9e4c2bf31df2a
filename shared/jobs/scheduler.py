"""The ticks: APScheduler calls each job of the table; due work itself is rows, so a missed tick loses nothing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy.ext.asyncio import AsyncSession

from shared.errors import CannotStore
from shared.jobs.context import Deposed, JobContext
from shared.jobs.job_table import Job
from shared.store.dialect import insert_for
from shared.store.models import JobRun

logger = logging.getLogger(__name__)


async def run_scheduler(context: JobContext, jobs: Sequence[Job]) -> None:
    """Ticks until cancelled; every job also runs once at the start, which catches up what was missed."""
    scheduler = AsyncIOScheduler(
        timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    for job in jobs:
        scheduler.add_job(
            _tick,
            IntervalTrigger(seconds=job.period_seconds, jitter=job.jitter_seconds or None, timezone="UTC"),
            args=(context, job),
            id=job.name,
        )
    scheduler.start()
    try:
        for job in jobs:
            await run_job(context, job)
        await asyncio.Event().wait()
    finally:
        scheduler.shutdown(wait=False)


async def _tick(context: JobContext, job: Job) -> None:
    """A tick that ends with the leadership is no failure; APScheduler would log it as one."""
    with suppress(asyncio.CancelledError):
        await run_job(context, job)


async def run_job(context: JobContext, job: Job) -> int | None:
    """Runs one job within its time; how much it did, or None when it failed. Failures are recorded."""
    started, error, done = context.clock.now(), None, None
    try:
        done = await asyncio.wait_for(job.function(context), job.timeout_seconds)
    except Deposed:
        logger.warning("job %s is left to the process that leads now", job.name)
    except CannotStore as problem:
        error = str(problem)
        logger.warning("job %s waits for the store", job.name)
    except Exception as problem:  # a job's border: the next tick tries again
        error = type(problem).__name__
        logger.exception("job %s failed", job.name)
    if error or done:
        await _record(context, _run_record(job.name, started, context.clock.now(), error, done or 0))
    return done


def _run_record(
    name: str, started: datetime, finished: datetime, error: str | None, done: int
) -> Callable[[AsyncSession], Awaitable[None]]:
    async def unit(session: AsyncSession) -> None:
        values = {"last_started_at": started, "last_finished_at": finished, "last_error": error}
        statement = insert_for(session, JobRun).values(name=name, done=done, failures=int(bool(error)), **values)
        statement = statement.on_conflict_do_update(
            index_elements=["name"],
            set_={**values, "done": JobRun.done + done, "failures": JobRun.failures + int(bool(error))},
        )
        await session.execute(statement)

    return unit


async def _record(context: JobContext, unit: Callable[[AsyncSession], Awaitable[None]]) -> None:
    try:
        await context.store.writer.run(unit)
    except CannotStore:
        logger.warning("a job run could not be recorded")
