"""What the team's commands share: who may, which site, which days, and whether only the user sees the answer."""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands
from sqlalchemy.ext.asyncio import AsyncSession

from bot.places import first_site
from shared.clock import local_day
from shared.config import Settings, SiteSettings
from shared.derive.kpis import figure, figure_of_today
from shared.errors import FieldProblem, InvalidInput
from shared.messages import Figure

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient

SUGGESTIONS = 25
TODAY, WEEK, MONTH, QUARTER = "today", "7 days", "28 days", "91 days"
DAYS = {TODAY: 1, WEEK: 7, MONTH: 28, QUARTER: 91}
PERIODS = [app_commands.Choice(name=name, value=name) for name in DAYS]


def team(role: str) -> dict[str, Any]:
    """The declaration of a team command: the least role; it is no usage of the product."""
    return {"access": role, "usage": False}


def is_private(interaction: discord.Interaction["WarroomClient"]) -> bool:
    """Answers are for the user alone, except in the War Room channel, where the team reads."""
    return interaction.channel_id != interaction.client.runtime.settings.discord.war_room_channel


def chosen_site(settings: Settings, key: str | None) -> SiteSettings:
    """The named site, or the first one."""
    if key is None:
        return first_site(settings)
    if site := settings.site(key):
        return site
    known = ", ".join(site.key for site in settings.all_sites())
    raise InvalidInput("There is no such site.", [FieldProblem("site", f"one of {known}")])


def days_of(period: str, site: SiteSettings, interaction: discord.Interaction["WarroomClient"]) -> tuple[date, date]:
    """The site's local days of a period that ends today."""
    today = local_day(interaction.client.runtime.clock.now(), site.zone)
    return today - timedelta(days=DAYS[period] - 1), today


async def figure_of(
    session: AsyncSession,
    kpi: str,
    period: str,
    site: SiteSettings,
    interaction: discord.Interaction["WarroomClient"],
    *,
    compare: bool = True,
) -> Figure:
    """The metric of a period; the day that runs stands beside the day before up to the same hour, as on Overview."""
    if period == TODAY and compare:
        return await figure_of_today(session, kpi, site.key, site.zone, interaction.client.runtime.clock.now())
    return await figure(session, kpi, site.key, *days_of(period, site, interaction), compare)


async def suggest_site(interaction: discord.Interaction["WarroomClient"], typed: str) -> list[app_commands.Choice[str]]:
    """The sites whose key or name has the typed letters."""
    wanted = typed.strip().lower()
    sites = interaction.client.runtime.settings.all_sites()
    found = [site for site in sites if wanted in site.key.lower() or wanted in site.name.lower()]
    return [app_commands.Choice(name=site.name[:100], value=site.key) for site in found[:SUGGESTIONS]]
