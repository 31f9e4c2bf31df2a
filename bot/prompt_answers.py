"""What pressing a question's buttons does to the rows: the score, the words, the refusal.

A button's id comes from outside, so each function first checks that the row belongs to who pressed.
"""

import logging
from typing import TYPE_CHECKING, Any, Literal

import aiohttp
import discord
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import select

from bot.places import community_id
from bot.replies import Answer
from shared.decide import prompts
from shared.errors import NotAllowed, NotFound
from shared.ingest.feedback import FeedbackSender, NewFeedback
from shared.ingest.identities import find_identity
from shared.store.models import Feedback, Platform, Prompt, PromptState

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient

logger = logging.getLogger(__name__)

DISCORD = Platform.DISCORD.value
SCALE: Literal["1-5"] = "1-5"
ENDED = (PromptState.CANCELLED.value, PromptState.LAPSED.value, PromptState.SKIPPED_LATE.value)


async def own_prompt(session: AsyncSession, prompt_id: str, user_id: int) -> Prompt | None:
    """The prompt, if it is this user's."""
    known = await find_identity(session, DISCORD, str(user_id))
    if known is None:
        return None
    query = select(Prompt).where(Prompt.id == prompt_id, Prompt.person_id == known[1].id)
    return (await session.execute(query)).scalar_one_or_none()


async def own_feedback(session: AsyncSession, feedback_id: str, user_id: int) -> Feedback | None:
    """The feedback, if this user wrote it."""
    known = await find_identity(session, DISCORD, str(user_id))
    if known is None:
        return None
    query = select(Feedback).where(Feedback.id == feedback_id, Feedback.person_id == known[1].id)
    return (await session.execute(query)).scalar_one_or_none()


async def _require_prompt(interaction: discord.Interaction["WarroomClient"], answer: Answer, prompt_id: str) -> Prompt:
    async with interaction.client.runtime.store.read() as session:
        prompt = await own_prompt(session, prompt_id, interaction.user.id)
    if prompt is None:  # in a direct conversation it was theirs, and was erased
        raise NotAllowed(answer.text("prompt_not_yours" if interaction.guild_id else "prompt_expired"))
    if prompt.state in ENDED:
        raise NotAllowed(answer.text("prompt_expired"))
    return prompt


async def take_score(
    interaction: discord.Interaction["WarroomClient"], answer: Answer, prompt_id: str, score: int
) -> str | None:
    """The id of the feedback with this score; a second press finds the first one, None after words were sent."""
    runtime = interaction.client.runtime
    prompt = await _require_prompt(interaction, answer, prompt_id)
    new = NewFeedback(
        site=prompt.site,
        survey=prompt.survey,
        score=float(score),
        scale=SCALE,
        prompt=prompt.id,
    )
    guild_id = community_id(runtime.settings, interaction.guild_id)
    sender = discord_sender(
        interaction.user.id, f"prompt:{prompt.id}", answer.language, guild_id, direct_channel_id(interaction)
    )
    outcome = await runtime.feedback.take(new, sender)
    if not outcome.id:
        raise NotAllowed(answer.text("prompt_expired"))
    async with runtime.store.read() as session:
        stored = await own_feedback(session, outcome.id, interaction.user.id)
    return outcome.id if stored is not None and not stored.text else None


def discord_sender(
    user_id: int,
    message_key: str,
    language: str | None = None,
    guild_id: str | None = None,
    dm_channel_id: int | None = None,
) -> FeedbackSender:
    """Who sends, as the intake wants to know it; it can be answered when it was written in a direct conversation."""
    return FeedbackSender(
        source="discord",
        platform=DISCORD,
        external_id=str(user_id),
        message_key=message_key,
        reply_to=direct_address(dm_channel_id) if dm_channel_id else {},
        language=language,
        guild_id=guild_id,
    )


def direct_address(channel_id: int) -> dict[str, str]:
    """Where the author of a feedback can be answered."""
    return {"platform": DISCORD, "channel": str(channel_id)}


def direct_channel_id(interaction: discord.Interaction[Any]) -> int | None:
    """The channel, when the interaction happened in the direct conversation with the bot."""
    return interaction.channel_id if interaction.guild_id is None and interaction.context.dm_channel else None


async def show_thanks(interaction: discord.Interaction["WarroomClient"], text: str, view: discord.ui.View) -> None:
    """Replaces the question in a direct message; one that only the user sees stays until the form is sent."""
    message = interaction.message
    if message is None or message.flags.ephemeral:
        return
    try:
        await message.edit(content=text, view=view, allowed_mentions=discord.AllowedMentions.none())
    except (discord.HTTPException, discord.RateLimited, aiohttp.ClientError) as error:
        logger.warning("a question could not be replaced by thanks: %s", type(error).__name__)


async def never_again(interaction: discord.Interaction["WarroomClient"], answer: Answer, prompt_id: str) -> None:
    """The answer "Don't ask me again"."""
    runtime = interaction.client.runtime
    prompt = await _require_prompt(interaction, answer, prompt_id)
    now = runtime.clock.now()

    async def unit(session: AsyncSession) -> None:
        await prompts.dismiss(session, runtime.settings, prompt.id, "never", now)

    await runtime.store.writer.run(unit)


async def open_question(
    interaction: discord.Interaction["WarroomClient"], answer: Answer, prompt_id: str
) -> Prompt | None:
    """The prompt behind a button in the feedback channel; None when it was answered."""
    prompt = await _require_prompt(interaction, answer, prompt_id)
    return None if prompt.state == PromptState.ANSWERED.value else prompt


async def add_words(
    interaction: discord.Interaction["WarroomClient"], answer: Answer, feedback_id: str, text: str
) -> None:
    """Words after a score, into the same row."""
    user_id = str(interaction.user.id)
    try:
        await interaction.client.runtime.feedback.add_words(feedback_id, text, platform=DISCORD, external_id=user_id)
    except NotFound:
        raise NotAllowed(answer.text("prompt_not_yours")) from None
