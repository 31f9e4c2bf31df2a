"""How long rows stay: removes what is older than `[retention]` allows, a few rows at a time.

The rows to remove are looked up outside the writer, so that only their removal itself keeps others waiting. Before
the first row of a table goes, the day up to which it goes is noted: counters of such days can no longer be rebuilt.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, delete, exists, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel, col, select

from shared.config import RetentionSettings
from shared.errors import Conflict
from shared.store.column_types import Utc
from shared.store.dialect import insert_for
from shared.store.models import (
    UNDECLARED,
    UNDECLARED_PROPERTY,
    Alert,
    AuditEntry,
    DueReport,
    Event,
    ExternalEvent,
    Feedback,
    ImportedDay,
    OutboxMessage,
    OutboxState,
    PageView,
    Quote,
    Rollup,
    Spend,
    StateValue,
    UsageDay,
    VisitorDay,
)

PURGED = "purged"  # key of the small value that holds, by table, the first day that is still whole
LAST_PURGE = "last_purge"
REBUILT_FROM = ("event", "feedback")
OF_PEOPLE = (
    "event_days",
    "page_view_days",
    "visitor_day_days",
    "feedback_days",
    "person_days",
    "usage_day_days",
    "outbox_days",
    "audit_days",
)
DAYS_OF_GRACE = 7  # for zones, and for a purge that has much to do
UNFINISHED = (OutboxState.PENDING.value, OutboxState.CLAIMED.value)
QUOTED = {Feedback: col(Quote.feedback_id), OutboxMessage: col(Quote.outbox_id)}
QUOTES_A_KNOWN_PERSON = (  # such a post must still be found when the person is erased
    exists()
    .where(col(Quote.outbox_id) == col(OutboxMessage.id))
    .where(col(Feedback.id) == col(Quote.feedback_id), col(Feedback.person_id).is_not(None))
)


@dataclass(frozen=True)
class Purge:
    """One table: which setting limits it, which column tells a row's age, and which old rows stay nevertheless."""

    setting: str
    table: type[SQLModel]
    age: str
    only: Sequence[ColumnElement[bool]] = ()
    is_part: bool = False  # of the table's old rows: its days stay whole

    @property
    def name(self) -> str:
        return str(self.table.__tablename__)


PURGES = (
    Purge("event_days", Event, "local_day"),
    Purge("page_view_days", PageView, "local_day"),
    Purge("visitor_day_days", VisitorDay, "local_day"),
    Purge(
        "undeclared_days",  # such a name may be that of one person only
        Rollup,
        "local_day",
        (col(Rollup.measure).in_((UNDECLARED, UNDECLARED_PROPERTY)),),
        is_part=True,
    ),
    Purge("rollup_days", Rollup, "local_day"),
    Purge("rollup_days", ImportedDay, "local_day"),
    Purge("feedback_days", Feedback, "local_day"),
    Purge("usage_day_days", UsageDay, "day"),
    Purge(
        "outbox_days",
        OutboxMessage,
        "created_at",
        (col(OutboxMessage.state).not_in(UNFINISHED), ~QUOTES_A_KNOWN_PERSON),
    ),
    Purge("audit_days", AuditEntry, "at"),
    Purge("alert_days", Alert, "resolved_at"),
    Purge("external_event_days", ExternalEvent, "updated_at"),
    Purge("due_report_days", DueReport, "period_end", (col(DueReport.state) != "due",)),
    Purge("spend_days", Spend, "day"),
)


def first_kept_day(rules: RetentionSettings, setting: str, now: datetime) -> date | None:
    """Rows of earlier days go; None when they stay for ever. A day later than asked, so that no zone loses hours."""
    days: int = getattr(rules, setting)
    return now.date() - timedelta(days=days + 1) if days else None


def first_needed(rules: RetentionSettings, now: datetime) -> datetime:
    """Since when erasures must be remembered: what a copy holds of somebody who was erased before, goes by its age.

    As long as one kind of such rows stays for ever, all erasures are.
    """
    days = [getattr(rules, setting) for setting in OF_PEOPLE]
    if not all(days):
        return datetime.min.replace(tzinfo=UTC)
    return now - timedelta(days=max(days) + DAYS_OF_GRACE)


async def find_old(session: AsyncSession, purge: Purge, before: date, limit: int) -> list[tuple[Any, ...]]:
    """Keys of rows that may go, through the index of a site where there is one."""
    keys = list(purge.table.__table__.primary_key.columns)  # type: ignore[attr-defined]
    found: list[tuple[Any, ...]] = []
    for place in await _places(session, purge):
        query = select(*keys).where(*place, *_old(purge, before)).limit(limit - len(found))
        found += [tuple(row) for row in (await session.execute(query)).all()]
        if len(found) >= limit:
            break
    return found


async def _places(session: AsyncSession, purge: Purge) -> list[list[ColumnElement[bool]]]:
    """Each site of an index that begins with it; looking for the next site is one step in that index."""
    columns = purge.table.__table__.columns  # type: ignore[attr-defined]
    if purge.table not in (Event, VisitorDay, Feedback, Rollup):
        return [[]]
    places: list[list[ColumnElement[bool]]] = []
    last = ""
    while True:
        following = select(columns.site).where(columns.site > last).order_by(columns.site).limit(1)
        site = (await session.execute(following)).scalar_one_or_none()
        if site is None:
            return places
        places.append([columns.site == site])
        last = site


def _old(purge: Purge, before: date) -> list[ColumnElement[bool]]:
    column = purge.table.__table__.columns[purge.age]  # type: ignore[attr-defined]
    moment = datetime(before.year, before.month, before.day, tzinfo=UTC)
    return [column < (moment if isinstance(column.type, Utc) else before), *purge.only]


async def remove_old(session: AsyncSession, purge: Purge, before: date, keys: Sequence[tuple[Any, ...]]) -> int:
    """Removes those of these rows that are still old; how many."""
    columns = list(purge.table.__table__.primary_key.columns)  # type: ignore[attr-defined]
    these = tuple_(*columns).in_(keys) if len(columns) > 1 else columns[0].in_([key[0] for key in keys])
    statement = delete(purge.table).where(these, *_old(purge, before)).execution_options(synchronize_session=False)
    quoted = QUOTED.get(purge.table)
    if quoted is None:
        gone: CursorResult[Any] = await session.execute(statement)  # type: ignore[assignment]
        return gone.rowcount
    ids = (await session.execute(statement.returning(columns[0]))).scalars().all()
    await session.execute(delete(Quote).where(quoted.in_(ids)))
    return len(ids)


async def note_purged(session: AsyncSession, days: Mapping[str, date], now: datetime) -> None:
    """Up to which day rows go, noted before they do; a later day is never taken back."""
    known = await purged_before(session)
    latest = {name: max(day, known.get(name, day)) for name, day in days.items()}
    if latest.items() <= known.items():
        return
    await keep_value(session, PURGED, {name: day.isoformat() for name, day in {**known, **latest}.items()}, now)


async def purged_before(session: AsyncSession) -> dict[str, date]:
    """By table, the first day of which no row was removed for its age."""
    stored = (await session.execute(select(StateValue.value).where(StateValue.key == PURGED))).scalar_one_or_none()
    return {name: date.fromisoformat(day) for name, day in (stored or {}).items()}


async def refuse_purged_day(session: AsyncSession, day: date) -> None:
    """Raises `Conflict` when rows that a rebuild would count are gone."""
    purged = await purged_before(session)
    gone = [name for name in REBUILT_FROM if name in purged and day < purged[name]]
    if gone:
        raise Conflict(
            f"The counters of {day} stay as they are: its rows in {' and '.join(gone)} were removed for their age, "
            "so a rebuild would count too little."
        )


async def keep_value(session: AsyncSession, key: str, value: Mapping[str, Any], now: datetime) -> None:
    """Writes a small value over."""
    statement = insert_for(session, StateValue).values(key=key, value=dict(value), changed_at=now)
    values = {"value": statement.excluded.value, "changed_at": statement.excluded.changed_at}
    await session.execute(statement.on_conflict_do_update(index_elements=["key"], set_=values))
