"""The pause of all DM opening after the platform said "too fast"."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import select

from shared.store.models import StateValue

KEY = "dm_pause"


async def dm_opening_is_paused(session: AsyncSession, now: datetime) -> bool:
    until = await paused_until(session)
    return until is not None and now < until


async def paused_until(session: AsyncSession) -> datetime | None:
    """When DM opening goes on, if it was ever paused."""
    query = select(StateValue).where(StateValue.key == KEY).execution_options(populate_existing=True)
    stored = (await session.execute(query)).scalar_one_or_none()
    return datetime.fromisoformat(stored.value["until"]) if stored else None


async def set_pause(session: AsyncSession, until: datetime, reason: str, now: datetime) -> None:
    value = {"until": until.isoformat(), "reason": reason}
    await session.merge(StateValue(key=KEY, value=value, changed_at=now))
    await session.flush()
