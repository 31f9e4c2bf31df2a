"""What pressing a question's buttons does to the rows: the score, the words, the refusal.

A button's id comes from outside, so each function first checks that the row belongs to who pressed.
"""

import logging
from typing import TYPE_CHECKING

import aiohttp
import discord
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import select

from bot.replies import Answer
from shared.decide import prompts
from shared.errors import NotAllowed
from shared.ingest.feedback import FeedbackSender, NewFeedback
from shared.ingest.identities import find_identity
from shared.store.models import Feedback, Platform, Prompt, PromptState

if TYPE_CHECKING:
    from bot.discord_client import WarroomClient

logger = logging.getLogger(__name__)

DISCORD = Platform.DISCORD.value
SCALE_MIN, SCALE_MAX = 1, 5
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
    if prompt is None:
        raise NotAllowed(answer.text("prompt_not_yours"))
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
        score=score,
        scale_min=SCALE_MIN,
        scale_max=SCALE_MAX,
        prompt=prompt.id,
    )
    sender = discord_sender(interaction.user.id, f"prompt:{prompt.id}", answer.language)
    outcome = await runtime.feedback.take(new, sender)
    if outcome.id is None:
        raise NotAllowed(answer.text("prompt_expired"))
    async with runtime.store.read() as session:
        stored = await own_feedback(session, outcome.id, interaction.user.id)
    return outcome.id if stored is not None and not stored.text else None


def discord_sender(user_id: int, message_key: str, language: str | None) -> FeedbackSender:
    """Who sends, as the intake wants to know it; a reply reaches the author through their identity."""
    return FeedbackSender(
        source="discord",
        platform=DISCORD,
        external_id=str(user_id),
        message_key=message_key,
        language=language,
    )


async def show_thanks(interaction: discord.Interaction["WarroomClient"], text: str, view: discord.ui.View) -> None:
    """Replaces the question in a direct message; one that only the user sees stays until the form is sent."""
    message = interaction.message
    if message is None or message.flags.ephemeral:
        return
    try:
        await message.edit(content=text, view=view)
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
    runtime = interaction.client.runtime
    async with runtime.store.read() as session:
        stored = await own_feedback(session, feedback_id, interaction.user.id)
    if stored is None:
        raise NotAllowed(answer.text("prompt_not_yours"))
    await runtime.feedback.add_words(feedback_id, text)
