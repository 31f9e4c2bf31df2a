"""/privacy export and erase: everything about who uses it, for that person only."""

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.command_texts import by_key
from bot.data_file import data_file
from bot.places import site_of
from bot.replies import Answer
from bot.views.erase_button import erase_view
from shared.deliver.discord_text import clean
from shared.ingest.erasure import Who
from shared.ingest.identities import find_identity
from shared.store.models import Platform

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient

NO_USAGE = {"access": "everyone", "usage": False}
FILE_NAME = "my-data.json"


class PrivacyCog(commands.GroupCog, group_name="privacy", group_description=by_key("command_privacy")):
    def __init__(self, client: "WarroomClient") -> None:
        self.client = client
        group = self.app_command
        if isinstance(group, app_commands.Group):
            app_commands.allowed_installs(guilds=True, users=True)(group)
            app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)(group)

    @app_commands.command(description=by_key("command_privacy_export"), extras=NO_USAGE)
    async def export(self, interaction: discord.Interaction["WarroomClient"]) -> None:
        answer = Answer.of(interaction)
        await answer.defer()
        runtime = self.client.runtime
        async with runtime.store.read() as session:
            known = await find_identity(session, Platform.DISCORD.value, str(interaction.user.id))
        if known is None:
            await answer.say(answer.text("export_nothing"))
            return
        file = await data_file(runtime, Who(known[1].id), FILE_NAME)
        await answer.say(answer.text("export_ready"), file=file)

    @app_commands.command(description=by_key("command_privacy_erase"), extras=NO_USAGE)
    async def erase(self, interaction: discord.Interaction["WarroomClient"]) -> None:
        answer = Answer.of(interaction)
        runtime = self.client.runtime
        site = await site_of(runtime, interaction.guild_id, interaction.user.id)
        question = answer.text("erase_confirm", site=clean(site.name, 200))
        await answer.say(question, view=erase_view(runtime.texts, answer.language))
