"""/sentiment: how people sound, by label, with the scores of each scale and a chart."""

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.channels.discord_posts import draw_series, plain_embed, with_chart
from bot.replies import Answer
from bot.team_commands import MONTH, PERIODS, chosen_site, days_of, figure_of, is_private, suggest_site, team
from shared.derive.kpis import (
    KPIS,
    ScaleScore,
    Sum,
    format_change,
    format_figure,
    scores_by_scale,
    series,
    sums_by_key,
)
from shared.messages import Figure, Series

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient

SHOWN = ("mean_sentiment", "share_negative")


class SentimentCog(commands.Cog):
    def __init__(self, client: "WarroomClient") -> None:
        self.client = client

    @app_commands.command(description="How people sound: labels, scores and the trend", extras=team("viewer"))
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.guild_only()
    @app_commands.describe(period="Which days, ending today", site="Which site")
    @app_commands.choices(period=PERIODS)
    @app_commands.autocomplete(site=suggest_site)
    async def sentiment(
        self, interaction: discord.Interaction["WarroomClient"], period: str = MONTH, site: str | None = None
    ) -> None:
        answer = Answer.of(interaction)
        await answer.defer(private=is_private(interaction))
        where = chosen_site(self.client.runtime.settings, site)
        start, end = days_of(period, where, interaction)
        async with self.client.runtime.store.read() as session:
            figures = [await figure_of(session, kpi, period, where, interaction) for kpi in SHOWN]
            labels = await sums_by_key(session, "sentiment", where.key, start, end)
            scores = await scores_by_scale(session, where.key, start, end)
            points = await series(session, SHOWN[0], where.key, start, end)
        title = f"Sentiment · {where.name} · {period}"
        line = Series(name=SHOWN[0], unit=KPIS[SHOWN[0]].unit, points=points)
        chart = await draw_series(self.client.runtime.worker, line, title)
        embed = plain_embed(title, describe_sentiment(figures, labels, scores))
        await answer.say(embed=with_chart(embed, chart), file=chart, private=is_private(interaction))


def describe_sentiment(figures: list[Figure], labels: list[Sum], scores: list[ScaleScore]) -> list[str]:
    """One line per figure, one for the labels, one per scale; then what the figures count."""
    lines = []
    for found in figures:
        parts = (format_figure(found), format_change(found))
        lines.append(f"{found.title}: " + " · ".join(part for part in parts if part))
    if labels:
        lines.append("Texts: " + ", ".join(f"{label.count} {label.key}" for label in labels))
    for score in scores:
        counted = f"{score.count} {'score' if score.count == 1 else 'scores'}"
        lines.append(f"Scores on {score.scale_min} to {score.scale_max}: mean {score.mean:.1f} ({counted})")
    return [*lines, "", *(f"{KPIS[found.kpi].title}: {KPIS[found.kpi].definition}" for found in figures)]
