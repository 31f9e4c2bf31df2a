"""A free text in the direct conversation: feedback, the answer to an open question, and one line of thanks."""

from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.places import site_of
from bot.prompt_answers import discord_sender
from shared.errors import CannotStore, WarroomError
from shared.ingest.feedback import NewFeedback
from shared.ingest.identities import ensure_identity, find_identity
from shared.messages import DirectReply
from shared.runtime import Runtime
from shared.store.models import Platform, Prompt, PromptState
from shared.store.outbox import enqueue

if TYPE_CHECKING:
    import discord

DISCORD = Platform.DISCORD.value
OPEN = (PromptState.ASKED.value, PromptState.UNCERTAIN.value, PromptState.CLAIMED.value)


async def answer_direct(runtime: Runtime, message: "discord.Message") -> None:
    """Stores what was written and queues the thanks, or the friendly sentence of a limit."""
    site = await site_of(runtime, None, message.author.id)
    prompt = await _open_prompt(runtime, str(message.author.id))
    new = NewFeedback(
        site=prompt.site if prompt else site.key,
        text=message.content,
        survey=prompt.survey if prompt else None,
        prompt=prompt.id if prompt else None,
    )
    sender = discord_sender(message.author.id, f"message:{message.id}", None)
    try:
        outcome = await runtime.feedback.take(new, sender)
        if outcome.repeated:
            return
        sentence = ""
    except CannotStore:
        raise
    except WarroomError as error:
        sentence = str(error)
    await _reply(runtime, message, site.key, sentence)


async def _open_prompt(runtime: Runtime, user_id: str) -> Prompt | None:
    """The question that waits for this person's answer."""
    async with runtime.store.read() as session:
        known = await find_identity(session, DISCORD, user_id)
        if known is None:
            return None
        query = select(Prompt).where(Prompt.person_id == known[1].id, col(Prompt.state).in_(OPEN))
        return (await session.execute(query.order_by(col(Prompt.asked_at).desc()))).scalars().first()


async def _reply(runtime: Runtime, message: "discord.Message", site: str, sentence: str) -> None:
    now = runtime.clock.now()

    async def unit(session: AsyncSession) -> None:
        identity, person = await ensure_identity(
            session, runtime.instance_key, DISCORD, str(message.author.id), site, now
        )
        identity.dm_channel_id = str(message.channel.id)
        identity.dm_unreachable_at = identity.dm_unreachable_reason = None
        text = sentence or runtime.texts.say(identity.language, "dm_received")
        await enqueue(
            session,
            DirectReply(identity_id=identity.id, text=text),
            destination="discord_dm",
            dedupe_key=f"thanks:discord:{message.id}",
            now=now,
            lane=f"dm:{identity.id}",
            person_id=person.id,
        )

    await runtime.store.writer.run(unit)
