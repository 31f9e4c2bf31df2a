"""A free text in the direct conversation: feedback, the answer to an open question, and one line of thanks."""

from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncSession

from bot.places import site_of
from bot.prompt_answers import direct_address
from shared.errors import CannotStore, WarroomError
from shared.ingest.identities import ensure_identity
from shared.ingest.social_messages import SocialMessage, take_direct_message
from shared.messages import DirectReply
from shared.runtime import Runtime
from shared.store.models import Platform
from shared.store.outbox import enqueue

if TYPE_CHECKING:
    import discord

DISCORD = Platform.DISCORD.value


async def answer_direct(runtime: Runtime, message: "discord.Message") -> None:
    """Stores what was written and queues the thanks, or the friendly sentence of a limit (once an hour)."""
    site = await site_of(runtime, None, message.author.id)
    written = SocialMessage(
        platform="discord",
        author_id=str(message.author.id),
        message_id=str(message.id),
        text=message.content,
        site=site.key,
        reply_to=direct_address(message.channel.id),
    )
    sentence = ""
    try:
        outcome = await take_direct_message(runtime.feedback, written, runtime.clock.now())
        if outcome.repeated:
            return
    except CannotStore:
        raise
    except WarroomError as error:
        sentence = str(error)
    await _reply(runtime, message, site.key, sentence)


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
            dedupe_key=f"limited:{identity.id}:{now:%Y%m%d%H}" if sentence else f"thanks:discord:{message.id}",
            now=now,
            lane=f"dm:{identity.id}",
            person_id=person.id,
        )

    await runtime.store.writer.run(unit)
