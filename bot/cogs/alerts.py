"""/alerts: what fires now, and what fired last."""

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands
from sqlmodel import col, select

from bot.channels.discord_posts import plain_embed
from bot.replies import Answer
from bot.team_commands import is_private, team
from shared.derive.kpis import KPIS, format_value
from shared.store.models import Alert

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient

OPEN_SHOWN, ENDED_SHOWN = 15, 5
INSTALLATION_NAME = "Warroom"  # alerts about the whole installation belong to no site


class AlertsCog(commands.Cog):
    def __init__(self, client: "WarroomClient") -> None:
        self.client = client

    @app_commands.command(description="Alerts that fire now, and the last ones", extras=team("viewer"))
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.guild_only()
    async def alerts(self, interaction: discord.Interaction["WarroomClient"]) -> None:
        answer = Answer.of(interaction)
        newest = select(Alert).order_by(col(Alert.fired_at).desc())
        async with self.client.runtime.store.read() as session:
            firing = (await session.execute(newest.where(col(Alert.resolved_at).is_(None)).limit(OPEN_SHOWN))).scalars()
            ended = (
                await session.execute(newest.where(col(Alert.resolved_at).is_not(None)).limit(ENDED_SHOWN))
            ).scalars()
            lines = [describe_alert(alert) for alert in firing] or [answer.text("alerts_none")]
            lines += [describe_alert(alert) for alert in ended]
        await answer.say(embed=plain_embed("Alerts", lines), private=is_private(interaction))


def describe_alert(alert: Alert) -> str:
    """Severity, rule, site, value, since when; in UTC."""
    kpi = KPIS.get(alert.kpi)
    value = format_value(kpi, alert.last_value) if kpi else f"{alert.last_value:g}"
    title = kpi.title if kpi else alert.kpi
    since = f"{alert.fired_at:%Y-%m-%d %H:%M} UTC"
    state = f"ended {alert.resolved_at:%Y-%m-%d %H:%M} UTC" if alert.resolved_at else "firing"
    return (
        f"{alert.severity} · {alert.rule} · {alert.site or INSTALLATION_NAME}: {title} {value}, since {since}, {state}"
    )
