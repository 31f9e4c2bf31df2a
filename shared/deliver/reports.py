"""The daily and weekly summary of a site, and which periods are due.

`due_period` is pure; `plan_report` makes the newest ended period due once, however long nothing ran;
`build_summary` reads everything that the message shows.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import CursorResult, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, func, select

from shared.clock import day_start, local_day
from shared.config import Settings, SiteSettings, WarRoomSettings
from shared.decide.alerts import open_alerts
from shared.decide.prompts import prompt_counts
from shared.derive.kpis import figure, figure_of_today, find_kpi, period_before, series, sums_by_key
from shared.derive.words import most_used_words
from shared.messages import WAR_ROOM, Figure, Point, QuotedFeedback, Series, Summary
from shared.store.dialect import insert_if_new
from shared.store.models import DueReport, Feedback, Rollup
from shared.store.outbox import enqueue

Period = Literal["daily", "weekly"]
PERIODS: tuple[Period, ...] = ("daily", "weekly")
DAYS: dict[Period, int] = {"daily": 1, "weekly": 7}
CHART_DAYS: dict[Period, int] = {"daily": 14, "weekly": 28}
FIGURES = (
    "feedback_count",
    "mean_score",
    "mean_sentiment",
    "share_negative",
    "visitors",
    "page_views",
    "ctr",
    "conversion_rate",
)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
TEXTS_READ = 2_000
QUOTE_CHARACTERS = 600
CHARTED = ("mean_sentiment", "feedback_count", "page_views")  # the first that has enough days
LEAST_POINTS = 3
DAY = timedelta(days=1)

BASELINE = "baseline"  # the first plan of a site that has no data yet: nothing is reported
_MENTION = re.compile(r"<@[!&]?\d{1,20}>|(?<![\w@./-])@\w{2,32}(?![\w/.])")


@dataclass(frozen=True)
class DuePeriod:
    """A period that ended, in the site's local days, and when its report became due."""

    start: date
    end: date
    due_at: datetime


def due_period(war_room: WarRoomSettings, site_zone: str, period: Period, now: datetime) -> DuePeriod:
    """The newest period whose report time has come. The time is the War Room's, the days are the site's."""
    zone = ZoneInfo(war_room.zone)
    day = now.astimezone(zone).date()
    at = war_room.daily_at if period == "daily" else war_room.weekly_at
    if period == "weekly":
        day -= DAY * ((day.weekday() - WEEKDAYS.index(war_room.weekly_on)) % 7)
    due_at = _moment(day, at, zone)
    if due_at > now:
        due_at = _moment(day - DAY * DAYS[period], at, zone)
    end = local_day(due_at, site_zone) - DAY
    return DuePeriod(end - DAY * (DAYS[period] - 1), end, due_at)


async def plan_report(
    session: AsyncSession, settings: Settings, site: SiteSettings, period: Period, now: datetime
) -> bool:
    """Makes the newest ended period due, if it is new; older ones still due are marked as missed."""
    due = due_period(settings.war_room, site.zone, period, now)
    newest = select(func.max(DueReport.period_start)).where(DueReport.site == site.key, DueReport.kind == period)
    known = (await session.execute(newest)).scalar_one()
    if known is not None and known >= due.start:
        return False
    is_first = known is None and not await _has_data(session, site.key, due.start, due.end)
    report = DueReport(
        site=site.key,
        kind=period,
        period_start=due.start,
        period_end=due.end,
        due_at=due.due_at,
        state=BASELINE if is_first else "due",
    )
    if not await insert_if_new(session, report):
        return False
    await session.execute(
        update(DueReport)
        .where(
            col(DueReport.site) == site.key,
            col(DueReport.kind) == period,
            col(DueReport.state) == "due",
            col(DueReport.period_start) < due.start,
        )
        .values(state="missed")
        .execution_options(synchronize_session=False)
    )
    return not is_first


async def due_reports(session: AsyncSession, now: datetime) -> list[DueReport]:
    """Reports that wait to be posted, the oldest first."""
    query = select(DueReport).where(DueReport.state == "due", DueReport.due_at <= now).order_by(col(DueReport.due_at))
    return list((await session.execute(query)).scalars())


async def post_report(session: AsyncSession, report: DueReport, summary: Summary, now: datetime) -> bool:
    """Hands the summary to the outbox and marks the report, both or neither; False if it was done before."""
    done: CursorResult[object] = await session.execute(  # type: ignore[assignment]
        update(DueReport)
        .where(col(DueReport.id) == report.id, col(DueReport.state) == "due")
        .values(state="posted", done_at=now)
        .execution_options(synchronize_session=False)
    )
    if done.rowcount != 1:
        return False
    dedupe_key = f"summary:{report.site}:{report.kind}:{report.period_start.isoformat()}"
    await enqueue(session, summary, destination=WAR_ROOM, dedupe_key=dedupe_key, now=now)
    return True


async def build_summary(
    session: AsyncSession,
    settings: Settings,
    site: SiteSettings,
    period: Period,
    start: date,
    end: date,
    now: datetime,
) -> Summary:
    """Everything the message shows about the site's local days `start` to `end`."""
    key = site.key
    since, until = day_start(start, site.zone), day_start(end + DAY, site.zone)
    categories = await sums_by_key(session, "feedback_category", key, start, end)
    return Summary(
        site=key,
        site_name=site.name,
        period=period,
        start=start,
        end=end,
        zone=site.zone,
        figures=[await _figure(session, kpi, site, start, end, now) for kpi in FIGURES],
        categories={category.key: category.count for category in categories},
        words=most_used_words(await _read_texts(session, key, start, end)),
        quotes=await _choose_quotes(session, key, start, end, settings.war_room.quotes),
        asked=await prompt_counts(session, key, since, min(until, now)),
        open_alerts=[f"{alert.severity} {alert.rule}" for alert in await open_alerts(session, key)],
        chart=await _chart(session, key, period, end),
        missed=await _count_missed(session, key, period, start),
    )


async def _figure(session: AsyncSession, kpi: str, site: SiteSettings, start: date, end: date, now: datetime) -> Figure:
    """A day that still runs stands beside the day before up to the same hour."""
    if start == end == local_day(now, site.zone):
        return await figure_of_today(session, kpi, site.key, site.zone, now)
    return await figure(session, kpi, site.key, start, end)


def hide_names(text: str) -> str:
    """Nobody is named or called in a quote; a package such as @scope/name stays."""
    return _MENTION.sub("@someone", text)


async def _has_data(session: AsyncSession, site: str, start: date, end: date) -> bool:
    query = select(Rollup.site).where(Rollup.site == site, col(Rollup.local_day) >= start, col(Rollup.local_day) <= end)
    return (await session.execute(query.limit(1))).first() is not None


async def _count_missed(session: AsyncSession, site: str, period: Period, start: date) -> int:
    """Periods between the last report and this one."""
    told = select(func.max(DueReport.period_start)).where(
        DueReport.site == site,
        DueReport.kind == period,
        col(DueReport.state).in_(["posted", BASELINE]),
        col(DueReport.period_start) < start,
    )
    last = (await session.execute(told)).scalar_one()
    return 0 if last is None else max(0, (start - last).days // DAYS[period] - 1)


async def _read_texts(session: AsyncSession, site: str, start: date, end: date) -> list[str]:
    query = select(Feedback.text).where(
        Feedback.site == site,
        col(Feedback.local_day) >= start,
        col(Feedback.local_day) <= end,
        col(Feedback.text).is_not(None),
    )
    newest = query.order_by(col(Feedback.id).desc()).limit(TEXTS_READ)
    return [text for text in (await session.execute(newest)).scalars() if text]


async def _choose_quotes(session: AsyncSession, site: str, start: date, end: date, count: int) -> list[QuotedFeedback]:
    """The most positive, the most negative and the newest text, each at most once."""
    with_words = (
        Feedback.site == site,
        col(Feedback.local_day) >= start,
        col(Feedback.local_day) <= end,
        func.length(col(Feedback.text)) > 0,
    )
    orders: tuple[tuple[Literal["most positive", "most negative", "newest"], tuple[object, ...]], ...] = (
        ("most positive", (col(Feedback.compound) > 0, col(Feedback.compound).desc())),
        ("most negative", (col(Feedback.compound) < 0, col(Feedback.compound).asc())),
        ("newest", (col(Feedback.id).is_not(None), col(Feedback.id).desc())),
    )
    quotes: list[QuotedFeedback] = []
    for why, (condition, order) in orders[:count]:
        taken = [quote.feedback_id for quote in quotes]
        query = select(Feedback).where(*with_words, condition, col(Feedback.id).not_in(taken))  # type: ignore[arg-type]
        ordered = query.order_by(order, col(Feedback.id).desc()).limit(1)  # type: ignore[arg-type]
        found = (await session.execute(ordered)).scalar_one_or_none()
        if found is not None:
            quotes.append(_quote(found, why))
    return quotes


def _quote(feedback: Feedback, why: Literal["most positive", "most negative", "newest"]) -> QuotedFeedback:
    return QuotedFeedback(
        feedback_id=feedback.id,
        text=hide_names(feedback.text or "")[:QUOTE_CHARACTERS],
        why=why,
        compound=feedback.compound,
        score=feedback.score,
        scale_max=feedback.scale_max,
        source=feedback.source,
        page=feedback.page,
    )


async def _chart(session: AsyncSession, site: str, period: Period, end: date) -> Series | None:
    """The trend of sentiment; with too few scored days of feedback, then of page views; with nothing, no chart."""
    start = end - DAY * (CHART_DAYS[period] - 1)
    lines = {name: await series(session, name, site, start, end) for name in CHARTED}
    told = [name for least in (LEAST_POINTS, 1) for name in CHARTED if _known(lines[name]) >= least]
    if not told:
        return None
    kpi = find_kpi(told[0])
    before = await series(session, kpi.name, site, *period_before(start, end))
    previous = before if _known(before) >= LEAST_POINTS else []
    return Series(name=kpi.title, unit=kpi.unit, points=lines[kpi.name], previous=previous)


def _known(points: list[Point]) -> int:
    """Days with something to show."""
    return sum(bool(point.value) for point in points)


def _moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(ZoneInfo("UTC"))
