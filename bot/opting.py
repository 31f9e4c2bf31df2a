"""Saying yes and no to being asked, from buttons and commands alike."""

from typing import TYPE_CHECKING

import discord
from sqlalchemy.ext.asyncio import AsyncSession

from bot.places import community_id, site_of
from bot.replies import Answer
from shared.decide.prompts import OptIn
from shared.ingest.identities import opt_in, opt_out
from shared.store.models import Platform

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient

DISCORD = Platform.DISCORD.value
SENTENCES = {
    "scheduled": "opt_in_already",
    "already": "opt_in_already",
    "asked": "opt_in_asked",
    "answered": "opt_in_answered",
}


async def opt_in_sentence(
    interaction: discord.Interaction["WarroomClient"], answer: Answer, source: str, zone: str | None = None
) -> str:
    """Opts the user in; what came of it, in words."""
    runtime = interaction.client.runtime
    user_id = str(interaction.user.id)
    site = await site_of(runtime, interaction.guild_id, interaction.user.id)
    now = runtime.clock.now()

    async def unit(session: AsyncSession) -> OptIn:
        return await opt_in(
            session,
            runtime.settings,
            runtime.instance_key,
            DISCORD,
            user_id,
            site,
            now,
            f"discord_{source}",
            zone=zone,
            language=answer.language,
            guild_id=community_id(runtime.settings, interaction.guild_id),
        )

    outcome = await runtime.store.writer.run(unit)
    if outcome.state == "scheduled" and outcome.due_at is not None:
        return answer.text("opt_in_done", date=discord.utils.format_dt(outcome.due_at, "D"))
    return answer.text(SENTENCES[outcome.state])


async def opt_out_user(interaction: discord.Interaction["WarroomClient"]) -> None:
    """Ends all questions to this user at once."""
    runtime = interaction.client.runtime
    user_id = str(interaction.user.id)
    site = await site_of(runtime, interaction.guild_id, interaction.user.id)
    now = runtime.clock.now()

    async def unit(session: AsyncSession) -> None:
        await opt_out(session, runtime.settings, runtime.instance_key, DISCORD, user_id, site, now, "discord_command")

    await runtime.store.writer.run(unit)
