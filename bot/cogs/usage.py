"""Interactions with the bot count as usage of the product; team commands, opt-outs and privacy commands do not."""

from typing import TYPE_CHECKING

import discord
from discord.ext import commands
from sqlalchemy.ext.asyncio import AsyncSession

from bot.places import community_id, community_of, site_of
from shared.config import SiteSettings
from shared.errors import WarroomError
from shared.ingest.identities import ensure_identity, note_usage
from shared.runtime import Runtime
from shared.store.models import Platform

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient


class UsageCog(commands.Cog):
    def __init__(self, client: "WarroomClient") -> None:
        self.client = client

    @commands.Cog.listener()
    async def on_used(self, interaction: discord.Interaction["WarroomClient"]) -> None:
        """Dispatched by our own handlers after they did their work."""
        runtime = self.client.runtime
        settings = runtime.settings
        is_team_only = interaction.guild_id == settings.discord.war_room_guild and not community_of(
            settings, interaction.guild_id
        )
        if interaction.guild_id is not None and is_team_only:
            return
        with self.client.in_flight.one():
            try:
                site = await site_of(runtime, interaction.guild_id, interaction.user.id)
            except WarroomError:
                return  # no site is configured: nothing to count for
            guild_id = community_id(settings, interaction.guild_id)
            await count_usage(runtime, site, interaction.user.id, str(interaction.locale.value), guild_id)


async def count_usage(
    runtime: Runtime, site: SiteSettings, user_id: int, language: str | None, guild_id: str | None
) -> None:
    """Today is a usage day of this Discord user."""
    now = runtime.clock.now()

    async def unit(session: AsyncSession) -> None:
        identity, person = await ensure_identity(
            session,
            runtime.instance_key,
            Platform.DISCORD.value,
            str(user_id),
            site.key,
            now,
            language,
            guild_id,
        )
        await note_usage(session, runtime.settings, identity, person, site, now)

    await runtime.store.writer.run(unit)
