"""The one wording of each message, used by console, dashboard and Discord; and the feed of them.

Lines are plain text in which people's own words may stand: every channel escapes each whole line with its own
one function.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.config import Settings
from shared.deliver import wording
from shared.deliver.charts import alt_text
from shared.derive.kpis import duration
from shared.messages import (
    WAR_ROOM,
    AlertPost,
    Message,
    NegativeFeedback,
    Notice,
    Series,
    Summary,
    parse_message,
)
from shared.store.models import OutboxMessage
from shared.texts import Texts

FEED_KINDS = ("negative_feedback", "summary", "alert", "notice")
LATE_MINUTES = 2
PAGE = 50

Severity = Literal["info", "good", "warning", "bad"]


@dataclass(frozen=True)
class Post:
    """What a channel shows: a title, lines (an empty one separates groups), how serious, at most one chart."""

    title: str
    lines: tuple[str, ...]
    severity: Severity = "info"
    chart: Series | None = None
    alt_text: str | None = None


@dataclass(frozen=True)
class FeedItem:
    """One message of the War Room with its state; `message` carries the ids that buttons need."""

    id: int
    kind: str
    created_at: datetime
    sent_at: datetime | None
    state: str
    site: str
    post: Post
    message: Message


@dataclass(frozen=True)
class Trouble:
    """A message that is dead, uncertain or parked; without its words."""

    id: int
    kind: str
    destination: str
    state: str
    attempts: int
    created_at: datetime
    last_error: str | None


def describe(message: Message, settings: Settings, texts: Texts, late_minutes: int = 0) -> Post:
    """How a message reads; `late_minutes` is how long after its cause it is sent."""
    late = (f"Delayed by {duration(late_minutes * 60_000)}.",) if late_minutes >= LATE_MINUTES else ()
    match message:
        case Summary():
            lines = wording.summary_lines(message, texts)
            return _post(wording.summary_title(message), (*lines, *late), "info", message.chart)
        case AlertPost():
            lines = wording.alert_lines(message)
            return _post(wording.alert_title(message, settings), (*lines, *late), _alarm(message), message.chart)
        case NegativeFeedback():
            lines = wording.negative_lines(message, texts)
            return _post(wording.negative_title(message, settings), (*lines, *late), "bad", None)
        case Notice():
            return _post(message.title, (message.text, *late), message.severity, None)
        case _:  # not for the War Room; still told when somebody looks at it
            return _post(message.kind.replace("_", " ").capitalize(), late, "info", None)


def late_minutes(row: OutboxMessage, now: datetime) -> int:
    """Whole minutes between a message's cause and now."""
    return max(0, int((now - row.created_at).total_seconds() // 60))


async def read_feed(
    session: AsyncSession,
    settings: Settings,
    texts: Texts,
    *,
    before_id: int | None = None,
    after_id: int | None = None,
    kinds: Collection[str] = FEED_KINDS,
    site: str | None = None,
    limit: int = PAGE,
) -> list[FeedItem]:
    """What the team was told, newest first: the page before an id, or everything after one."""
    query = select(OutboxMessage).where(
        OutboxMessage.destination == WAR_ROOM,
        col(OutboxMessage.kind).in_([kind for kind in FEED_KINDS if kind in kinds]),
    )
    if site is not None:
        query = query.where(col(OutboxMessage.site).in_([site, ""]))
    if before_id is not None:
        query = query.where(col(OutboxMessage.id) < before_id)
    if after_id is not None:
        query = query.where(col(OutboxMessage.id) > after_id)
    rows = (await session.execute(query.order_by(col(OutboxMessage.id).desc()).limit(limit))).scalars()
    return [_item(row, settings, texts) for row in rows]


async def read_troubles(session: AsyncSession, patience: int, limit: int = PAGE) -> Sequence[Trouble]:
    """Messages to no avail: dead letters, uncertain ones, and those tried `patience` times that still wait."""
    unhappy = col(OutboxMessage.state).in_(["dead", "uncertain"])
    parked = (col(OutboxMessage.state) == "pending") & (col(OutboxMessage.attempts) >= patience)
    query = select(OutboxMessage).where(unhappy | parked).order_by(col(OutboxMessage.id).desc()).limit(limit)
    return [
        Trouble(row.id or 0, row.kind, row.destination, row.state, row.attempts, row.created_at, row.last_error)
        for row in (await session.execute(query)).scalars()
    ]


def _item(row: OutboxMessage, settings: Settings, texts: Texts) -> FeedItem:
    message = parse_message(row.payload)
    late = late_minutes(row, row.sent_at) if row.sent_at else 0
    post = describe(message, settings, texts, late)
    return FeedItem(row.id or 0, row.kind, row.created_at, row.sent_at, row.state, row.site, post, message)


def _post(title: str, lines: tuple[str, ...], severity: Severity, chart: Series | None) -> Post:
    return Post(title, lines, severity, chart, alt_text(chart) if chart else None)


def _alarm(message: AlertPost) -> Severity:
    if message.phase == "resolved":
        return "good"
    return "warning" if message.severity == "P3" else "bad"
