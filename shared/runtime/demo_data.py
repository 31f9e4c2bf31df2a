"""Fills an empty store with the demo's month, through the same intakes, rules and reports as real life."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import Update, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel, col, select

from shared.clock import ManualClock, day_start, local_day
from shared.config import DEMO_SITE, SiteSettings
from shared.decide import alerts
from shared.decide.prompts import claim_web_prompt
from shared.ingest.events import EventIntake, Sender
from shared.ingest.feedback import FeedbackIntake, FeedbackSender, NewFeedback
from shared.jobs.context import JobContext
from shared.jobs.job_functions import plan_reports, post_due_reports
from shared.runtime.build import Runtime
from shared.runtime.demo_story import DAYS, Saying, Visit, tell_story
from shared.store.dialect import insert_if_new
from shared.store.models import Feedback, FeedbackStatus, OutboxMessage, OutboxState, StateValue

SEED = 20_260_311
AT_ONCE = 128  # visits that wait for one commit
ALERT_CHECKS = (8, 16, 24)  # hours of a day
TOLD = "demo_story"
SUMMARY_HOUR = 9.25  # after the daily and the weekly summary are due, as shipped


async def seed_demo(runtime: Runtime, console: Console | None = None) -> bool:
    """Whether anything was seeded: a story that was told to its end stays; one that was cut off is told anew."""
    site = runtime.settings.site(DEMO_SITE)
    if site is None or await _is_told(runtime):
        return False
    now = runtime.clock.now()
    await runtime.store.writer.run(_forget_half_a_story)
    today = local_day(now, site.zone)
    columns = (TextColumn("Telling a month of stories"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=False) as progress:
        bar = progress.add_task("days", total=DAYS + 1)
        for day, happenings in tell_story(SEED, today):
            await _live_through(runtime, site, [happening for happening in happenings if happening.at <= now])
            await _look_back(runtime, day_start(day, site.zone), now)
            progress.advance(bar)
    await runtime.store.writer.run(_call_it_sent)
    await runtime.store.writer.run(lambda session: _call_it_read(session, now))
    await runtime.store.writer.run(
        lambda session: insert_if_new(session, StateValue(key=TOLD, value={"days": DAYS}, changed_at=now))
    )
    return True


async def _is_told(runtime: Runtime) -> bool:
    async with runtime.store.read() as session:
        return (await session.execute(select(StateValue.key).where(StateValue.key == TOLD))).first() is not None


async def _forget_half_a_story(session: AsyncSession) -> None:
    """Removes what an interrupted start left of the demo's site."""
    for table in reversed(SQLModel.metadata.sorted_tables):
        if "site" in table.columns:
            await session.execute(table.delete().where(table.columns["site"] == DEMO_SITE))


async def _live_through(runtime: Runtime, site: SiteSettings, happenings: list[Visit | Saying]) -> None:
    visits = [happening for happening in happenings if isinstance(happening, Visit)]
    for start in range(0, len(visits), AT_ONCE):
        await _visit(runtime, visits[start : start + AT_ONCE])
    sayings = [happening for happening in happenings if isinstance(happening, Saying)]
    await asyncio.gather(*(_say(runtime, site, saying) for saying in sayings))


async def _visit(runtime: Runtime, visits: list[Visit]) -> None:
    """Some visits that are received together; each event carries its own time."""
    clock = ManualClock(visits[-1].at)
    intake = EventIntake(
        runtime.settings,
        clock,
        runtime.store,
        runtime.hasher,
        runtime.track_limiter,
        runtime.meter,
        runtime.instance_key,
    )
    await asyncio.gather(*(_send(intake, visit) for visit in visits))


async def _send(intake: EventIntake, visit: Visit) -> None:
    batch: dict[str, Any] = {"site": DEMO_SITE, "events": visit.events}
    if visit.person:
        batch["person"] = visit.person
    await intake.take(json.dumps(batch).encode(), Sender(visit.address, visit.agent))


async def _say(runtime: Runtime, site: SiteSettings, saying: Saying) -> None:
    clock = ManualClock(saying.at)
    intake = FeedbackIntake(
        runtime.settings, clock, runtime.store, runtime.hasher, runtime.texts, runtime.meter, runtime.instance_key
    )
    fields = dict(saying.fields)
    if saying.source == "web":
        if saying.person:
            fields["person"] = saying.person
            prompt_id = await _ask(runtime, site, saying.person, saying.at)
            if prompt_id and fields["survey"] != "helpful":
                fields |= {"prompt": prompt_id, "survey": "day7"}
        sender = FeedbackSender(source="web", address=saying.address, user_agent=saying.agent)
    elif saying.source == "form":
        sender = FeedbackSender(source="form", address=saying.address, user_agent=saying.agent)
    else:
        name = f"demo-{saying.address}"
        sender = FeedbackSender(
            source=saying.source,  # type: ignore[arg-type]
            platform=saying.source,
            external_id=name,
            message_key=f"{name}-{saying.at.timestamp()}",
        )
    await intake.take(NewFeedback(site=DEMO_SITE, **fields), sender)


async def _ask(runtime: Runtime, site: SiteSettings, person: str, now: datetime) -> str | None:
    async def unit(session: AsyncSession) -> str | None:
        prompt = await claim_web_prompt(session, runtime.settings, site, person, now)
        return prompt.id if prompt else None

    return await runtime.store.writer.run(unit)


async def _look_back(runtime: Runtime, midnight: datetime, end: datetime) -> None:
    """What the jobs would have done on that day: alert checks, and in the morning the summaries of the day before."""
    for hour in sorted((*ALERT_CHECKS, SUMMARY_HOUR)):
        moment = min(midnight + timedelta(hours=hour), end)
        if hour == SUMMARY_HOUR:
            await _post_summaries(runtime, moment)
        else:
            await alerts.check_rules(runtime.store, runtime.settings, moment)


async def _post_summaries(runtime: Runtime, moment: datetime) -> None:
    context = JobContext(
        settings=runtime.settings,
        clock=ManualClock(moment),
        store=runtime.store,
        meter=runtime.meter,
        hasher=runtime.hasher,
        eraser=runtime.eraser,
    )
    await plan_reports(context)
    await post_due_reports(context)


async def _call_it_sent(session: AsyncSession) -> None:
    """The month's posts were read long ago: they stand in the feed and are not sent now."""
    await session.execute(
        update(OutboxMessage)
        .where(col(OutboxMessage.state) == OutboxState.PENDING.value)
        .values(state=OutboxState.SENT.value, sent_at=OutboxMessage.created_at, sent_through="demo")
    )


async def _call_it_read(session: AsyncSession, now: datetime) -> None:
    """The team has read what is older than two days; bugs of weeks ago are mended, questions answered."""
    old, older = now - timedelta(days=2), now - timedelta(days=7)
    demo = update(Feedback).where(col(Feedback.site) == DEMO_SITE)
    await _set_status(session, demo.where(col(Feedback.received_at) < old), FeedbackStatus.SEEN, old)
    done = demo.where(col(Feedback.received_at) < older)
    await _set_status(session, done.where(col(Feedback.category) == "bug"), FeedbackStatus.CLOSED, older)
    await _set_status(session, done.where(col(Feedback.category) == "question"), FeedbackStatus.ANSWERED, older)


async def _set_status(session: AsyncSession, chosen: Update, status: FeedbackStatus, at: datetime) -> None:
    marked = chosen.values(status=status.value, status_at=at, status_by="demo")
    await session.execute(marked.execution_options(synchronize_session=False))
