"""Metrics from rollups: values, reasons, series and words."""

from datetime import UTC, date, datetime, timedelta

import pytest

from shared.config import SiteSettings
from shared.derive import kpis
from shared.derive.coverage import CoverageRun, load_last_run, store_run
from shared.errors import InvalidInput
from shared.messages import Figure
from shared.store.database import Store
from shared.store.models import Rollup

DAY = date(2026, 3, 10)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def make_rollup(measure: str, count: int, total: float = 0.0, key: str = "", **other: object) -> Rollup:
    values = {"site": "docs", "hour": NOON, "local_day": DAY} | other
    return Rollup(measure=measure, count=count, total=total, key=key, **values)


async def insert(store: Store, *rows: Rollup) -> None:
    async def unit(session):
        session.add_all(rows)

    await store.writer.run(unit)


async def measured(store: Store, kpi: str, start: date = DAY, end: date = DAY) -> kpis.Measured:
    async with store.read() as session:
        return await kpis.measure(session, kpi, "docs", start, end)


async def test_a_rate_is_numerator_over_denominator(store):
    await insert(store, make_rollup("marked_view", 40), make_rollup("clicked_view", 10))
    assert await measured(store, "ctr") == kpis.Measured(0.25, 10, 40, 40)


async def test_a_rate_without_cases_is_undefined_with_a_reason(store):
    result = await measured(store, "ctr")
    assert result.value is None
    assert result.reason == "no view of a page with a marked element in this period"


async def test_a_count_of_nothing_is_zero(store):
    assert (await measured(store, "page_views")).value == 0


async def test_other_sites_and_days_do_not_count(store):
    await insert(
        store,
        make_rollup("page_view", 3),
        make_rollup("page_view", 5, site="blog"),
        make_rollup("page_view", 7, local_day=DAY + timedelta(days=1)),
    )
    assert (await measured(store, "page_views")).value == 3


async def test_a_local_day_may_begin_on_the_utc_day_before(store):
    late = datetime(2026, 3, 9, 23, tzinfo=UTC)
    await insert(store, make_rollup("page_view", 3, hour=late))
    assert (await measured(store, "page_views")).value == 3


async def test_mean_sentiment_counts_scored_texts(store):
    await insert(store, make_rollup("scored", 4, total=-1.0))
    assert await measured(store, "mean_sentiment") == kpis.Measured(-0.25, None, 4, 4)


async def test_scales_are_never_mixed(store):
    await insert(
        store,
        make_rollup("score", 2, 9.0, "1-5"),
        make_rollup("score", 8, 70.0, "0-10"),
        make_rollup("score", 3, 2, "0-1"),
    )
    assert (await measured(store, "mean_score")).value == 4.5
    assert await measured(store, "helpful_share") == kpis.Measured(2 / 3, 2, 3, 3)
    async with store.read() as session:
        scales = await kpis.scores_by_scale(session, "docs", DAY, DAY)
    assert [(scale.scale_min, scale.scale_max, scale.mean) for scale in scales] == [
        (0, 10, 8.75),
        (0, 1, 2 / 3),
        (1, 5, 4.5),
    ]


async def test_intake_errors_are_of_the_whole_installation(store):
    await insert(
        store,
        make_rollup("answer", 995, key="track:2xx", site=""),
        make_rollup("answer", 5, key="track:5xx", site=""),
    )
    assert await measured(store, "intake_error_rate") == kpis.Measured(0.005, 5, 1000, 1000)


async def test_lag_is_the_bound_that_95_percent_stay_below(store):
    await insert(
        store, *(make_rollup("lag_ms", n, key=key, site="") for key, n in {"10": 90, "100": 5, "5000": 5}.items())
    )
    assert await measured(store, "ingestion_lag_p95") == kpis.Measured(100.0, None, 100, 100)


async def test_lag_of_one_slow_request_in_ten_is_seen(store):
    await insert(store, make_rollup("lag_ms", 9, key="5", site=""), make_rollup("lag_ms", 1, key="5000", site=""))
    assert (await measured(store, "ingestion_lag_p95")).value == 5000


async def test_hours_are_taken_from_since_up_to_until(store):
    await insert(store, *(make_rollup("page_view", 1 << n, hour=NOON + timedelta(hours=n)) for n in range(4)))
    async with store.read() as session:
        result = await kpis.measure_between(
            session, "page_views", "docs", NOON + timedelta(hours=1), NOON + timedelta(hours=3)
        )
    assert result.value == 2 + 4


async def test_a_series_has_a_point_for_each_day(store):
    await insert(store, make_rollup("scored", 2, total=1.0))
    async with store.read() as session:
        points = await kpis.series(session, "mean_sentiment", "docs", DAY - timedelta(days=1), DAY)
    assert [(point.at, point.value) for point in points] == [(DAY - timedelta(days=1), None), (DAY, 0.5)]


async def test_a_series_of_one_day_has_hours(store):
    await insert(store, make_rollup("page_view", 1), make_rollup("page_view", 2, hour=NOON + timedelta(hours=2)))
    async with store.read() as session:
        points = await kpis.series(session, "page_views", "docs", DAY, DAY)
        between = await kpis.series_between(session, "page_views", "docs", NOON, NOON + timedelta(hours=3))
    assert [point.value for point in points] == [1, 0, 2]
    assert between == points


async def test_a_figure_compares_with_the_days_before(store):
    await insert(store, make_rollup("page_view", 30), make_rollup("page_view", 20, local_day=DAY - timedelta(days=1)))
    async with store.read() as session:
        figure = await kpis.figure(session, "page_views", "docs", DAY, DAY)
        alone = await kpis.figure(session, "page_views", "docs", DAY, DAY, compare=False)
    assert (figure.value, figure.previous, figure.previous_count) == (30, 20, 20)
    assert alone.previous is None


async def test_an_unknown_metric_names_the_known_ones(store):
    with pytest.raises(InvalidInput, match="ctr"):
        await measured(store, "clicks_per_moon")


async def test_a_period_cannot_end_before_it_begins(store):
    with pytest.raises(InvalidInput):
        await measured(store, "ctr", DAY, DAY - timedelta(days=1))


@pytest.mark.parametrize(
    ("kpi", "value", "count", "expected"),
    [
        ("ctr", 118 / 281, 281, "42% (118 of 281)"),
        ("ctr", 7 / 12, 12, "7 of 12"),
        ("ctr", 0.081, None, "8.1%"),
        ("intake_error_rate", 5 / 10_000, 10_000, "0.05% (5 of 10,000)"),
        ("ctr", 0.0, 30, "0% (0 of 30)"),
        ("page_views", 1234, None, "1,234"),
        ("page_views", 12_345, None, "12.3k"),
        ("page_views", 4_560_000, None, "4.56M"),
        ("page_views", 999_999, None, "1.00M"),
        ("engaged_time", 84_000, None, "1 min 24 s"),
        ("engaged_time", 850, None, "850 ms"),
        ("engaged_time", 12_000, None, "12 s"),
        ("engaged_time", 7_500_000, None, "2 h 5 min"),
        ("mean_sentiment", -0.314, 1, "−0.31 (1 text)"),
        ("mean_sentiment", 0.314, 42, "+0.31 (42 texts)"),
        ("mean_score", 4.25, 8, "4.2 (8 scores)"),
        ("mean_score", None, 0, "–"),
    ],
)
def test_values_are_written_with_their_counts(kpi, value, count, expected):
    assert kpis.format_value(kpi, value, count) == expected


def make_figure(kpi: str, value: float | None, count: int, previous: float | None, previous_count: int) -> Figure:
    now = kpis.Measured(value, None, None, count)
    return kpis.make_figure(kpis.KPIS[kpi], now, kpis.Measured(previous, None, None, previous_count))


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        (make_figure("page_views", 1081, 1081, 1000, 1000), "no clear change"),
        (make_figure("page_views", 1500, 1500, 1000, 1000), "▲ 50% better"),
        (make_figure("page_views", 50, 50, 0, 0), "▲ from 0 to 50 better"),
        (make_figure("share_negative", 0.5, 200, 0.3, 200), "▲ 67% worse"),
        (make_figure("share_negative", 0.5, 4, 0.25, 4), "no clear change"),
        (make_figure("mean_sentiment", -0.4, 100, 0.2, 100), "▼ 0.60 worse"),
        (make_figure("mean_sentiment", 0.1, 100, None, 0), ""),
        (make_figure("engaged_time", 60_000, 500, 40_000, 500), "▲ 50% better"),
    ],
)
def test_changes_are_judged_and_noise_is_not_told(figure, expected):
    assert kpis.format_change(figure) == expected


def test_every_metric_has_a_title_and_a_definition_that_ends():
    assert all(kpi.title and kpi.definition.endswith(".") and kpi.nothing for kpi in kpis.KPIS.values())


async def test_days_before_the_site_was_counted_are_nothing_to_compare_with(store):
    await insert(store, make_rollup("page_view", 30), make_rollup("page_view", 20, local_day=DAY - timedelta(days=1)))
    async with store.read() as session:
        week = await kpis.figure(session, "page_views", "docs", DAY - timedelta(days=1), DAY)
    assert (week.value, week.previous) == (50, None)


async def test_validity_is_the_share_of_events_as_declared(store):
    judged = {"declared": 90, "undeclared": 6, "invalid": 4}
    await insert(store, *(make_rollup("schema", count, key=key) for key, count in judged.items()))
    assert await measured(store, "schema_validity") == kpis.Measured(0.9, 90, 100, 100)


async def test_coverage_is_that_of_the_newest_run_however_long_ago(store):
    site = SiteSettings(key="docs", name="Docs", hosts=[])
    runs = ((NOON - timedelta(days=40), 10, ["a"]), (NOON, 20, ["a", "b"]), (NOON + timedelta(hours=1), 20, ["b"]))
    for when, elements, missed in runs:
        await store.writer.run(
            lambda session, w=when, e=elements, m=missed: store_run(session, site, e, e - len(m), m, w)
        )
    assert await measured(store, "coverage") == kpis.Measured(0.95, 19, 20, 20)
    assert (await measured(store, "coverage", DAY + timedelta(days=5), DAY + timedelta(days=6))).value == 0.95
    assert (await measured(store, "coverage", DAY - timedelta(days=9), DAY - timedelta(days=2))).value == 0.9
    never = await measured(store, "coverage", DAY - timedelta(days=60), DAY - timedelta(days=50))
    assert never.reason == "warroom coverage has not been run for this site"
    async with store.read() as session:
        points = await kpis.series(session, "coverage", "docs", DAY - timedelta(days=1), DAY)
        hours = await kpis.measure_between(
            session, "coverage", "docs", NOON + timedelta(days=1), NOON + timedelta(days=2)
        )
        last = await load_last_run(session, "docs")
        assert await load_last_run(session, "blog") is None
    assert [point.value for point in points] == [None, 0.95]
    assert hours.value == 0.95
    assert last == CoverageRun(DAY, 20, 19, ["b"])


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (10_156 / 10_158, "99.98%"),
        (999_999 / 1_000_000, "99.99%"),
        (0.9949, "99%"),
        (0.996, "99.6%"),
        (1.0, "100%"),
        (1.5, "150%"),
        (-0.9998, "-99.98%"),
        (0.0005, "0.05%"),
        (0.0, "0%"),
    ],
)
def test_all_but_a_few_is_never_100_percent(share, said):
    assert kpis.percent(share) == said
