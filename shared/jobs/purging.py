"""The job that removes rows whose time is over: bounded, resumable, and never long in anybody's way.

It pauses after each batch: without that every sender waits for one, and the slowest of a hundred four times as long.
"""

from collections import Counter
from datetime import date, timedelta

from sqlalchemy import func, or_
from sqlmodel import col, select

from shared.guard.retention import (
    LAST_PURGE,
    PURGES,
    Purge,
    find_old,
    first_kept_day,
    keep_value,
    note_purged,
    remove_old,
)
from shared.jobs.context import JobContext
from shared.store.models import Person

WORK_SECONDS = 240.0  # of one run; what is left waits for the next one
PEOPLE_AT_ONCE = 20


async def purge_old_rows(context: JobContext) -> int:
    """Table by table and batch by batch, then the people nobody has seen for long; how many rows."""
    now, rules = context.clock.now(), context.settings.retention
    ends_at = context.clock.monotonic() + WORK_SECONDS
    days = {purge: day for purge in PURGES if (day := first_kept_day(rules, purge.setting, now))}
    whole = {purge.name: day for purge, day in days.items() if not purge.is_part}
    await context.run(lambda session: note_purged(session, whole, now))
    removed: Counter[str] = Counter()
    for purge, day in days.items():
        removed[purge.name] += await _purge(context, purge, day, ends_at)
    removed["person"] = await _forget_people(context, ends_at)
    counts = {name: count for name, count in removed.items() if count}
    value = {"at": now.isoformat(), "removed": counts}
    await context.run(lambda session: keep_value(session, LAST_PURGE, value, now))
    return sum(counts.values())


async def _purge(context: JobContext, purge: Purge, day: date, ends_at: float) -> int:
    rules = context.settings.retention
    removed, limit = 0, rules.batch_rows
    while (started := context.clock.monotonic()) < ends_at:
        async with context.store.read() as session:
            keys = await find_old(session, purge, day, limit)
        if not keys:
            break
        removed += await context.run(
            lambda session, keys=keys: remove_old(session, purge, day, keys)  # type: ignore[misc]
        )
        if len(keys) == limit:
            await context.clock.sleep(rules.batch_pauses * (context.clock.monotonic() - started))
    return removed


async def _forget_people(context: JobContext, ends_at: float) -> int:
    """Those not seen for longer than `retention.person_days`; who said no is not asked later either.

    Some of them in any case: tables with much to remove must not make people wait for ever.
    """
    rules, now = context.settings, context.clock.now()
    if not rules.retention.person_days:
        return 0
    seen = func.coalesce(col(Person.last_seen_at), col(Person.created_at))
    said_no = or_(col(Person.opted_out_at).is_not(None), col(Person.dismissals) >= rules.prompts.dismissals)
    query = select(col(Person.id), said_no).where(seen < now - timedelta(days=rules.retention.person_days))
    forgotten = 0
    while True:
        async with context.store.read() as session:
            people = (await session.execute(query.limit(PEOPLE_AT_ONCE))).all()
        for person_id, keep_silent in people:
            await context.eraser.forget_person(person_id, keep_silent=bool(keep_silent))
        forgotten += len(people)
        if len(people) < PEOPLE_AT_ONCE or context.clock.monotonic() >= ends_at:
            return forgotten
