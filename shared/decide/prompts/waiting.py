"""Loads waiting prompts with what the rule needs, and moves a prompt from one state to the next."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, Select, func, update
from sqlalchemy import select as select_columns
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from shared.clock import local_day
from shared.config import DEMO_SITE, Settings
from shared.decide.prompts.rules import PromptFacts, Verdict, Way, may_ask
from shared.store.models import Person, Prompt, PromptState

ENDS = {"lapse": PromptState.LAPSED.value, "skip_late": PromptState.SKIPPED_LATE.value}


@dataclass(frozen=True)
class Waiting:
    """A waiting prompt, its person, and when the person was last asked anything else."""

    prompt: Prompt
    person: Person
    last_other_prompt_at: datetime | None


def prompts_with_people() -> Select[*tuple[Any, ...]]:
    """Rows of (Prompt, Person, last other question); the caller adds what it looks for."""
    other = aliased(Prompt)
    last_other: ColumnElement[datetime] = (
        select(func.max(col(other.asked_at)))
        .where(col(other.person_id) == col(Prompt.person_id), col(other.id) != col(Prompt.id))
        .correlate(Prompt)
        .scalar_subquery()
    )
    query: Select[*tuple[Any, ...]] = select_columns(Prompt, Person, last_other)
    query = query.join(Person, col(Person.id) == col(Prompt.person_id))
    return query.execution_options(populate_existing=True)


async def find_waiting(session: AsyncSession, person_id: str, now: datetime) -> Waiting | None:
    """The prompt of this person that has been waiting longest."""
    query = prompts_with_people().where(
        col(Prompt.person_id) == person_id, col(Prompt.state) == PromptState.WAITING.value
    )
    found = (await session.execute(query.order_by(col(Prompt.due_at)).limit(1))).first()
    return Waiting(*found) if found else None


def judge(settings: Settings, waiting: Waiting, way: Way, now: datetime) -> Verdict:
    """The rule, applied to rows. A prompt of a site that is configured no more is not asked."""
    prompt, person = waiting.prompt, waiting.person
    site = settings.site(prompt.site)
    if site is None:
        return Verdict("wait", "unknown_site")
    facts = PromptFacts(
        way=way,
        reason=prompt.reason,
        due_at=prompt.due_at,
        today=local_day(now, site.zone),
        first_usage_day=person.first_usage_day,
        usage_days=person.usage_days,
        last_seen_at=person.last_seen_at,
        last_other_prompt_at=waiting.last_other_prompt_at,
        opted_in=person.opted_in_at is not None,
        opted_out=person.opted_out_at is not None,
        zone=person.zone,
        dismissals=person.dismissals,
        snoozed_until=person.snoozed_until,
        any_hour=prompt.site == DEMO_SITE,
    )
    return may_ask(facts, settings.prompts, now)


async def move(session: AsyncSession, prompt_id: str, before: Collection[PromptState], **values: object) -> bool:
    """Compare and set: whether this caller was the one who moved the prompt."""
    moved: CursorResult[object] = await session.execute(  # type: ignore[assignment]
        update(Prompt)
        .where(col(Prompt.id) == prompt_id, col(Prompt.state).in_([state.value for state in before]))
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return moved.rowcount == 1


async def end_if_over(session: AsyncSession, prompt_id: str, verdict: Verdict, now: datetime) -> None:
    """Ends a prompt whose verdict is that it is too late."""
    if verdict.decision in ENDS:
        state = ENDS[verdict.decision]
        await move(session, prompt_id, [PromptState.WAITING], state=state, ended_at=now, last_error=verdict.reason)
