"""What the Overview says: tiles, the main chart, sentences on what changed, and the top lists.

Everything comes from rollups through `shared.derive.kpis`, so no other place can show other numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from api.dashboard_address import View
from api.rendering import draw, show_day
from shared.deliver.charts import alt_text
from shared.deliver.svg_chart import svg_spark, table_rows
from shared.derive import kpis
from shared.derive.conversion_values import load_worth, write_worth
from shared.derive.kpis.wording import FEW_CASES, UNKNOWN
from shared.messages import Figure, Point, Series
from shared.stats.proportions import wilson_interval
from shared.store.models import Alert, Event, Rollup

TILES = (
    "visitors",
    "engaged_time",
    "sequence_completion",
    "ctr",
    "conversion_rate",
    "helpful_share",
    "intake_error_rate",
)
WATCHED = (*TILES[:6], "page_views", "feedback_count", "share_negative", "mean_sentiment")
DEFAULT_METRIC = "visitors"
SENTENCES = 5
TOP_ROWS = 8


@dataclass(frozen=True)
class Tile:
    title: str
    address: str
    number: str
    exact: str
    cases: str
    change: str
    tone: str
    definition: str
    is_chosen: bool
    spark: Markup


@dataclass(frozen=True)
class Sentence:
    text: str
    tone: str
    address: str
    link: str


@dataclass(frozen=True)
class ChartRow:
    label: str
    value: str
    previous: str


@dataclass(frozen=True)
class DrawnChart:
    title: str
    svg: Markup
    rows: list[ChartRow]
    has_previous: bool
    first_column: str
    reason: str


@dataclass(frozen=True)
class Status:
    open_alerts: list[str]
    newest: datetime | None
    now: datetime


async def compare_only_counted(session: AsyncSession, view: View) -> View:
    """The view without its comparison, when the days beside it begin before the site was counted."""
    if view.against is None or await kpis.was_counted_on(session, view.site.key, view.against[0]):
        return view
    return replace(view, against=None)


async def load_figure(session: AsyncSession, kpi: str, view: View, now: datetime) -> Figure:
    """The figure of a tile. Today is compared with the day beside it up to the same hour."""
    if view.period != "today" or view.against is None:
        return await kpis.figure(
            session, kpi, view.site.key, view.start, view.end, compare=view.against is not None, against=view.against
        )
    return await kpis.figure_of_today(session, kpi, view.site.key, view.site.zone, now, view.against[0])


async def load_tiles(session: AsyncSession, view: View, chosen: str, now: datetime) -> list[Tile]:
    tiles = []
    for name in TILES:
        figure = await load_figure(session, name, view, now)
        points = await kpis.series(session, name, view.site.key, view.start, view.end)
        if view.days > 1 and not view.is_whole:
            points = points[:-1]  # a day that still grows would look like a fall
        tiles.append(make_tile(figure, view, is_chosen=name == chosen, points=points))
    return tiles


def make_tile(figure: Figure, view: View, *, is_chosen: bool, points: Sequence[Point] = ()) -> Tile:
    number, cases = split_value(figure)
    kpi = kpis.find_kpi(figure.kpi)
    return Tile(
        title=figure.title,
        address=view.link("/app", metric=figure.kpi),
        number=number,
        exact=exact_value(figure),
        cases=cases,
        change=kpis.format_change(figure),
        tone={True: "good", False: "bad", None: "muted"}[kpis.is_better(figure)],
        definition=kpi.definition,
        is_chosen=is_chosen,
        spark=_spark(figure, points),
    )


def _spark(figure: Figure, points: Sequence[Point]) -> Markup:
    if figure.value is None or len(points) < 2:
        return Markup("")
    words = alt_text(Series(name=figure.title, unit=figure.unit, points=list(points)))
    return Markup(svg_spark(points, words))  # noqa: S704 - drawn by us, escapes its words itself


def split_value(figure: Figure) -> tuple[str, str]:
    """The number of a tile, and under it the counts it rests on with their interval, or why there is none."""
    if figure.value is None:
        return kpis.format_value(figure.kpi, None), figure.reason or ""
    number, _, cases = kpis.format_value(figure.kpi, figure.value, figure.count).partition(" (")
    cases = cases.removesuffix(")")
    if figure.unit == "ms" and figure.count:
        cases = f"{kpis.short_number(figure.count)} {'case' if figure.count == 1 else 'cases'}"
    interval = None
    if figure.unit == "share" and cases and figure.numerator is not None and figure.denominator is not None:
        interval = wilson_interval(figure.numerator, figure.denominator)
    if interval is not None:
        cases += f" · 95% interval {kpis.percent(interval[0])} to {kpis.percent(interval[1])}"
    return number, cases


def exact_value(figure: Figure) -> str:
    if figure.value is None:
        return figure.reason or ""
    return f"{figure.value:,.0f}" if figure.unit == "count" else f"{figure.value:.6g}"


async def load_chart(session: AsyncSession, kpi: str, view: View, now: datetime) -> DrawnChart:
    found, site = kpis.find_kpi(kpi), view.site.key
    points = await kpis.series(session, kpi, site, view.start, view.end, until=now)
    previous: list[Point] = []
    if view.against is not None and view.period != "today":
        previous = await kpis.series(session, kpi, site, *view.against)
    previous = previous[: len(points)]
    series = Series(name=found.title, unit=found.unit, points=points, previous=previous)
    rows = [ChartRow(*row) for row in table_rows(series)]
    empty = all(point.value is None for point in points)
    incomplete = not view.is_whole and view.days > 1
    return DrawnChart(
        title=found.title,
        svg=Markup("") if empty else draw(series, "main", last_is_incomplete=incomplete),
        rows=[] if empty else rows,
        has_previous=bool(previous) and not empty,
        first_column="Hour" if view.days == 1 else "Day",
        reason=f"There is no chart: {found.nothing}.",
    )


async def load_sentences(
    session: AsyncSession, view: View, now: datetime, unread: int, open_alerts: Sequence[str]
) -> list[Sentence]:
    """At most five: what became clearly worse, then better, then what waits."""
    changed = []
    for name in WATCHED:
        figure = await load_figure(session, name, view, now)
        if view.against is not None and kpis.is_clear_change(figure):
            changed.append(figure)
    changed.sort(key=lambda figure: (kpis.is_better(figure) is not False, -_relative(figure)))
    found = [describe_change(figure, view) for figure in changed]
    waiting = []
    if open_alerts:
        words = "1 alert is open." if len(open_alerts) == 1 else f"{len(open_alerts)} alerts are open."
        waiting.append(Sentence(words, "is-bad", view.link("/app/war-room", kind="alert"), "See them"))
    if unread:
        words = "1 voice waits to be read." if unread == 1 else f"{unread:,} voices wait to be read."
        waiting.append(Sentence(words, "", view.link("/app/feedback", status="new"), "Read them"))
    if not found:
        words = "Nothing changed clearly against the days beside." if view.against else await _why_alone(session, view)
        found = [Sentence(words, "", view.link("/app/feedback"), "See what people say")]
    return [*found[: SENTENCES - len(waiting)], *waiting]


async def _why_alone(session: AsyncSession, view: View) -> str:
    began = await kpis.counting_began(session, view.site.key)
    if view.compare == "off" or began is None:
        return "Nothing to compare with."
    return f"Nothing to compare with: counting began on {show_day(began)}. Choose a shorter period to see changes."


def describe_change(figure: Figure, view: View) -> Sentence:
    better = kpis.is_better(figure)
    now, before = (
        kpis.format_value(figure.kpi, value, count)
        for value, count in ((figure.value, figure.count), (figure.previous, figure.previous_count))
    )
    tone = {True: "is-good", False: "is-bad", None: ""}[better]
    text = f"{figure.title}: {kpis.format_change(figure)}, {now} instead of {before}."
    return Sentence(text, tone, view.link("/app", metric=figure.kpi), "Show the chart")


def _relative(figure: Figure) -> float:
    now, before = figure.value or 0.0, figure.previous or 0.0
    return abs(now - before) / max(abs(before), 1e-9)


async def load_status(session: AsyncSession, view: View, now: datetime) -> Status:
    open_alerts = (
        await session.execute(
            select(Alert.rule)
            .where(Alert.site == view.site.key, col(Alert.resolved_at).is_(None))
            .order_by(col(Alert.fired_at).desc())
        )
    ).scalars()
    return Status(list(open_alerts), await newest_event(session, view.site.key, view.today), now)


async def newest_event(session: AsyncSession, site: str, today: date) -> datetime | None:
    """When the last event of a site was received, if that is not over a year ago."""
    recent = select(Event.received_at).where(Event.site == site, col(Event.local_day) >= today - timedelta(days=400))
    return (await session.execute(recent.order_by(col(Event.id).desc()).limit(1))).scalar_one_or_none()


async def is_empty(session: AsyncSession, site: str) -> bool:
    """Whether nothing was ever counted for a site."""
    found = await session.execute(select(Rollup.measure).where(Rollup.site == site).limit(1))
    return found.first() is None


@dataclass(frozen=True)
class TopRow:
    name: str
    address: str
    bar: int
    cells: list[str]


@dataclass(frozen=True)
class TopList:
    title: str
    caption: str
    columns: list[str]
    rows: list[TopRow]
    nothing: str


async def load_lists(session: AsyncSession, view: View) -> list[TopList]:
    site, days = view.site.key, (view.start, view.end)
    pages = await kpis.sums_by_key(session, "page", site, *days, limit=TOP_ROWS)
    sources = await kpis.sums_by_key(session, "source", site, *days, limit=TOP_ROWS)
    return [
        TopList("Top pages", "Most viewed", ["Page", "Views"], _top_rows(pages, view, "page"), "No page was viewed."),
        TopList(
            "Top sources",
            "Sites that led people here",
            ["Site", "Views"],
            _top_rows(sources, view),
            "No link from another site was followed.",
        ),
        await _sequences(session, site, days),
        await _goals(session, view),
    ]


def _top_rows(sums: Sequence[kpis.Sum], view: View, filter_name: str = "") -> list[TopRow]:
    most = max((row.count for row in sums), default=1)
    return [
        TopRow(
            row.key or "(direct)",
            view.link("/app/feedback", **{filter_name: row.key, "metric": ""}) if filter_name and row.key else "",
            max(1, round(100 * row.count / most)),
            [kpis.short_number(row.count)],
        )
        for row in sums
    ]


async def _sequences(session: AsyncSession, site: str, days: tuple[date, date]) -> TopList:
    started = await kpis.sums_by_key(session, "sequence_started", site, *days, limit=TOP_ROWS)
    finished = {row.key: row.count for row in await kpis.sums_by_key(session, "sequence_done", site, *days)}
    rows = []
    for row in started:
        done = finished.get(row.key, 0)
        share = kpis.percent(done / row.count) if row.count >= FEW_CASES else UNKNOWN
        cells = [f"{row.count:,}", f"{done:,}", share]
        rows.append(TopRow(row.key, "", min(100, round(100 * done / row.count)), cells))
    columns = ["Tutorial", "Started", "Finished", "Share"]
    return TopList("Tutorials", "People who started and who finished", columns, rows, "No tutorial was started.")


async def _goals(session: AsyncSession, view: View) -> TopList:
    """How often each goal was reached, and what all of them were worth, each currency for itself."""
    days = (view.start, view.end)
    reached = await kpis.sums_by_key(session, "conversion", view.site.key, *days, limit=TOP_ROWS)
    worth = write_worth(await load_worth(session, view.site.key, *days))
    caption = f"What people reached, worth {worth}" if worth else "What people reached"
    return TopList("Goals", caption, ["Goal", "Reached"], _top_rows(reached, view), "No goal was reached.")
