"""Reading feedback: a filtered list with keyset pages, newest first, and how many there are of each kind."""

from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import ColumnElement, func, literal
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.store.models import Feedback, OutboxMessage

NOT_SCORED = "none"
SENTIMENTS = ("positive", "neutral", "negative", NOT_SCORED)
SOURCES = ("web", "form", "api", "discord", "x")
CATEGORIES = ("bug", "idea", "question", "praise", "other", "unsorted")
STATUSES = ("new", "seen", "answered", "closed")


@dataclass(frozen=True)
class InboxFilter:
    """An empty value does not filter; days are the site's local ones, both included."""

    site: str = ""
    start: date | None = None
    end: date | None = None
    sentiment: str = ""
    source: str = ""
    category: str = ""
    page: str = ""
    status: str = ""
    words: str = ""


async def list_feedback(
    session: AsyncSession, wanted: InboxFilter, limit: int, before: str = "", after: str = ""
) -> list[Feedback]:
    """The newest rows, or those older than `before`, or the ones just newer than `after`; newest first."""
    query = select(Feedback).where(*_conditions(wanted))
    if after:
        query = query.where(col(Feedback.id) > after).order_by(col(Feedback.id)).limit(limit)
        return list(reversed((await session.execute(query)).scalars().all()))
    if before:
        query = query.where(col(Feedback.id) < before)
    return list((await session.execute(query.order_by(col(Feedback.id).desc()).limit(limit))).scalars())


async def list_quiet_feedback(session: AsyncSession, site: str, limit: int, before: str = "") -> list[Feedback]:
    """The newest feedback that no instant note told the team about; of one site, or of all."""
    told = select(OutboxMessage.id).where(col(OutboxMessage.dedupe_key) == literal("negative:") + col(Feedback.id))
    query = select(Feedback).where(*_conditions(InboxFilter(site)), ~told.exists())
    if before:
        query = query.where(col(Feedback.id) < before)
    return list((await session.execute(query.order_by(col(Feedback.id).desc()).limit(limit))).scalars())


async def count_feedback(session: AsyncSession, wanted: InboxFilter) -> int:
    query = select(func.count()).select_from(Feedback).where(*_conditions(wanted))
    return int((await session.execute(query)).scalar_one())


async def count_by_status(session: AsyncSession, wanted: InboxFilter) -> dict[str, int]:
    """How many match in each status, whatever status is filtered."""
    query = select(Feedback.status, func.count()).where(*_conditions(replace(wanted, status="")))
    found = {status: int(count) for status, count in await session.execute(query.group_by(Feedback.status))}
    return {status: found.get(status, 0) for status in STATUSES}


def _conditions(wanted: InboxFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.start is not None:
        conditions.append(col(Feedback.local_day) >= wanted.start)
    if wanted.end is not None:
        conditions.append(col(Feedback.local_day) <= wanted.end)
    if wanted.sentiment == NOT_SCORED:
        conditions.append(col(Feedback.sentiment).is_(None))
    elif wanted.sentiment:
        conditions.append(col(Feedback.sentiment) == wanted.sentiment)
    for column, value in (
        (Feedback.site, wanted.site),
        (Feedback.source, wanted.source),
        (Feedback.category, wanted.category),
        (Feedback.page, wanted.page),
        (Feedback.status, wanted.status),
    ):
        if value:
            conditions.append(col(column) == value)
    if wanted.words:
        conditions.append(col(Feedback.text).icontains(wanted.words, autoescape=True))
    return conditions
