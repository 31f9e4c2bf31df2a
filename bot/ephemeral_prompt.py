"""The question as a line that only its person sees, after a command of their own.

It is the one message that does not pass the outbox: claimed and marked as asked in one unit, sent once by the
handler, never repeated.
"""

import logging
from typing import TYPE_CHECKING

import aiohttp
import discord
from sqlalchemy.ext.asyncio import AsyncSession

from bot.places import community_id, site_of
from bot.replies import Answer
from bot.views.score_buttons import question_text, question_view
from shared.decide import prompts
from shared.errors import CannotStore
from shared.ingest.identities import ensure_identity
from shared.store.models import Platform, Prompt

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient

logger = logging.getLogger(__name__)


async def claim_question(interaction: discord.Interaction["WarroomClient"], answer: Answer) -> Prompt | None:
    """The question of who is due and may be asked this way; it counts as asked from here on.

    None while nothing can be stored: what the command itself did stands, and its answer must not say otherwise.
    """
    runtime = interaction.client.runtime
    site = await site_of(runtime, interaction.guild_id, interaction.user.id)
    user_id, now = str(interaction.user.id), runtime.clock.now()
    guild_id = community_id(runtime.settings, interaction.guild_id)

    async def claim(session: AsyncSession) -> Prompt | None:
        identity, person = await ensure_identity(
            session,
            runtime.instance_key,
            Platform.DISCORD.value,
            user_id,
            site.key,
            now,
            answer.language,
            guild_id,
        )
        return await prompts.claim_ephemeral_prompt(session, runtime.settings, identity, person, now)

    try:
        return await runtime.store.writer.run(claim)
    except CannotStore:
        logger.warning("a question waits for the next command: the store is busy")
        return None


async def ask(interaction: discord.Interaction["WarroomClient"], answer: Answer, prompt: Prompt) -> None:
    """Shows a claimed question, once."""
    runtime = interaction.client.runtime
    text = question_text(runtime.texts, runtime.settings, answer.language, prompt.site, "ephemeral_question")
    try:
        await answer.say(text, view=question_view(runtime.texts, answer.language, prompt.id))
    except (discord.HTTPException, aiohttp.ClientError) as error:
        logger.warning("a question could not be shown: %s", type(error).__name__)
