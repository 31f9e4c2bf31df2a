"""/dashboard: a sign-in link for who asks, seen by nobody else, with the role they have on Discord."""

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands
from sqlalchemy.ext.asyncio import AsyncSession

from bot.discord_roles import team_role
from bot.note_actions import actor
from bot.replies import Answer
from bot.team_commands import team
from shared.guard import audit
from shared.guard.sessions import NAME_CHARACTERS, create_link, ensure_member, link_address

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient


class DashboardCog(commands.Cog):
    def __init__(self, client: "WarroomClient") -> None:
        self.client = client

    @app_commands.command(description="Your private sign-in link to the dashboard", extras=team("viewer"))
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.guild_only()
    async def dashboard(self, interaction: discord.Interaction["WarroomClient"]) -> None:
        answer = Answer.of(interaction)
        runtime = self.client.runtime
        minutes = runtime.settings.dashboard.link_minutes
        role = await team_role(interaction, runtime.settings.discord)
        name, user_id, now = member_name(interaction.user), str(interaction.user.id), runtime.clock.now()
        who = actor(runtime, interaction.user.id)

        async def unit(session: AsyncSession) -> str:
            member = await ensure_member(session, name, role, now, discord_id=user_id)
            await audit.record(session, who, "member.link", member.id, now)
            return await create_link(session, member, now, minutes)

        token = await runtime.store.writer.run(unit)
        address = link_address(runtime.settings.base_url, token)
        await answer.say(f"{answer.text('dashboard_link', minutes)}\n<{address}>")


def member_name(user: discord.User | discord.Member) -> str:
    """The display name as far as a member may be called so, else the account's name."""
    shown = "".join(character for character in user.display_name if character.isprintable()).strip()
    return (shown or user.name)[:NAME_CHARACTERS]
