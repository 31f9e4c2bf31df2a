"""/warroom help: the team's commands with what they do."""

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.channels.discord_posts import plain_embed
from bot.replies import Answer
from bot.team_commands import team

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient


@app_commands.default_permissions(manage_guild=True)
@app_commands.guild_only()
class WarroomCog(commands.GroupCog, group_name="warroom", group_description="About Warroom itself"):
    def __init__(self, client: "WarroomClient") -> None:
        self.client = client

    @app_commands.command(name="help", description="The team's commands", extras=team("viewer"))
    async def show_help(self, interaction: discord.Interaction["WarroomClient"]) -> None:
        answer = Answer.of(interaction)
        lines = [answer.text("warroom_help")]
        for command in self.client.tree.walk_commands(guild=self.client.war_room_guild):
            if isinstance(command, app_commands.Command):
                lines.append(f"/{command.qualified_name}: {command.description} ({command.extras['access']})")
        await answer.say(embed=plain_embed("Warroom", lines))
