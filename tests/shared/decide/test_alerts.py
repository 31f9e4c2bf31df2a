"""Alerts from rollups to the outbox."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from shared.clock import ManualClock, local_day
from shared.config import AlertRuleSettings, Settings
from shared.decide.alerts import check_rules, open_alerts, unknown_kpis, weeks_before, window_of
from shared.derive.kpis import KPIS
from shared.messages import parse_message
from shared.store.database import Store
from shared.store.models import Alert, OutboxMessage, Rollup
from tests.shared.decide.test_alert_rules import make_rule


class Team:
    """Rules on a store, a clock, and what the War Room was told."""

    def __init__(self, settings: Settings, clock: ManualClock, store: Store, *rules: AlertRuleSettings) -> None:
        self.settings = settings.model_copy(update={"alerts": list(rules)})
        self.clock, self.store = clock, store

    async def count(self, measure: str, count: int, key: str = "", ago: timedelta = timedelta(), site: str = "docs"):
        hour = (self.clock.now() - ago).replace(minute=0, second=0, microsecond=0)
        day = local_day(hour, "Europe/Berlin")

        async def unit(session):
            old = await session.get(Rollup, (site, measure, hour, day, key))
            if old is None:
                session.add(Rollup(site=site, measure=measure, hour=hour, local_day=day, key=key, count=count))
            else:
                old.count += count

        await self.store.writer.run(unit)

    async def check(self) -> int:
        return await check_rules(self.store, self.settings, self.clock.now())

    async def check_each_minute(self, minutes: int) -> None:
        for _ in range(minutes):
            await self.check()
            self.clock.advance(minutes=1)

    async def told(self):
        async with self.store.read() as session:
            rows = (await session.execute(select(OutboxMessage).order_by(OutboxMessage.id))).scalars()
            return [(row.id, parse_message(row.payload)) for row in rows]

    async def alerts(self) -> list[Alert]:
        async with self.store.read() as session:
            return list((await session.execute(select(Alert))).scalars())


@pytest.fixture
def make_team(settings, clock, store):
    return lambda *rules: Team(settings, clock, store, *rules)


async def test_an_alert_fires_updates_and_resolves(make_team):
    team = make_team(make_rule(window_hours=1))
    await team.count("judged", 20)
    await team.count("negative", 10)
    await team.check_each_minute(15)
    await team.count("judged", 20)
    await team.count("negative", 20)
    await team.check_each_minute(6)
    await team.count("judged", 200)
    await team.check_each_minute(15)
    posts = await team.told()
    assert [post.phase for _, post in posts] == ["fired", "updated", "resolved"]
    first = posts[0][0]
    assert [post.reply_to_outbox for _, post in posts] == [None, first, first]
    assert [post.figure.value for _, post in posts] == [0.5, 0.75, 0.125]
    (alert,) = await team.alerts()
    assert (alert.worst_value, alert.outbox_id) == (0.75, first)
    assert alert.resolved_at is not None
    assert posts[0][1].chart.points[-1].value == 0.5


async def test_each_site_is_watched_by_itself(make_team):
    team = make_team(make_rule(hold_minutes=0))
    await team.count("judged", 20, site="blog")
    await team.count("negative", 20, site="blog")
    await team.check()
    assert [post.site for _, post in await team.told()] == ["blog"]


async def test_metrics_of_the_installation_fire_once(make_team):
    team = make_team(make_rule(name="errors", kpi="intake_error_rate", threshold=0.001, window_hours=1, hold_minutes=0))
    await team.count("answer", 900, "track:2xx", site="")
    await team.count("answer", 1, "track:5xx", site="")
    await team.check()
    assert [post.site for _, post in await team.told()] == [""]


async def test_a_drop_compares_with_the_same_weekday_of_four_weeks(make_team):
    team = make_team(make_rule(kpi="page_views", compare="drop", threshold=0.5, window_hours=2, hold_minutes=0))
    for weeks, views in enumerate((100, 110, 1000, 90), start=1):
        await team.count("page_view", views, ago=timedelta(weeks=weeks, hours=1))
    await team.count("page_view", 60, ago=timedelta(hours=1))
    assert await team.check() == 0
    team.clock.advance(hours=2)
    await team.count("page_view", 50, ago=timedelta(hours=1))
    for weeks in (1, 2):
        await team.count("page_view", 120, ago=timedelta(weeks=weeks, hours=1))
    assert await team.check() == 1
    (_, post) = (await team.told())[0]
    assert (post.figure.value, post.expected) == (50, 120)
    assert len(post.chart.previous) == len(post.chart.points)


async def test_no_traffic_at_all_is_a_drop(make_team):
    team = make_team(make_rule(kpi="page_views", compare="drop", threshold=0.5, window_hours=24, hold_minutes=0))
    await team.count("page_view", 300, ago=timedelta(weeks=1, hours=3))
    assert await team.check() == 1


async def test_a_first_week_has_nothing_to_compare_with(make_team):
    team = make_team(make_rule(kpi="page_views", compare="drop", threshold=0.5, hold_minutes=0))
    await team.count("page_view", 3, ago=timedelta(hours=1))
    assert await team.check() == 0


async def test_a_rule_taken_out_of_the_configuration_ends_its_alert(make_team, store):
    team = make_team(make_rule(hold_minutes=0))
    await team.count("judged", 20)
    await team.count("negative", 20)
    await team.check()
    team.settings = team.settings.model_copy(update={"alerts": []})
    await team.check()
    await team.check()
    assert [post.kind for _, post in await team.told()] == ["alert", "notice"]
    async with store.read() as session:
        assert await open_alerts(session) == []


def test_rules_with_unknown_metrics_are_named(settings):
    odd = settings.model_copy(update={"alerts": [make_rule(kpi="moon_phase")]})
    assert "moon_phase" in unknown_kpis(odd)[0]
    assert unknown_kpis(settings) == []


def test_a_rule_is_shipped_for_every_metric_that_teams_begin_with(settings):
    assert {rule.kpi for rule in settings.alerts} == {
        "feedback_count",
        "mean_sentiment",
        "share_negative",
        "ctr",
        "conversion_rate",
        "page_views",
        "intake_error_rate",
        "ingestion_lag_p95",
    }
    [errors] = [rule for rule in settings.alerts if rule.kpi == "intake_error_rate"]
    assert (errors.compare, errors.threshold) == ("above", 0.001)


def test_counts_are_compared_by_whole_hours():
    now = datetime(2026, 3, 11, 12, 34, tzinfo=UTC)
    drop = make_rule(kpi="page_views", compare="drop", window_hours=2)
    assert window_of(drop, KPIS["page_views"], now) == (now.replace(hour=10, minute=0), now.replace(minute=0))
    assert window_of(make_rule(window_hours=2), KPIS["share_negative"], now)[1] == now.replace(hour=13, minute=0)


def test_the_week_before_keeps_the_hour_on_the_wall():
    after_the_change = datetime(2026, 3, 30, 10, tzinfo=UTC)  # 12:00 in Berlin, summer time
    assert weeks_before(after_the_change, 1, "Europe/Berlin") == datetime(2026, 3, 23, 11, tzinfo=UTC)
