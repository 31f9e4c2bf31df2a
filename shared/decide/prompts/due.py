"""Makes a person due for the day-7 question: by usage, by their own wish, or at a server's request.

Once per person ever: the unique key of survey and person refuses a second prompt, whatever the reason.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import CursorResult, func, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.clock import local_day
from shared.config import PromptSettings, Settings, SiteSettings
from shared.decide.prompts.rules import BY_OPT_IN, BY_REQUEST, BY_USAGE, has_used_enough
from shared.identifiers import new_id
from shared.store.dialect import insert_if_new
from shared.store.models import Identity, Person, Platform, Prompt, PromptState

DAY_7 = "day-7"
NEVER_SENT = (PromptState.LAPSED.value, PromptState.SKIPPED_LATE.value, PromptState.CANCELLED.value)


@dataclass(frozen=True)
class OptIn:
    """What came of an opt-in: planned now, planned before, asked before, or answered before."""

    state: Literal["scheduled", "already", "asked", "answered"]
    due_at: datetime | None


@dataclass(frozen=True)
class Requested:
    """What came of a server's request."""

    state: Literal["due", "not_opted_in", "opted_out", "asked_before"]
    prompt_id: str | None = None
    due_at: datetime | None = None


async def make_due_by_usage(
    session: AsyncSession, rules: PromptSettings, person: Person, site: SiteSettings, now: datetime
) -> bool:
    """A waiting prompt for somebody who has used the product long enough; whether it is new."""
    today = local_day(now, site.zone)
    if person.opted_out_at is not None:
        return False
    if not has_used_enough(person.first_usage_day, person.usage_days, today, rules):
        return False
    return await insert_if_new(session, _new_prompt(person, None, site.key, BY_USAGE, now, now))


async def make_due_by_opt_in(
    session: AsyncSession, rules: PromptSettings, identity: Identity, person: Person, site: str, now: datetime
) -> OptIn:
    """Asked in a week because the person said so; a prompt that was never sent may be planned again."""
    due_at = await _after_pause(session, rules, person.id, now + timedelta(days=rules.opt_in_days))
    if await insert_if_new(session, _new_prompt(person, identity, site, BY_OPT_IN, now, due_at)):
        return OptIn("scheduled", due_at)
    prompt = await find_prompt_of(session, person.id)
    if prompt.state == PromptState.WAITING.value and prompt.reason == BY_OPT_IN:
        return OptIn("already", prompt.due_at)
    if await _plan_again(session, prompt, identity, BY_OPT_IN, due_at):
        return OptIn("scheduled", due_at)
    if prompt.state == PromptState.CLAIMED.value:
        return OptIn("already", prompt.due_at)
    return OptIn("answered" if prompt.state == PromptState.ANSWERED.value else "asked", prompt.due_at)


async def make_due_by_request(
    session: AsyncSession, settings: Settings, identity: Identity, person: Person, site: str, now: datetime
) -> Requested:
    """Due at once: the request replaces the usage rules, and no other rule."""
    if person.opted_out_at is not None:
        return Requested("opted_out")
    if person.opted_in_at is None and identity.platform != Platform.WEB.value:  # on the web the id itself is consent
        return Requested("not_opted_in")
    due_at = await _after_pause(session, settings.prompts, person.id, now)
    fresh = _new_prompt(person, identity, site, BY_REQUEST, now, due_at)
    if await insert_if_new(session, fresh):
        return Requested("due", fresh.id, due_at)
    prompt = await find_prompt_of(session, person.id)
    if await _plan_again(session, prompt, identity, BY_REQUEST, due_at):
        return Requested("due", prompt.id, due_at)
    return Requested("asked_before", prompt.id)


def _new_prompt(
    person: Person, identity: Identity | None, site: str, reason: str, now: datetime, due_at: datetime
) -> Prompt:
    return Prompt(
        id=new_id(now),
        site=site,
        survey=DAY_7,
        person_id=person.id,
        identity_id=identity.id if identity else None,
        reason=reason,
        created_at=now,
        due_at=due_at,
    )


async def find_prompt_of(session: AsyncSession, person_id: str, survey: str = DAY_7) -> Prompt:
    query = select(Prompt).where(Prompt.person_id == person_id, Prompt.survey == survey)
    return (await session.execute(query.execution_options(populate_existing=True))).scalar_one()


async def _plan_again(session: AsyncSession, prompt: Prompt, identity: Identity, reason: str, due_at: datetime) -> bool:
    """Moves a prompt that waits or was never sent; the others stay as they are."""
    movable = (PromptState.WAITING.value, *NEVER_SENT)
    moved: CursorResult[object] = await session.execute(  # type: ignore[assignment]
        update(Prompt)
        .where(col(Prompt.id) == prompt.id, col(Prompt.state).in_(movable))
        .values(state=PromptState.WAITING.value, reason=reason, due_at=due_at, identity_id=identity.id, ended_at=None)
        .execution_options(synchronize_session=False)
    )
    return moved.rowcount == 1


async def _after_pause(session: AsyncSession, rules: PromptSettings, person_id: str, wanted: datetime) -> datetime:
    """The wanted time, or the end of the pause after the last other question."""
    others = select(func.max(col(Prompt.asked_at))).where(Prompt.person_id == person_id, Prompt.survey != DAY_7)
    last_asked = (await session.execute(others)).scalar_one()
    return max(wanted, last_asked + timedelta(days=rules.pause_days)) if last_asked else wanted
