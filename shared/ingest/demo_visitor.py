"""The demo's control "be eight days old": one visitor of the demo site starts anew with a week behind them."""

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.clock import local_day
from shared.config import DEMO_SITE, Settings
from shared.decide.prompts import make_due_by_usage
from shared.errors import NotFound
from shared.ingest.identities import note_web_usage
from shared.store.dialect import insert_if_new
from shared.store.models import Person, Prompt, UsageDay

AGE_DAYS = 8


async def age_demo_visitor(
    session: AsyncSession, settings: Settings, key: bytes, consented_id: str, now: datetime
) -> None:
    """Two usage days, the first eight days ago, and the question due now, whatever was asked before."""
    site = settings.site(DEMO_SITE)
    if site is None:
        raise NotFound("The demo is switched off.")
    person_id, _ = await note_web_usage(session, settings, key, site, consented_id, now)
    person = (await session.execute(select(Person).where(Person.id == person_id))).scalar_one()
    today = local_day(now, site.zone)
    first_day = today - timedelta(days=AGE_DAYS)
    await insert_if_new(session, UsageDay(person_id=person_id, site=site.key, day=first_day))
    person.first_usage_day, person.last_usage_day = first_day, today
    person.usage_days = max(person.usage_days, settings.prompts.usage_days)
    person.dismissals, person.snoozed_until = 0, None
    person.opted_out_at = person.opted_out_source = None
    await session.flush()
    await session.execute(delete(Prompt).where(col(Prompt.person_id) == person_id))
    await make_due_by_usage(session, settings.prompts, person, site, now)
