"""Which server belongs to which site, and which servers Warroom works in at all."""

from typing import Any

import discord

from shared.config import CommunitySettings, Settings, SiteSettings
from shared.errors import NotAllowed
from shared.ingest.identities import find_identity
from shared.runtime import Runtime
from shared.store.models import Platform

NOT_HERE = "This server is not connected to Warroom."


def is_ours(settings: Settings, guild_id: int) -> bool:
    """Whether a server is the War Room or a configured community."""
    return guild_id == settings.discord.war_room_guild or settings.discord.community(guild_id) is not None


def is_refused(interaction: discord.Interaction[Any], settings: Settings) -> bool:
    """A server that nobody configured; commands that a person brings along by own installation are welcome."""
    if interaction.guild_id is None or is_ours(settings, interaction.guild_id):
        return False
    return not interaction.is_user_integration()


def community_of(settings: Settings, guild_id: int | None) -> CommunitySettings | None:
    return None if guild_id is None else settings.discord.community(guild_id)


def community_id(settings: Settings, guild_id: int | None) -> str | None:
    """The server's id if it is a community: where its member can be asked."""
    return str(guild_id) if community_of(settings, guild_id) else None


def first_site(settings: Settings) -> SiteSettings:
    """The site of the War Room and of people whose site is unknown."""
    sites = settings.all_sites()
    if not sites:
        raise NotAllowed(NOT_HERE)
    return sites[0]


async def site_of(runtime: Runtime, guild_id: int | None, user_id: int) -> SiteSettings:
    """The site of a server's community; elsewhere the person's own one, else the first."""
    settings = runtime.settings
    if community := community_of(settings, guild_id):
        return settings.site(community.site) or first_site(settings)
    async with runtime.store.read() as session:
        known = await find_identity(session, Platform.DISCORD.value, str(user_id))
    return (settings.site(known[0].site) if known else None) or first_site(settings)
