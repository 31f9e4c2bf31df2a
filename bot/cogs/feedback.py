"""/feedback send, optin and optout: for everyone, wherever they are."""

from typing import TYPE_CHECKING
from zoneinfo import available_timezones

import discord
from discord import app_commands
from discord.ext import commands

from bot.command_texts import by_key
from bot.opting import opt_in_sentence, opt_out_user
from bot.replies import Answer
from bot.views.words_modal import feedback_modal
from shared.deliver.discord_text import clean

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient

SUGGESTIONS = 25


class FeedbackCog(commands.GroupCog, group_name="feedback", group_description=by_key("command_feedback")):
    def __init__(self, client: "WarroomClient") -> None:
        self.client = client
        self._zones = sorted(available_timezones())
        group = self.app_command
        if isinstance(group, app_commands.Group):
            app_commands.allowed_installs(guilds=True, users=True)(group)
            app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)(group)

    @app_commands.command(description=by_key("command_feedback_send"), extras={"access": "everyone"})
    async def send(self, interaction: discord.Interaction["WarroomClient"]) -> None:
        answer = Answer.of(interaction)
        await answer.open(feedback_modal(answer))

    @app_commands.command(description=by_key("command_feedback_optin"), extras={"access": "everyone"})
    @app_commands.describe(zone=by_key("command_feedback_optin_zone"))
    async def optin(self, interaction: discord.Interaction["WarroomClient"], zone: str | None = None) -> None:
        answer = Answer.of(interaction)
        if zone is not None and zone not in self._zones:
            await answer.say(answer.text("opt_in_zone_unknown", zone=clean(zone, 60)))
            return
        await answer.say(await opt_in_sentence(interaction, answer, source="command", zone=zone))

    @optin.autocomplete("zone")
    async def suggest_zone(
        self, interaction: discord.Interaction["WarroomClient"], typed: str
    ) -> list[app_commands.Choice[str]]:
        wanted = typed.strip().lower().replace(" ", "_")
        found = [zone for zone in self._zones if wanted in zone.lower()]
        return [app_commands.Choice(name=zone, value=zone) for zone in found[:SUGGESTIONS]]

    @app_commands.command(description=by_key("command_feedback_optout"), extras={"access": "everyone", "usage": False})
    async def optout(self, interaction: discord.Interaction["WarroomClient"]) -> None:
        answer = Answer.of(interaction)
        await opt_out_user(interaction)
        await answer.say(answer.text("opt_out_done"))
