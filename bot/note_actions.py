"""What the team does with a negative note: seen, answered; by the same functions as on the dashboard."""

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from shared.decide import inbox
from shared.runtime import Runtime
from shared.store.models import FeedbackStatus, Identity, Platform
from shared.store.people import identity_hash


def actor(runtime: Runtime, user_id: int) -> str:
    """Who acted, for the record: the keyed hash that erasing knows, never the account's id."""
    platform = Platform.DISCORD.value
    return f"{platform}:{identity_hash(runtime.instance_key, platform, str(user_id))}"


async def mark_seen(runtime: Runtime, feedback_id: str, user_id: int) -> None:
    who, now = actor(runtime, user_id), runtime.clock.now()
    await runtime.store.writer.run(
        lambda session: inbox.set_status(session, feedback_id, FeedbackStatus.SEEN.value, who, now)
    )


async def may_reply(runtime: Runtime, feedback_id: str) -> bool:
    """Whether the author has a conversation with the bot."""
    async with runtime.store.read() as session:
        feedback = await inbox.require_feedback(session, feedback_id)
        return await inbox.open_conversation(session, feedback) is not None


async def send_reply(runtime: Runtime, feedback_id: str, text: str, user_id: int, nonce: str) -> None:
    """Queues the team's words; one form is one reply, however often it arrives."""
    who, now = actor(runtime, user_id), runtime.clock.now()
    await runtime.store.writer.run(lambda session: inbox.reply(session, feedback_id, text, who, now, nonce))


async def remember_conversation(runtime: Runtime, user_id: int, channel_id: int) -> None:
    """The person used the bot in their direct conversation, so it exists."""

    async def unit(session: AsyncSession) -> None:
        known = [col(Identity.platform) == Platform.DISCORD.value, col(Identity.external_id) == str(user_id)]
        await session.execute(
            update(Identity)
            .where(*known, col(Identity.dm_channel_id).is_(None))
            .values(dm_channel_id=str(channel_id))
            .execution_options(synchronize_session=False)
        )

    await runtime.store.writer.run(unit)
