"""How far each direct conversation was read, so that replies sent during an outage are caught up."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.store.models import ReadMark

PLACE = "discord:"
WATCHED_FOR = timedelta(days=60)
MOST_PLACES = 500


async def note_read(session: AsyncSession, channel_id: int, message_id: int, now: datetime) -> None:
    """Moves the mark forward, never back."""
    place = f"{PLACE}{channel_id}"
    mark = (await session.execute(select(ReadMark).where(ReadMark.place == place))).scalar_one_or_none()
    if mark is None:
        session.add(ReadMark(place=place, last_id=str(message_id), changed_at=now))
        return
    if int(mark.last_id) < message_id:
        mark.last_id, mark.changed_at = str(message_id), now
        session.add(mark)


async def forget_old(session: AsyncSession, now: datetime) -> None:
    """Drops the marks of conversations that nobody watches any more."""
    is_old = col(ReadMark.place).startswith(PLACE) & (col(ReadMark.changed_at) <= now - WATCHED_FOR)
    await session.execute(delete(ReadMark).where(is_old))


async def watched_channels(session: AsyncSession, now: datetime) -> Sequence[tuple[int, int]]:
    """Channel id and last read message of the conversations that moved lately, newest first."""
    query = (
        select(ReadMark)
        .where(col(ReadMark.place).startswith(PLACE), col(ReadMark.changed_at) > now - WATCHED_FOR)
        .order_by(col(ReadMark.changed_at).desc())
        .limit(MOST_PLACES)
    )
    marks = (await session.execute(query)).scalars().all()
    return [(int(mark.place.removeprefix(PLACE)), int(mark.last_id)) for mark in marks]
