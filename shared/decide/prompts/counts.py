"""How many were eligible, opted in, asked and answered in a period."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.store.models import Person, Prompt


async def prompt_counts(session: AsyncSession, site: str, since: datetime, until: datetime) -> dict[str, int]:
    """Each counts what happened in [since, until): became due, opted in, was asked, answered."""

    def within(column: Any) -> ColumnElement[bool]:
        found: ColumnElement[bool] = (column >= since) & (column < until)
        return found

    prompts = (
        select(
            func.count().filter(within(col(Prompt.due_at))),
            func.count().filter(within(col(Prompt.asked_at))),
            func.count().filter(within(col(Prompt.answered_at))),
        )
        .select_from(Prompt)
        .where(Prompt.site == site)
    )
    eligible, asked, answered = (await session.execute(prompts)).one()
    people = select(func.count()).select_from(Person).where(Person.site == site, within(col(Person.opted_in_at)))
    opted_in = (await session.execute(people)).scalar_one()
    return {"eligible": eligible, "opted_in": opted_in, "asked": asked, "answered": answered}
