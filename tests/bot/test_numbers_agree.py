"""One number, four places: the tile, /metric, the summary and the alert say the same of the same days."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from api.dashboard_address import View
from api.overview_figures import load_figure, load_tiles
from shared.clock import day_start, local_day
from shared.config import AlertRuleSettings
from shared.decide.alerts import check_rules
from shared.deliver.reports import build_summary
from shared.deliver.war_room import describe
from shared.derive.kpis import KPIS, format_change
from shared.messages import parse_message
from shared.store.models import OutboxMessage, Rollup
from tests.bot.discord_stage import Stage

DAYS = 7
RULE = AlertRuleSettings.model_validate(
    {
        "name": "clicks",
        "kpi": "ctr",
        "compare": "above",
        "threshold": 0.1,
        "window_hours": 24 * DAYS,
        "minimum_count": 1,
        "severity": "P3",
        "hold_minutes": 0,
        "cooldown_minutes": 0,
    }
)


@pytest.fixture
def database_url() -> str:
    """One database is enough here: what is measured is proved on both."""
    return ""


def make_rollups(now: datetime, zone: str) -> list[Rollup]:
    """118 of 281 views of this week have a click; 90 of 300 of the week before; counted for longer than that."""
    rows = []
    for ago, clicked, marked in ((1, 100, 200), (0, 18, 81), (8, 90, 300), (20, 1, 2)):
        hour = now - timedelta(days=ago, hours=1)
        values = {"site": "docs", "hour": hour, "local_day": local_day(hour, zone)}
        rows.append(Rollup(measure="clicked_view", count=clicked, **values))
        rows.append(Rollup(measure="marked_view", count=marked, **values))
        rows.append(Rollup(measure="event", key="page_view", count=marked, **values))
    return rows


async def test_tile_command_summary_and_alert_agree(stage: Stage) -> None:
    site, now = stage.settings.sites[0], stage.clock.now()
    today = local_day(now, site.zone)
    start = today - timedelta(days=DAYS - 1)

    async def unit(session: AsyncSession) -> None:
        session.add_all(make_rollups(now, site.zone))

    await stage.runtime.store.writer.run(unit)
    view = View(site, "7d", start, today, today, against=(start - timedelta(days=DAYS), start - timedelta(days=1)))
    async with stage.runtime.store.read() as session:
        tile = next(tile for tile in await load_tiles(session, view, "ctr", now) if tile.title == KPIS["ctr"].title)
        built = await build_summary(session, stage.settings, site, "weekly", start, today, now)
    summary = describe(built, stage.settings, stage.runtime.texts)
    told = await stage.server.slash(
        stage.bea, "metric", {"name": "ctr", "period": "7 days"}, channel=stage.war_room_channel
    )
    command = told.embeds[0]["description"].replace("\\", "").splitlines()
    alert = await fire(stage, day_start(start, site.zone))

    assert (tile.number, tile.cases.split(" · ")[0]) == ("42%", "118 of 281")
    assert command[0] == f"42% (118 of 281) · {tile.change}"
    assert command[1] == tile.definition
    assert f"Click-through rate: 42% (118 of 281) · {tile.change} (before: 30%)" in summary.lines
    assert alert[0].startswith("Click-through rate: 42% (118 of 281) in the last 7 days")
    assert alert[-1] == f"What it counts: {tile.definition}"


@pytest.mark.slow
async def test_today_stands_beside_yesterday_up_to_the_same_hour_everywhere(stage: Stage) -> None:
    """At noon 400 views; yesterday 100 by then and 3,100 over the whole day: more, not less."""
    site, now = stage.settings.sites[0], stage.clock.now()
    today, midnight = local_day(now, site.zone), day_start(local_day(now, site.zone), site.zone)
    counts = ((timedelta(hours=1), 400), (-timedelta(hours=23), 100), (-timedelta(hours=1), 3000), (-timedelta(9), 1))
    rows = [
        Rollup(
            site="docs",
            measure="page_view",
            hour=midnight + after,
            local_day=local_day(midnight + after, site.zone),
            count=count,
        )
        for after, count in counts
    ]

    async def unit(session: AsyncSession) -> None:
        session.add_all(rows)

    await stage.runtime.store.writer.run(unit)
    yesterday = today - timedelta(days=1)
    view = View(site, "today", today, today, today, against=(yesterday, yesterday))
    async with stage.runtime.store.read() as session:
        tile = await load_figure(session, "page_views", view, now)
    told = await stage.server.slash(
        stage.bea, "metric", {"name": "page_views", "period": "today"}, channel=stage.war_room_channel
    )
    summary = await stage.server.slash(stage.bea, "summary", {"period": "today"}, channel=stage.war_room_channel)

    assert (tile.value, tile.previous) == (400, 100)
    assert told.embeds[0]["description"].splitlines()[0] == f"400 · {format_change(tile)}"
    assert "(before: 100)" in summary.embeds[0]["description"].replace("\\", "")


async def fire(stage: Stage, since: datetime) -> tuple[str, ...]:
    """The lines of an alert about the same hours."""
    settings = stage.settings.model_copy(update={"alerts": [RULE]})
    await check_rules(stage.runtime.store, settings, since + timedelta(days=DAYS))
    [row] = [row for row in await stage.rows(OutboxMessage) if row.kind == "alert"]
    return describe(parse_message(row.payload), settings, stage.runtime.texts).lines
