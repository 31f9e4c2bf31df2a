"""Asks somebody who is here right now: on the docs page, or by a private line after a command.

The prompt counts as asked before the answer leaves, so that a crash can never ask twice.
"""

from datetime import datetime

from sqlalchemy import CursorResult, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.clock import local_day
from shared.config import Settings, SiteSettings
from shared.decide.prompts.due import DAY_7, make_due_by_usage
from shared.decide.prompts.rules import Way, has_used_enough
from shared.decide.prompts.waiting import Waiting, end_if_over, find_waiting, judge, move
from shared.store.models import Identity, Person, Platform, Prompt, PromptState
from shared.store.people import find_identity, web_external_id

ASKED_ON: dict[Way, str] = {"web": "web", "ephemeral": "discord_ephemeral"}


async def may_have_question(
    session: AsyncSession, settings: Settings, site: SiteSettings, consented_id: str, now: datetime
) -> bool:
    """Whether trying to claim is worth a write: somebody known, not opted out, with a question or soon to have one."""
    found = await find_identity(session, Platform.WEB, web_external_id(site.key, consented_id))
    if found is None or found[1].opted_out_at is not None:
        return False
    person = found[1]
    if await find_waiting(session, person.id, now) is not None:
        return True
    if not has_used_enough(person.first_usage_day, person.usage_days, local_day(now, site.zone), settings.prompts):
        return False
    asked = select(Prompt.id).where(Prompt.person_id == person.id, Prompt.survey == DAY_7)
    return (await session.execute(asked)).first() is None


async def claim_web_prompt(
    session: AsyncSession, settings: Settings, site: SiteSettings, consented_id: str, now: datetime
) -> Prompt | None:
    """The one question for a consented visitor, if the rule says so now."""
    found = await find_identity(session, Platform.WEB, web_external_id(site.key, consented_id))
    if found is None:
        return None
    identity, person = found
    await make_due_by_usage(session, settings.prompts, person, site, now)
    return await _claim_now(session, settings, identity, person, "web", now)


async def claim_ephemeral_prompt(
    session: AsyncSession, settings: Settings, identity: Identity, person: Person, now: datetime
) -> Prompt | None:
    """The question after somebody's own command: a due one, or the single one for people who did not opt in."""
    site = settings.site(identity.site)
    if site is None:
        return None
    await make_due_by_usage(session, settings.prompts, person, site, now)
    if person.opted_in_at is None and not await _may_offer(session, settings, identity, person, now):
        return None
    return await _claim_now(session, settings, identity, person, "ephemeral", now)


async def _may_offer(
    session: AsyncSession, settings: Settings, identity: Identity, person: Person, now: datetime
) -> bool:
    """Takes the one offer of an identity, if there is something to ask."""
    waiting = await find_waiting(session, person.id, now)
    if waiting is None or judge(settings, waiting, "ephemeral", now).decision != "ask":
        return False
    offered: CursorResult[object] = await session.execute(  # type: ignore[assignment]
        update(Identity)
        .where(col(Identity.id) == identity.id, col(Identity.offered_at).is_(None))
        .values(offered_at=now)
        .execution_options(synchronize_session=False)
    )
    return offered.rowcount == 1


async def _claim_now(
    session: AsyncSession, settings: Settings, identity: Identity, person: Person, way: Way, now: datetime
) -> Prompt | None:
    waiting = await find_waiting(session, person.id, now)
    if waiting is None:
        return None
    verdict = judge(settings, waiting, way, now)
    await end_if_over(session, waiting.prompt.id, verdict, now)
    if verdict.decision != "ask":
        return None
    return await _mark_asked_here(session, waiting, identity, way, now)


async def _mark_asked_here(
    session: AsyncSession, waiting: Waiting, identity: Identity, way: Way, now: datetime
) -> Prompt | None:
    values = {
        "state": PromptState.ASKED.value,
        "asked_at": now,
        "asked_on": ASKED_ON[way],
        "identity_id": identity.id,
    }
    if not await move(session, waiting.prompt.id, [PromptState.WAITING], **values):
        return None
    asked = update(Person).where(col(Person.id) == waiting.person.id).values(last_prompted_at=now)
    await session.execute(asked.execution_options(synchronize_session=False))
    await session.refresh(waiting.prompt)
    return waiting.prompt
