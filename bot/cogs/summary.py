"""/summary: the daily or weekly summary of the War Room, at once, for the days until yesterday or today."""

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot.channels.discord_posts import draw, make_embed, with_chart
from bot.replies import Answer
from bot.team_commands import chosen_site, is_private, suggest_site, team
from shared.clock import local_day
from shared.deliver.reports import build_summary
from shared.deliver.war_room import describe

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient

TODAY, YESTERDAY, WEEK = "today", "yesterday", "7 days"
KINDS: dict[str, Literal["daily", "weekly"]] = {TODAY: "daily", YESTERDAY: "daily", WEEK: "weekly"}


class SummaryCog(commands.Cog):
    def __init__(self, client: "WarroomClient") -> None:
        self.client = client

    @app_commands.command(description="What happened: counts, words, quotes, a chart", extras=team("viewer"))
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.guild_only()
    @app_commands.describe(period="Which days", site="Which site")
    @app_commands.choices(period=[app_commands.Choice(name=name, value=name) for name in KINDS])
    @app_commands.autocomplete(site=suggest_site)
    async def summary(
        self, interaction: discord.Interaction["WarroomClient"], period: str = WEEK, site: str | None = None
    ) -> None:
        answer = Answer.of(interaction)
        await answer.defer(private=is_private(interaction))
        runtime = self.client.runtime
        where = chosen_site(runtime.settings, site)
        today = local_day(runtime.clock.now(), where.zone)
        end = today - timedelta(days=1) if period == YESTERDAY else today
        start = end - timedelta(days=6) if period == WEEK else end
        async with runtime.store.read() as session:
            built = await build_summary(
                session, runtime.settings, where, KINDS[period], start, end, runtime.clock.now()
            )
        post = describe(built, runtime.settings, runtime.texts)
        chart = await draw(runtime.worker, post)
        await answer.say(embed=with_chart(make_embed(post), chart), file=chart, private=is_private(interaction))
