"""What the team does with a negative note: seen, answered. Each act is in the record of who did what."""

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.errors import Conflict, NotFound
from shared.guard import audit
from shared.identifiers import keyed_hash
from shared.messages import DirectReply
from shared.runtime import Runtime
from shared.store.models import Feedback, FeedbackStatus, Identity, Platform
from shared.store.outbox import enqueue

GONE = "This feedback is no longer there; its author may have erased it."
UNREACHABLE = "The author cannot be reached: there is no open conversation."
DM_DESTINATIONS = {Platform.DISCORD.value: "discord_dm", Platform.X.value: "x_dm"}


def actor(runtime: Runtime, user_id: int) -> str:
    """Who acted, for the record: a keyed hash, never the account's id."""
    return f"discord:{keyed_hash(runtime.instance_key, 'actor', str(user_id))}"


async def mark_seen(runtime: Runtime, feedback_id: str, user_id: int) -> None:
    """New becomes seen; anything further stays as it is."""
    who, now = actor(runtime, user_id), runtime.clock.now()

    async def unit(session: AsyncSession) -> None:
        await _require(session, feedback_id)
        await session.execute(
            update(Feedback)
            .where(col(Feedback.id) == feedback_id, col(Feedback.status) == FeedbackStatus.NEW.value)
            .values(status=FeedbackStatus.SEEN.value, status_by=who, status_at=now)
        )
        await audit.record(session, who, "feedback.seen", feedback_id, now)

    await runtime.store.writer.run(unit)


async def may_reply(runtime: Runtime, feedback_id: str) -> bool:
    async with runtime.store.read() as session:
        feedback = await _require(session, feedback_id)
        return await _open_conversation(session, feedback) is not None


async def send_reply(runtime: Runtime, feedback_id: str, text: str, user_id: int, nonce: str) -> None:
    """Queues the team's words for the author's open conversation."""
    who, now = actor(runtime, user_id), runtime.clock.now()

    async def unit(session: AsyncSession) -> None:
        feedback = await _require(session, feedback_id)
        identity = await _open_conversation(session, feedback)
        if identity is None:
            raise Conflict(UNREACHABLE)
        await enqueue(
            session,
            DirectReply(identity_id=identity.id, text=text, feedback_id=feedback_id),
            destination=DM_DESTINATIONS[identity.platform],
            dedupe_key=f"reply:{feedback_id}:{nonce}",
            now=now,
            lane=f"dm:{identity.id}",
            person_id=identity.person_id,
        )
        await session.execute(
            update(Feedback)
            .where(col(Feedback.id) == feedback_id)
            .values(status=FeedbackStatus.ANSWERED.value, status_by=who, status_at=now)
        )
        await audit.record(session, who, "feedback.reply", feedback_id, now)

    await runtime.store.writer.run(unit)


async def _require(session: AsyncSession, feedback_id: str) -> Feedback:
    feedback = (await session.execute(select(Feedback).where(Feedback.id == feedback_id))).scalar_one_or_none()
    if feedback is None:
        raise NotFound(GONE)
    return feedback


async def _open_conversation(session: AsyncSession, feedback: Feedback) -> Identity | None:
    """An identity of the author with a conversation that is open already: nobody new is written to."""
    if feedback.person_id is None or not feedback.reply_to:
        return None
    query = select(Identity).where(
        Identity.person_id == feedback.person_id,
        col(Identity.dm_unreachable_at).is_(None),
        col(Identity.platform).in_(list(DM_DESTINATIONS)),
    )
    return (await session.execute(query.order_by(col(Identity.created_at)))).scalars().first()
