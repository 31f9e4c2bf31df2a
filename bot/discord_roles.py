"""Who may use a command or button: asked again in the handler, whatever Discord shows or hides.

The role comes from the member's roles in the War Room server; in any other place it is looked up there.
"""

from typing import Any

import discord

from shared.config import DiscordSettings
from shared.errors import NotAllowed
from shared.guard.roles import ROLE_ORDER, has_discord_roles, reaches, role_of_discord

EVERYONE = "everyone"
ACCESS = (EVERYONE, *ROLE_ORDER)


async def team_role(interaction: discord.Interaction[Any], settings: DiscordSettings) -> str | None:
    """The team role of who used this, or None."""
    if not settings.war_room_guild or not has_discord_roles(settings):
        return None
    if interaction.guild_id == settings.war_room_guild:
        member: discord.Member | discord.User | None = interaction.user
    else:
        member = await _member_of_war_room(interaction, settings.war_room_guild)
    if not isinstance(member, discord.Member):
        return None
    return role_of_discord(role_ids(member), settings)


def role_ids(member: discord.Member) -> list[int]:
    """All role ids, also of roles that the cache does not know."""
    return list(member._roles)  # `roles` leaves out what is not cached; a cold cache must not lock the team out


async def _member_of_war_room(interaction: discord.Interaction[Any], guild_id: int) -> discord.Member | None:
    guild: discord.Guild | None = interaction.client.get_guild(guild_id)
    if guild is None:
        return None
    try:
        return await guild.fetch_member(interaction.user.id)
    except (discord.NotFound, discord.Forbidden):
        return None


async def require(interaction: discord.Interaction[Any], settings: DiscordSettings, access: str, refusal: str) -> None:
    """Raises `NotAllowed` with the refusal unless the access is for everyone or the role reaches."""
    if access == EVERYONE:
        return
    if not reaches(await team_role(interaction, settings), access):
        raise NotAllowed(refusal)
