"""/metric: one metric of the catalogue with its counts, its change, its definition and a chart."""

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.channels.discord_posts import draw_series, plain_embed, with_chart
from bot.replies import Answer
from bot.team_commands import (
    MONTH,
    PERIODS,
    SUGGESTIONS,
    chosen_site,
    days_of,
    figure_of,
    is_private,
    suggest_site,
    team,
)
from shared.derive.kpis import KPIS, find_kpi, format_change, format_figure, period_before, series
from shared.errors import InvalidInput
from shared.messages import Series

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient


NAME_SHOWN = 60


class MetricCog(commands.Cog):
    def __init__(self, client: "WarroomClient") -> None:
        self.client = client

    @app_commands.command(description="One metric with its change and a chart", extras=team("viewer"))
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.guild_only()
    @app_commands.describe(
        name="Which metric", period="Which days, ending today", compare="Beside the days before", site="Which site"
    )
    @app_commands.choices(period=PERIODS)
    @app_commands.autocomplete(site=suggest_site)
    async def metric(
        self,
        interaction: discord.Interaction["WarroomClient"],
        name: str,
        period: str = MONTH,
        compare: bool = True,
        site: str | None = None,
    ) -> None:
        answer = Answer.of(interaction)
        if name not in KPIS:
            raise InvalidInput(answer.text("metric_unknown", name=name[:NAME_SHOWN]))
        await answer.defer(private=is_private(interaction))
        kpi = find_kpi(name)
        where = chosen_site(self.client.runtime.settings, site)
        start, end = days_of(period, where, interaction)
        async with self.client.runtime.store.read() as session:
            measured = await figure_of(session, kpi.name, period, where, interaction, compare=compare)
            points = await series(session, kpi.name, where.key, start, end)
            before = await series(session, kpi.name, where.key, *period_before(start, end)) if compare else []
        title = f"{kpi.title} · {where.name} · {period}"
        line = Series(name=kpi.name, unit=kpi.unit, points=points, previous=before)
        chart = await draw_series(self.client.runtime.worker, line, title)
        value = " · ".join(part for part in (format_figure(measured), format_change(measured)) if part)
        embed = plain_embed(title, [value, kpi.definition])
        await answer.say(embed=with_chart(embed, chart), file=chart, private=is_private(interaction))

    @metric.autocomplete("name")
    async def suggest_metric(
        self, interaction: discord.Interaction["WarroomClient"], typed: str
    ) -> list[app_commands.Choice[str]]:
        wanted = typed.strip().lower()
        found = [kpi for kpi in KPIS.values() if wanted in kpi.name.lower() or wanted in kpi.title.lower()]
        return [app_commands.Choice(name=kpi.title[:100], value=kpi.name) for kpi in found[:SUGGESTIONS]]
