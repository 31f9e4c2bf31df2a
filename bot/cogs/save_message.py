"""The message menu "Save as feedback": for the author of the message, or for the team."""

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.command_texts import by_key, in_english
from bot.discord_roles import team_role
from bot.places import community_id, site_of
from bot.replies import Answer
from shared.errors import InvalidInput, NotAllowed
from shared.guard.roles import reaches
from shared.ingest.social_messages import SocialMessage, take_saved_message

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient


class SaveMessageCog(commands.Cog):
    def __init__(self, client: "WarroomClient") -> None:
        self.client = client
        name = in_english(client.runtime.texts, by_key("menu_save_message"))
        self._menu = app_commands.ContextMenu(name=name, callback=self.save, extras={"access": "everyone"})
        self._menu = app_commands.guild_only(self._menu)

    async def cog_load(self) -> None:
        self.client.tree.add_command(self._menu)

    async def cog_unload(self) -> None:
        self.client.tree.remove_command(self._menu.name, type=self._menu.type)

    async def save(self, interaction: discord.Interaction["WarroomClient"], message: discord.Message) -> None:
        """The words of the message become its author's feedback; a second saving finds the first."""
        answer = Answer.of(interaction)
        is_author = interaction.user.id == message.author.id
        if not is_author and not reaches(await team_role(interaction, self.client.runtime.settings.discord), "viewer"):
            raise NotAllowed(answer.text("save_not_allowed"))
        if message.author.bot or not message.content.strip():
            raise InvalidInput(answer.text("save_empty"))
        runtime = self.client.runtime
        site = await site_of(runtime, interaction.guild_id, message.author.id)
        saved = SocialMessage(
            platform="discord",
            author_id=str(message.author.id),
            message_id=str(message.id),
            text=message.content,
            site=site.key,
            guild_id=community_id(runtime.settings, interaction.guild_id),
            saved_by=None if is_author else str(interaction.user.id),
        )
        await take_saved_message(runtime.feedback, saved)
        await answer.say(answer.text("saved_as_feedback"))
